import numpy as np
import pytest
from keras import ops

from layer_checks import floats
from regard.layers import MultiHeadAttention, new_cache
from regard.layers import cache as cache_module
from regard.layers.cache import write_cache

B, N, L, K, H = 2, 3, 5, 7, 11
D, S, E, F = 13, 17, 19, 23


def build(*shapes):
    layer = MultiHeadAttention(N, H)
    layer.build(*shapes)
    layer.set_weights([0.3 * floats(*w.shape, seed=i) for i, w in enumerate(layer.weights)])
    return layer


@pytest.mark.parametrize("grows", [True, False])
def test_positions_are_written_one_after_the_other(grows, monkeypatch):
    monkeypatch.setattr(cache_module, "GROWS", grows)
    for part in new_cache(np.ones((B, 4)), N, L, K, H, "bfloat16"):
        assert (part.shape, part.dtype) == ((B, N, 0 if grows else L * K, H), "bfloat16")
    entries, _ = new_cache(np.ones(B), N, ops.convert_to_tensor(L), K, H, "float32")
    new = [floats(B, N, K, H, seed=position) for position in range(L)]
    for position in range(L):
        entries = write_cache(entries, position, new[position])
        written = ops.convert_to_numpy(entries)[:, :, : (position + 1) * K]
        np.testing.assert_array_equal(written, np.concatenate(new[: position + 1], axis=2))
    assert entries.shape == (B, N, L * K, H)


@pytest.mark.parametrize("grows", [True, False])
def test_steps_are_causal_self_attention_of_each_sequence(grows, monkeypatch):
    monkeypatch.setattr(cache_module, "GROWS", grows)
    layer, x = build((B, L, D)), floats(B, K, L, D)
    expected = np.stack([layer(x[:, k], causal=True) for k in range(K)], axis=1)
    cache = new_cache(np.ones(B), N, L, K, H, "float32")
    for position in range(L):
        own = np.eye(K, dtype=bool)[:, None]  # (K, 1, K)
        sees = own & (np.arange(L) <= position)[:, None]  # (K, L, K)
        mask = np.broadcast_to(sees.reshape(K, L * K), (B, K, L * K))
        outputs, cache = layer.step(x[:, :, position], cache, position, mask)
        np.testing.assert_allclose(outputs, expected[:, :, position], atol=1e-5)


@pytest.mark.parametrize("value", [None, floats(B, S, F, seed=2)])
def test_reading_a_memory_is_cross_attention(value):
    query, key = floats(B, L, D), floats(B, S, E, seed=1)
    layer = build((B, L, D), (B, S, E), *[] if value is None else [value.shape])
    padding_mask = np.arange(S) < np.array([[S], [4]])
    memory = layer.project_memory(key, value)
    assert [part.shape for part in memory] == [(B, N, S, H)] * 2
    expected = layer(query, key, value, padding_mask=padding_mask)
    np.testing.assert_allclose(layer.read(query, memory, padding_mask), expected, atol=1e-6)
    np.testing.assert_allclose(layer.read(query, memory), layer(query, key, value), atol=1e-6)


def test_a_memory_is_of_cross_attention_alone():
    with pytest.raises(ValueError, match=r"built for self-attention.*called without a key"):
        build((B, L, D)).project_memory(floats(B, S, D))
    with pytest.raises(ValueError, match="`fresh` has no weights yet"):
        MultiHeadAttention(N, H, name="fresh").project_memory(floats(B, S, D))


def test_a_step_is_of_self_attention_alone():
    cache = new_cache(np.ones(B), N, L, K, H, "float32")
    with pytest.raises(ValueError, match=r"built for cross-attention.*called with a key"):
        build((B, L, D), (B, S, E)).step(floats(B, K, D), cache, 0, np.ones((B, K, L * K), bool))
