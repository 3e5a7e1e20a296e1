"""Keeps images that are large once decoded from being in memory together, in a graph.

There are a few locks in a process, whatever training, prediction or request holds one. An image
that takes much memory holds one of them until it has its final size, a very large one all of them,
and small ones none. A lock is let go of by itself where an image turns out to be none.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

SMALL = 2**23  # bytes: as many of these at once as there are decoders
LARGE = 2**26  # bytes, from which on one is decoded by itself: a photo of 22 megapixels
LOCKS = 4
_CPU = "CPU:0"  # a lock is not to be copied to an accelerator


def within_budget(contents: tf.Tensor, memory: tf.Tensor, make: Callable) -> Any:
    """Returns what `make` makes of an image's bytes, once there is memory for it.

    Args:
        contents: The bytes of the file, a string.
        memory: How many bytes of memory it takes meanwhile, int64.
        make: Takes the contents, and gives a tensor or a structure of them.
    """
    with tf.device(_CPU):
        locks = _acquired(contents, memory)
    with tf.control_dependencies(locks):
        made = make(tf.identity(contents))
    with tf.control_dependencies(tf.nest.flatten(made)), tf.device(_CPU):
        # A lock is held until the last operation that reads it has run: this one, which is never
        # optimized away, and never says anything.
        last = tf.raw_ops.Assert(condition=memory >= 0, data=locks)
    with tf.control_dependencies([last]):
        return tf.nest.map_structure(tf.identity, made)


def _acquired(contents, memory):
    """Returns LOCKS tensors, which hold the locks that an image needs."""
    own = tf.strings.to_hash_bucket_fast(contents, LOCKS)
    which = tf.where(memory > LARGE, np.int64(LOCKS), own)
    branches = [partial(_locks, [number]) for number in range(LOCKS)]
    return tf.cond(
        memory > SMALL,
        lambda: tf.switch_case(
            tf.cast(which, tf.int32), [*branches, partial(_locks, range(LOCKS))]
        ),
        partial(_locks, []),
    )


def _locks(numbers):
    """Takes some locks, always in this order: so no two images wait for each other."""
    locks = []
    for number in numbers:
        with tf.control_dependencies(locks):
            mutex = tf.raw_ops.MutexV2(container="", shared_name=f"regard_images_{number}")
            locks.append(tf.raw_ops.MutexLock(mutex=mutex))
    return [*locks, *(_no_lock() for _ in range(LOCKS - len(locks)))]


def _no_lock() -> tf.Tensor:
    """Returns what has the type of a lock, and is none."""
    return tf.raw_ops.EmptyTensorList(
        element_shape=tf.constant(-1), max_num_elements=0, element_dtype=tf.int32
    )
