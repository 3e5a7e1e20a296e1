"""What is mended of Keras: whether it is still as it was mended for, and still in need of it."""

import hashlib
import inspect
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf

from regard.recipes.devices.patch_keras import PATCHES, patch_keras
from regard.recipes.devices.strategy import strategy
from regard.recipes.training.fit import set_seed

patch_keras()

BY_NAME = {f"{fix.owner.__name__.rpartition('.')[2]}.{fix.name}": fix for fix in PATCHES}

# Of the source of each function, as Keras 3.15.1 and TensorFlow 2.21 have it.
SOURCES = {
    "loss.reduce_values": "60b0462147725ad2",
    "loss.unscale_loss_for_distribution": "3903c7ed7f69c5ac",
    "BaseOptimizer.apply": "43097be63b919d03",
    "LossScaleOptimizer.apply": "1cc61fb4c21edb7a",
    "TFOptimizer._all_reduce_sum_gradients": "953512efa56c9680",
    "Variable._direct_assign": "170647e9816db1d6",
    "SeedGenerator.next": "d2174a08ab35eb07",
    "TensorFlowTrainer._make_function": "bb33b7a0da3d2740",
    "trainer.reduce_per_replica": "2e7d54b1e6edc29a",
    "TensorFlowTrainer._maybe_symbolic_build": "92a504f5eba9b29f",
    "multi_device_iterator_ops._create_device_dataset": "ba5247af44bd3957",
    "trainer.model_supports_jit": "287a9d3336efcce3",
}


def original(fix):
    return getattr(fix.owner, fix.name).__wrapped__


@pytest.mark.parametrize("name", BY_NAME)
def test_keras_is_as_it_was(name):
    source = inspect.getsource(original(BY_NAME[name]))
    assert hashlib.sha256(source.encode()).hexdigest()[:16] == SOURCES[name], (
        f"Keras {keras.__version__} or TensorFlow {tf.__version__} has another {name}. See whether "
        f"it still {BY_NAME[name].why}, and whether what takes its place still does what else it "
        "does."
    )


X = np.random.default_rng(0).normal(size=(25, 5)).astype("float32")
Y = (X.sum(axis=1) > 0).astype("int32")
WEIGHTS = np.linspace(0.1, 2, 25).astype("float32")


def trained(kind, jit_compile=False, **optimizing):
    """A small model's losses and weights: rows do not share evenly, gradients are clipped."""
    keras.utils.set_random_seed(3)
    with strategy(kind):
        inputs = keras.Input((5,))
        outputs = keras.layers.Dense(2)(keras.layers.Dense(7, activation="tanh")(inputs))
        model = keras.Model(inputs, outputs)
        optimizer = keras.optimizers.SGD(0.3, momentum=0.9, **optimizing)
        loss = keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight"
        )
        model.compile(optimizer, loss, jit_compile=jit_compile)
    data = tf.data.Dataset.from_tensor_slices((X, Y, WEIGHTS)).batch(5)
    losses = model.fit(data, epochs=2, verbose=0, shuffle=False).history["loss"]
    return np.concatenate([losses, *map(np.ravel, model.get_weights())])


def accumulated(kind):
    return trained(kind, gradient_accumulation_steps=2, global_clipnorm=0.1)


def compiled(kind):
    return trained(kind, jit_compile=True)


def built(kind):
    """The same, where shapes are learnt without devices' batches, of several sizes, being added."""
    fix = BY_NAME["TensorFlowTrainer._maybe_symbolic_build"]
    build = getattr(fix.owner, fix.name)

    def build_apart(self, *arguments, **named):
        with mock.patch.object(tf.distribute.MirroredStrategy, "reduce", side_effect=RuntimeError):
            return build(self, *arguments, **named)

    with mock.patch.object(fix.owner, fix.name, build_apart):
        return trained(kind)


def scaled(kind):
    """The scale of a float16 loss after an overflow on the second device alone."""
    with strategy(kind) as devices:
        layer = keras.layers.Dense(1, kernel_initializer="ones")
        layer.build((None, 1))
        optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(1.0))
        optimizer.build(layer.trainable_variables)

        @tf.function
        def step():
            def on_each():
                number = tf.distribute.get_replica_context().replica_id_in_sync_group
                is_first = tf.equal(number, 0) & (devices.num_replicas_in_sync > 1)
                gradient = tf.where(is_first, 1.0, np.inf)
                optimizer.apply([[[gradient]], [gradient]], layer.trainable_variables)

            devices.run(on_each)

        step()
        copies = devices.experimental_local_results(layer.kernel.value)
        return np.array([copy.numpy().item() for copy in copies][-1:])


def dropped(kind):
    """Whether two rows, which two devices share, lose other units."""
    with strategy(kind) as devices:
        dropout = keras.layers.Dropout(0.5, seed=0)
        count = devices.num_replicas_in_sync

        @tf.function
        def drop():
            return devices.run(lambda: dropout(tf.ones((2 // count, 1000)), training=True))

        rows = tf.concat(devices.experimental_local_results(drop()), axis=0).numpy()
    return np.any(rows[0] != rows[1], keepdims=True)


def deterministic(kind):
    """Whether XLA is still on where operations are deterministic."""
    set_seed(0)
    with strategy(kind):
        model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(2)])
        model.compile("sgd", "mse", jit_compile=True)
    return np.array([model.jit_compile])


def tuned(kind):
    """Whether batches on their way to a device are fetched by an iterator that tunes itself."""
    with strategy(kind) as devices:
        if devices.num_replicas_in_sync == 1:
            return np.array([False])
        data = devices.experimental_distribute_dataset(tf.data.Dataset.range(8).batch(4))
        (owner,) = iter(data)._iterators
        options = owner._iterator._device_iterators[0]._dataset.options()
    return np.array([options.autotune.enabled is not False])


# What shows that a fix is needed, but for one that is needed on several machines alone, and one
# without which two devices would wait for each other for ever.
SHOWN_BY = {
    "loss.reduce_values": trained,
    "loss.unscale_loss_for_distribution": trained,
    "BaseOptimizer.apply": accumulated,
    "TFOptimizer._all_reduce_sum_gradients": trained,
    "Variable._direct_assign": scaled,
    "SeedGenerator.next": dropped,
    "TensorFlowTrainer._make_function": compiled,
    "TensorFlowTrainer._maybe_symbolic_build": built,
    "multi_device_iterator_ops._create_device_dataset": tuned,
    "trainer.model_supports_jit": deterministic,
}


def test_every_fix_but_two_is_shown():
    others = {"trainer.reduce_per_replica", "LossScaleOptimizer.apply"}
    assert set(BY_NAME) - set(SHOWN_BY) == others


@pytest.mark.parametrize("outcome", dict.fromkeys(SHOWN_BY.values()))
def test_two_devices_are_as_one(outcome):
    np.testing.assert_allclose(outcome("mirrored"), outcome("single"), atol=1e-6)


@pytest.mark.parametrize("name", SHOWN_BY)
def test_a_fix_is_still_needed(name, monkeypatch):
    fix, outcome = BY_NAME[name], SHOWN_BY[name]
    expected = np.array([True]) if outcome is deterministic else outcome("single")
    monkeypatch.setattr(fix.owner, fix.name, original(fix))
    try:
        found = outcome("mirrored")
    except Exception:  # TensorFlow has many ways to say that it cannot
        return
    assert not np.allclose(found, expected, atol=1e-3), f"Keras no longer {fix.why}: delete this"


def test_the_guards_of_keras_against_xla_stay(monkeypatch):
    """All but the one of deterministic operations: that of GPUs of macOS, and those of layers."""
    fix = BY_NAME["trainer.model_supports_jit"]
    supports_jit = getattr(fix.owner, fix.name)
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(2)])
    set_seed(0)
    assert not original(fix)(model)
    assert supports_jit(model)
    model.layers[0].supports_jit = False
    assert not supports_jit(model)
    model.layers[0].supports_jit = True
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    monkeypatch.setattr("platform.processor", lambda: "arm")
    assert supports_jit(model)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    assert not supports_jit(model)
