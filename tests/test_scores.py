"""Scores of five kinds, the two stages after them, and values of another width than keys."""

import numpy as np
import pytest
from keras import ops

from layer_checks import HE_NORMAL, check_behaviour, floats
from regard.layers import (
    MultiHeadAttention,
    additive_scores,
    attention_weights,
    cosine_scores,
    dot_product_scores,
    general_scores,
    masked_softmax,
    new_cache,
    scaled_dot_product_scores,
    weighted_sum,
)

B, N, T, S, H, V, D, E = 3, 2, 5, 7, 11, 13, 17, 19
FUNCTIONS = {
    "scaled_dot_product": scaled_dot_product_scores,
    "dot_product": dot_product_scores,
    "general": general_scores,
    "additive": additive_scores,
    "cosine": cosine_scores,
}
FORMULAS = {  # of one query and one key, with what one head has learned
    "scaled_dot_product": lambda q, k: q @ k / np.sqrt(len(q)),
    "dot_product": lambda q, k: q @ k,
    "general": lambda q, k, matrix: q @ matrix @ k,
    "additive": lambda q, k, vector: vector @ np.tanh(q + k),
    "cosine": lambda q, k, strength: strength * (q @ k) / np.sqrt((q @ q) * (k @ k)),
}
LEARNED = {"general": (N, H, H), "additive": (N, H), "cosine": (N,)}
PADDING_MASK = np.arange(S) < np.array([[5], [7], [0]])  # (B, S), the last all padding


def heads(*sizes):
    return [floats(*size, seed=seed) for seed, size in enumerate(sizes)]


def learned(score):
    return [floats(*LEARNED[score], seed=5)] if score in LEARNED else []


def reference(score, query, key, weights):
    """Scores one query and one key of one head at a time."""
    scores = np.zeros((*query.shape[:3], key.shape[2]))
    for b, n, t, s in np.ndindex(scores.shape):
        own = [weight[n] for weight in weights]
        scores[b, n, t, s] = FORMULAS[score](query[b, n, t], key[b, n, s], *own)
    return scores


@pytest.mark.parametrize(
    ("score", "weights", "expected"),
    [
        ("scaled_dot_product", [], [11 / np.sqrt(2), 4 / np.sqrt(2)]),
        ("dot_product", [], [1 * 3 + 2 * 4, 2 * 2]),
        # q W = (1, 2) [[1, 0], [1, -1]] = (3, -2)
        ("general", [[[[1.0, 0], [1, -1]]]], [3 * 3 - 2 * 4, -2 * 2]),
        ("additive", [[[2.0, -1]]], [2 * np.tanh(4) - np.tanh(6), 2 * np.tanh(1) - np.tanh(4)]),
        ("cosine", [[10.0]], [10 * 11 / (np.sqrt(5) * 5), 10 * 2 / np.sqrt(5)]),
    ],
)
def test_scores_by_hand(score, weights, expected):
    query = np.array([1.0, 2.0], "float32").reshape(1, 1, 1, 2)
    key = np.array([[3.0, 4.0], [0.0, 2.0]], "float32").reshape(1, 1, 2, 2)
    scores = FUNCTIONS[score](query, key, *map(np.array, weights))
    np.testing.assert_allclose(ops.convert_to_numpy(scores)[0, 0, 0], expected, rtol=1e-6)


@pytest.mark.parametrize("score", FORMULAS)
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_scores_against_numpy(score, dtype):
    query, key = (ops.cast(x, dtype) for x in heads((B, N, T, H), (B, N, S, H)))
    rounded = [ops.convert_to_numpy(ops.cast(x, "float32")) for x in (query, key)]
    expected = reference(score, *rounded, learned(score))
    scores = FUNCTIONS[score](query, key, *learned(score))
    assert scores.dtype == "float32"
    tolerance = 1e-5 if dtype == "float32" else 0.03 * np.abs(expected).max()
    np.testing.assert_allclose(ops.convert_to_numpy(scores), expected, atol=tolerance)


def test_a_cosine_has_a_strength_of_one_and_copes_with_nothing():
    query, key = heads((B, N, T, H), (B, N, S, H))
    cosines = ops.convert_to_numpy(cosine_scores(query, 100 * key))
    np.testing.assert_allclose(cosines, cosine_scores(query, key), atol=1e-6)
    assert np.abs(cosines).max() <= 1 + 1e-6
    np.testing.assert_array_equal(cosine_scores(query, 0 * key), np.zeros_like(cosines))


def test_the_stages_one_after_the_other():
    query, key, value = heads((B, N, T, H), (B, N, S, H), (B, N, S, V))
    mask = PADDING_MASK[:, None, None]
    scores = scaled_dot_product_scores(query, key)
    weights = masked_softmax(scores, mask)
    outputs = ops.convert_to_numpy(weighted_sum(weights, value))
    np.testing.assert_array_equal(weights, attention_weights(query, key, mask))
    exponentials = np.exp(ops.convert_to_numpy(scores)) * (mask | ~mask.any(-1, keepdims=True))
    exponentials[2] = 1  # where nothing is seen, all weigh the same
    expected = exponentials / exponentials.sum(-1, keepdims=True)
    np.testing.assert_allclose(weights, expected, atol=1e-6)
    np.testing.assert_allclose(outputs, np.einsum("bnts,bnsv->bntv", expected, value), atol=1e-5)


def randomized(layer):
    layer.set_weights([0.3 * floats(*w.shape, seed=i) for i, w in enumerate(layer.weights)])
    return layer


@pytest.mark.parametrize("score", FORMULAS)
@pytest.mark.parametrize("is_self", [True, False])
def test_a_layer_against_numpy(score, is_self):
    """With values of another width than keys."""
    layer = MultiHeadAttention(N, H, score=score, value_dim=V)
    query, key = heads((B, S if is_self else T, D), (B, S, E))
    arguments = (query,) if is_self else (query, key)
    layer.build(*(x.shape for x in arguments))
    randomized(layer)
    if is_self:
        fused = ops.convert_to_numpy(layer.query_key_value(query))
        projected = np.split(fused, [N * H, 2 * N * H], axis=-1)
    else:
        projected = [layer.query(query), layer.key(key), layer.value(key)]
    q, k, v = (np.moveaxis(np.reshape(part, (*part.shape[:2], N, -1)), 2, 1) for part in projected)
    weights = [ops.convert_to_numpy(weight) for weight in layer.score_weights]
    scores = np.where(PADDING_MASK[:, None, None], reference(score, q, k, weights), -1e9)
    exponentials = np.exp(scores - scores.max(-1, keepdims=True))
    shares = exponentials / exponentials.sum(-1, keepdims=True)
    merged = np.moveaxis(shares @ v, 1, 2).reshape(*query.shape[:2], N * V)
    expected = layer.attention_output(merged)
    np.testing.assert_allclose(layer(*arguments, padding_mask=PADDING_MASK), expected, atol=1e-5)
    found = layer.attention_weights(*arguments, padding_mask=PADDING_MASK)
    np.testing.assert_allclose(found, shares, atol=1e-6)


def test_cosines_in_several_blocks_keep_the_layer_checks():
    config = {
        **{"num_heads": N, "key_dim": H, "dropout": 0.3, "use_bias": False, "score": "cosine"},
        **{"kernel_initializer": HE_NORMAL, "value_dim": V, "window": 2},
    }
    inputs = {"query": floats(B, 37, D), "padding_mask": np.arange(37) < [[37], [5], [0]]}
    check_behaviour(MultiHeadAttention(**config), inputs)


def test_what_the_default_learns_is_what_it_learned_before():
    """Names and shapes of weights, on which checkpoints are built."""
    layer = MultiHeadAttention(N, H, name="attention")
    layer.build((B, T, D))
    shapes = {weight.path: tuple(weight.shape) for weight in layer.weights}
    assert shapes == {
        "attention/query_key_value/kernel": (D, 3 * N * H),
        "attention/query_key_value/bias": (3 * N * H,),
        "attention/output/kernel": (N * H, D),
        "attention/output/bias": (D,),
    }
    config = layer.get_config()
    for name in ("score", "value_dim", "window"):
        config.pop(name)  # as one saved before they were there
    assert MultiHeadAttention.from_config(config).get_config() == layer.get_config()


def test_cached_steps_with_values_of_another_width():
    layer, x = MultiHeadAttention(N, H, value_dim=V, score="additive"), floats(B, T, D)
    expected = layer(x, causal=True)
    cache = new_cache(x, N, T, 1, H, "float32", value_dim=V)
    sees = np.tril(np.ones((T, T), bool))
    for t in range(T):
        mask = np.broadcast_to(sees[t], (B, 1, T))
        output, cache = layer.step(x[:, t : t + 1], cache, t, mask)
        np.testing.assert_allclose(output[:, 0], expected[:, t], atol=1e-5)


def test_scores_that_are_not_known_are_refused():
    with pytest.raises(ValueError, match=r"`score` must be one of .*general.*score='bilinear'"):
        MultiHeadAttention(N, H, score="bilinear")


@pytest.mark.parametrize("wrong", [{"value_dim": 0}, {"window": 0}, {"window": 1.5}])
def test_sizes_out_of_range(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(ValueError, match=f"`{name}` must be a positive.*Received: {name}={value}"):
        MultiHeadAttention(N, H, **wrong)
