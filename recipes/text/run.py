"""A text classifier's run: from texts to labels, in Python, from a terminal and on a server."""

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ...models import TextClassifier
from ..errors import UserError
from ..runs.checkpoints import open_checkpoint
from ..runs.directories import takes_pairs
from ..runs.evaluation import classification_metrics, encode_labels
from ..runs.run import LanguageRun, class_names_of, sample_texts
from ..tokenizers.ragged import sequence_lengths
from ..tokenizers.strings import Text
from ..training.token_budget import TokenBudget, ordered_dataset
from .data import LabelledTexts, check_pairs, read_like

PREDICTION_BATCH_TOKENS = 8192  # enough to fill the cores, little enough for any memory


@dataclass(frozen=True)
class Prediction:
    """What a classifier makes of a text.

    Attributes:
        text: The text.
        label: The most probable class.
        score: Its probability.
        scores: The probability of every class.
        pair: The second text, where pairs of texts are classified.
    """

    text: str
    label: str
    score: float
    scores: dict[str, float]
    pair: str | None = None

    def to_json(self) -> str:
        """One line of JSON; without `pair` where there is none."""
        fields = {name: value for name, value in asdict(self).items() if value is not None}
        return json.dumps(fields, ensure_ascii=False)

    def to_line(self) -> str:
        """Label, score and texts, separated by tabs; the texts without line breaks or tabs."""
        texts = [self.text] if self.pair is None else [self.text, self.pair]
        label, *texts = (" ".join(part.split()) for part in (self.label, *texts))
        return "\t".join([label, f"{self.score:.4f}", *texts])


class TextRun(LanguageRun):
    """A trained text classifier with its tokenizer, as a run directory holds it.

    Args:
        model: The classifier.
        tokenizer: Its tokenizer.
        metadata: What `run.json` holds.
        metrics: What `metrics.json` holds.

    Example:
        >>> run = TextRun.load("runs/reviews")
        >>> run.predict(["A lovely little hotel."])[0].label
        'positive'
    """

    task = "text"
    model_class = TextClassifier
    open = staticmethod(open_checkpoint)

    def __init__(self, model, tokenizer, metadata, metrics):
        super().__init__(model, tokenizer, metadata, metrics)
        self.class_names = class_names_of(model, metadata)

    @property
    def is_pair(self) -> bool:
        """Whether it classifies pairs of texts."""
        return takes_pairs(self.metadata)

    def predict_probabilities(self, texts: Sequence[Text] | Sequence[tuple[Text, Text]]):
        """The probability of every class for every text or pair: float32, (number of them, C)."""
        self._check_texts(texts)
        if not len(texts):
            return np.zeros((0, len(self.class_names)), "float32")
        token_ids = self.tokenizer.encode_all(texts, self.max_sequence_length)
        plan = TokenBudget(sequence_lengths(token_ids).numpy(), PREDICTION_BATCH_TOKENS)
        inputs = ordered_dataset(plan, token_ids, self.tokenizer).map(lambda inputs, _: inputs)
        logits = self.model.predict(inputs, verbose=0)
        probabilities = np.empty_like(logits)
        probabilities[np.concatenate(plan.in_order())] = tf.nn.softmax(logits).numpy()
        return probabilities

    def predict(self, texts: Sequence[str] | Sequence[tuple[str, str]]) -> list[Prediction]:
        """Classifies texts, or pairs of texts; any string will do, an empty one too.

        Raises:
            TypeError: If given one string, where a list of strings is wanted.
            UserError: If given pairs where single texts are wanted, or the other way round.
        """
        probabilities = self.predict_probabilities(texts)
        predictions = []
        for text, row in zip(texts, probabilities, strict=True):
            text, pair = text if self.is_pair else (text, None)
            label, score = self.class_names[int(np.argmax(row))], float(np.max(row))
            scores = dict(zip(self.class_names, row.tolist(), strict=True))
            predictions.append(Prediction(text, label, score, scores, pair))
        return predictions

    def _check_texts(self, texts: Sequence) -> None:
        if isinstance(texts, str | bytes):
            raise TypeError(f"`texts` must be a list of strings. Received: texts={texts!r:.50}")
        wanted = "pairs of texts, each a tuple of two" if self.is_pair else "single texts"
        for text in texts:
            if isinstance(text, tuple) != self.is_pair:
                raise UserError(f"The run classifies {wanted}. Received: {text!r:.50}")

    def evaluate(
        self,
        data: str | Path | LabelledTexts,
        *,
        text_column: str | None = None,
        label_column: str | None = None,
        pair_column: str | None = None,
        encoding: str = "utf-8",
        skip_bad_rows: bool = False,
    ) -> dict[str, Any]:
        """Measures the classifier on labelled texts.

        Args:
            data: A file, `tfds:NAME`, or a table already read.
            text_column: Column of the texts. Defaults to that of the training data if there is
                one, else it is guessed.
            label_column: Column of the labels, likewise.
            pair_column: Column of the second texts, likewise.
            encoding: Encoding of the file. Defaults to UTF-8.
            skip_bad_rows: Whether to count and skip bad rows. Defaults to False.

        Returns:
            What `classification_metrics` gives, and `examples_per_second` from raw text.

        Raises:
            UserError: If the data cannot be read, or holds a label that training never saw.
        """
        if not isinstance(data, LabelledTexts):
            data = read_like(
                self.metadata["data"]["train"],
                data,
                text_column=text_column,
                label_column=label_column,
                pair_column=pair_column,
                encoding=encoding,
                skip_bad_rows=skip_bad_rows,
            )
        check_pairs(data, trained_on_pairs=self.is_pair)
        labels = encode_labels(data.labels, self.class_names, data.source)
        self.predict_probabilities(
            data.examples()[:1]
        )  # the graph is traced before the clock starts
        began = time.perf_counter()
        probabilities = self.predict_probabilities(data.examples())
        seconds = time.perf_counter() - began
        metrics = classification_metrics(labels, probabilities, self.class_names)
        return {**metrics, "examples_per_second": round(len(data) / seconds, 1)}

    def export(self, destination: str | Path, precision: str = "float32") -> Path:
        """Writes the next version of a SavedModel for TF Serving: raw text in, labels out.

        Args:
            destination: The model's base directory; the version goes into `destination/<integer>`.
            precision: "float32", or "bfloat16": half the size, and faster on processors with
                bfloat16 instructions; scores change in the third digit. Defaults to "float32".

        Returns:
            The directory of the new version.

        Raises:
            UserError: If the destination cannot be written.
            RuntimeError: If the export, loaded again, does not do what the run does.
        """
        from .serving import export_text_classifier

        return export_text_classifier(
            self.model,
            self.tokenizer,
            self.class_names,
            self.max_sequence_length,
            Path(destination),
            self._sample_texts(),
            precision,
        )

    def _sample_texts(self) -> list[str] | list[tuple[str, str]]:
        """Texts to try and warm up an export with."""
        texts = sample_texts(self.tokenizer.vocabulary)
        return list(zip(texts, reversed(texts), strict=True)) if self.is_pair else texts


def describe_data(table: LabelledTexts) -> dict[str, Any]:
    """Where data came from, how much there is, and its fingerprint."""
    counts = Counter(table.labels)
    return {
        "source": table.source,
        "text_column": table.text_column,
        "label_column": table.label_column,
        "pair_column": table.pair_column,
        "num_examples": len(table),
        "num_skipped": table.num_skipped,
        "class_counts": {name: counts[name] for name in table.class_names()},
        "sha256": table.fingerprint(),
    }
