"""Plans the training of a text classifier: on labelled texts, or on what a teacher says of them."""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from ...models import TextClassifier
from ..devices.shards import Shard
from ..tokenizers.ragged import sequence_lengths
from ..tokenizers.wordpiece import WordPieceTokenizer
from ..training.losses import class_weights, classifier_metrics, compile_classifier
from ..training.optimizers import bert_optimizer
from ..training.token_budget import TokenBudget
from .adversarial import AdversarialClassifier
from .batches import one_hot_targets, training_batches
from .distillation import distill, lesson_batches, with_evidence
from .settings import TextSettings
from .warm_start import warm_start

logger = logging.getLogger("regard")

EVIDENCE_WEIGHT = 0.3  # of its loss, beside that of the logits


class TrainingPlan(NamedTuple):
    """A model with the batches that it is trained on.

    Attributes:
        learner: The model.
        plan: What goes into each batch.
        batches: Gives the endless dataset: from which step on, and what shard of every batch.
        steps_per_epoch: Number of batches in an epoch.
    """

    learner: keras.Model
    plan: TokenBudget
    batches: Callable[[int, Shard], tf.data.Dataset]
    steps_per_epoch: int


def labelled_plan(
    model: TextClassifier,
    texts: Sequence[str] | Sequence[tuple[str, str]],
    labels: np.ndarray,
    tokenizer: WordPieceTokenizer,
    settings: TextSettings,
) -> TrainingPlan:
    """Plans to learn the texts and their labels, with adversarial training if asked for."""
    num_classes = model.config["num_classes"]
    token_ids = tokenizer.encode_all(texts, settings.max_sequence_length)
    plan = TokenBudget(sequence_lengths(token_ids).numpy(), settings.batch_tokens, settings.seed)
    batches = partial(
        training_batches,
        plan,
        token_ids,
        one_hot_targets(labels, num_classes, settings.label_smoothing),
        class_weights(labels, num_classes)[labels],
        tokenizer,
        settings.token_dropout,
    )
    is_adversarial = settings.adversarial > 0
    learner = AdversarialClassifier(model, settings.adversarial) if is_adversarial else model
    return TrainingPlan(learner, plan, batches, plan.num_batches)


def taught_plan(
    model: TextClassifier,
    texts: Sequence[str],
    labels: np.ndarray,
    tokenizer: WordPieceTokenizer,
    settings: TextSettings,
) -> TrainingPlan:
    """Plans to learn what a teacher says of the texts and of synthetic ones."""
    logger.info("Asking linear models of n-grams to teach.")
    token_ids = tokenizer.encode_all(texts, settings.max_sequence_length)
    target_of = one_hot_targets(labels, model.config["num_classes"], settings.label_smoothing)
    lesson = distill(
        [row[1:-1] for row in token_ids.numpy()],  # without [CLS] and [SEP]
        labels,
        target_of(tf.range(len(texts))).numpy(),
        tokenizer.vocabulary,
        settings.epochs,
        settings.seed,
    )
    if settings.checkpoint is None:
        warm_start(model, tokenizer.vocabulary, lesson.piece_evidence, settings.seed)
    plan, batches = lesson_batches(
        lesson,
        tokenizer,
        max_sequence_length=settings.max_sequence_length,
        batch_tokens=settings.batch_tokens,
        token_dropout=settings.token_dropout,
        seed=settings.seed,
    )
    learner = with_evidence(model, lesson.evidence.shape[1])
    return TrainingPlan(learner, plan, batches, -(-plan.num_batches // settings.epochs))


def compile_plan(plan: TrainingPlan, settings: TextSettings) -> None:
    """Compiles the model of a plan."""
    optimizer = bert_optimizer(
        settings.learning_rate,
        settings.epochs * plan.steps_per_epoch,
        settings.layer_decay,
        settings.average_every(),
        settings.accumulate,
        settings.precision,
    )
    compile_it = compile_student if settings.teacher else compile_classifier
    compile_it(plan.learner, optimizer, settings.xla)


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
        metrics={"logits": classifier_metrics()},
        jit_compile=xla,
    )
