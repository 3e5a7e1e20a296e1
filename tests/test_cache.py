import numpy as np
import pytest
from keras import ops

from layer_checks import floats
from regard.layers import MultiHeadAttention, new_cache
from regard.layers.cache import read_cache, write_cache

B, N, L, K, H = 2, 3, 5, 7, 11
D, S, E, F = 13, 17, 19, 23


def build(*shapes):
    layer = MultiHeadAttention(N, H)
    layer.build(*shapes)
    layer.set_weights([0.3 * floats(*w.shape, seed=i) for i, w in enumerate(layer.weights)])
    return layer


def test_what_is_written_is_read_at_its_position_and_nowhere_else():
    for part in new_cache(B, N, L, K, H, "bfloat16"):
        assert (part.shape, part.dtype) == ((B * N * L, K * H), "bfloat16")
    entries, _ = new_cache(ops.convert_to_tensor(B), N, ops.convert_to_tensor(L), K, H, "float32")
    expected = np.zeros((B, N, L, K, H))
    for position in (3, 0, 3):  # the last of them over the first
        new = floats(B, N, K, H, seed=position)
        entries = write_cache(entries, position, new)
        expected[:, :, position] = new
    written = read_cache(entries, like=new)
    np.testing.assert_array_equal(written, expected.reshape(B, N, L * K, H))


def test_steps_are_causal_self_attention_of_each_sequence():
    layer, x = build((B, L, D)), floats(B, K, L, D)
    expected = np.stack([layer(x[:, k], causal=True) for k in range(K)], axis=1)
    cache = new_cache(B, N, L, K, H, "float32")
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
    cache = new_cache(B, N, L, K, H, "float32")
    with pytest.raises(ValueError, match=r"built for cross-attention.*called with a key"):
        build((B, L, D), (B, S, E)).step(floats(B, K, D), cache, 0, np.ones((B, K, L * K), bool))
