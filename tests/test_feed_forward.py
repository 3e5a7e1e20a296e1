import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from layer_checks import HE_NORMAL, check_behaviour, check_layer, floats
from regard.layers import FeedForward

B, T, D, F = 2, 3, 5, 7


def test_by_hand():
    layer = FeedForward(intermediate_dim=2, activation="relu")
    x = np.array([[[1.0, 2.0]]])
    layer(x)
    layer.intermediate.set_weights([np.array([[1.0, -1], [1, -1]]), np.array([1.0, 1])])
    layer.output_dense.set_weights([np.array([[10.0, 20], [30, 40]]), np.array([0.5, 0])])
    # (1 + 2 + 1, -1 - 2 + 1) = (4, -2); relu leaves (4, 0).
    np.testing.assert_allclose(layer(x), [[[40.5, 80.0]]])


def test_against_numpy_with_the_exact_gelu():
    layer, x = FeedForward(F), floats(B, T, D)
    layer(x)
    shapes = ((D, F), (F,), (F, D), (D,))
    weights = [floats(*shape, seed=i) for i, shape in enumerate(shapes)]
    layer.set_weights(weights)
    wide_kernel, wide_bias, narrow_kernel, narrow_bias = weights
    outputs = layer(x)
    for b, t in np.ndindex(B, T):
        wide = x[b, t] @ wide_kernel + wide_bias
        gelu = np.array([v * (1 + math.erf(v / math.sqrt(2))) / 2 for v in wide])
        np.testing.assert_allclose(outputs[b, t], gelu @ narrow_kernel + narrow_bias, atol=1e-5)


def test_a_gate_by_hand():
    layer = FeedForward(2, "relu", gated=True)
    x = np.array([[[1.0]]])
    layer(x)
    wide = np.array([[3.0, -1.0, 5.0, 7.0]])  # of the gate, 3 and -1
    layer.set_weights([wide, np.zeros(4), np.array([[1.0], [10.0]]), np.array([0.5])])
    np.testing.assert_allclose(layer(x), [[[15.5]]])  # 3 · 5 + 0 · 7 + 0.5


def test_gelu_and_its_gradient_are_those_of_keras():
    layer, x = FeedForward(F), floats(B, T, D)
    layer.build(x.shape)
    weights = [tf.Variable(weight.value) for weight in layer.weights]
    with tf.GradientTape(persistent=True) as tape:
        outputs = tf.reduce_sum(layer(x) ** 2)
        wide = keras.activations.gelu(x @ weights[0] + weights[1])
        expected = tf.reduce_sum((wide @ weights[2] + weights[3]) ** 2)
    gradients = tape.gradient(outputs, [weight.value for weight in layer.weights])
    for gradient, other in zip(gradients, tape.gradient(expected, weights), strict=True):
        np.testing.assert_allclose(gradient, other, rtol=1e-4, atol=1e-5)


def test_siblings_of_one_initializer_do_not_start_equal():
    initializer = keras.initializers.GlorotUniform()
    layers = [FeedForward(D, kernel_initializer=initializer) for _ in range(2)]
    for layer in layers:
        layer.build((B, T, D))
    first, second = layers
    assert np.abs(first.intermediate.kernel - second.intermediate.kernel).max() > 1e-3
    assert np.abs(first.intermediate.kernel - first.output_dense.kernel).max() > 1e-3


def test_keeps_the_layer_checks():
    config = {
        "intermediate_dim": F,
        "activation": "relu",
        "kernel_initializer": HE_NORMAL,
        "use_bias": False,
        "gated": True,
    }
    check_layer(FeedForward, config, {"inputs": floats(B, T, D)})
    check_behaviour(FeedForward(F), {"inputs": floats(B, T, D)})


def test_a_gated_unit_against_numpy():
    layer, x = FeedForward(F, use_bias=False, gated=True), floats(B, T, D)
    layer.build(x.shape)
    wide, narrow = floats(D, 2 * F, seed=1), floats(F, D, seed=2)
    layer.set_weights([wide, narrow])
    hidden, gate = np.split(x @ wide, 2, axis=-1)
    gelu = hidden * (1 + np.vectorize(math.erf)(hidden / math.sqrt(2))) / 2
    np.testing.assert_allclose(layer(x), (gelu * gate) @ narrow, atol=1e-4)


@pytest.mark.parametrize("value", [0, -7, 2.0, True, None, "7"])
def test_a_width_that_is_no_positive_integer(value):
    with pytest.raises(ValueError, match=f"Received: intermediate_dim={value!r}"):
        FeedForward(intermediate_dim=value)
