"""Plans batches that hold about as many tokens each, in an order that follows from the seed."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

# Lengths that batches are padded to, in tokens: few, so that few shapes are ever compiled, and
# close enough together that less than a third of a batch is padding.
BUCKET_LENGTHS = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)

BATCHES_AHEAD = 2


def bucket_lengths(lengths: Sequence[int]) -> np.ndarray:
    """Rounds lengths up to bucket lengths; beyond the last of those, to a multiple of it."""
    lengths = np.asarray(lengths)
    last = BUCKET_LENGTHS[-1]
    buckets = np.append(BUCKET_LENGTHS, last)
    rounded = buckets[np.searchsorted(BUCKET_LENGTHS, lengths)]
    return np.where(lengths > last, -(-lengths // last) * last, rounded)


class TokenBudget:
    """Plans batches of texts of like length, each with at most `batch_tokens` padded tokens.

    Each epoch shuffles the texts within their bucket, cuts the buckets into batches, and shuffles
    the batches. The plan of an epoch is a pure function of (seed, epoch), and every epoch has as
    many batches, so "resume at step k" needs no state. A text longer than `batch_tokens` is a batch
    of its own.

    Example:
        >>> plan = TokenBudget(lengths=[5, 30, 6, 31], batch_tokens=64, seed=0)
        >>> sorted(sorted(batch.tolist()) for batch in plan.epoch(0))
        [[0, 2], [1, 3]]
    """

    def __init__(self, lengths: Sequence[int], batch_tokens: int, seed: int = 0):
        # Never beyond the longest text: a model may read no more than that.
        self.padded_lengths = np.minimum(bucket_lengths(lengths), max(lengths, default=0))
        self.batch_tokens = batch_tokens
        self.seed = seed
        self.num_batches = len(self.in_order())

    def in_order(self) -> list[np.ndarray]:
        """Returns the batches without any shuffling, shortest texts first: for evaluation."""
        return self._cut(np.arange(len(self.padded_lengths)))

    def epoch(self, epoch: int) -> list[np.ndarray]:
        """Returns the batches of an epoch, counted from 0, as arrays of indices into the texts."""
        random = np.random.default_rng([self.seed, epoch])
        batches = self._cut(random.permutation(len(self.padded_lengths)))
        return [batches[index] for index in random.permutation(len(batches))]

    def _cut(self, order: np.ndarray) -> list[np.ndarray]:
        batches = []
        for length in np.unique(self.padded_lengths):
            members = order[self.padded_lengths[order] == length]
            batch_size = max(1, self.batch_tokens // int(length))
            batches += [members[i : i + batch_size] for i in range(0, len(members), batch_size)]
        return batches

    def steps(self, first_step: int = 0) -> Iterator[tuple[int, int, np.ndarray]]:
        """Yields all batches of all epochs, without end, as (step, padded length, indices)."""
        first_epoch, skipped = divmod(first_step, self.num_batches)
        step, epoch = first_step, first_epoch
        while True:
            for batch in self.epoch(epoch)[skipped:]:
                yield step, int(self.padded_lengths[batch[0]]), batch
                step += 1
            epoch, skipped = epoch + 1, 0


def endless(plan: TokenBudget, first_step: int, make: Callable) -> tf.data.Dataset:
    """Returns the endless stream of a plan's batches, for `fit(steps_per_epoch=plan.num_batches)`.

    It begins with the batch `first_step`, counted from 0. `make` makes a batch of its step, its
    padded length and the indices (B,) of its texts.
    """
    return _stream(lambda: plan.steps(first_step), make, tf.data.INFINITE_CARDINALITY)


def in_order(plan: TokenBudget, make: Callable) -> tf.data.Dataset:
    """Returns one pass over a plan's batches, in the order of `plan.in_order()`."""

    def batches():
        for number, indices in enumerate(plan.in_order()):
            yield number, int(plan.padded_lengths[indices[0]]), indices

    return _stream(batches, make, plan.num_batches)


def _stream(steps: Callable, make: Callable, num_batches: int) -> tf.data.Dataset:
    signature = tuple(tf.TensorSpec(shape, tf.int64) for shape in ([], [], [None]))
    dataset = tf.data.Dataset.from_generator(steps, output_signature=signature)
    return read_ahead(mapped(dataset, make), num_batches)


def mapped(dataset: tf.data.Dataset, function: Callable, **options: Any) -> tf.data.Dataset:
    """Maps a dataset without AutoGraph, which takes seconds and has nothing to convert here."""
    return dataset.map(tf.autograph.experimental.do_not_convert(function), **options)


def read_ahead(dataset: tf.data.Dataset, num_batches: int) -> tf.data.Dataset:
    """Makes the next batches while a model is at work on one, and says how many there are.

    TensorFlow is kept from tuning itself: there is nothing to tune, and the end of each pass would
    wait for its thread, which sleeps for as long as the pass has taken, a minute at most.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    known = tf.data.experimental.assert_cardinality(num_batches)
    return dataset.prefetch(BATCHES_AHEAD).apply(known).with_options(options)
