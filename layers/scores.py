"""Computes attention in three stages that can be read one after the other.

    scores = scaled_dot_product_scores(query, key)  # (B, N, T, S): how well a key fits a query
    weights = masked_softmax(scores, mask)  # (B, N, T, S): those of a query sum to 1
    outputs = weighted_sum(weights, value)  # (B, N, T, V): the mean of the values, so weighted

The scores of the first stage differ from paper to paper, and `SCORES` has them by name. The other
two are the same in all. Scores and weights are float32 whatever the precision of the inputs.
"""

import keras
from keras import ops

from .masks import MASKED_SCORE


def scaled_dot_product_scores(query, key):
    """Scores by the dot product over the root of its width: q·k / √H.

    The products of bfloat16 are rounded to bfloat16, which reaches as far as float32. Those of
    float16 are computed in float32: they may be larger than float16 can hold.

    Args:
        query: (B, N, T, H).
        key: (B, N, S, H).

    Returns:
        A float32 tensor of shape (B, N, T, S).

    References:
        Vaswani et al., "Attention Is All You Need", section 3.2.1, https://arxiv.org/abs/1706.03762
    """
    query, key = _wide(query), _wide(key)
    return dot_product_scores(query * ops.cast(query.shape[-1] ** -0.5, query.dtype), key)


def dot_product_scores(query, key):
    """Scores by the dot product: q·k. Arguments and result as for `scaled_dot_product_scores`.

    References:
        Luong et al., "Effective Approaches to Attention-based Neural Machine Translation", section
        3.1, "dot", https://arxiv.org/abs/1508.04025
    """
    query, key = _wide(query), _wide(key)
    scores = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2)))  # (B, N, T, S)
    return ops.cast(scores, "float32")


def general_scores(query, key, matrix):
    """Scores by the dot product with a matrix W in between: q W kᵀ.

    Args:
        query: (B, N, T, H).
        key: (B, N, S, H).
        matrix: (N, H, H): W of each head, learned.

    Returns:
        A float32 tensor of shape (B, N, T, S).

    References:
        Luong et al., section 3.1, "general", https://arxiv.org/abs/1508.04025
    """
    query = _wide(query)
    return dot_product_scores(ops.matmul(query, ops.cast(matrix, query.dtype)), key)


def additive_scores(query, key, vector):
    """Scores by a small network: v·tanh(q + k).

    In the paper the network is v·tanh(W q + U k). W and U are the projections of the query and the
    key, which a layer of attention has anyway. It needs memory for B·N·T·S·H numbers.

    Args:
        query: (B, N, T, H).
        key: (B, N, S, H).
        vector: (N, H): v of each head, learned.

    Returns:
        A float32 tensor of shape (B, N, T, S).

    References:
        Bahdanau et al., "Neural Machine Translation by Jointly Learning to Align and Translate",
        section A.1.2, https://arxiv.org/abs/1409.0473
    """
    hidden = ops.tanh(query[:, :, :, None] + key[:, :, None])  # (B, N, T, S, H)
    vector = ops.cast(vector, hidden.dtype)[:, None, None]  # (N, 1, 1, H)
    return ops.cast(ops.sum(vector * hidden, axis=-1), "float32")  # (B, N, T, S)


def cosine_scores(query, key, strength=None):
    """Scores by the cosine of the angle, times a strength β: β q·k / (|q| |k|).

    A cosine lies in [-1, 1], so that without a strength no key weighs more than e² times as much
    as another.

    Args:
        query: (B, N, T, H).
        key: (B, N, S, H).
        strength: (N,): β of each head. Defaults to 1.

    Returns:
        A float32 tensor of shape (B, N, T, S).

    References:
        Graves et al., "Neural Turing Machines", section 3.3.1, https://arxiv.org/abs/1410.5401
    """
    cosines = dot_product_scores(_unit(query), _unit(key))
    return cosines if strength is None else cosines * ops.cast(strength, "float32")[:, None, None]


# Each with the shape of what it learns, of N heads of size H.
SCORES = {
    "scaled_dot_product": (scaled_dot_product_scores, None),
    "dot_product": (dot_product_scores, None),
    "general": (general_scores, "NHH"),
    "additive": (additive_scores, "NH"),
    "cosine": (cosine_scores, "N"),
}
FIRST_STRENGTH = 10.0  # Liu et al., "Swin Transformer V2", https://arxiv.org/abs/2111.09883, code


def check_score(score):
    """Raises `ValueError` unless there are scores of that name."""
    if score not in SCORES:
        raise ValueError(f"`score` must be one of {', '.join(SCORES)}. Received: score={score!r}")


def masked_softmax(scores, mask=None):
    """Turns scores into weights: exp(score) over the sum of those of all keys that are seen.

    Args:
        scores: (..., T, S).
        mask: A boolean tensor that broadcasts to the scores, True = attend. A row that is all False
            gives equal weights, never NaN.

    Returns:
        A tensor of the same shape, whose last axis sums to 1.
    """
    if mask is not None:
        scores = ops.where(mask, scores, MASKED_SCORE)
    return ops.softmax(scores)


def weighted_sum(weights, value):
    """Adds up the values (..., S, V), each by its weight (..., T, S): (..., T, V)."""
    return ops.matmul(weights, value)


def attention_weights(query, key, mask=None):
    """Returns the weight that each query gives to each key: softmax(Q Kᵀ / √H), in float32.

    Args:
        query: (B, N, T, H).
        key: (B, N, S, H).
        mask: A boolean tensor that broadcasts to (B, N, T, S), True = attend. A row that is all
            False gives equal weights, never NaN.

    Returns:
        A float32 tensor of shape (B, N, T, S) whose last axis sums to 1.
    """
    return masked_softmax(scaled_dot_product_scores(query, key), mask)


def _wide(tensor):
    """Returns float16 as float32, and all else as it is."""
    is_narrow = keras.backend.standardize_dtype(tensor.dtype) == "float16"
    return ops.cast(tensor, "float32") if is_narrow else tensor


def _unit(tensor):
    """Divides vectors by their lengths; of nothing it makes nothing."""
    wide = ops.cast(tensor, "float32")
    squares = ops.sum(ops.square(wide), axis=-1, keepdims=True)
    return ops.cast(wide * ops.rsqrt(ops.maximum(squares, 1e-12)), tensor.dtype)
