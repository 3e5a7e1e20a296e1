"""One conformance check for every layer and model: what a user of Keras may take for granted."""

import inspect
import json
import re
import tempfile
import warnings
from pathlib import Path

import keras
import numpy as np
from keras import ops, tree

import tiers

HE_NORMAL = keras.initializers.serialize(keras.initializers.HeNormal())
# Without XLA, JAX takes minutes; torch's compiler needs one of C++.
JIT_COMPILE = {"tensorflow": (False, True), "jax": (True,), "torch": (False,)}
BASE_ARGUMENTS = {"self", "name", "dtype", "trainable", "kwargs"}


def check_layer(layer_class, config, inputs):
    """Fails unless a layer or model configures, calls, trains, saves and compiles as Keras' own do.

    Args:
        layer_class: The class under test.
        config: Every constructor argument, away from its default, as `get_config` writes it.
        inputs: NumPy arrays: call arguments by name for a layer, the inputs for a model. Floats
            keep their last axis in the symbolic call; every other axis is unknown there.
    """
    check_arguments(layer_class, config)
    check_config(layer_class, config)
    check_behaviour(layer_class(**config), inputs)


def check_behaviour(layer, inputs, has_length=False):
    """Fails unless a layer does as `check_layer` wants; by itself, for arguments at defaults.

    A layer that `has_length`, that of a grid, is told lengths in the symbolic call as well.
    """
    outputs = call(layer, inputs)
    check_output_shape(layer, inputs, outputs)
    check_static_shape(layer, inputs, outputs)
    model = symbolic_model(layer, inputs, outputs, has_length)
    check_saving(model, inputs, outputs)
    check_dropout(layer, inputs, outputs)
    check_mixed_precision(layer, inputs, outputs)
    ways = JIT_COMPILE[keras.backend.backend()]
    is_light = not (tiers.IS_WHOLE or isinstance(layer, keras.Model))
    for jit_compile in ways[:1] if is_light else ways:
        check_compiled(model, inputs, outputs, jit_compile)


def floats(*shape, seed=7):
    """Standard normal float32 numbers, the same on every call."""
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def check_arguments(layer_class, config):
    """`config` names every constructor argument, none at its default, and Args explains them."""
    parameters = inspect.signature(layer_class.__init__).parameters
    arguments = {name: parameters[name] for name in parameters if name not in BASE_ARGUMENTS}
    assert set(config) == set(arguments), "the test must give every constructor argument"
    at_default = [name for name in config if config[name] == arguments[name].default]
    assert not at_default, f"the test must give other values than the defaults: {at_default}"
    args = re.search(r"^Args:\n(.*?)(?=^\S|\Z)", inspect.getdoc(layer_class), re.M | re.S)
    assert args, f"the docstring of {layer_class.__name__} has no Args"
    assert set(re.findall(r"^    (\w+):", args[1], re.M)) - BASE_ARGUMENTS == set(arguments)


def check_config(layer_class, config):
    """`get_config` gives back every argument, survives JSON, and makes an equal layer."""
    layer = layer_class(**config, name="renamed", dtype="mixed_bfloat16", trainable=False)
    written = json.loads(json.dumps(layer.get_config()))
    assert {name: written.get(name) for name in config} == config
    again = layer_class.from_config(json.loads(json.dumps(written)))
    assert again.get_config() == written
    assert (again.name, again.trainable) == ("renamed", False)


def check_output_shape(layer, inputs, outputs):
    """`compute_output_shape` tells the shape from those of the inputs, without a call."""
    if isinstance(layer, keras.Model):
        shape = layer.compute_output_shape(tree.map_structure(lambda x: x.shape, inputs))
    else:
        asked = inspect.signature(layer.compute_output_shape).parameters
        shapes = {f"{name}_shape": x.shape for name, x in inputs.items()}
        named = {name: shapes[name] for name in asked if name in shapes}
        shape = layer.compute_output_shape(*[] if named else [next(iter(shapes.values()))], **named)
    assert tuple(shape) == tuple(outputs.shape)


def check_static_shape(layer, inputs, outputs):
    """Where every size is known, the symbolic call knows the exact shape and dtype."""
    symbolic = tensors(
        layer, tree.map_structure(lambda x: keras.KerasTensor(x.shape, x.dtype), inputs)
    )
    assert tuple(symbolic.shape) == tuple(outputs.shape)
    assert symbolic.dtype == keras.backend.standardize_dtype(outputs.dtype)


def symbolic_model(layer, inputs, outputs, has_length=False):
    """A functional model around the layer, its batch size and, but for some, lengths unknown."""
    if isinstance(layer, keras.Model):
        model = layer
    else:
        symbolic = {
            name: keras.Input(
                batch_shape=(None, *x.shape[1:]) if has_length else open_shape(x),
                dtype=x.dtype,
                name=name,
            )
            for name, x in inputs.items()
        }
        model = keras.Model(symbolic, layer(**symbolic))
    assert len(model.output.shape) == len(outputs.shape)
    assert all(a in (None, b) for a, b in zip(model.output.shape, outputs.shape, strict=True))
    assert model.output.dtype == keras.backend.standardize_dtype(outputs.dtype)
    return model


def check_saving(model, inputs, outputs):
    """A `.keras` file gives back a model with the same outputs, with no custom objects named."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "model.keras"
        model.save(path)
        loaded = keras.models.load_model(path)
    np.testing.assert_array_equal(call(loaded, inputs), outputs)


def check_dropout(layer, inputs, outputs):
    """Training drops units where there is a dropout rate; inference is always the same."""
    np.testing.assert_array_equal(call(layer, inputs, training=False), outputs)
    if "dropout" in layer.get_config():
        assert np.abs(call(layer, inputs, training=True) - outputs).max() > 1e-3


def check_mixed_precision(layer, inputs, outputs):
    """bfloat16 inside, float32 variables, logits of a model in float32, and close to float32."""
    mixed = type(layer).from_config({**layer.get_config(), "dtype": "mixed_bfloat16"})
    tensors(mixed, inputs)
    mixed.set_weights(layer.get_weights())
    mixed_outputs = tensors(mixed, inputs)
    expected = "float32" if isinstance(layer, keras.Model) else "bfloat16"
    assert keras.backend.standardize_dtype(mixed_outputs.dtype) == expected
    assert {weight.dtype for weight in mixed.weights} <= {"float32"}
    mixed_outputs = ops.convert_to_numpy(ops.cast(mixed_outputs, "float32"))
    tolerance = 0.03 * np.abs(outputs).max()  # bfloat16 has 8 bits: 0.004 a rounding
    np.testing.assert_allclose(mixed_outputs, outputs, rtol=0, atol=tolerance)


def check_compiled(model, inputs, outputs, jit_compile):
    """Compiled outputs equal eager ones; one step of `fit` gives each weight a finite gradient."""
    # With plain SGD at rate 1, a step takes exactly the gradient off each weight.
    model.compile(keras.optimizers.SGD(1.0), "mse", jit_compile=jit_compile)
    np.testing.assert_allclose(model.predict_on_batch(inputs), outputs, rtol=1e-5, atol=1e-5)
    batch_size = len(tree.flatten(inputs)[0])
    is_batch = model.output.shape[0] is None and outputs.shape[0] == batch_size
    shape = outputs.shape if is_batch else (batch_size, *outputs.shape)
    targets = floats(*shape, seed=8)
    before = model.get_weights()
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Gradients do not exist")
        warnings.filterwarnings("ignore", message="The model does not have any trainable")
        history = model.fit(inputs, targets, batch_size=batch_size, epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    for weight, value in zip(model.weights, model.get_weights(), strict=True):
        assert np.isfinite(value).all(), f"the gradient of {weight.path} is not finite"
    model.set_weights(before)


def call(layer, inputs, **kwargs):
    """Returns the outputs of a layer or model as a NumPy array, on any backend."""
    return ops.convert_to_numpy(tensors(layer, inputs, **kwargs))


def tensors(layer, inputs, **kwargs):
    if isinstance(layer, keras.Model):
        return layer(inputs, **kwargs)
    return layer(**inputs, **kwargs)


def open_shape(x):
    last = x.shape[-1] if x.dtype.kind == "f" else None
    return (*[None] * (x.ndim - 1), last)
