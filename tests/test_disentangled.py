import math

import numpy as np
import pytest

from layer_checks import check_behaviour, check_layer, floats
from regard.layers import DisentangledAttention, DistanceEmbedding, TokenConvolution
from regard.layers.disentangled import by_key, rows_by_distance

B, T, N, H = 2, 5, 3, 7
D = N * H
PADDING_MASK = np.arange(T) < np.array([[5], [3]])  # (B, T)


def row(distance, max_distance, num_buckets):
    """The row of a distance, one at a time."""
    half, size = num_buckets // 2, abs(distance)
    if size > half:
        share = math.log(size / half) / math.log((max_distance - 1) / half)
        size = half + math.ceil(share * (half - 1) - 1e-5)
    return min(max(num_buckets + math.copysign(size, distance), 0), 2 * num_buckets - 1)


@pytest.mark.parametrize(("max_distance", "num_buckets"), [(512, 256), (11, 4), (40, 12)])
def test_rows_against_the_paper(max_distance, num_buckets):
    distances = range(-max_distance, max_distance + 1)
    expected = [row(distance, max_distance, num_buckets) for distance in distances]
    np.testing.assert_array_equal(rows_by_distance(max_distance, num_buckets), expected)


def test_rows_without_buckets():
    np.testing.assert_array_equal(rows_by_distance(3), [0, 1, 2, 3, 4, 5, 5])


def test_scores_by_distance_are_shifted_into_place():
    scores = np.arange(15.0).reshape(1, 1, 3, 5)  # of the keys 2 before to 2 after each query
    np.testing.assert_array_equal(by_key(scores)[0, 0], [[2, 3, 4], [6, 7, 8], [10, 11, 12]])


def test_far_distances_are_alike():
    layer = DistanceEmbedding(max_distance=3)
    layer.build((1, None, D))
    layer.set_weights([floats(6, D)])
    vectors = np.array(layer(np.zeros((1, 6, D))))[0]  # of 5, 4, ..., -5
    table = np.array(layer.embeddings)
    rows = [5, 5, 5, 5, 4, 3, 2, 1, 0, 0, 0]
    np.testing.assert_array_equal(vectors, table[rows])


def weights_by_definition(layer, x, vectors, mask):
    """Each query and key by themselves: the vector of a distance is at T - 1 - (t - s)."""
    queries, keys, _ = (np.array(part) for part in layer.project(x, None, None))
    if layer.shares_projections:
        wide = np.array(layer.query_key_value(vectors))[0].reshape(-1, 3, N, H)
        queries_of, keys_of = wide[:, 0], wide[:, 1]  # (R, N, H)
    else:
        own = layer.position_projections
        parts = [own.get(term) for term in ("p2c", "c2p")]
        queries_of, keys_of = (
            None if part is None else np.array(part(vectors))[0].reshape(-1, N, H) for part in parts
        )
    scores = np.zeros((B, N, T, T))
    for b, n, t, s in np.ndindex(scores.shape):
        place = T - 1 - (t - s)
        scores[b, n, t, s] = queries[b, n, t] @ keys[b, n, s]
        if "c2p" in layer.terms:
            scores[b, n, t, s] += queries[b, n, t] @ keys_of[place, n]
        if "p2c" in layer.terms:
            scores[b, n, t, s] += queries_of[place, n] @ keys[b, n, s]
    exponentials = np.exp(scores / math.sqrt(H * (1 + len(layer.terms)))) * mask[:, None, None]
    return exponentials / exponentials.sum(-1, keepdims=True)


@pytest.mark.parametrize("terms", [["c2p", "p2c"], ["c2p"], ["p2c"], []], ids="+".join)
@pytest.mark.parametrize("shares", [True, False], ids=["shared", "own"])
def test_against_the_definition(terms, shares):
    layer = DisentangledAttention(N, H, terms, shares)
    layer.build((B, T, D))
    layer.set_weights([0.3 * floats(*w.shape, seed=i) for i, w in enumerate(layer.weights)])
    x, vectors = floats(B, T, D), floats(1, 2 * T - 1, D, seed=1)
    expected = weights_by_definition(layer, x, vectors, PADDING_MASK)
    weights = layer.attention_weights(x, vectors, PADDING_MASK)
    np.testing.assert_allclose(weights, expected, atol=1e-5)
    values = np.array(layer.project(x, None, None)[2])
    merged = np.moveaxis(expected @ values, 1, 2).reshape(B, T, D)
    outputs = layer(x, vectors, padding_mask=PADDING_MASK)
    np.testing.assert_allclose(outputs, layer.attention_output(merged), atol=1e-4)
    first = layer(x, vectors, padding_mask=PADDING_MASK, first_only=True)
    np.testing.assert_allclose(first, outputs[:, :1], atol=1e-5)


def test_attention_keeps_the_layer_checks():
    config = {
        "num_heads": N,
        "key_dim": H,
        "terms": ["p2c"],
        "shares_projections": False,
        "distance_dropout": 0.3,
    }
    vectors = floats(B, 2 * T - 1, D, seed=1)
    inputs = {"query": floats(B, T, D), "distance_vectors": vectors, "padding_mask": PADDING_MASK}
    check_layer(DisentangledAttention, config, inputs)
    check_behaviour(DisentangledAttention(N, H, dropout=0.3), inputs)


def test_distances_keep_the_layer_checks():
    config = {"max_distance": 9, "num_buckets": 4, "normalize": True, "layer_norm_epsilon": 1e-6}
    check_layer(DistanceEmbedding, config, {"inputs": floats(B, T, D)})


def test_convolution_keeps_the_layer_checks():
    config = {
        "kernel_size": 3,
        "activation": "relu",
        "dropout": 0.3,
        "layer_norm_epsilon": 1e-6,
    }
    inputs = {"inputs": floats(B, T, D), "outputs": floats(B, T, D, seed=1)}
    check_layer(TokenConvolution, config, {**inputs, "padding_mask": PADDING_MASK})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DistanceEmbedding(0), "max_distance=0"),
        (lambda: DistanceEmbedding(9, 5), "num_buckets=5, max_distance=9"),
        (lambda: DistanceEmbedding(5, 8), "num_buckets=8, max_distance=5"),
        (lambda: DisentangledAttention(N, H, ["p2p"]), "terms=.'p2p'."),
        (lambda: TokenConvolution(4), "kernel_size=4"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(ValueError, match=f"Received: {message}"):
        make()
