"""Regard's part in `text_classification.py`: the recipe's own steps, and the export as served."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from text_peers import CLASSIFYING_BATCH, by_length


class RegardFineTuner:
    """The recipe's model, batches, optimizer and loss, and `model.fit`.

    Without adversarial training: one pass of each batch, as with everyone else.

    Args:
        checkpoint: A checkpoint of an encoder.
        class_names: The names of the classes.
        precision: "float32" or "bfloat16".
        total_steps: About how many steps there will be; the learning rate falls to 0 by then.
    """

    def __init__(
        self, checkpoint: str, class_names: Sequence[str], precision: str, total_steps: int
    ):
        from regard.recipes.text.settings import TextSettings
        from regard.recipes.text.start import from_checkpoint
        from regard.recipes.training.fit import set_seed
        from regard.recipes.training.losses import compile_classifier
        from regard.recipes.training.optimizers import bert_optimizer

        settings = TextSettings(checkpoint=checkpoint, precision=precision, adversarial=0.0)
        settings = settings.completed().for_lesson(has_teacher=False)
        set_seed(settings.seed)
        self.start = from_checkpoint(_table([""] * len(class_names), class_names), settings)
        settings = self.start.settings  # with what the checkpoint decides
        optimizer = bert_optimizer(
            settings.learning_rate,
            total_steps,
            layer_decay=settings.layer_decay,
            average_every=settings.average_every(),
        )
        compile_classifier(self.start.model, optimizer)

    def prepare(self, texts: Sequence[str], labels: np.ndarray):
        from regard.recipes.text.encoding import TextEncoder
        from regard.recipes.text.plans import labelled_plan

        tokenizer, settings = self.start.tokenizer, self.start.settings
        encoded = TextEncoder(tokenizer, settings.max_sequence_length).encode_all(texts)
        return labelled_plan(self.start.model, encoded, labels, tokenizer, settings)

    def train(self, plan) -> None:
        steps = plan.batches_per_epoch
        plan.learner.fit(plan.batches(), steps_per_epoch=steps, shuffle=False, verbose=0)

    def classify(self, texts: Sequence[str]) -> np.ndarray:
        from regard.recipes.text.batches import ordered_batches
        from regard.recipes.training.token_budget import TokenBudget

        tokenizer, settings = self.start.tokenizer, self.start.settings
        token_ids = tokenizer.encode_all(texts, settings.max_sequence_length)
        plan = TokenBudget(token_ids.row_lengths().numpy(), settings.batch_tokens)
        inputs = ordered_batches(plan, token_ids, tokenizer).map(lambda inputs, _: inputs)
        classes = np.empty(len(texts), int)
        logits = self.start.model.predict(inputs, verbose=0)
        classes[np.concatenate(plan.in_order())] = logits.argmax(axis=1)
        return classes


class RegardClassifier:
    """The exported SavedModel on raw texts, as a server asks it: TensorFlow and no more.

    Args:
        export: The directory of one version.
    """

    def __init__(self, export: Path):
        import tensorflow as tf
        import tensorflow_text  # noqa: F401, the operations of the tokenizer

        self.loaded = tf.saved_model.load(export)
        self.signature = self.loaded.signatures["serving_default"]

    def classify(self, texts: Sequence[str]) -> np.ndarray:
        import tensorflow as tf

        classes = np.empty(len(texts), int)
        for indices in by_length([len(text) for text in texts], CLASSIFYING_BATCH):
            answer = self.signature(texts=tf.constant([texts[index] for index in indices]))
            classes[indices] = answer["scores"].numpy().argmax(axis=1)
        return classes


def fit_and_export(
    checkpoint: str, texts: Sequence[str], labels: Sequence[str], directory: Path
) -> tuple[str, dict[str, Path]]:
    """Fine-tunes for one epoch; the run's own checkpoint, and what it exported by precision."""
    import regard

    run = regard.fit_text(
        _table(texts, labels), checkpoint=checkpoint, epochs=1, output=directory / "run"
    )
    exports = {
        precision: run.export(directory / precision, precision)
        for precision in ("float32", "bfloat16")
    }
    return str(directory / "run" / "model"), exports


def _table(texts: Sequence[str], labels: Sequence[str]):
    from regard import LabelledTexts

    return LabelledTexts("the benchmark", list(texts), list(labels), "text", "label")
