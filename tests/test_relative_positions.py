import math

import numpy as np
import pytest

from layer_checks import check_layer, floats
from regard.layers import Encoder, MultiHeadAttention, RelativePositionBias
from regard.layers.relative_positions import buckets_by_distance

B, T, N, D = 2, 5, 3, 12


def bucket(distance, num_buckets=32, max_distance=128):
    """T5's buckets, one distance at a time."""
    half, size = num_buckets // 2, abs(distance)
    exact = half // 2
    if size >= exact:
        growth = math.log(size / exact) / math.log(max_distance / exact)
        size = min(half - 1, exact + int(growth * (half - exact) + 1e-6))
    return size + (half if distance > 0 else 0)


@pytest.mark.parametrize("num_buckets", [8, 32])
def test_buckets_against_the_paper(num_buckets):
    expected = [bucket(distance, num_buckets) for distance in range(-128, 129)]
    np.testing.assert_array_equal(buckets_by_distance(num_buckets), expected)


def test_by_hand():
    layer = RelativePositionBias(4, 1)
    layer.build((1, 3, D))
    layer.set_weights([np.array([[10.0], [11], [12], [13]])])
    # Of the same place, then further and further to the right, as far as there are buckets.
    np.testing.assert_array_equal(layer(np.zeros((1, 3, D)))[0, 0], [10, 13, 13])
    np.testing.assert_array_equal(layer(np.zeros((1, 3, D)))[0, :, 0], [10, 11, 11])


def test_a_bias_is_added_to_the_scores():
    layer, x = MultiHeadAttention(N, D // N), floats(B, T, D)
    layer.build((B, T, D))
    bias = floats(N, T, T, seed=1)
    queries, keys, _ = layer.project(x, None, None)
    scores = np.array(layer.scores(queries, keys)) + bias
    weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    np.testing.assert_allclose(layer.attention_weights(x, attention_bias=bias), weights, atol=1e-6)
    first = layer(x, attention_bias=bias, first_only=True)
    np.testing.assert_allclose(first, layer(x, attention_bias=bias)[:, :1], atol=1e-6)


def test_an_encoder_with_a_bias_answers_the_first_position_alone():
    encoder, x = Encoder(2, N, 7, num_buckets=8), floats(B, T, D)
    encoder.build((B, T, D))
    encoder.set_weights([floats(*w.shape, seed=i) for i, w in enumerate(encoder.weights)])
    np.testing.assert_allclose(encoder(x, first_only=True), encoder(x)[:, :1], atol=1e-5)


def test_keeps_the_layer_checks():
    check_layer(
        RelativePositionBias, {"num_buckets": 8, "num_heads": N}, {"inputs": floats(B, T, D)}
    )


def test_the_buckets_must_fall_into_four():
    with pytest.raises(ValueError, match=r"multiple of 4\. Received: num_buckets=6"):
        RelativePositionBias(6, N)
