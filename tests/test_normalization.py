import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from layer_checks import check_behaviour, check_layer, floats
from regard.layers.normalization import LayerNorm

B, T, D = 2, 3, 5


def test_by_hand():
    # Mean 5, deviation 2 of (7, 3) and of (3, 7).
    np.testing.assert_allclose(LayerNorm()(np.array([[7.0, 3.0], [3.0, 7.0]])), [[1, -1], [-1, 1]])


@pytest.mark.parametrize("shape", [(T, D), (B, T, D), (2, B, T, D)])
def test_outputs_and_gradients_are_those_of_keras(shape):
    layers = LayerNorm(0.1), keras.layers.LayerNormalization(epsilon=0.1)
    x = tf.constant(floats(*shape))
    ours, theirs = (outputs_and_gradients(layer, x) for layer in layers)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def outputs_and_gradients(layer, x):
    layer.build(x.shape)
    layer.set_weights([floats(D, seed=1), floats(D, seed=2)])
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = layer(x)
        loss = tf.reduce_sum(outputs * floats(*x.shape, seed=3))
    return outputs, *tape.gradient(loss, [x, layer.gamma.value, layer.beta.value])


@pytest.mark.parametrize("dtype", ["bfloat16", "mixed_bfloat16"])
def test_is_float32_inside(dtype):
    layer = LayerNorm(dtype=dtype)
    # A large mean and a small spread, both exact in bfloat16, whose squares are not.
    exact = 1000.0 + 8 * np.round(floats(B, T, D))
    expected = (exact - exact.mean(-1, keepdims=True)) / exact.std(-1, keepdims=True)
    outputs = layer(keras.ops.cast(exact, "bfloat16"))
    assert outputs.dtype == "bfloat16"
    np.testing.assert_allclose(tf.cast(outputs, "float32"), expected, rtol=2**-8, atol=1e-3)


def test_keeps_the_layer_checks():
    check_layer(LayerNorm, {"epsilon": 1e-6, "center": False}, {"inputs": floats(B, T, D)})
    check_behaviour(LayerNorm(), {"inputs": floats(B, T, D)})


def test_without_an_offset():
    layers = (
        LayerNorm(0.1, center=False),
        keras.layers.LayerNormalization(epsilon=0.1, center=False),
    )
    for layer in layers:
        layer.build((B, T, D))
        layer.set_weights([floats(D, seed=1)])
    x = floats(B, T, D)
    np.testing.assert_allclose(layers[0](x), layers[1](x), atol=1e-5)


@pytest.mark.parametrize("wrong", [{"axis": 1}, {"axis": [1, 2]}, {"scale": False}])
def test_what_it_cannot_do_is_refused(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(ValueError, match=f"Received: {name}={re.escape(repr(value))}"):
        LayerNorm(**wrong)
    LayerNorm(axis=-1, center=True, scale=True)


def test_what_else_keras_layer_takes_is_kept_and_does_what_it_says():
    taken = {"gamma_initializer": "zeros", "beta_regularizer": keras.regularizers.L2(0.5)}
    layer = LayerNorm(**taken, beta_constraint="non_neg")
    again = LayerNorm.from_config(layer.get_config())
    again(floats(B, T, D))
    again.beta.assign(np.full(D, 3.0))
    assert float(keras.ops.sum(again.gamma)) == 0
    assert [float(loss) for loss in again.losses] == [0.5 * D * 9]
    assert isinstance(again.beta.constraint, keras.constraints.NonNeg)
    assert again.get_config() == layer.get_config()
