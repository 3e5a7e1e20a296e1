import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from layer_checks import HE_NORMAL, check_behaviour, check_layer, floats
from regard.layers import MultiHeadAttention, attention_weights

B, T, S, N, H = 3, 5, 7, 2, 11
D, KEY_WIDTH, VALUE_WIDTH = 13, 17, 19
CONFIG = {
    "num_heads": N,
    "key_dim": 10,  # even, for rotary positions
    "dropout": 0.3,
    "use_bias": False,
    "kernel_initializer": HE_NORMAL,
    "score": "additive",
    "value_dim": 5,
    "window": 2,
    "qkv_bias": True,
    "rotary_base": 100.0,
}
PADDING_MASK = np.arange(T) < np.array([[5], [2], [3]])  # (B, T)


def randomize(layer):
    """Gives every weight, biases too, a random value."""
    layer.set_weights([0.3 * floats(*w.shape, seed=i) for i, w in enumerate(layer.weights)])
    return layer


def self_attention(**kwargs):
    layer = MultiHeadAttention(N, H, **kwargs)
    layer.build((B, T, D))
    return randomize(layer)


def cross_attention():
    layer = MultiHeadAttention(N, H)
    layer.build((B, T, D), (B, S, KEY_WIDTH), (B, S, VALUE_WIDTH))
    return randomize(layer)


def project(x, dense, part=0):
    kernel, bias = (ops.convert_to_numpy(weight) for weight in dense.weights)
    columns = slice(part * N * H, (part + 1) * N * H)
    return x @ kernel[:, columns] + bias[columns]


def reference(query, key, value, mask):
    """Projected query, key and value, one head and one query at a time."""
    merged = np.zeros((*query.shape[:2], N * H))
    weights = np.zeros((len(query), N, query.shape[1], key.shape[1]))
    for b, n, t in np.ndindex(len(query), N, query.shape[1]):
        head = slice(n * H, (n + 1) * H)
        scores = key[b, :, head] @ query[b, t, head] / np.sqrt(H)
        exponentials = np.where(mask[b, t], np.exp(scores), 0.0)
        weights[b, n, t] = exponentials / exponentials.sum()
        merged[b, t, head] = weights[b, n, t] @ value[b, :, head]
    return merged, weights


def test_weights_by_hand():
    query = np.array([2.0, 0.0, 0.0, 0.0]).reshape(1, 1, 1, 4)
    key = np.array([[0.0, 5, 5, 5], [np.log(3), 5, 5, 5]]).reshape(1, 1, 2, 4)
    # Scores are 0 and 2·log(3) / √4, so the weights stand as 1 to 3.
    np.testing.assert_allclose(attention_weights(query, key), [[[[0.25, 0.75]]]], rtol=1e-6)
    mask = np.array([[True, False]])
    np.testing.assert_array_equal(attention_weights(query, key, mask), [[[[1.0, 0.0]]]])


def test_self_attention_against_numpy():
    layer, x = self_attention(), floats(B, T, D)
    mask = np.broadcast_to(PADDING_MASK[:, None, :], (B, T, T))
    projected = [project(x, layer.query_key_value, part) for part in range(3)]
    merged, weights = reference(*projected, mask)
    expected = project(merged, layer.attention_output)[..., :D]
    np.testing.assert_allclose(layer(x, padding_mask=PADDING_MASK), expected, atol=1e-5)
    np.testing.assert_allclose(
        layer.attention_weights(x, padding_mask=PADDING_MASK), weights, atol=1e-6
    )


def test_cross_attention_against_numpy_with_other_widths_and_lengths():
    layer = cross_attention()
    query, key = floats(B, T, D), floats(B, S, KEY_WIDTH, seed=1)
    value = floats(B, S, VALUE_WIDTH, seed=2)
    mask = np.random.default_rng(3).random((B, T, S)) > 0.3
    projections = (
        project(query, layer.query),
        project(key, layer.key),
        project(value, layer.value),
    )
    merged, weights = reference(*projections, mask)
    expected = project(merged, layer.attention_output)[..., :D]
    np.testing.assert_allclose(layer(query, key, value, attention_mask=mask), expected, atol=1e-5)
    np.testing.assert_allclose(
        layer.attention_weights(query, key, attention_mask=mask), weights, atol=1e-6
    )


def test_the_value_is_the_key_unless_given():
    layer = MultiHeadAttention(N, H)
    query, key = floats(B, T, D), floats(B, S, KEY_WIDTH, seed=1)
    np.testing.assert_array_equal(layer(query, key), layer(query, key, key))


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_weights_are_float32_and_sum_to_one(precision):
    layer, x = MultiHeadAttention(N, H, dtype=precision), 10 * floats(B, T, D)
    layer(x)
    weights = layer.attention_weights(x, padding_mask=PADDING_MASK, causal=True)
    assert weights.dtype == "float32"
    assert weights.shape == (B, N, T, T)
    np.testing.assert_allclose(ops.sum(weights, axis=-1), 1.0, atol=1e-6)


def test_call_uses_the_attention_weights():
    layer, x = self_attention(dropout=0.5), floats(B, T, D)
    weights = layer.attention_weights(x, padding_mask=PADDING_MASK, causal=True)
    values = project(x, layer.query_key_value, part=2).reshape(B, T, N, H)
    merged = np.einsum("bnts,bsnh->btnh", weights, values).reshape(B, T, N * H)
    expected = project(merged, layer.attention_output)[..., :D]
    outputs = layer(x, padding_mask=PADDING_MASK, causal=True)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)


def test_a_padded_token_never_changes_a_real_one():
    layer, x = self_attention(), floats(B, T, D)
    other = np.where(PADDING_MASK[..., None], x, 100.0)
    before, after = (layer(inputs, padding_mask=PADDING_MASK) for inputs in (x, other))
    np.testing.assert_array_equal(before[PADDING_MASK], after[PADDING_MASK])
    assert not np.allclose(layer(x), layer(other))  # without the mask it would


def test_a_future_token_never_changes_an_earlier_one():
    layer, x = self_attention(), floats(B, T, D)
    other = x.copy()
    other[:, 3] += 1.0
    before, after = layer(x, causal=True), layer(other, causal=True)
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert (np.abs(before - after).max(axis=(0, 2))[3:] > 1e-3).all()


def test_kinds_of_mask_combine():
    layer, x = self_attention(), floats(B, T, D)
    arbitrary = np.random.default_rng(1).random((B, N, T, T)) > 0.3
    causal = np.tril(np.ones((T, T), bool))
    combined = PADDING_MASK[:, None, None, :] & arbitrary & causal
    np.testing.assert_array_equal(
        layer(x, padding_mask=PADDING_MASK, attention_mask=arbitrary, causal=True),
        layer(x, attention_mask=combined),
    )


def test_a_row_with_nothing_to_attend_to_is_finite_forward_and_backward():
    layer, x = self_attention(), tf.constant(floats(B, T, D))
    nothing = np.zeros((B, T), bool)
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = layer(x, padding_mask=nothing)
        loss = tf.reduce_sum(outputs**2)
    gradients = tape.gradient(loss, [x, *[w.value for w in layer.trainable_weights]])
    for tensor in (outputs, *gradients):
        assert np.isfinite(tensor).all()
    np.testing.assert_allclose(layer.attention_weights(x, padding_mask=nothing), 1 / T, rtol=1e-6)


def test_causal_compiles_with_unknown_lengths():
    layer, x = self_attention(), floats(B, T, D)
    query = keras.Input((None, D))
    model = keras.Model(query, layer(query, causal=True))
    model.compile(jit_compile=True)
    np.testing.assert_allclose(model.predict_on_batch(x), layer(x, causal=True), atol=1e-5)


def test_causal_attention_to_fewer_keys_than_queries_is_refused():
    layer, query, key = cross_attention(), floats(B, S, D), floats(B, T, KEY_WIDTH, seed=1)
    value = floats(B, T, VALUE_WIDTH, seed=2)
    with pytest.raises(ValueError, match="Received: query_length=7, key_length=5"):
        layer(query, key, value, causal=True)
    symbolic = (keras.Input(x.shape[1:]) for x in (query, key, value))
    with pytest.raises(ValueError, match="query_length=7, key_length=5"):
        layer(*symbolic, causal=True)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_scores_beyond_the_range_of_float16(dtype):
    query, key = 300 * floats(B, N, T, 64), 300 * floats(B, N, S, 64, seed=1)
    rounded = [ops.cast(ops.cast(x, dtype), "float32") for x in (query, key)]
    scores = np.einsum("bnth,bnsh->bnts", *map(ops.convert_to_numpy, rounded)) / 8
    assert np.abs(scores).max() > 65504  # the largest of float16
    weights = ops.convert_to_numpy(attention_weights(ops.cast(query, dtype), ops.cast(key, dtype)))
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-6)
    margin = np.diff(np.sort(scores, axis=-1)[..., -2:])[..., 0]
    is_clear = margin > 0.02 * np.abs(scores).max(axis=-1)
    assert is_clear.mean() > 0.5
    assert (weights.argmax(axis=-1) == scores.argmax(axis=-1))[is_clear].all()


@pytest.mark.parametrize("first_only", [True, False])
def test_shape_without_a_call(first_only):
    for layer in (MultiHeadAttention(N, H), cross_attention()):
        assert layer.compute_output_shape((B, T, D), (B, S, KEY_WIDTH)) == (B, T, D)
    query = keras.Input((T, D))
    outputs = MultiHeadAttention(N, H)(query, first_only=first_only)
    assert outputs.shape == (None, 1 if first_only else T, D)


def test_a_bias_of_the_keys_would_change_nothing():
    """So BEiT leaves it out; here a layer with all three answers like one that lacks it."""
    layer, bare = MultiHeadAttention(N, H), MultiHeadAttention(N, H, qkv_bias="query_value")
    query = floats(B, T, D)
    for each in (layer, bare):
        each(query)
    randomize(layer)
    kernel, bias = layer.query_key_value.get_weights()
    parts = np.split(bias, 3)
    bare.query_key_value.set_weights([kernel, parts[0], parts[2]])
    bare.attention_output.set_weights(layer.attention_output.get_weights())
    assert np.abs(parts[1]).max() > 0.1
    np.testing.assert_allclose(bare(query), layer(query), atol=1e-5)


def test_refuses_other_biases():
    with pytest.raises(ValueError, match="Received: qkv_bias='key'"):
        MultiHeadAttention(N, H, qkv_bias="key")
    layer = MultiHeadAttention(N, H, value_dim=H + 1, qkv_bias="query_value")
    with pytest.raises(ValueError, match=f"Received: key_dim={H}, value_dim={H + 1}"):
        layer(floats(B, T, D))


def test_siblings_of_one_initializer_do_not_start_equal():
    initializer = keras.initializers.GlorotUniform()
    layers = [MultiHeadAttention(N, H, kernel_initializer=initializer) for _ in range(2)]
    for layer in layers:
        layer.build((B, T, D), (B, S, D))
    first, second = ([layer.query.kernel, layer.key.kernel] for layer in layers)
    assert np.abs(first[0] - second[0]).max() > 1e-3
    assert np.abs(first[0] - first[1]).max() > 1e-3


def test_self_attention_keeps_the_layer_checks():
    check_layer(
        MultiHeadAttention, CONFIG, {"query": floats(B, T, D), "padding_mask": PADDING_MASK}
    )


def test_defaults_keep_the_layer_checks():
    inputs = {"query": floats(B, T, D), "padding_mask": PADDING_MASK}
    check_behaviour(MultiHeadAttention(N, H, dropout=0.3), inputs)


def test_cross_attention_keeps_the_layer_checks():
    inputs = {
        "query": floats(B, T, D),
        "key": floats(B, S, KEY_WIDTH, seed=1),
        "value": floats(B, S, VALUE_WIDTH, seed=2),
        "attention_mask": np.random.default_rng(3).random((B, T, S)) > 0.3,
    }
    check_layer(MultiHeadAttention, {**CONFIG, "score": "general"}, inputs)


def test_a_self_attention_layer_refuses_a_key():
    with pytest.raises(ValueError, match=r"built for self-attention.*called without a key"):
        self_attention()(floats(B, T, D), floats(B, S, D))


def test_a_cross_attention_layer_refuses_to_go_without_a_key():
    with pytest.raises(ValueError, match=r"built for cross-attention.*called with a key"):
        cross_attention()(floats(B, T, D))


def test_a_value_needs_a_key():
    with pytest.raises(ValueError, match=r"called with a key.*Received: key=None"):
        self_attention()(floats(B, T, D), value=floats(B, T, D))


def test_weights_of_a_layer_never_called_are_refused():
    with pytest.raises(ValueError, match="`fresh` has no weights yet"):
        MultiHeadAttention(N, H, name="fresh").attention_weights(floats(B, T, D))


@pytest.mark.parametrize(
    "wrong",
    [{"num_heads": 0}, {"num_heads": 2.0}, {"key_dim": -1}, {"dropout": 1.0}, {"dropout": -0.1}],
)
def test_arguments_out_of_range(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(ValueError, match=f"`{name}` must be .*Received: {name}={value}"):
        MultiHeadAttention(**{"num_heads": N, "key_dim": H, **wrong})
