import json
import math

import keras
import numpy as np
import pytest

from layer_checks import floats
from regard.layers import gelu_tanh, quick_gelu


@pytest.mark.parametrize(("x", "expected"), [(0.0, 0.0), (1.0, 0.841192), (-1.0, -0.158808)])
def test_by_hand(x, expected):
    assert float(gelu_tanh(keras.ops.convert_to_tensor(x))) == pytest.approx(expected, abs=1e-6)


def test_against_numpy():
    x = 3 * floats(5, 7)
    cubic = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)  # the constants of BERT and GPT-2
    np.testing.assert_allclose(gelu_tanh(x), 0.5 * x * (1 + np.tanh(cubic)), atol=1e-6)


def test_it_is_not_the_exact_one():
    x = 3 * floats(5, 7)
    assert 1e-4 < np.abs(gelu_tanh(x) - keras.activations.gelu(x, approximate=False)).max() < 1e-2


def test_survives_a_config():
    written = json.loads(json.dumps(keras.activations.serialize(gelu_tanh)))
    assert keras.activations.get(written) is gelu_tanh
    layer = keras.layers.Dense(3, activation=gelu_tanh)
    again = keras.layers.Dense.from_config(json.loads(json.dumps(layer.get_config())))
    assert again.activation is gelu_tanh


def test_quick_gelu_is_near_gelu_and_has_a_name():
    x = np.linspace(-4, 4, 41, dtype="float32")
    np.testing.assert_allclose(quick_gelu(x), x / (1 + np.exp(-1.702 * x)), atol=1e-6)
    assert 1e-3 < np.abs(quick_gelu(x) - keras.activations.gelu(x)).max() < 0.03
    assert keras.activations.get(keras.activations.serialize(quick_gelu)) is quick_gelu
