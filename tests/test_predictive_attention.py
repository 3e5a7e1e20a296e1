"""Local attention around a predicted place, Luong's local-p."""

import numpy as np
import pytest
from keras import ops

from layer_checks import HE_NORMAL, check_layer, floats
from regard.layers import PredictiveAttention

B, T, S, N, H, V, D, E, R = 3, 5, 23, 2, 11, 13, 17, 19, 3
LENGTHS = np.array([23, 7, 1])
IS_REAL = np.arange(S) < LENGTHS[:, None]  # (B, S)


def attention(*shapes, **kwargs):
    layer = PredictiveAttention(N, H, R, value_dim=V, **kwargs)
    layer.build(*shapes)
    layer.set_weights([0.3 * floats(*w.shape, seed=i) for i, w in enumerate(layer.weights)])
    return layer


def dense(x, layer):
    kernel, bias = (ops.convert_to_numpy(weight) for weight in layer.weights)
    return x @ kernel + bias


def reference(layer, query, key, lengths):
    """The weights, one head and one query at a time: (B, N, T, S)."""
    hidden = np.tanh(dense(query, layer.place_hidden))
    shares = 1 / (1 + np.exp(-dense(hidden, layer.place_output)[..., 0]))
    queries, keys = dense(query, layer.query), dense(key, layer.key)
    weights = np.zeros((B, N, query.shape[1], key.shape[1]))
    for b, n, t in np.ndindex(weights.shape[:3]):
        place, head = lengths[b] * shares[b, t], slice(n * H, (n + 1) * H)
        seen = [s for s in range(lengths[b]) if place - R <= s <= place + R]
        scores = np.exp([queries[b, t, head] @ keys[b, s, head] / np.sqrt(H) for s in seen])
        nearness = np.exp([-((s - place) ** 2) / (2 * (R / 2) ** 2) for s in seen])
        weights[b, n, t, seen] = scores / scores.sum() * nearness
    return weights


def test_by_hand():
    """Without weights the place is the middle, and the keys within reach score the same."""
    layer = PredictiveAttention(1, 1, window=2, kernel_initializer="zeros")
    query, key = np.zeros((1, 1, 1)), np.array([1.0, 2, 4, 8, 16]).reshape(1, 5, 1)
    layer(query, key)
    layer.value.kernel.assign([[1.0]])
    layer.attention_output.kernel.assign([[1.0]])
    nearness = np.exp(-(np.array([1.5, 0.5, 0.5, 1.5]) ** 2) / 2)  # of 1 to 4 to 2.5, σ = 1
    np.testing.assert_allclose(layer(query, key), [[[nearness @ [2, 4, 8, 16] / 4]]], rtol=1e-6)


@pytest.mark.parametrize("lengths", [LENGTHS, np.full(B, S)])
def test_against_numpy(lengths):
    query, key = 3 * floats(B, T, D), floats(B, S, E, seed=1)
    layer = attention(query.shape, key.shape)
    masks = {"padding_mask": np.arange(S) < lengths[:, None]}
    masks = {} if (lengths == S).all() else masks
    weights = reference(layer, query, key, lengths)
    places = (weights.sum(axis=1) * np.arange(S)).sum(-1) / weights.sum(axis=(1, 3))
    assert np.ptp(places[0]) > 5  # the windows are not all in one place
    np.testing.assert_allclose(layer.attention_weights(query, key, **masks), weights, atol=1e-5)
    values = np.reshape(dense(key, layer.value), (B, S, N, V))
    merged = np.einsum("bnts,bsnv->btnv", weights, values).reshape(B, T, N * V)
    expected = dense(merged, layer.attention_output)
    np.testing.assert_allclose(layer(query, key, **masks), expected, atol=1e-5)


def test_self_attention_and_padding():
    x = floats(B, S, D)
    layer = attention(x.shape)
    weights = ops.convert_to_numpy(layer.attention_weights(x, padding_mask=IS_REAL))
    values = np.reshape(dense(x, layer.query_key_value)[..., 2 * N * H :], (B, S, N, V))
    merged = np.einsum("bnts,bsnv->btnv", weights, values).reshape(B, S, N * V)
    outputs = layer(x, padding_mask=IS_REAL)
    np.testing.assert_allclose(outputs, dense(merged, layer.attention_output), atol=1e-5)
    other = np.where(IS_REAL[..., None], x, 100.0)
    changed = layer(other, padding_mask=IS_REAL)
    np.testing.assert_allclose(outputs[IS_REAL], changed[IS_REAL], atol=1e-5)
    assert np.isfinite(layer(x, padding_mask=np.zeros((B, S), bool))).all()


def test_keeps_the_layer_checks():
    inputs = {
        "query": floats(B, T, D),
        "key": floats(B, S, E, seed=1),
        "value": floats(B, S, V, seed=2),
        "padding_mask": IS_REAL,
    }
    config = {"num_heads": N, "key_dim": H, "window": R, "dropout": 0.3}
    check_layer(PredictiveAttention, config, inputs)


def test_further_arguments_are_kept():
    kwargs = {
        **{"dropout": 0.3, "use_bias": False, "kernel_initializer": HE_NORMAL},
        **{"score": "general", "value_dim": V},
    }
    config = PredictiveAttention(N, H, R, **kwargs).get_config()
    assert {name: config[name] for name in kwargs} == kwargs
    assert PredictiveAttention.from_config(config).get_config() == config


def test_what_it_cannot_do_is_refused():
    with pytest.raises(ValueError, match=r"`window` must be a positive.*Received: window=None"):
        PredictiveAttention(N, H, window=None)
    with pytest.raises(ValueError, match="`ahead` predicts places in a whole sequence"):
        PredictiveAttention(N, H, R, name="ahead").step(None, None, 0, None)
