"""Attention to a neighbourhood: it equals attention to all under a mask, at a linear cost."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from layer_checks import floats
from regard.layers import Encoder, MultiHeadAttention, PredictiveAttention, new_cache
from regard.layers.windows import neighbourhood_mask

B, N, H, V, D, E = 3, 2, 5, 7, 11, 13


def attention(*shapes, **kwargs):
    """Self-attention or cross-attention whose every weight is random."""
    layer = MultiHeadAttention(N, H, value_dim=V, **kwargs)
    layer.build(*shapes)
    layer.set_weights([0.3 * floats(*w.shape, seed=i) for i, w in enumerate(layer.weights)])
    return layer


def near(query_length, key_length, window):
    """The mask, from its definition."""
    mask = np.zeros((query_length, key_length), bool)
    for t, s in np.ndindex(mask.shape):
        mask[t, s] = t - window <= s <= t + window
    return mask


def padded(length, *real):
    """A padding mask (B, S): so many are real."""
    return np.arange(length) < np.array(real)[:, None]


def test_by_hand():
    """Equal scores, so that the outputs are the means of the values within reach."""
    layer = MultiHeadAttention(1, 1, window=1, kernel_initializer="zeros")
    layer(np.zeros((1, 5, 1)))
    layer.query_key_value.kernel.assign([[0.0, 0, 1]])
    layer.attention_output.kernel.assign([[1.0]])
    x = np.array([1.0, 4, 16, 64, 256]).reshape(1, 5, 1)
    expected = [5 / 2, 21 / 3, 84 / 3, 336 / 3, 320 / 2]
    np.testing.assert_allclose(np.ravel(layer(x)), expected, rtol=1e-6)
    is_real = np.array([[True, True, True, False, False]])
    expected = [5 / 2, 21 / 3, 20 / 2, 16, 341 / 5]  # the last sees nothing, and takes the mean
    np.testing.assert_allclose(np.ravel(layer(x, padding_mask=is_real)), expected, rtol=1e-6)


def test_the_mask():
    np.testing.assert_array_equal(neighbourhood_mask(7, 11, 2), near(7, 11, 2))


@pytest.mark.parametrize("length", [1, 2, 31, 32, 33, 101])
@pytest.mark.parametrize("window", [1, 2, 17, 53, 200])
def test_it_equals_attention_to_all_under_a_mask(length, window):
    x = floats(B, length, D)
    whole, local = attention(x.shape), attention(x.shape, window=window)
    mask = near(length, length, window)
    is_real = padded(length, length, length // 3, 0)
    for masks in ({}, {"padding_mask": is_real}):
        expected = whole(x, attention_mask=mask, **masks)
        np.testing.assert_allclose(local(x, **masks), expected, atol=1e-5)
        first = local(x, first_only=True, **masks)
        np.testing.assert_allclose(first, expected[:, :1], atol=1e-5)
    expected = whole(x, attention_mask=mask, padding_mask=is_real, causal=True)
    np.testing.assert_allclose(local(x, padding_mask=is_real, causal=True), expected, atol=1e-5)


def test_the_weights_are_those_of_the_mask():
    x, mask = floats(B, 37, D), near(37, 37, 3)
    whole, local = attention(x.shape), attention(x.shape, window=3)
    weights = ops.convert_to_numpy(local.attention_weights(x))
    np.testing.assert_allclose(weights, whole.attention_weights(x, attention_mask=mask), atol=1e-6)
    assert (weights[:, :, ~mask] == 0).all()


@pytest.mark.parametrize("shape", [(37, 37), (B, 37, 37), (B, N, 37, 37)])
def test_other_masks_combine_with_it(shape):
    x, mask = floats(B, 37, D), np.random.default_rng(3).random(shape) > 0.6
    whole, local = attention(x.shape), attention(x.shape, window=3)
    expected = whole(x, attention_mask=mask & near(37, 37, 3), padding_mask=padded(37, 37, 5, 19))
    outputs = local(x, attention_mask=mask, padding_mask=padded(37, 37, 5, 19))
    np.testing.assert_allclose(outputs, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("query_length", "key_length"), [(37, 71), (71, 37), (1, 5), (67, 3), (2, 53)]
)
def test_monotonic_attention_to_another_sequence(query_length, key_length):
    """Luong's local-m: the window lies where the query does."""
    query, key = floats(B, query_length, D), floats(B, key_length, E, seed=1)
    whole, local = (attention(query.shape, key.shape, window=w) for w in (None, 4))
    masks = {"padding_mask": padded(key_length, key_length, 3, 1)}
    expected = whole(query, key, attention_mask=near(query_length, key_length, 4), **masks)
    np.testing.assert_allclose(local(query, key, **masks), expected, atol=1e-5)


def test_gradients_are_those_of_attention_to_all_under_a_mask():
    x, mask = tf.constant(floats(B, 37, D)), near(37, 37, 3)
    gradients = []
    for kwargs, masks in (({}, {"attention_mask": mask}), ({"window": 3}, {})):
        layer = attention(x.shape, **kwargs)
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x, padding_mask=padded(37, 37, 5, 0), **masks) ** 2)
        gradients.append(tape.gradient(loss, [x, *[w.value for w in layer.trainable_weights]]))
    for whole, local in zip(*gradients, strict=True):
        assert np.isfinite(local).all()
        np.testing.assert_allclose(local, whole, atol=1e-4 * np.abs(whole).max())


def test_steps_see_the_window_alone():
    layer, x = attention((B, 11, D), window=3), floats(B, 11, D)
    expected = layer(x, causal=True)
    cache = new_cache(x, N, 11, 1, H, "float32", value_dim=V)
    for t in range(11):
        mask = np.broadcast_to(np.arange(11) <= t, (B, 1, 11))
        output, cache = layer.step(x[:, t : t + 1], cache, t, mask)
        np.testing.assert_allclose(output[:, 0], expected[:, t], atol=1e-5)


def test_what_cannot_be_told_without_positions_is_refused():
    query, key = floats(B, 5, D), floats(B, 7, E)
    layer = attention(query.shape, key.shape, window=3)
    with pytest.raises(
        ValueError, match="Received: window=3, rotary_base=None; call the layer instead"
    ):
        layer.read(query, layer.project_memory(key))
    with pytest.raises(ValueError, match="Received: query_length=7, key_length=5"):
        layer(floats(B, 7, D), floats(B, 5, E), causal=True)


@pytest.mark.parametrize("normalize_first", [True, False])
def test_an_encoder_with_a_window(normalize_first):
    x, kwargs = floats(B, 37, 12), {"normalize_first": normalize_first}
    whole, local = Encoder(2, N, 17, **kwargs), Encoder(2, N, 17, window=3, **kwargs)
    masks = {"padding_mask": padded(37, 37, 5, 0)}
    expected = whole(x, attention_mask=near(37, 37, 3), **masks)
    local.build(x.shape)
    local.set_weights(whole.get_weights())
    np.testing.assert_allclose(local(x, **masks), expected, atol=1e-5)
    np.testing.assert_allclose(local(x, first_only=True, **masks), expected[:, :1], atol=1e-5)


@pytest.mark.parametrize(
    "layer",
    [Encoder(2, N, 17, dropout=0.1, window=64), PredictiveAttention(N, H, window=64)],
    ids=lambda layer: type(layer).__name__,
)
def test_the_cost_grows_with_the_length(layer):
    """Counts the numbers in all tensors of a training step: 16 times, or 256 were it quadratic."""
    layer.build((None, None, 12))

    def step(x, padding_mask):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x, padding_mask=padding_mask, training=True))
        return tape.gradient(loss, [w.value for w in layer.trainable_weights])

    counts, largest = [], []
    for length in (512, 8192):
        shapes = tf.TensorSpec((1, length, 12)), tf.TensorSpec((1, length), "bool")
        graph = tf.function(step).get_concrete_function(*shapes).graph
        tensors = [tensor.shape for op in graph.get_operations() for tensor in op.outputs]
        sizes = [shape.num_elements() for shape in tensors if shape.num_elements() is not None]
        assert len(sizes) >= 0.99 * len(tensors)
        counts.append(sum(sizes))
        largest.append(max(sizes))
    assert counts[1] <= 16.5 * counts[0]
    assert largest[1] <= 16.5 * largest[0]


def test_lengths_that_a_graph_does_not_know():
    layer, query = attention((B, 37, D), window=3), keras.Input((None, D))
    model = keras.Model(query, layer(query, causal=True))
    for length in (1, 37, 71):
        x = floats(B, length, D)
        np.testing.assert_allclose(model.predict_on_batch(x), layer(x, causal=True), atol=1e-5)
