"""Makes batches of rows of tokens with a class for each: to train on, and to validate on."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ..devices.shards import WHOLE, Shard
from ..training.token_budget import TokenBudget, endless, in_order
from ..training.token_dropout import hide_tokens
from .encoding import Rows, Targets


class Lesson(NamedTuple):
    """Holds rows of tokens, each (R, None) with special tokens, and what is to be said of them.

    Attributes:
        token_ids: The token ids.
        classes: The class of each token.
        weights: What it counts in the loss: 0 where nothing is to be said of it.
    """

    token_ids: tf.RaggedTensor
    classes: tf.RaggedTensor
    weights: tf.RaggedTensor

    @classmethod
    def of(cls, token_ids: tf.RaggedTensor, rows: Rows, targets: Targets) -> "Lesson":
        """Makes a lesson of rows: a piece in several windows counts as one."""
        pieces = rows.pieces.flat_values.numpy()
        times = np.bincount(pieces, minlength=len(targets.weights))
        weights = targets.weights / np.maximum(times, 1)

        def framed(values: np.ndarray) -> tf.RaggedTensor:
            inner = rows.pieces.with_flat_values(tf.constant(values[pieces]))
            edge = tf.zeros([inner.nrows(), 1], inner.dtype)
            return tf.concat([edge, inner, edge], axis=1)

        return cls(token_ids, framed(targets.classes), framed(weights.astype("float32")))

    def plan(self, batch_tokens: int, seed: int = 0) -> TokenBudget:
        """Plans batches of all rows."""
        return TokenBudget(self.token_ids.row_lengths().numpy(), batch_tokens, seed)

    def batch(self, token_ids: tf.RaggedTensor, rows: tf.Tensor, length, tokenizer) -> tuple:
        """Returns some rows with these token ids, padded: (inputs, classes, weights)."""
        shape = tf.stack([-1, tf.cast(length, tf.int64)])
        classes, weights = (
            tf.gather(each, rows).to_tensor(0, shape=shape) for each in (self.classes, self.weights)
        )
        return tokenizer.pack(token_ids, length), classes, weights


def training_batches(
    plan: TokenBudget,
    lesson: Lesson,
    tokenizer,
    token_dropout: float = 0.0,
    first_step: int = 0,
    shard: Shard = WHOLE,
) -> tf.data.Dataset:
    """Returns the endless stream of batches to train on, as (inputs, classes, weights).

    A token is hidden behind [MASK] with probability `token_dropout`, in [0, 1), drawn anew each
    time from the seed and the step. Steps are counted from 0.
    """

    def gather(step, length, indices):
        token_ids = tf.gather(lesson.token_ids, indices)
        if token_dropout:
            # Drawn for all rows of the batch, whatever part of them is a worker's own.
            seed = tf.stack([plan.seed, step])
            token_ids = hide_tokens(token_ids, token_dropout, seed, tokenizer)
        rows = shard.rows(tf.size(indices))
        return lesson.batch(token_ids[rows], indices[rows], length, tokenizer)

    return endless(plan, first_step, gather)


def validation_batches(
    plan: TokenBudget, lesson: Lesson, tokenizer, shard: Shard = WHOLE
) -> tf.data.Dataset:
    """Returns one pass over all rows in the form of `training_batches`."""

    def gather(_, length, indices):
        own = indices[shard.rows(tf.size(indices))]
        return lesson.batch(tf.gather(lesson.token_ids, own), own, length, tokenizer)

    return in_order(plan, gather)
