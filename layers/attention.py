"""Computes multi-head attention, with two pure functions under a thin layer."""

import keras
from keras import ops

from .cache import write_cache
from .checks import check_positive, check_rate
from .dense import Dense
from .dropout import Dropout
from .initializers import clone_initializer
from .masks import MASKED_SCORE, all_of, combine_masks
from .sequence_layer import SequenceLayer
from .shapes import reshape


def attention_weights(query, key, mask=None):
    """Returns the weight that each query gives to each key: softmax(Q Kᵀ / √H), in float32.

    The products Q Kᵀ of bfloat16 are rounded to bfloat16, which reaches as far as float32. Those of
    float16 are computed in float32: they may be larger than float16 can hold.

    Args:
        query: (B, N, T, H).
        key: (B, N, S, H).
        mask: A boolean tensor that broadcasts to (B, N, T, S), True = attend. A row that is all
            False gives equal weights, never NaN.

    Returns:
        A float32 tensor of shape (B, N, T, S) whose last axis sums to 1.
    """
    if keras.backend.standardize_dtype(query.dtype) == "float16":
        query, key = ops.cast(query, "float32"), ops.cast(key, "float32")
    query = query * ops.cast(query.shape[-1] ** -0.5, query.dtype)
    scores = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2)))  # (B, N, T, S)
    scores = ops.cast(scores, "float32")
    if mask is not None:
        scores = ops.where(mask, scores, MASKED_SCORE)
    return ops.softmax(scores)


def merge_heads(heads):
    """Lays the outputs of the heads side by side: (B, N, T, H) to (B, T, N·H)."""
    _, num_heads, _, key_dim = heads.shape
    batch_size, _, length, _ = ops.shape(heads)
    heads = ops.transpose(heads, (0, 2, 1, 3))  # (B, T, N, H)
    return reshape(heads, (batch_size, length, num_heads * key_dim))  # (B, T, N·H)


@keras.saving.register_keras_serializable("regard")
class MultiHeadAttention(SequenceLayer):
    """Multi-head attention with biases, as in BERT, ViT and Marian.

    Called with a query alone, it is self-attention and projects query, key and value in one matrix
    product. Called with a key (the memory that a decoder reads, say), it is cross-attention and has
    a projection for each. The first call settles which of the two it is. The softmax is computed in
    float32 whatever the precision of the rest; see `attention_weights` for the scores.

    Args:
        num_heads: Number of heads N.
        key_dim: Size of each head H.
        dropout: Probability in [0, 1) of dropping an attention weight in training. Defaults to 0.
        use_bias: Whether the projections have biases. Defaults to True.
        kernel_initializer: Initializer of the projections. Defaults to "glorot_uniform".
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        query: (B, T, D).
        key: (B, S, E), or None for self-attention.
        value: (B, S, F), or None where it is the key; only with a key.
        padding_mask: (B, S), True at real keys.
        attention_mask: (T, S), (B, T, S) or (B, N, T, S), True = attend.
        causal: Whether each query sees only keys up to its own position.
        first_only: Whether to answer the first query alone.
        mask, query_mask, key_mask, value_mask: (B, T) or (B, S), True at real tokens. Keras gives
            the masks that it has attached to the inputs, with `mask_zero=True`, say. Those of the
            keys count as `padding_mask` does, beside it.

    Returns:
        A tensor of shape (B, T, D), or (B, 1, D) if `first_only`.

    Raises:
        ValueError: If an argument is out of range, if a layer that was built for self-attention
            is given a key or a value, if one built for cross-attention is given no key, or if
            there are more queries than keys and it is to be `causal`.

    Example:
        >>> layer = MultiHeadAttention(num_heads=2, key_dim=4)
        >>> keras.ops.shape(layer(keras.random.normal((3, 5, 8))))
        (3, 5, 8)

    References:
        Vaswani et al., "Attention Is All You Need", section 3.2, https://arxiv.org/abs/1706.03762
    """

    def __init__(
        self,
        num_heads,
        key_dim,
        dropout=0.0,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_positive(num_heads=num_heads, key_dim=key_dim)
        check_rate(dropout=dropout)
        self.num_heads = num_heads
        self.key_dim = key_dim
        self.dropout = dropout
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, query_shape, key_shape=None, value_shape=None):
        heads_dim = self.num_heads * self.key_dim
        self.is_self_attention = key_shape is None
        if self.is_self_attention:
            self.query_key_value = self._dense("query_key_value", query_shape, 3 * heads_dim)
        else:
            self.query = self._dense("query", query_shape, heads_dim)
            self.key = self._dense("key", key_shape, heads_dim)
            self.value = self._dense("value", value_shape or key_shape, heads_dim)
        self.attention_dropout = Dropout(self.dropout, dtype=self.dtype_policy)
        self.attention_output = self._dense(
            "output", (*query_shape[:-1], heads_dim), query_shape[-1]
        )

    def call(
        self,
        query,
        key=None,
        value=None,
        padding_mask=None,
        attention_mask=None,
        causal=False,
        first_only=False,
        training=None,
        mask=None,
        query_mask=None,
        key_mask=None,
        value_mask=None,
    ):
        of_keys = (mask, query_mask) if key is None else (key_mask, value_mask)
        padding_mask = all_of(padding_mask, *of_keys)  # (B, S)
        value = key if value is None else value
        queries, keys, values = self._project(query, key, value)  # (B, N, T, H), (B, N, S, H) twice
        mask = combine_masks(
            ops.shape(queries)[2], ops.shape(keys)[2], padding_mask, attention_mask, causal
        )
        if first_only:
            queries = queries[:, :, :1]  # (B, N, 1, H)
            mask = None if mask is None else mask[..., :1, :]  # (B, N, 1, S)
        return self._attend(queries, keys, values, mask, training)  # (B, T, D)

    def project_memory(self, key, value=None):
        """Returns the keys and values of a memory that `read` reads many times.

        Args:
            key: (B, S, E).
            value: (B, S, F). Defaults to the key.

        Returns:
            Two tensors of shape (B, N, S, H).
        """
        self._check_kind(key, value)
        keys = self._split_heads(self.key(key), self.num_heads)  # (B, N, S, H)
        values = self.value(key if value is None else value)
        return keys, self._split_heads(values, self.num_heads)  # (B, N, S, H)

    def read(self, query, memory, padding_mask=None):
        """Computes cross-attention to the keys and values that `project_memory` returns.

        Args:
            query: (B, T, D).
            memory: The keys and values.
            padding_mask: (B, S), True at real keys.

        Returns:
            A tensor of shape (B, T, D), as from `call`.
        """
        queries = self._split_heads(self.query(query), self.num_heads)  # (B, N, T, H)
        mask = combine_masks(None, None, padding_mask)
        return self._attend(queries, *memory, mask)

    def step(self, inputs, cache, position, attention_mask):
        """Computes self-attention of the newest tokens of K sequences, to these and all before.

        Args:
            inputs: (B, K, D): one token of each sequence, all at one position.
            cache: Keys and values of earlier positions; `new_cache` makes an empty one.
            position: The tokens' position, an integer or a scalar tensor.
            attention_mask: (B, K, L·K), True where a sequence may see an entry of the cache. The
                cache has K entries for each position. L is at least the number of positions that
                the cache holds once these tokens are in it.

        Returns:
            A tensor of shape (B, K, D), and the cache with the tokens in it.
        """
        queries, keys, values = self._project(inputs, None, None)  # three of (B, N, K, H)
        keys, values = (
            write_cache(entries, position, new)  # (B, N, t·K, H)
            for entries, new in zip(cache, (keys, values), strict=True)
        )
        mask = attention_mask[:, None, :, : ops.shape(keys)[2]]  # (B, 1, K, t·K)
        return self._attend(queries, keys, values, mask), (keys, values)

    def attention_weights(
        self, query, key=None, padding_mask=None, attention_mask=None, causal=False
    ):
        """Returns the weights that `call` uses without dropout: float32, (B, N, T, S).

        It sees no masks but those that it is given, and none that Keras has attached to the inputs.
        """
        queries, keys, _ = self._project(query, key, None)
        mask = combine_masks(
            ops.shape(queries)[2], ops.shape(keys)[2], padding_mask, attention_mask, causal
        )
        return attention_weights(queries, keys, mask)

    def compute_output_shape(self, query_shape, key_shape=None, value_shape=None):
        return query_shape

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }

    def _attend(self, queries, keys, values, mask, training=False):
        weights = ops.cast(attention_weights(queries, keys, mask), values.dtype)  # (B, N, T, S)
        weights = self.attention_dropout(weights, training=training)
        return self.attention_output(merge_heads(ops.matmul(weights, values)))  # (B, T, D)

    def _project(self, query, key, value):
        self._check_kind(key, value)
        if self.is_self_attention:
            fused = self._split_heads(self.query_key_value(query), 3 * self.num_heads)
            return ops.split(fused, 3, axis=1)  # three of (B, N, T, H)
        queries = self._split_heads(self.query(query), self.num_heads)  # (B, N, T, H)
        keys = self._split_heads(self.key(key), self.num_heads)  # (B, N, S, H)
        if value is None:  # only the weights are asked for
            return queries, keys, None
        return queries, keys, self._split_heads(self.value(value), self.num_heads)  # (B, N, S, H)

    def _check_kind(self, key, value):
        if not self.built:
            raise ValueError(f"`{self.name}` has no weights yet. Call it once before this.")
        if key is None and value is not None:
            raise ValueError(
                f"`{self.name}` must be called with a key where it is called with a value. "
                "Received: key=None"
            )
        if self.is_self_attention != (key is None):
            kinds = ("self-attention", "cross-attention")
            built, called = kinds if self.is_self_attention else reversed(kinds)
            raise ValueError(
                f"`{self.name}` was built for {built}, so it must be called "
                f"{'without' if self.is_self_attention else 'with'} a key. "
                f"Received a call for {called}; make a second layer for that."
            )

    def _split_heads(self, projected, num_heads):
        batch_size, length, _ = ops.shape(projected)
        heads = reshape(projected, (batch_size, length, num_heads, self.key_dim))
        return ops.transpose(heads, (0, 2, 1, 3))  # (B, N, T, H)

    def _dense(self, name, input_shape, units):
        dense = Dense(
            units,
            use_bias=self.use_bias,
            kernel_initializer=clone_initializer(self.kernel_initializer),
            dtype=self.dtype_policy,
            name=name,
        )
        dense.build(input_shape)
        return dense
