"""Attends to a window whose place each query predicts."""

import keras
from keras import ops

from .attention import MultiHeadAttention
from .checks import check_positive
from .heads import merge_heads
from .masks import all_of
from .shapes import reshape


@keras.saving.register_keras_serializable("regard")
class PredictiveAttention(MultiHeadAttention):
    """Local attention around a predicted place, Luong's local-p.

    Each query h predicts the place p = S·sigmoid(v·tanh(W h)) among the S real keys. It sees those
    with |s - p| <= r, and their weights are softmax(score)·exp(-(s - p)² / 2σ²), σ = r/2. Only the
    keys of the windows are scored, so that time and memory grow with T and S, not with T·S.
    W and v are dense layers, with biases if `use_bias`. `MultiHeadAttention(window=r)` is local-m,
    whose window lies where the query does.

    Args:
        num_heads: Number of heads N, which share the place.
        key_dim: Size of each head H.
        window: Number of positions r on either side of the place.
        dropout: Probability in [0, 1) of dropping an attention weight in training. Defaults to 0.
        **kwargs: Further arguments of `MultiHeadAttention`; `name`, `dtype` and the like.

    Call arguments:
        query: (B, T, D).
        key: (B, S, E), or None for self-attention.
        value: (B, S, F), or None where it is the key; only with a key.
        padding_mask: (B, S), True at real keys, which come before the padding.
        mask, query_mask, key_mask, value_mask: As for `MultiHeadAttention`.

    Returns:
        A tensor of shape (B, T, D).

    Raises:
        ValueError: As for `MultiHeadAttention`.

    Example:
        >>> layer = PredictiveAttention(num_heads=2, key_dim=4, window=3)
        >>> keras.ops.shape(layer(keras.ops.ones((3, 5, 8)), keras.ops.ones((3, 70, 8))))
        (3, 5, 8)

    References:
        Luong et al., section 3.2, equations 9 and 10, https://arxiv.org/abs/1508.04025
    """

    def __init__(self, num_heads, key_dim, window, dropout=0.0, **kwargs):
        check_positive(window=window)
        super().__init__(num_heads, key_dim, dropout, window=window, **kwargs)

    def build(self, query_shape, key_shape=None, value_shape=None):
        super().build(query_shape, key_shape, value_shape)
        hidden_dim = query_shape[-1]
        self.place_hidden = self.dense("place_hidden", query_shape, hidden_dim)
        self.place_output = self.dense("place_output", query_shape, 1)

    def call(
        self,
        query,
        key=None,
        value=None,
        padding_mask=None,
        training=None,
        mask=None,
        query_mask=None,
        key_mask=None,
        value_mask=None,
    ):
        of_keys = (mask, query_mask) if key is None else (key_mask, value_mask)
        padding_mask = all_of(padding_mask, *of_keys)  # (B, S)
        queries, keys, values = self.project(query, key, key if value is None else value)
        padding_mask = _or_all(padding_mask, keys)
        places = self.places(query, padding_mask)  # (B, T)
        batch_size, _, length, _ = ops.shape(queries)

        near, is_seen, nearness = self._seen(places, ops.shape(keys)[2])
        is_real = _taken(padding_mask[:, None, :, None], near)  # (B·T, 1, W, 1)
        mask = all_of(is_seen, is_real[:, :, None, :, 0])  # (B·T, 1, 1, W)

        sizes = (batch_size * length, self.num_heads, 1, self.key_dim)
        queries = reshape(ops.transpose(queries, (0, 2, 1, 3)), sizes)  # (B·T, N, 1, H)
        keys, values = _taken(keys, near), _taken(values, near)  # (B·T, N, W, .)
        heads = self.attend(queries, keys, values, (mask, nearness), training)  # (B·T, N, 1, V)
        merged = reshape(heads, (batch_size, length, self.num_heads * self.value_dim))
        return self.attention_output(merged)  # (B, T, D)

    def places(self, query, padding_mask):
        """Returns the place p that each query predicts, from 0 on: float32, (B, T)."""
        count = ops.sum(ops.cast(padding_mask, "float32"), axis=1, keepdims=True)  # (B, 1)
        logits = self.place_output(ops.tanh(self.place_hidden(query)))[..., 0]  # (B, T)
        return count * ops.sigmoid(ops.cast(logits, "float32"))

    def weigh(self, scores, mask, training=False):
        """Turns scores into weights; `mask` is a mask, and the nearness they are multiplied by."""
        mask, nearness = mask
        return super().weigh(scores, mask) * nearness

    def step(self, *args, **kwargs):
        """Raises `ValueError`: a place among keys that are still being written means nothing."""
        raise ValueError(f"`{self.name}` predicts places in a whole sequence. Call it instead.")

    def attention_weights(self, query, key=None, padding_mask=None):
        """Returns the weights that `call` uses without dropout: float32, (B, N, T, S)."""
        queries, keys, _ = self.project(query, key, None)
        padding_mask = _or_all(padding_mask, keys)
        places = self.places(query, padding_mask)
        within, nearness = self._nearness(ops.arange(ops.shape(keys)[2]), places)  # (B, T, S)
        mask = all_of(within, padding_mask[:, None])  # (B, T, S)
        return self.weigh(self.scores(queries, keys), (mask[:, None], nearness[:, None]))

    def _seen(self, places, length):
        """Returns which keys are near some places (B, T), W = 2r + 1 of each.

        Args:
            places: Where the middle of each window is.
            length: The number of keys.

        Returns:
            Their positions (B, T, W); whether they are in the window, and their nearness, both
            (B·T, 1, 1, W).
        """
        first = ops.cast(ops.ceil(places - self.window), "int32")
        near = first[..., None] + ops.arange(2 * self.window + 1)
        within, nearness = self._nearness(near, places)
        is_there = ops.logical_and(near >= 0, near < length)
        is_seen = ops.logical_and(is_there, within)
        shape = (-1, 1, 1, near.shape[-1])
        near = ops.clip(near, 0, length - 1)
        return near, ops.reshape(is_seen, shape), ops.reshape(nearness, shape)

    def _nearness(self, positions, places):
        """Returns which positions are in the windows of places, and exp(-(s - p)² / 2σ²)."""
        squares = ops.square(ops.cast(positions, "float32") - places[..., None])
        return squares <= self.window**2, ops.exp(-squares / (2 * (self.window / 2) ** 2))


def _or_all(padding_mask, keys):
    """Returns the padding mask of keys (B, N, S, H), or one that takes all for real."""
    if padding_mask is None:
        return ops.ones((ops.shape(keys)[0], ops.shape(keys)[2]), "bool")
    return ops.cast(padding_mask, "bool")


def _taken(heads, near):
    """Takes the keys (B, N, S, H) at positions (B, T, W): (B·T, N, W, H)."""
    _, num_heads, _, width = heads.shape
    examples, key_length = ops.shape(heads)[0], ops.shape(heads)[2]
    batch_size, length, size = ops.shape(near)
    rows = reshape(merge_heads(heads), (examples * key_length, num_heads * width))
    near = near + key_length * ops.arange(examples, dtype="int32")[:, None, None]
    windows = ops.take(rows, near, axis=0)  # (B, T, W, N·H)
    windows = reshape(windows, (batch_size * length, size, num_heads, width))
    return ops.transpose(windows, (0, 2, 1, 3))  # (B·T, N, W, H)
