import numpy as np
import pytest

from layer_checks import floats
from regard.layers import MultiHeadAttention
from regard.layers.rotary import rotary_frequencies, rotate

B, N, T, H = 2, 3, 7, 10


def test_by_hand():
    """One point, turned by one radian a position."""
    heads = np.array([[[[1.0, 0.0]] * 3]], "float32")
    expected = [[np.cos(t), np.sin(t)] for t in range(3)]
    np.testing.assert_allclose(rotate(heads, 100.0)[0, 0], expected, atol=1e-6)


def test_frequencies_fall_from_one():
    expected = [1000.0 ** (-2 * i / 8) for i in range(4)]
    np.testing.assert_allclose(rotary_frequencies(1000.0, 8), expected, rtol=1e-6)


def test_against_numpy_as_complex_numbers():
    heads = floats(B, N, T, H)
    turns = np.exp(1j * np.arange(T)[:, None] * rotary_frequencies(50.0, H))
    turned = (heads[..., : H // 2] + 1j * heads[..., H // 2 :]) * turns
    expected = np.concatenate([turned.real, turned.imag], axis=-1)
    np.testing.assert_allclose(rotate(heads, 50.0), expected, atol=1e-5)


def test_scores_depend_on_the_distance_alone():
    query, key = floats(1, 1, 1, H), floats(1, 1, 1, H, seed=1)
    scores = [
        float(np.sum(np.array(rotate(query, 100.0, t)) * np.array(rotate(key, 100.0, t + 3))))
        for t in (0, 5, 40)
    ]
    np.testing.assert_allclose(scores, scores[0], atol=1e-4)


def test_position_by_position_equals_all_at_once():
    layer, x = MultiHeadAttention(N, H, rotary_base=30.0), floats(B, T, N * H)
    whole = layer(x, causal=True)
    cache = (np.zeros((B, N, 0, H), "float32"),) * 2
    for position in range(T):
        mask = np.ones((B, 1, position + 1), bool)
        step, cache = layer.step(x[:, position : position + 1], cache, position, mask)
        np.testing.assert_allclose(step[:, 0], whole[:, position], atol=1e-5)


def test_what_cannot_be_turned_is_refused():
    with pytest.raises(ValueError, match="Received: key_dim=7, rotary_base=100"):
        MultiHeadAttention(N, 7, rotary_base=100.0)
    with pytest.raises(ValueError, match="Received: rotary_base=1"):
        MultiHeadAttention(N, H, rotary_base=1)
    layer = MultiHeadAttention(N, H, rotary_base=100.0)
    x = floats(B, T, N * H)
    layer(x, x)
    with pytest.raises(ValueError, match=r"alike\. Received: window=None, rotary_base=100"):
        layer.read(x, layer.project_memory(x))
