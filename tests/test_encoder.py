import math

import keras
import numpy as np
import pytest
from keras import ops

from layer_checks import HE_NORMAL, check_arguments, check_behaviour, check_config, floats
from regard.layers import Encoder, EncoderBlock

B, T, N, H, F = 3, 5, 2, 8, 11
D = N * H
EPSILON = 0.1  # large enough that a reference without it would differ
PADDING_MASK = np.arange(T) < np.array([[5], [2], [3]])  # (B, T)
DISENTANGLED = {"terms": ["p2c"], "shares_projections": False}
DISTANCES = {"max_distance": 4, "num_buckets": None, "normalize": True}
CONFIG = {
    "num_heads": N,
    "intermediate_dim": F,
    "dropout": 0.3,
    "attention_dropout": 0.2,
    "activation": "relu",
    "layer_norm_epsilon": 1e-6,
    "normalize_first": True,
    "kernel_initializer": HE_NORMAL,
    "stochastic_depth": 0.4,
    "window": 2,
    "use_bias": False,
}
OF_BLOCKS = {
    "qkv_bias": "query_value",
    "gated": True,
    "layer_scale": 0.5,
    "grid": [2, 2],  # of T - 1 patches
    "rotary": {"grid": [2, 2], "theta": 10.0},
}
OF_TOKENS = {"rotary_base": 100.0, "skips_attention_norm": True, "disentangled": DISENTANGLED}


def check_whole(layer_class, config):
    """Checks all arguments at once, of which some exclude one another in a call."""
    check_arguments(layer_class, config)
    check_config(layer_class, config)


def randomize(layer):
    """Gives every weight, biases and norms too, a random value."""
    layer.set_weights([0.3 * floats(*w.shape, seed=i) for i, w in enumerate(layer.weights)])
    return layer


def make_encoder(num_layers=2, **kwargs):
    encoder = Encoder(num_layers, N, F, layer_norm_epsilon=EPSILON, **kwargs)
    encoder.build((B, T, D))
    return randomize(encoder)


def dense(x, layer):
    kernel, bias = (ops.convert_to_numpy(weight) for weight in layer.weights)
    return x @ kernel + bias


def norm(x, layer):
    gamma, beta = (ops.convert_to_numpy(weight) for weight in layer.weights)
    centred = x - x.mean(axis=-1, keepdims=True)
    return gamma * centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + EPSILON) + beta


def attend(x, layer, padding_mask):
    fused = dense(x, layer.query_key_value).reshape(len(x), -1, 3, N, H)
    query, key, value = np.moveaxis(fused, 2, 0)  # (B, T, N, H)
    exponentials = np.exp(np.einsum("btnh,bsnh->bnts", query, key) / np.sqrt(H))
    exponentials = exponentials * padding_mask[:, None, None, :]
    weights = exponentials / exponentials.sum(axis=-1, keepdims=True)
    merged = np.einsum("bnts,bsnh->btnh", weights, value).reshape(x.shape)
    return dense(merged, layer.attention_output)


def feed(x, layer):
    wide = dense(x, layer.intermediate)
    gelu = wide * (1 + np.vectorize(math.erf)(wide / np.sqrt(2))) / 2
    return dense(gelu, layer.output_dense)


def reference(x, block, padding_mask):
    if block.normalize_first:
        x = x + attend(norm(x, block.attention_norm), block.attention, padding_mask)
        return x + feed(norm(x, block.feed_forward_norm), block.feed_forward)
    x = norm(x + attend(x, block.attention, padding_mask), block.attention_norm)
    return norm(x + feed(x, block.feed_forward), block.feed_forward_norm)


@pytest.mark.parametrize(
    ("normalize_first", "expected"), [(True, [7.0, 3.0]), (False, [1.0, -1.0])]
)
def test_block_by_hand(normalize_first, expected):
    """With kernels of zeros only the residual is left: pre-norm keeps it, post-norm normalizes."""
    block = EncoderBlock(1, 1, normalize_first=normalize_first, kernel_initializer="zeros")
    outputs = block(np.array([[[7.0, 3.0], [3.0, 7.0]]]))
    np.testing.assert_allclose(outputs, [[expected, expected[::-1]]], rtol=1e-6)


@pytest.mark.parametrize("normalize_first", [True, False])
def test_block_against_numpy(normalize_first):
    block = EncoderBlock(N, F, layer_norm_epsilon=EPSILON, normalize_first=normalize_first)
    block.build((B, T, D))
    randomize(block)
    x = floats(B, T, D)
    expected = reference(x, block, PADDING_MASK)
    np.testing.assert_allclose(block(x, padding_mask=PADDING_MASK), expected, atol=1e-5)


@pytest.mark.parametrize("normalize_first", [True, False])
def test_encoder_against_numpy(normalize_first):
    encoder, x = make_encoder(3, normalize_first=normalize_first), floats(B, T, D)
    expected = x
    for block in encoder.blocks:
        expected = reference(expected, block, PADDING_MASK)
    if normalize_first:
        expected = norm(expected, encoder.final_norm)
    np.testing.assert_allclose(encoder(x, padding_mask=PADDING_MASK), expected, atol=1e-5)


def test_a_padded_token_never_changes_a_real_one():
    encoder, x = make_encoder(), floats(B, T, D)
    other = np.where(PADDING_MASK[..., None], x, 100.0)
    before, after = (encoder(inputs, padding_mask=PADDING_MASK) for inputs in (x, other))
    np.testing.assert_array_equal(before[PADDING_MASK], after[PADDING_MASK])


def test_more_padding_changes_nothing():
    encoder, x = make_encoder(), floats(B, T, D)
    wider = np.pad(x, ((0, 0), (0, 6), (0, 0)), constant_values=9.0)
    wider_mask = np.pad(PADDING_MASK, ((0, 0), (0, 6)))
    before = encoder(x, padding_mask=PADDING_MASK)[PADDING_MASK]
    after = encoder(wider, padding_mask=wider_mask)[wider_mask]
    np.testing.assert_allclose(after, before, atol=1e-5)


def test_a_future_token_never_changes_an_earlier_one():
    encoder, x = make_encoder(), floats(B, T, D)
    causal = np.tril(np.ones((T, T), bool))
    other = x.copy()
    other[:, 3:] += 1.0
    before, after = (encoder(inputs, attention_mask=causal) for inputs in (x, other))
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert np.abs(before - after)[:, 3:].max() > 1e-3


@pytest.mark.parametrize("normalize_first", [True, False])
def test_the_first_position_alone_is_the_first_of_all(normalize_first):
    encoder, x = make_encoder(normalize_first=normalize_first), floats(B, T, D)
    causal = np.tril(np.ones((T, T), bool))
    for masks in ({}, {"padding_mask": PADDING_MASK}, {"attention_mask": causal}):
        first = encoder(x, **masks, first_only=True)
        assert first.shape == (B, 1, D)
        np.testing.assert_allclose(first, encoder(x, **masks)[:, :1], atol=1e-5)


def test_batch_company_changes_nothing():
    encoder, x = make_encoder(), floats(B, T, D)
    together = encoder(x, padding_mask=PADDING_MASK)
    for b in range(B):
        alone = encoder(x[b : b + 1], padding_mask=PADDING_MASK[b : b + 1])
        np.testing.assert_allclose(alone[0], together[b], atol=1e-5)


def test_blocks_of_one_initializer_do_not_start_equal():
    encoder = Encoder(3, N, F, kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.02))
    encoder.build((B, T, D))
    kernels = [block.feed_forward.intermediate.kernel for block in encoder.blocks]
    for i, j in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(kernels[i] - kernels[j]).max() > 1e-3


def test_block_keeps_the_layer_checks():
    inputs = {
        "inputs": floats(B, T, D),
        "padding_mask": PADDING_MASK,
        "attention_mask": np.random.default_rng(1).random((B, T, T)) > 0.3,
    }
    inputs["distance_vectors"] = floats(B, 2 * T - 1, D, seed=2)
    check_whole(EncoderBlock, {**CONFIG, **OF_BLOCKS, **OF_TOKENS})
    check_behaviour(EncoderBlock(**CONFIG, **OF_TOKENS), inputs)
    del inputs["distance_vectors"]
    check_behaviour(EncoderBlock(**CONFIG, **OF_BLOCKS), inputs, has_length=True)


def test_defaults_keep_the_layer_checks():
    inputs = {"inputs": floats(B, T, D), "padding_mask": PADDING_MASK}
    check_behaviour(Encoder(2, N, F, dropout=0.3), inputs)


def test_scales_multiply_what_the_sub_layers_give():
    block = EncoderBlock(N, F, layer_norm_epsilon=EPSILON, normalize_first=True, layer_scale=0.5)
    plain = EncoderBlock(N, F, layer_norm_epsilon=EPSILON, normalize_first=True)
    x = floats(B, T, D)
    for layer in (block, plain):
        layer(x)
    named = {weight.path.partition("/")[2]: weight for weight in plain.weights}
    for weight in block.weights:
        if weight.path.partition("/")[2] in named:
            named[weight.path.partition("/")[2]].assign(weight)
    halfway = x + 0.5 * np.array(plain.attention(plain.attention_norm(x)))
    expected = halfway + 0.5 * np.array(plain.feed_forward(plain.feed_forward_norm(halfway)))
    np.testing.assert_allclose(block(x), expected, atol=1e-5)


def test_the_last_norm_may_be_left_to_the_caller():
    encoder = make_encoder(normalize_first=True)
    config = {**encoder.get_config(), "normalize_output": False}
    bare = Encoder.from_config(config)
    bare.build((B, T, D))
    bare.set_weights(encoder.get_weights())
    x = floats(B, T, D)
    np.testing.assert_array_equal(bare.final_norm(bare(x)), encoder(x))


def test_encoder_keeps_the_layer_checks():
    inputs = {"inputs": floats(B, T, D), "padding_mask": PADDING_MASK}
    stack = {"num_layers": 2, "num_groups": 1, "group_size": 2}
    of_tokens = {
        "global_every": 2,
        "rotary_base": 100.0,
        "local_rotary_base": 10.0,
        "skips_first_norm": True,
        "disentangled": {**DISENTANGLED, **DISTANCES},
        "convolution": {"kernel_size": 3, "activation": "relu"},
    }
    of_patches = {"block": OF_BLOCKS, "grid": [2, 2]}
    whole = {**of_tokens, **of_patches, "num_buckets": 8, "normalize_output": False}
    check_whole(Encoder, {**stack, **CONFIG, **whole})
    shallow = {**stack, "num_layers": 1, "group_size": 1}  # what is rounded adds up
    check_behaviour(Encoder(**shallow, **CONFIG, **of_tokens, block={"gated": True}), inputs)
    check_behaviour(Encoder(**shallow, **CONFIG, **of_patches), inputs, has_length=True)


def test_one_block_in_so_many_attends_to_all_positions():
    kinds = {"window": 2, "global_every": 3, "rotary_base": 100.0, "local_rotary_base": 10.0}
    encoder = Encoder(5, N, F, normalize_first=True, skips_first_norm=True, **kinds)
    blocks = [(block.window, block.rotary_base) for block in encoder.blocks]
    assert blocks == [(None, 100.0), (2, 10.0), (2, 10.0), (None, 100.0), (2, 10.0)]
    assert [block.skips_attention_norm for block in encoder.blocks] == [True, *[False] * 4]
    again = Encoder.from_config(encoder.get_config())
    assert [(block.window, block.rotary_base) for block in again.blocks] == blocks


def test_a_convolution_joins_the_first_block_and_leaves_padding_at_zero():
    encoder, x = make_encoder(2, convolution={"kernel_size": 3}), floats(B, T, D)
    first, second = encoder.states(x, PADDING_MASK)
    inside = np.array(encoder.blocks[0](x, padding_mask=PADDING_MASK))
    kernel, bias = (np.array(w) for w in encoder.convolution.convolution.weights)
    real = PADDING_MASK[..., None]
    padded = np.pad(x * real, ((0, 0), (1, 1), (0, 0)))
    seen = sum(padded[:, i : i + T] @ kernel[i] for i in range(3)) + bias
    expected = norm(inside + np.tanh(seen * real), encoder.convolution.layer_norm) * real
    np.testing.assert_allclose(first, expected, atol=1e-5)
    np.testing.assert_array_equal(second, encoder(x, padding_mask=PADDING_MASK))
    alone = make_encoder(1, convolution={"kernel_size": 3})
    whole = alone(x, padding_mask=PADDING_MASK)
    cut = alone(x, padding_mask=PADDING_MASK, first_only=True)
    np.testing.assert_allclose(cut, whole[:, :1], atol=1e-5)


def test_the_width_must_split_over_the_heads():
    for layer in (EncoderBlock(3, F), Encoder(2, 3, F)):
        with pytest.raises(ValueError, match="Received: hidden_dim=16, num_heads=3"):
            layer(floats(B, T, D))


@pytest.mark.parametrize(
    "wrong", [{"num_layers": 0}, {"num_heads": 0}, {"intermediate_dim": 1.5}, {"dropout": 1}]
)
def test_arguments_out_of_range(wrong):
    ((name, value),) = wrong.items()
    arguments = {"num_layers": 2, "num_heads": N, "intermediate_dim": F, **wrong}
    with pytest.raises(ValueError, match=f"`{name}` must be .*Received: {name}={value}"):
        Encoder(**arguments)


@pytest.mark.parametrize("normalize_first", [True, False])
def test_weights_of_every_block(normalize_first):
    """They are those with which each block reads what the blocks before it have made."""
    encoder, x = make_encoder(3, normalize_first=normalize_first), floats(B, T, D)
    weights = np.array(encoder.attention_weights(x, padding_mask=PADDING_MASK))
    assert weights.shape == (B, 3, N, T, T)
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-5)
    assert weights[~np.broadcast_to(PADDING_MASK[:, None, None, None], weights.shape)].max() == 0
    for index, block in enumerate(encoder.blocks):
        read = block.attention_norm(x) if normalize_first else x
        expected = block.attention.attention_weights(read, padding_mask=PADDING_MASK)
        np.testing.assert_allclose(weights[:, index], expected, atol=1e-6)
        x = block(x, padding_mask=PADDING_MASK)


def test_patches_and_tokens_are_turned_in_one_way():
    for own in ({"rotary_base": 100.0}, {"disentangled": DISENTANGLED}):
        block = EncoderBlock(N, F, rotary=OF_BLOCKS["rotary"], **own)
        with pytest.raises(ValueError, match=r"With `rotary` neither .* Received: rotary={'grid'"):
            block.build((B, T, D))


@pytest.mark.parametrize("own", [{"num_buckets": 8}, {"grid": (1, T)}], ids=["buckets", "grid"])
def test_distances_count_in_one_way(own):
    encoder = Encoder(2, N, F, disentangled={**DISENTANGLED, **DISTANCES}, **own)
    with pytest.raises(ValueError, match="`distance_vectors` take its place"):
        encoder(floats(B, T, D))
