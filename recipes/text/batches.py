"""Makes batches of texts: to train on, and in order."""

from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from ..devices.shards import WHOLE, Shard
from ..tokenizers.ragged import sequence_lengths
from ..tokenizers.wordpiece import WordPieceTokenizer
from ..training.losses import smooth
from ..training.token_budget import TokenBudget, endless, in_order, mapped
from ..training.token_dropout import hide_tokens
from .encoding import Encoded

PREDICTION_BATCH_TOKENS = 8192  # enough to fill the cores, little enough for any memory
FEW = 64  # a batch has more rows than it needs by at most one in as many of all rows


def training_batches(
    plan: TokenBudget,
    token_ids: tf.RaggedTensor,
    targets_of: Callable[[tf.Tensor], tuple],
    tokenizer: WordPieceTokenizer,
    token_dropout: float = 0.0,
    first_step: int = 0,
    shard: Shard = WHOLE,
) -> tf.data.Dataset:
    """Returns the endless stream of batches to train on, as (inputs, targets, weights).

    `targets_of` gives the targets (B, C) and the weights in the loss (B,) of the texts with the
    indices (B,). A token is hidden behind [MASK] with probability `token_dropout`, in [0, 1), drawn
    anew each time from the seed and the step. Steps are counted from 0.
    """

    def gather(step, length, indices):
        batch = tf.gather(token_ids, indices)
        if token_dropout:
            batch = hide_tokens(batch, token_dropout, tf.stack([plan.seed, step]), tokenizer)
        rows = shard.rows(tf.size(indices))
        return tokenizer.pack(batch[rows], length), *targets_of(indices[rows])

    return endless(plan, first_step, gather)


def ordered_batches(
    plan: TokenBudget, token_ids: tf.RaggedTensor, tokenizer, shard: Shard = WHOLE
) -> tf.data.Dataset:
    """Returns one pass over all texts, in the order of `plan.in_order()`, as (inputs, indices)."""

    def gather(_, length, indices):
        own = indices[shard.rows(tf.size(indices))]
        return tokenizer.pack(tf.gather(token_ids, own), length), own

    return in_order(plan, gather)


def prediction_plan(texts: Encoded) -> TokenBudget:
    """Plans batches of all rows of some texts, to predict them."""
    return TokenBudget(sequence_lengths(texts.token_ids).numpy(), PREDICTION_BATCH_TOKENS)


def prediction_batches(texts: Encoded, tokenizer) -> Iterator[tuple[dict, np.ndarray]]:
    """Yields all rows of some texts, as (inputs, indices), the shortest rows first.

    There is no dataset: TensorFlow would trace one anew for every call, and keep it for good.

    Of many rows, some come twice: a processor's library (oneDNN) keeps megabytes for each shape of
    a batch, so that the last batches of each length must not be of any number of rows.
    """
    plan = prediction_plan(texts)
    step = 1 << max(0, (len(plan.padded_lengths) // FEW).bit_length() - 1)
    for indices in plan.in_order():
        length = int(plan.padded_lengths[indices[0]])
        most = max(len(indices), plan.batch_tokens // length)
        indices = np.resize(indices, min(-(-len(indices) // step) * step, most))
        yield tokenizer.pack(tf.gather(texts.token_ids, indices), length), indices


def validation_batches(
    texts: Encoded, labels: np.ndarray, num_classes: int, tokenizer: WordPieceTokenizer
) -> Callable[[Shard], tf.data.Dataset]:
    """Makes a function that gives one pass over a shard of the validation data, row by row."""
    plan = prediction_plan(texts)
    target_of = targets_by_index(labels[texts.owners], num_classes)

    def batches(shard: Shard) -> tf.data.Dataset:
        batches = ordered_batches(plan, texts.token_ids, tokenizer, shard)
        return mapped(batches, lambda inputs, indices: (inputs, target_of(indices)))

    return batches


def targets_by_index(
    labels: np.ndarray, num_classes: int, label_smoothing: float = 0.0
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Makes a function that turns indices (B,) into targets (B, C).

    The labels are class numbers (N,), or targets (N, C) already, each of which is smoothed by
    itself, between yes and no.
    """
    known = tf.constant(labels)

    def targets(indices: tf.Tensor) -> tf.Tensor:
        found = tf.gather(known, indices)
        if labels.ndim == 1:
            return smooth(tf.one_hot(found, num_classes), label_smoothing)
        return (1 - label_smoothing) * found + label_smoothing / 2 if label_smoothing else found

    return targets
