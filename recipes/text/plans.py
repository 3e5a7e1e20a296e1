"""Plans the training of a text classifier: on labelled texts, or on what a teacher says of them."""

import logging
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from ...models import TextClassifier
from ..devices.shards import Shard
from ..devices.strategy import check_batch
from ..problem_types import SINGLE_LABEL
from ..tokenizers.ragged import sequence_lengths
from ..tokenizers.wordpiece import WordPieceTokenizer
from ..training.fit import Measured, best_epoch_of, fit, whole_steps
from ..training.losses import classifier_metrics, compile_classifier, example_weights
from ..training.optimizers import bert_optimizer, spacing
from ..training.resuming import Resume
from ..training.tensorboard import tensorboard_logs
from ..training.token_budget import TokenBudget
from .adversarial import AdversarialClassifier
from .batches import targets_by_index, training_batches
from .distillation import distill, lesson_batches, with_evidence, with_no_evidence
from .encoding import Encoded, row_weights
from .few_shot import PairLoss, vectors_of
from .settings import TextSettings
from .validation import Measure
from .warm_start import warm_start

logger = logging.getLogger("regard")

EVIDENCE_WEIGHT = 0.3  # of its loss, beside that of the logits


class TrainingPlan(NamedTuple):
    """Holds a model with the batches that it is trained on."""

    learner: keras.Model
    plan: TokenBudget  # the texts of each batch
    batches: Callable[[int, Shard], tf.data.Dataset]  # endless, from a step on, of a shard
    batches_per_epoch: int
    problem_type: str = SINGLE_LABEL


def make_plan(
    model: TextClassifier,
    texts: Encoded,
    labels: np.ndarray,
    tokenizer: WordPieceTokenizer,
    settings: TextSettings,
    problem_type: str,
) -> TrainingPlan:
    """Plans what the settings ask for: to learn the labels, what a teacher says, or vectors."""
    make = taught_plan if settings.teacher else labelled_plan
    make = few_shot_plan if settings.few_shot else make
    return make(model, texts, labels, tokenizer, settings)._replace(problem_type=problem_type)


def labelled_plan(
    model: TextClassifier,
    texts: Encoded,
    labels: np.ndarray,
    tokenizer: WordPieceTokenizer,
    settings: TextSettings,
) -> TrainingPlan:
    """Plans to learn the texts and their labels, with adversarial training if asked for.

    The labels are class numbers (B,), or targets (B, C).
    Every row of a text is an example with its label; all of them together weigh as much as one.
    """
    lengths = sequence_lengths(texts.token_ids).numpy()
    plan = TokenBudget(lengths, settings.batch_tokens, settings.seed)
    batches = _labelled_batches(plan, model, texts, labels, tokenizer, settings)
    is_adversarial = settings.adversarial > 0
    learner = AdversarialClassifier(model, settings.adversarial) if is_adversarial else model
    return TrainingPlan(learner, plan, batches, plan.num_batches)


def _labelled_batches(plan, model, texts, labels, tokenizer, settings):
    num_classes, owners = model.config["num_classes"], texts.owners
    target_of = targets_by_index(labels[owners], num_classes, settings.label_smoothing)
    weights = example_weights(labels, num_classes)[owners] * row_weights(owners)
    weights = tf.constant(weights, tf.float32)
    return partial(
        training_batches,
        plan,
        texts.token_ids,
        lambda indices: (target_of(indices), tf.gather(weights, indices)),
        tokenizer,
        settings.token_dropout,
    )


def taught_plan(
    model: TextClassifier,
    texts: Encoded,
    labels: np.ndarray,
    tokenizer: WordPieceTokenizer,
    settings: TextSettings,
) -> TrainingPlan:
    """Plans to learn what a teacher says of the texts and of synthetic ones."""
    logger.info("Asking linear models of n-grams to teach.")
    target_of = targets_by_index(labels, model.config["num_classes"], settings.label_smoothing)
    lesson = distill(
        [row[1:-1] for row in texts.token_ids.numpy()],  # without [CLS] and [SEP]
        labels,
        target_of(tf.range(len(texts))).numpy(),
        tokenizer.vocabulary,
        settings.epochs,
        settings.seed,
        texts.owners,
    )
    if settings.checkpoint is None:
        warm_start(model, tokenizer.vocabulary, lesson.piece_evidence, settings.seed)
    plan, batches = lesson_batches(lesson, tokenizer, settings)
    learner = with_evidence(model, lesson.evidence.shape[1])
    return TrainingPlan(learner, plan, batches, -(-plan.num_batches // settings.epochs))


def few_shot_plan(
    model: TextClassifier,
    texts: Encoded,
    labels: np.ndarray,
    tokenizer: WordPieceTokenizer,
    settings: TextSettings,
) -> TrainingPlan:
    """Plans to learn vectors of the texts, by which those of a class lie close together.

    Batches are of texts of any length, for all of a batch are compared.
    """
    longest = np.full(len(texts.owners), sequence_lengths(texts.token_ids).numpy().max())
    plan = TokenBudget(longest, settings.batch_tokens, settings.seed)
    batches = _labelled_batches(plan, model, texts, labels, tokenizer, settings)
    return TrainingPlan(vectors_of(model), plan, batches, plan.num_batches)


def fit_plan(
    plan: TrainingPlan,
    held_out: Callable[[Shard], tf.data.Dataset],
    settings: TextSettings,
    resume: Resume | None,
    num_held_out: int,
    measure: Measure | None = None,
) -> tuple[list[dict[str, float]], dict[str, int]]:
    """Compiles the model of a plan and trains it, as `fit` does.

    With a teacher or `few_shot`, or few held-out texts, the last epoch is kept, else the best;
    `metrics.json` says which. If there is something to `measure` of an epoch in place of what is
    found row by row, that decides.
    """
    check_batch(max(map(len, plan.plan.in_order())), "--batch-tokens")
    steps = whole_steps(plan.batches_per_epoch, settings.epochs, settings.accumulate)
    optimizer = _optimizer(settings, *steps)
    if settings.teacher:
        compile_student(plan.learner, optimizer, settings.xla)
        best, held_out = None, with_no_evidence(plan.learner, held_out)
    elif settings.few_shot:
        plan.learner.compile(optimizer, PairLoss(), jit_compile=settings.xla)
        best = None
    else:
        compile_classifier(plan.learner, optimizer, settings.xla, plan.problem_type)
        best = best_epoch_of(settings, num_held_out)
    callbacks = [Measured(measure)] if measure else []
    callbacks += tensorboard_logs(settings)
    history, kept = fit(plan.learner, plan.batches, held_out, steps, best, resume, callbacks)
    return history, {"last_epoch" if best is None else "best_epoch": kept}


def compile_student(
    model: keras.Model, optimizer: keras.optimizers.Optimizer, xla: bool = False
) -> None:
    """Compiles what `with_evidence` makes, for `lesson_batches`."""
    model.compile(
        optimizer,
        {
            "logits": keras.losses.CategoricalCrossentropy(from_logits=True),
            "evidence": keras.losses.MeanSquaredError(reduction="mean_with_sample_weight"),
        },
        loss_weights={"logits": 1.0, "evidence": EVIDENCE_WEIGHT},
        metrics={"logits": classifier_metrics(model.output["logits"].shape[-1])},
        jit_compile=xla,
    )


def _optimizer(settings: TextSettings, batches_per_epoch: int, epochs: int):
    most = settings.average_every()
    return bert_optimizer(
        settings.learning_rate,
        epochs * batches_per_epoch,
        settings.layer_decay,
        most and spacing(most, batches_per_epoch / settings.accumulate),
        settings.accumulate,
        settings.precision,
    )
