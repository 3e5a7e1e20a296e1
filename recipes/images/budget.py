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
        needed, *locks = _acquired(contents, memory)
    with tf.control_dependencies([needed]):
        made = make(tf.identity(contents))
    with tf.control_dependencies(tf.nest.flatten(made)), tf.device(_CPU):
        is_free = _released(needed, *locks)
    with tf.control_dependencies([is_free]):
        return tf.nest.map_structure(tf.identity, made)


# Both are traced once a process.
@partial(tf.function, autograph=False)
def _acquired(contents, memory):
    """Returns which locks an image needs, (LOCKS,), and a tensor for each, which holds it."""
    own = tf.where(memory > SMALL, tf.strings.to_hash_bucket_fast(contents, LOCKS), np.int64(-1))
    needed, locks = (own == tf.range(LOCKS, dtype=tf.int64)) | (memory > LARGE), []
    for number in range(LOCKS):  # all in this order, so that no two images wait for each other
        with tf.control_dependencies(locks):
            locks.append(tf.cond(needed[number], partial(_lock, number), _no_lock))
    with tf.control_dependencies(locks):
        return tf.identity(needed), *locks


@partial(tf.function, autograph=False)
def _released(needed, *locks):
    released = [
        tf.cond(needed[number], partial(_release, lock), lambda: True)
        for number, lock in enumerate(locks)
    ]
    return tf.reduce_all(released)


def _lock(number: int) -> tf.Tensor:
    mutex = tf.raw_ops.MutexV2(container="", shared_name=f"regard_images_{number}")
    return tf.raw_ops.MutexLock(mutex=mutex)


def _no_lock() -> tf.Tensor:
    """Returns what has the type of a lock, and is none."""
    return tf.raw_ops.EmptyTensorList(
        element_shape=tf.constant(-1), max_num_elements=0, element_dtype=tf.int32
    )


def _release(lock: tf.Tensor) -> bool:
    with tf.control_dependencies([tf.raw_ops.ConsumeMutexLock(mutex_lock=lock)]):
        return tf.constant(True)
