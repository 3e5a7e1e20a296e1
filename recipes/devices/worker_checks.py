"""Checks that several workers agree: on what they are about to do, and on what came of it."""

import hashlib
from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from ..errors import UserError
from .strategy import worker


def begin_alike(facts: Mapping[str, object]) -> None:
    """Raises `UserError` unless all workers have the same facts, compared by their `repr`."""
    mine = np.array([_number(repr(value).encode()) for value in facts.values()], "int64")
    everyones = gather(mine)
    for (name, value), column in zip(facts.items(), everyones.T, strict=True):
        others = np.flatnonzero(column != column[0])
        if len(others):
            raise UserError(
                f"Every worker must have the same {name}: worker {others[0]} and worker 0 have "
                f"different ones. Received here, on worker {worker().index}: {value!s:.200}"
            )


class SameWeights(keras.callbacks.Callback):
    """Raises `UserError` if at the end of an epoch workers have different weights, in any bit."""

    def on_train_begin(self, logs=None):
        self._check("Workers begin with different weights. Give all of them the same checkpoint.")

    def on_epoch_end(self, epoch, logs=None):
        self._check(
            f"In epoch {epoch + 1} the workers' weights came apart: their processors round "
            "differently. Train on machines of one kind."
        )

    def _check(self, message):
        if worker().count == 1:
            return
        digest = hashlib.sha256()
        for value in self.model.get_weights():
            digest.update(value.tobytes())
        if len(np.unique(gather(np.array([_number(digest.digest())])))) > 1:
            raise UserError(message)


def of_the_chief(figure: float) -> float:
    """Returns a figure as the chief has it, which the others may have rounded differently."""
    if worker().count == 1:
        return figure
    unit = 2.0**-32
    return float(gather(np.array([round(figure / unit)]))[0, 0] * unit)


def _number(data: bytes) -> int:
    return int.from_bytes(hashlib.sha256(data).digest()[:6], "little")  # so that sums fit 64 bits


def gather(numbers: np.ndarray) -> np.ndarray:
    """Returns the numbers of all workers: (K,) to (workers, K)."""
    own = worker()
    if own.count == 1:
        return numbers[None]
    current = tf.distribute.get_strategy()
    mine = np.zeros((own.count, len(numbers)), "int64")
    mine[own.index] = numbers
    total = current.experimental_local_results(_add_up(tf.constant(mine)))[0].numpy()
    return total // len(current.extended.worker_devices)


@tf.function  # traced once for each number of numbers, not at the end of every epoch
def _add_up(mine: tf.Tensor):
    """Returns the sum over all devices."""
    return tf.distribute.get_strategy().run(
        lambda own: tf.distribute.get_replica_context().all_reduce("SUM", own), (mine,)
    )
