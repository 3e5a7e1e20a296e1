"""What Keras 3.15 lacks for training on several devices, mended in one place.

Each of `FIXES` takes the place of a function of Keras, and one of TensorFlow. All but the last two
do something else only under a strategy that `recipes.distribution` made, and there make three
things true:

- Each replica computes its share of the loss of the global batch: sums are divided by the number of
  examples, or the sum of weights, on all devices together.
- Gradients are summed over the devices before anything is done with them, and each replica then
  updates its own copy of every variable. So clipping, accumulation and the scaling of a float16
  loss see the gradients of the global batch, and nothing in an optimizer waits for another device.
- With `jit_compile=True` the model itself is compiled, once for each device, forwards and
  backwards, and what passes between devices stays outside.

`tests/test_keras_fixes.py` fails when a release changes one of these functions.
"""

import functools
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras.src.backend.tensorflow import core, trainer
from keras.src.backend.tensorflow.optimizer import TFOptimizer
from keras.src.backend.tensorflow.trainer import TensorFlowTrainer
from keras.src.losses import loss as losses
from keras.src.optimizers.base_optimizer import BaseOptimizer
from keras.src.optimizers.loss_scale_optimizer import LossScaleOptimizer
from keras.src.random.seed_generator import SeedGenerator
from keras.src.trainers import trainer as base_trainer
from tensorflow.python.data.ops import multi_device_iterator_ops as iterators

PACK_BYTES = 2**22  # gradients are sent in packs of about this size

_tracing = threading.local()  # replicas are traced in threads of their own


class Fix(NamedTuple):
    """A function, by its owner and name, what takes its place, and why."""

    owner: Any
    name: str
    make: Callable  # of the original, what takes its place
    why: str


@functools.cache
def mend_keras() -> None:
    """Puts every fix in its place, once in a process."""
    for fix in FIXES:
        original = getattr(fix.owner, fix.name)
        setattr(fix.owner, fix.name, functools.wraps(original)(fix.make(original)))


def take_over(strategy: tf.distribute.Strategy) -> None:
    """Marks a strategy as one that Keras is mended for."""
    # Replicas then update their variables and sum their gradients without leaving their own
    # context, which they could not do from within a condition; TensorFlow does so on GPUs itself.
    strategy.extended._use_merge_call = lambda: False


def _is_ours(strategy: tf.distribute.Strategy) -> bool:
    return "_use_merge_call" in vars(strategy.extended)


def _replica() -> tf.distribute.ReplicaContext | None:
    """The replica that is being computed, under a strategy of ours."""
    strategy = tf.distribute.get_strategy()
    return tf.distribute.get_replica_context() if _is_ours(strategy) else None


def sum_over_replicas(value):
    """The sum of a number over all replicas; the number itself where there is one replica."""
    replica = _replica()
    return value if replica is None else replica.all_reduce("SUM", value)


def mean_over_replicas(value):
    """The mean of a number over all replicas, likewise."""
    replica = _replica()
    return value if replica is None else sum_over_replicas(value) / replica.num_replicas_in_sync


# The loss of a global batch.


def _reduce_values(original):
    def reduce_values(values, sample_weight=None, reduction="sum_over_batch_size"):
        means = ("sum_over_batch_size", "mean", "mean_with_sample_weight")
        replica = _replica()
        if replica is None or reduction not in means:
            return original(values, sample_weight, reduction)
        if values.shape.rank == 0:  # a mean already, of the part of one replica
            return values / replica.num_replicas_in_sync
        if reduction == "mean_with_sample_weight" and sample_weight is not None:
            divisor = tf.reduce_sum(sample_weight)
        else:
            divisor = tf.size(values)
        divisor = sum_over_replicas(tf.cast(divisor, tf.float32))
        return tf.math.divide_no_nan(tf.reduce_sum(values), tf.cast(divisor, values.dtype))

    return reduce_values


def _unscale_loss(original):
    def unscale_loss_for_distribution(value):
        return original(value) if _replica() is None else sum_over_replicas(value)

    return unscale_loss_for_distribution


# Gradients and variables.


@contextmanager
def _global_gradients() -> Iterator[None]:
    _tracing.are_global = True
    try:
        yield
    finally:
        _tracing.are_global = False


def _are_global() -> bool:
    return getattr(_tracing, "are_global", False)


def _apply(original):
    def apply(self, grads, trainable_variables=None):
        if _replica() is None or _are_global():
            return original(self, grads, trainable_variables)
        grads = sum_gradients(grads, trainable_variables or self._trainable_variables)
        with _global_gradients():
            return original(self, grads, trainable_variables)

    return apply


def _all_reduce_sum_gradients(original):
    def all_reduce_sum_gradients(self, grads_and_vars):
        return grads_and_vars if _are_global() else original(self, grads_and_vars)

    return all_reduce_sum_gradients


def sum_gradients(gradients: Sequence, variables: Sequence[keras.Variable]) -> list:
    """Gradients summed over all replicas, small ones in one message; None stays None.

    Of a large table each replica sends the rows that occur in its part of the batch.
    """
    summed: dict[int, tf.Tensor] = {}
    dense: list[tf.Tensor | None] = []
    for place, (gradient, variable) in enumerate(zip(gradients, variables, strict=True)):
        if isinstance(gradient, tf.IndexedSlices) and _num_bytes(gradient, variable) > PACK_BYTES:
            summed[place], gradient = _sum_rows(gradient, variable.shape), None
        dense.append(None if gradient is None else tf.ensure_shape(gradient, variable.shape))
    for pack in _packs(dense):
        flat = tf.concat([tf.reshape(dense[place], [-1]) for place in pack], axis=0)
        parts = tf.split(
            sum_over_replicas(flat), [dense[place].shape.num_elements() for place in pack]
        )
        for place, part in zip(pack, parts, strict=True):
            summed[place] = tf.reshape(part, dense[place].shape)
    return [summed.get(place) for place in range(len(dense))]


def _num_bytes(gradient, variable: keras.Variable) -> int:
    return gradient.dtype.size * math.prod(variable.shape)


def _sum_rows(gradient: tf.IndexedSlices, shape: Sequence[int]) -> tf.Tensor:
    """The sum over all replicas of gradients of some rows of a table, as one of all rows."""
    indices, places = tf.unique(gradient.indices)
    count = tf.size(indices)
    rows = tf.math.unsorted_segment_sum(gradient.values, places, count)
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
    """Places of tensors of one dtype, about `PACK_BYTES` at a time."""
    pack, size = [], 0
    for place, tensor in enumerate(tensors):
        if tensor is None:
            continue
        if pack and (size > PACK_BYTES or tensor.dtype != tensors[pack[-1]].dtype):
            yield pack
            pack, size = [], 0
        pack.append(place)
        size += tensor.shape.num_elements() * tensor.dtype.size
    if pack:
        yield pack


def _direct_assign(original):
    def direct_assign(self, value):
        replica = _replica()
        if replica is None or not isinstance(self._value, tf.distribute.DistributedValues):
            return original(self, value)
        value = tf.cast(value, self._value.dtype)
        update = replica.strategy.extended._replica_ctx_update
        update(self._value, lambda own, new: own.assign(new), (value,), {}, group=False)

    return direct_assign


def _next_seed(original):
    def next_seed(self, ordered=True):
        seed, replica = original(self, ordered), _replica()
        if replica is None:
            return seed
        number = tf.cast(replica.replica_id_in_sync_group, seed.dtype)
        return seed + tf.stack([number * 1_000_003, tf.zeros_like(number)])

    return next_seed


# Training.


def _make_function(original):
    def make_function(self, step_function):
        if not _is_ours(self.distribute_strategy) or not self.jit_compile:
            return original(self, step_function)

        def step(data):
            with compiled_parts(self):
                return step_function(data)

        self.jit_compile = False
        try:
            return original(self, step)
        finally:
            self.jit_compile = True

    return make_function


@contextmanager
def compiled_parts(model: keras.Model) -> Iterator[None]:
    """Has XLA compile the calls of a model, or of its `xla_parts`, while a step is traced."""
    parts = getattr(model, "xla_parts", (model,))
    for part in parts:
        part.call = tf.function(part.call, jit_compile=True, autograph=False)
    try:
        yield
    finally:
        for part in parts:
            del part.call


def _reduce_per_replica(original):
    def reduce_per_replica(values, strategy, reduction):
        if not _is_ours(strategy) or reduction == "concat":
            return original(values, strategy, reduction)
        return keras.tree.map_structure(
            lambda value: strategy.experimental_local_results(value)[0], values
        )

    return reduce_per_replica


def _maybe_symbolic_build(original):
    def maybe_symbolic_build(self, iterator=None, data_batch=None):
        strategy = self.distribute_strategy
        if iterator is None or not _is_ours(strategy):
            return original(self, iterator, data_batch)
        for _, _, batches in iterator:
            data_batch = keras.tree.map_structure(
                lambda value: strategy.experimental_local_results(value)[0], next(batches)
            )
            break
        return original(self, None, data_batch)

    return maybe_symbolic_build


def _create_device_dataset(original):
    def create_device_dataset(*arguments):
        options = tf.data.Options()
        options.autotune.enabled = False
        return original(*arguments).with_options(options)

    return create_device_dataset


def _model_supports_jit(original):
    def model_supports_jit(model):
        return all(layer.supports_jit for layer in model._flatten_layers())

    return model_supports_jit


FIXES = (
    Fix(losses, "reduce_values", _reduce_values, "means are taken of each replica's part"),
    Fix(losses, "unscale_loss_for_distribution", _unscale_loss, "shows one replica's part"),
    Fix(BaseOptimizer, "apply", _apply, "clips and accumulates one replica's gradients"),
    Fix(LossScaleOptimizer, "apply", _apply, "calls one replica's gradients finite"),
    Fix(TFOptimizer, "_all_reduce_sum_gradients", _all_reduce_sum_gradients, "sums once more"),
    Fix(core.Variable, "_direct_assign", _direct_assign, "leaves the replica within a condition"),
    Fix(SeedGenerator, "next", _next_seed, "drops the same units on every device"),
    Fix(TensorFlowTrainer, "_make_function", _make_function, "XLA cannot compile several devices"),
    Fix(trainer, "reduce_per_replica", _reduce_per_replica, "takes the mean of scalars' axis 0"),
    Fix(
        TensorFlowTrainer,
        "_maybe_symbolic_build",
        _maybe_symbolic_build,
        "reduces batches over machines, to learn their shapes",
    ),
    Fix(
        iterators,
        "_create_device_dataset",
        _create_device_dataset,
        "waits, at the end of a pass, for a sleeping thread that has nothing to tune",
    ),
    Fix(
        base_trainer,
        "model_supports_jit",
        _model_supports_jit,
        "drops `jit_compile` in silence where operations are deterministic",
    ),
)
