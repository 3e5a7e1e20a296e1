"""What a text classifier is trained on: labelled texts, or what a teacher makes of them."""

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
from ..training.fit import class_weights, smooth
from ..training.token_budget import TokenBudget, ordered_dataset, training_dataset
from .adversarial import AdversarialClassifier
from .distillation import distill, lesson_batches, with_evidence
from .run import PREDICTION_BATCH_TOKENS
from .settings import TextSettings
from .warm_start import warm_start

logger = logging.getLogger("regard")


class Course(NamedTuple):
    """What to train, on which batches, and the number of them to call an epoch.

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


def labelled_course(
    model: TextClassifier,
    texts: Sequence[str] | Sequence[tuple[str, str]],
    labels: np.ndarray,
    tokenizer: WordPieceTokenizer,
    settings: TextSettings,
) -> Course:
    """The texts and their labels, and nothing else, with adversarial training if asked for."""
    num_classes = model.config["num_classes"]
    token_ids = tokenizer.encode_all(texts, settings.max_sequence_length)
    plan = TokenBudget(sequence_lengths(token_ids).numpy(), settings.batch_tokens, settings.seed)
    batches = partial(
        training_dataset,
        plan,
        token_ids,
        one_hot_targets(labels, num_classes, settings.label_smoothing),
        class_weights(labels, num_classes)[labels],
        tokenizer,
        settings.token_dropout,
    )
    is_adversarial = settings.adversarial > 0
    learner = AdversarialClassifier(model, settings.adversarial) if is_adversarial else model
    return Course(learner, plan, batches, plan.num_batches)


def taught_course(
    model: TextClassifier,
    texts: Sequence[str],
    labels: np.ndarray,
    tokenizer: WordPieceTokenizer,
    settings: TextSettings,
) -> Course:
    """The texts with what a teacher makes of them and of synthetic ones, in first weights too."""
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
    return Course(learner, plan, batches, -(-plan.num_batches // settings.epochs))


def validation_batches(
    texts: Sequence[str] | Sequence[tuple[str, str]],
    labels: np.ndarray,
    num_classes: int,
    tokenizer: WordPieceTokenizer,
    settings: TextSettings,
) -> Callable[[Shard], tf.data.Dataset]:
    """Gives one pass over a share of the validation data, with one-hot targets."""
    token_ids = tokenizer.encode_all(texts, settings.max_sequence_length)
    plan = TokenBudget(sequence_lengths(token_ids).numpy(), PREDICTION_BATCH_TOKENS)
    target_of = one_hot_targets(labels, num_classes)

    def batches(shard: Shard) -> tf.data.Dataset:
        batches = ordered_dataset(plan, token_ids, tokenizer, shard)
        return batches.map(lambda inputs, indices: (inputs, target_of(indices)))

    return batches


def one_hot_targets(
    labels: np.ndarray, num_classes: int, label_smoothing: float = 0.0
) -> Callable[[tf.Tensor], tf.Tensor]:
    """A function from indices (B,) to one-hot targets (B, C)."""
    labels = tf.constant(labels)
    return lambda indices: smooth(
        tf.one_hot(tf.gather(labels, indices), num_classes), label_smoothing
    )
