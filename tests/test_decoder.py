import numpy as np
import pytest
from keras import ops

from layer_checks import check_layer, floats
from regard.layers import Decoder, DecoderBlock, new_cache
from regard.layers.normalization import LayerNorm

B, T, S, N, H, F = 3, 5, 7, 2, 11, 13
D, E = N * H, 17
EPSILON = 1e-5  # as in Marian
PADDING_MASK = np.arange(T) < np.array([[5], [2], [3]])  # (B, T)
MEMORY_MASK = np.arange(S) < np.array([[4], [7], [1]])  # (B, S)
CONFIG = {
    "num_heads": N,
    "intermediate_dim": F,
    "dropout": 0.3,
    "attention_dropout": 0.2,
    "activation": "gelu",
    "normalize_first": True,
}


def randomize(layer):
    """Gives every weight, biases and norms too, a random value."""
    layer.set_weights([0.3 * floats(*w.shape, seed=i) for i, w in enumerate(layer.weights)])
    return layer


def make_decoder(num_layers=2, **kwargs):
    decoder = Decoder(num_layers, N, F, **kwargs)
    decoder.build((B, T, D), (B, S, E))
    return randomize(decoder)


def dense(x, layer):
    kernel, bias = (ops.convert_to_numpy(weight) for weight in layer.weights)
    return x @ kernel + bias


def norm(x, layer):
    gamma, beta = (ops.convert_to_numpy(weight) for weight in layer.weights)
    centred = x - x.mean(axis=-1, keepdims=True)
    return gamma * centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + EPSILON) + beta


def attend(query, key, value, mask, layer):
    """Projected query, key and value, in a head at a time; the mask is (B, T, S)."""
    merged = np.zeros((*query.shape[:2], D))
    for b, n in np.ndindex(len(query), N):
        head = slice(n * H, (n + 1) * H)
        exponentials = np.exp(query[b, :, head] @ key[b, :, head].T / np.sqrt(H)) * mask[b]
        weights = exponentials / exponentials.sum(axis=-1, keepdims=True)
        merged[b, :, head] = weights @ value[b, :, head]
    return dense(merged, layer.attention_output)


def reference(x, memory, block, memory_mask):
    causal = np.tril(np.ones((B, T, T)))
    readable = np.broadcast_to(memory_mask[:, None], (B, T, S))
    cross = block.cross_attention
    keys, values = dense(memory, cross.key), dense(memory, cross.value)
    sublayers = (
        (
            block.attention_norm,
            lambda x: attend(
                *np.split(dense(x, block.attention.query_key_value), 3, -1), causal, block.attention
            ),
        ),
        (
            block.cross_attention_norm,
            lambda x: attend(dense(x, cross.query), keys, values, readable, cross),
        ),
        (
            block.feed_forward_norm,
            lambda x: dense(
                np.maximum(dense(x, block.feed_forward.intermediate), 0),
                block.feed_forward.output_dense,
            ),
        ),
    )
    for layer, change in sublayers:
        change_of = change(norm(x, layer) if block.normalize_first else x)
        x = x + change_of if block.normalize_first else norm(x + change_of, layer)
    return x


@pytest.mark.parametrize(
    ("normalize_first", "expected"), [(True, [7.0, 3.0]), (False, [1.0, -1.0])]
)
def test_block_by_hand(normalize_first, expected):
    """With kernels of zeros only the residual is left: pre-norm keeps it, post-norm normalizes."""
    block = DecoderBlock(1, 1, normalize_first=normalize_first)
    block.build((1, 2, 2), (1, 3, 4))
    for weight in block.weights:
        weight.assign(weight if weight.name == "gamma" else ops.zeros_like(weight))
    outputs = block(np.array([[[7.0, 3.0], [3.0, 7.0]]]), np.ones((1, 3, 4)))
    np.testing.assert_allclose(outputs, [[expected, expected[::-1]]], rtol=1e-5)


@pytest.mark.parametrize("normalize_first", [True, False])
def test_every_normalization_has_the_epsilon(normalize_first):
    decoder = make_decoder(normalize_first=normalize_first)
    layers = decoder._flatten_layers()
    epsilons = [layer.epsilon for layer in layers if isinstance(layer, LayerNorm)]
    assert epsilons == [EPSILON] * (7 if normalize_first else 6)


@pytest.mark.parametrize("normalize_first", [True, False])
def test_against_numpy(normalize_first):
    decoder = make_decoder(normalize_first=normalize_first)
    x, memory = floats(B, T, D), floats(B, S, E, seed=1)
    expected = x
    for block in decoder.blocks:
        expected = reference(expected, memory, block, MEMORY_MASK)
    if normalize_first:
        expected = norm(expected, decoder.final_norm)
    outputs = decoder(x, memory, memory_padding_mask=MEMORY_MASK)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)


def test_a_future_token_never_changes_an_earlier_one():
    decoder, x, memory = make_decoder(), floats(B, T, D), floats(B, S, E, seed=1)
    other = x.copy()
    other[:, 3:] += 1.0
    before, after = (decoder(inputs, memory) for inputs in (x, other))
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert np.abs(before - after)[:, 3:].max() > 1e-3


def test_padding_of_either_sequence_changes_nothing():
    decoder, x, memory = make_decoder(), floats(B, T, D), floats(B, S, E, seed=1)
    masks = {"padding_mask": PADDING_MASK, "memory_padding_mask": MEMORY_MASK}
    other = np.where(PADDING_MASK[..., None], x, 100.0)
    other_memory = np.where(MEMORY_MASK[..., None], memory, 100.0)
    before, after = decoder(x, memory, **masks), decoder(other, other_memory, **masks)
    np.testing.assert_array_equal(before[PADDING_MASK], after[PADDING_MASK])


@pytest.mark.parametrize("normalize_first", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_steps_give_what_a_call_does(normalize_first, dtype):
    """K sequences, token by token, of which each is the second's heir for the first two tokens."""
    num_sequences, length, heir_of = 3, T + 2, 1
    decoder = make_decoder(normalize_first=normalize_first, dtype=dtype)
    memory = floats(B, S, E, seed=1)
    sequences = floats(B, num_sequences, T, D)
    inherited = sequences.copy()
    inherited[:, :, :2] = sequences[:, heir_of, None, :2]
    expected = np.stack(
        [
            decoder(inherited[:, k], memory, memory_padding_mask=MEMORY_MASK)
            for k in range(num_sequences)
        ],
        axis=1,
    )
    caches = [
        new_cache(np.ones(B), N, length, num_sequences, H, decoder.compute_dtype)
        for _ in decoder.blocks
    ]
    projected = decoder.project_memory(memory)
    for position in range(T):
        entry_of = np.tile(np.arange(num_sequences)[:, None], (1, length))  # (K, L)
        if position >= 2:
            entry_of[:, :2] = heir_of
        sees = (entry_of[..., None] == np.arange(num_sequences)) & (
            np.arange(length)[:, None] <= position
        )  # (K, L, K)
        mask = np.broadcast_to(
            sees.reshape(num_sequences, -1), (B, num_sequences, length * num_sequences)
        )
        outputs, caches = decoder.step(
            sequences[:, :, position], caches, position, mask, projected, MEMORY_MASK
        )
        if position >= 2:
            tolerance = 1e-5 if dtype == "float32" else 0.05
            np.testing.assert_allclose(
                ops.cast(outputs, "float32"),
                expected[:, :, position].astype("float32"),
                atol=tolerance,
            )


def test_weights_of_the_cross_attention():
    decoder, x, memory = make_decoder(), floats(B, T, D), floats(B, S, E, seed=1)
    weights = ops.convert_to_numpy(decoder.attention_weights(x, memory, MEMORY_MASK))
    assert weights.shape == (B, 2, N, T, S)
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-5)
    assert weights[~np.broadcast_to(MEMORY_MASK[:, None, None, None], weights.shape)].max() == 0
    # A memory whose every token is alike is read the same whatever the weights are.
    second = decoder.blocks[1].cross_attention
    first_output = decoder.blocks[0](x, memory, memory_padding_mask=MEMORY_MASK)
    block = decoder.blocks[1]
    attended = block.attention_norm(first_output + block.attention(first_output, causal=True))
    np.testing.assert_allclose(
        weights[:, 1], second.attention_weights(attended, memory, MEMORY_MASK), atol=1e-6
    )


def test_weights_of_the_self_attention():
    decoder, x, memory = make_decoder(), floats(B, T, D), floats(B, S, E, seed=1)
    weights = ops.convert_to_numpy(decoder.self_attention_weights(x, memory, MEMORY_MASK))
    assert weights.shape == (B, 2, N, T, T)
    for index, block in enumerate(decoder.blocks):
        expected = block.attention.attention_weights(x, causal=True)
        np.testing.assert_allclose(weights[:, index], expected, atol=1e-6)
        x = block(x, memory, memory_padding_mask=MEMORY_MASK)


def test_block_keeps_the_layer_checks():
    inputs = {
        "inputs": floats(B, T, D),
        "memory": floats(B, S, E, seed=1),
        "padding_mask": PADDING_MASK,
        "memory_padding_mask": MEMORY_MASK,
    }
    check_layer(DecoderBlock, CONFIG, inputs)


def test_decoder_keeps_the_layer_checks():
    inputs = {
        "inputs": floats(B, T, D),
        "memory": floats(B, S, E, seed=1),
        "memory_padding_mask": MEMORY_MASK,
    }
    check_layer(Decoder, {"num_layers": 2, **CONFIG}, inputs)


def test_the_width_must_split_over_the_heads():
    for layer in (DecoderBlock(3, F), Decoder(2, 3, F)):
        with pytest.raises(ValueError, match="Received: hidden_dim=22, num_heads=3"):
            layer(floats(B, T, D), floats(B, S, E))


@pytest.mark.parametrize(
    "wrong",
    [{"num_layers": 0}, {"num_heads": 0}, {"intermediate_dim": 1.5}, {"attention_dropout": 1}],
)
def test_arguments_out_of_range(wrong):
    ((name, value),) = wrong.items()
    arguments = {"num_layers": 2, "num_heads": N, "intermediate_dim": F, **wrong}
    with pytest.raises(ValueError, match=f"`{name}` must be .*Received: {name}={value}"):
        Decoder(**arguments)
