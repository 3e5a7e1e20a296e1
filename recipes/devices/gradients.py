"""Sums numbers and gradients over the devices that share a batch."""

import math
from collections.abc import Iterator, Sequence

import keras
import tensorflow as tf

PACK_BYTES = 2**22  # gradients are sent in packs of about this size


def is_ours(strategy: tf.distribute.Strategy) -> bool:
    """Returns whether `take_over` has marked a strategy."""
    return "_use_merge_call" in vars(strategy.extended)


def current_replica() -> tf.distribute.ReplicaContext | None:
    """Returns the replica that is being computed, under a strategy of ours."""
    strategy = tf.distribute.get_strategy()
    return tf.distribute.get_replica_context() if is_ours(strategy) else None


def sum_over_replicas(value):
    """Returns the sum of a number over all replicas; where there is one, the number itself."""
    replica = current_replica()
    return value if replica is None else replica.all_reduce("SUM", value)


def mean_over_replicas(value):
    """Returns the mean of a number over all replicas, likewise."""
    replica = current_replica()
    return value if replica is None else sum_over_replicas(value) / replica.num_replicas_in_sync


def sum_gradients(gradients: Sequence, variables: Sequence[keras.Variable]) -> list:
    """Sums gradients over all replicas, small ones in one message; None stays None.

    Of a large table each replica sends the rows that occur in its part of the batch.
    """
    summed: dict[int, tf.Tensor] = {}
    dense: list[tf.Tensor | None] = []
    for index, (gradient, variable) in enumerate(zip(gradients, variables, strict=True)):
        is_sparse = isinstance(gradient, tf.IndexedSlices)
        if is_sparse and gradient.dtype.size * math.prod(variable.shape) > PACK_BYTES:
            summed[index], gradient = _sum_rows(gradient, variable.shape), None
        dense.append(None if gradient is None else tf.ensure_shape(gradient, variable.shape))
    for pack in _packs(dense):
        flat = tf.concat([tf.reshape(dense[index], [-1]) for index in pack], axis=0)
        sizes = [dense[index].shape.num_elements() for index in pack]
        for index, part in zip(pack, tf.split(sum_over_replicas(flat), sizes), strict=True):
            summed[index] = tf.reshape(part, dense[index].shape)
    return [summed.get(index) for index in range(len(dense))]


def sum_equal_rows(gradient: tf.IndexedSlices) -> tf.IndexedSlices:
    """Sums the rows of each index of a sparse gradient, so that an index occurs once."""
    indices, positions = tf.unique(gradient.indices)
    rows = tf.math.unsorted_segment_sum(gradient.values, positions, tf.size(indices))
    return tf.IndexedSlices(rows, indices, gradient.dense_shape)


def _sum_rows(gradient: tf.IndexedSlices, shape: Sequence[int]) -> tf.Tensor:
    """Sums over all replicas gradients of some rows of a table; returns one of all rows."""
    own = sum_equal_rows(gradient)
    rows, indices, count = own.values, own.indices, tf.size(own.indices)
    counts = sum_over_replicas(tf.IndexedSlices(count[None], tf.zeros(1, tf.int32))).values

    def by_rows():
        # The rows of one replica after those of the other, and so added, for the same bits on all.
        everyones = sum_over_replicas(tf.IndexedSlices(rows, indices))
        number = tf.distribute.get_strategy().num_replicas_in_sync
        parts = (
            tf.split(part, counts, num=number) for part in (everyones.indices, everyones.values)
        )
        total = tf.zeros(shape, rows.dtype)
        for its_indices, its_rows in zip(*parts, strict=True):
            total = tf.tensor_scatter_nd_add(total, its_indices[:, None], its_rows)
        return total

    def whole():
        table = tf.zeros(shape, rows.dtype)
        return sum_over_replicas(tf.tensor_scatter_nd_add(table, indices[:, None], rows))

    return tf.cond(tf.reduce_sum(counts) < shape[0], by_rows, whole)


def _packs(tensors: list) -> Iterator[list[int]]:
    """Yields the indices of tensors of one dtype, about `PACK_BYTES` at a time."""
    pack, size = [], 0
    for index, tensor in enumerate(tensors):
        if tensor is None:
            continue
        if pack and (size > PACK_BYTES or tensor.dtype != tensors[pack[-1]].dtype):
            yield pack
            pack, size = [], 0
        pack.append(index)
        size += tensor.shape.num_elements() * tensor.dtype.size
    if pack:
        yield pack
