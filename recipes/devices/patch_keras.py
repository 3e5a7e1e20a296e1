"""Patches what Keras 3.15 lacks for training on several devices, in one place.

Each of `PATCHES` takes the place of a function of Keras, and one of TensorFlow. All but the last
two do something else only under a strategy that `devices.strategy` made, and there make three
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
import threading
from collections.abc import Callable, Iterator
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
from tensorflow.python.framework import config

from .gradients import current_replica, is_ours, sum_gradients, sum_over_replicas

_tracing = threading.local()  # replicas are traced in threads of their own


class Patch(NamedTuple):
    """Names a function of an owner, and says what takes its place, and why."""

    owner: Any
    name: str
    make: Callable  # of the original, what takes its place
    why: str


@functools.cache
def patch_keras() -> None:
    """Puts every patch in its place, once in a process."""
    for patch in PATCHES:
        original = getattr(patch.owner, patch.name)
        setattr(patch.owner, patch.name, functools.wraps(original)(patch.make(original)))


def take_over(strategy: tf.distribute.Strategy) -> None:
    """Marks a strategy as one that Keras is patched for."""
    # Replicas then update their variables and sum their gradients without leaving their own
    # context, which they could not do from within a condition; TensorFlow does so on GPUs itself.
    strategy.extended._use_merge_call = lambda: False


# The loss of a global batch.


def _reduce_values(original):
    def reduce_values(values, sample_weight=None, reduction="sum_over_batch_size"):
        means = ("sum_over_batch_size", "mean", "mean_with_sample_weight")
        replica = current_replica()
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
        return original(value) if current_replica() is None else sum_over_replicas(value)

    return unscale_loss_for_distribution


# Gradients and variables.


def _are_global() -> bool:
    return getattr(_tracing, "are_global", False)


def _apply(original):
    def apply(self, grads, trainable_variables=None):
        if current_replica() is None or _are_global():
            return original(self, grads, trainable_variables)
        grads = sum_gradients(grads, trainable_variables or self._trainable_variables)
        _tracing.are_global = True
        try:
            return original(self, grads, trainable_variables)
        finally:
            _tracing.are_global = False

    return apply


def _all_reduce_sum_gradients(original):
    def all_reduce_sum_gradients(self, grads_and_vars):
        return grads_and_vars if _are_global() else original(self, grads_and_vars)

    return all_reduce_sum_gradients


def _direct_assign(original):
    def direct_assign(self, value):
        replica = current_replica()
        if replica is None or not isinstance(self._value, tf.distribute.DistributedValues):
            return original(self, value)
        value = tf.cast(value, self._value.dtype)
        update = replica.strategy.extended._replica_ctx_update
        update(self._value, lambda own, new: own.assign(new), (value,), {}, group=False)

    return direct_assign


def _next_seed(original):
    def next_seed(self, ordered=True):
        seed, replica = original(self, ordered), current_replica()
        if replica is None:
            return seed
        number = tf.cast(replica.replica_id_in_sync_group, seed.dtype)
        return seed + tf.stack([number * 1_000_003, tf.zeros_like(number)])

    return next_seed


# Training.


def _make_function(original):
    def make_function(self, step_function):
        if not is_ours(self.distribute_strategy) or not self.jit_compile:
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
        if not is_ours(strategy) or reduction == "concat":
            return original(values, strategy, reduction)
        return keras.tree.map_structure(
            lambda value: strategy.experimental_local_results(value)[0], values
        )

    return reduce_per_replica


def _maybe_symbolic_build(original):
    def maybe_symbolic_build(self, iterator=None, data_batch=None):
        strategy = self.distribute_strategy
        if iterator is None or not is_ours(strategy):
            return original(self, iterator, data_batch)
        parts = (self, self._compile_metrics, self._compile_loss, self.optimizer)
        if all(part is None or part.built for part in parts):
            return None  # before each validation, where a batch would be made for nothing
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
        is_op_determinism_enabled = config.is_op_determinism_enabled
        config.is_op_determinism_enabled = lambda: False  # the one reason not to hear of
        try:
            return original(model)
        finally:
            config.is_op_determinism_enabled = is_op_determinism_enabled

    return model_supports_jit


# fmt: off
PATCHES = (
    Patch(losses, "reduce_values", _reduce_values, "means are taken of each replica's part"),
    Patch(losses, "unscale_loss_for_distribution", _unscale_loss, "shows one replica's part"),
    Patch(BaseOptimizer, "apply", _apply, "clips and accumulates one replica's gradients"),
    Patch(LossScaleOptimizer, "apply", _apply, "calls one replica's gradients finite"),
    Patch(TFOptimizer, "_all_reduce_sum_gradients", _all_reduce_sum_gradients, "sums once more"),
    Patch(core.Variable, "_direct_assign", _direct_assign, "leaves the replica within a condition"),
    Patch(SeedGenerator, "next", _next_seed, "drops the same units on every device"),
    Patch(TensorFlowTrainer, "_make_function", _make_function,
          "XLA cannot compile several devices"),
    Patch(trainer, "reduce_per_replica", _reduce_per_replica, "takes the mean of scalars' axis 0"),
    Patch(TensorFlowTrainer, "_maybe_symbolic_build", _maybe_symbolic_build,
          "reduces batches over machines, to learn their shapes"),
    Patch(iterators, "_create_device_dataset", _create_device_dataset,
          "waits, at the end of a pass, for a sleeping thread that has nothing to tune"),
    Patch(base_trainer, "model_supports_jit", _model_supports_jit,
          "drops `jit_compile` in silence where operations are deterministic"),
)
# fmt: on
