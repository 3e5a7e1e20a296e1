"""Computes multi-head attention: projections, and the three stages of `scores` in between."""

import keras
from keras import ops

from .cache import write_cache
from .checks import check_positive, check_positive_or_none, check_rate
from .dropout import Dropout
from .heads import ProjectedHeads, check_qkv_bias, merge_heads, split_heads
from .initializers import clone_initializer
from .masks import all_of, combine_masks
from .rotary import check_rotary
from .scores import FIRST_STRENGTH, SCORES, check_score, masked_softmax, weighted_sum
from .windows import attend_in_blocks, can_be_cut, neighbourhood_mask

_PLAIN = ("num_heads", "key_dim", "dropout", "use_bias", "score", "value_dim", "window")
_PLAIN += ("qkv_bias", "rotary_base")  # arguments that `get_config` gives as they are


@keras.saving.register_keras_serializable("regard")
class MultiHeadAttention(ProjectedHeads):
    """Multi-head attention with biases, as in BERT, ViT and Marian.

    Called with a query alone, it is self-attention and projects query, key and value in one matrix
    product. Called with a key (the memory that a decoder reads, say), it is cross-attention and has
    a projection for each. The first call settles which of the two it is. The softmax is computed in
    float32 whatever the precision of the rest.

    Args:
        num_heads: Number of heads N.
        key_dim: Size of each head H.
        dropout: Probability in [0, 1) of dropping an attention weight in training. Defaults to 0.
        use_bias: Whether the projections have biases. Defaults to True.
        kernel_initializer: Initializer of the projections. Defaults to "glorot_uniform".
        score: How a query and a key are scored: "scaled_dot_product", "dot_product", "general",
            "additive" or "cosine", the functions of `regard.layers.scores`. The last three learn a
            weight for each head. Defaults to "scaled_dot_product".
        value_dim: Size V of the values of each head. Defaults to `key_dim`.
        qkv_bias: Whether queries, keys and values of self-attention have biases; "query_value" if
            all but the keys have. Defaults to `use_bias`.
        window: Number of positions r on either side of its own that a query sees: restricted
            self-attention, or monotonic local attention to the keys of another sequence (Luong's
            local-m). Time and memory then grow in proportion to T, not to T·S. Defaults to all
            positions.
        rotary_base: Base of the frequencies of rotary positions, by which queries and keys are
            turned, as in `regard.layers.rotary`; the paper has 10,000. Defaults to none.
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
        attention_bias: (N, T, S) or (B, N, T, S), added to scores. A `window` then saves no time.

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
        Vaswani et al., "Attention Is All You Need", section 3.2, https://arxiv.org/abs/1706.03762;
        Luong et al., sections 3.1 and 3.2, https://arxiv.org/abs/1508.04025
    """

    def __init__(
        self,
        num_heads,
        key_dim,
        dropout=0.0,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        score="scaled_dot_product",
        value_dim=None,
        window=None,
        qkv_bias=None,
        rotary_base=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.key_dim = key_dim
        self.dropout = dropout
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.score = score
        self.value_dim = key_dim if value_dim is None else value_dim
        self.window = window
        self.qkv_bias = qkv_bias
        self.rotary_base = rotary_base
        self._check_arguments()

    def _check_arguments(self):
        check_positive(num_heads=self.num_heads, key_dim=self.key_dim, value_dim=self.value_dim)
        check_positive_or_none(window=self.window)
        check_rate(dropout=self.dropout)
        check_score(self.score)
        check_qkv_bias(self.qkv_bias)
        check_rotary(self.rotary_base, self.key_dim)

    def build(self, query_shape, key_shape=None, value_shape=None):
        self.build_projections(query_shape, key_shape, value_shape)
        self._build_score()
        self.attention_dropout = Dropout(self.dropout, dtype=self.dtype_policy)
        heads_shape = (*query_shape[:-1], self.num_heads * self.value_dim)
        self.attention_output = self.dense("output", heads_shape, query_shape[-1])

    def _build_score(self):
        """Makes the weight that the scores learn, if they do."""
        letters, self.score_weights = SCORES[self.score][1], []
        if letters:
            sizes = {"N": self.num_heads, "H": self.key_dim}
            initializer = clone_initializer(self.kernel_initializer)
            if self.score == "cosine":
                initializer = keras.initializers.Constant(FIRST_STRENGTH)
            shape = tuple(sizes[letter] for letter in letters)
            self.score_weights = [self.add_weight(shape, initializer, name="score")]

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
        attention_bias=None,
    ):
        of_keys = (mask, query_mask) if key is None else (key_mask, value_mask)
        padding_mask = all_of(padding_mask, *of_keys)  # (B, S)
        heads = self.project(query, key, key if value is None else value)
        masks = (padding_mask, attention_mask, causal)
        return self.answer(heads, masks, first_only, training, attention_bias)

    def answer(self, heads, masks, first_only=False, training=False, bias=None):
        """Computes what follows the projections in `call`.

        Args:
            heads: Queries (B, N, T, H), keys (B, N, S, H) and values (B, N, S, V).
            masks: `padding_mask`, `attention_mask` and `causal`, as in `call`.
            first_only, training, bias: Likewise; the last is its `attention_bias`.
        """
        queries, keys, values = heads
        lengths = ops.shape(queries)[2], ops.shape(keys)[2]
        is_whole = self.window is None or first_only or bias is not None
        if not is_whole and can_be_cut(*lengths):
            padding_mask, attention_mask, causal = masks
            masks = (padding_mask, combine_masks(None, None, None, attention_mask), causal)

            def attend(*block):
                return self.attend(*block, training=training)

            return self.joined(attend_in_blocks(attend, heads, self.window, *masks))
        mask = combine_masks(*lengths, *masks)
        if first_only:
            queries, lengths = queries[:, :, :1], (1, lengths[1])  # (B, N, 1, H)
            mask = None if mask is None else mask[..., :1, :]  # (B, N, 1, S)
            bias = None if bias is None else bias[..., :1, :]  # (N, 1, S)
        mask = self.within_window(mask, *lengths)
        return self.joined(self.attend(queries, keys, values, mask, training, bias))  # (B, T, D)

    def attend(self, queries, keys, values, mask, training=False, bias=None):
        """Computes the three stages of attention, for projected heads.

        Args:
            queries: (B, N, T, H).
            keys: (B, N, S, H).
            values: (B, N, S, V).
            mask: A boolean tensor that broadcasts to (B, N, T, S), True = attend, or None.
            training: Whether to drop weights.
            bias: A float tensor that broadcasts to (B, N, T, S), added to the scores, or None.

        Returns:
            A tensor of shape (B, N, T, V).
        """
        scores = self.scores(queries, keys, bias)  # (B, N, T, S)
        weights = self.weigh(scores, mask, training)  # (B, N, T, S)
        weights = self.attention_dropout(ops.cast(weights, values.dtype), training=training)
        return weighted_sum(weights, values)  # (B, N, T, V)

    def scores(self, queries, keys, bias=None):
        """Scores projected keys (B, N, S, H) for projected queries (B, N, T, H): (B, N, T, S)."""
        scores = SCORES[self.score][0](queries, keys, *self.score_weights)
        return scores if bias is None else scores + ops.cast(bias, scores.dtype)

    def weigh(self, scores, mask, training=False):
        """Turns scores (B, N, T, S) into weights, of which those of a query sum to 1."""
        return masked_softmax(scores, mask)

    def read(self, query, memory, padding_mask=None):
        """Computes cross-attention to the keys and values that `project_memory` returns.

        Args:
            query: (B, T, D).
            memory: The keys and values.
            padding_mask: (B, S), True at real keys.

        Returns:
            A tensor of shape (B, T, D), as from `call`.

        Raises:
            ValueError: If there is a `window` or a `rotary_base`, for it is not known at which
                positions the queries are.
        """
        if self.window is not None or self.rotary_base is not None:
            raise ValueError(
                "`read` is for attention to all positions alike. Received: "
                f"window={self.window}, rotary_base={self.rotary_base}; call the layer instead, "
                "with all queries from the first on"
            )
        queries = split_heads(self.query(query), self.num_heads)  # (B, N, T, H)
        mask = combine_masks(None, None, padding_mask)
        return self.joined(self.attend(queries, *memory, mask))

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
        queries, keys, values = self.project(inputs, None, None, position)  # of (B, N, K, .)
        keys, values = (
            write_cache(entries, position, new)  # (B, N, t·K, H)
            for entries, new in zip(cache, (keys, values), strict=True)
        )
        mask = attention_mask[:, None, :, : ops.shape(keys)[2]]  # (B, 1, K, t·K)
        if self.window is not None:
            num_sequences = ops.shape(queries)[2]
            positions = ops.arange(ops.shape(keys)[2]) // num_sequences  # of the entries: (t·K,)
            mask = all_of(mask, positions >= position - self.window)
        return self.joined(self.attend(queries, keys, values, mask)), (keys, values)

    def attention_weights(
        self,
        query,
        key=None,
        padding_mask=None,
        attention_mask=None,
        causal=False,
        attention_bias=None,
    ):
        """Returns the weights that `call` uses without dropout: float32, (B, N, T, S).

        It sees no masks but those that it is given, and none that Keras has attached to the inputs.
        """
        queries, keys, _ = self.project(query, key, None)
        masks = (padding_mask, attention_mask, causal)
        return self.weights_of(queries, keys, masks, attention_bias)

    def weights_of(self, queries, keys, masks, bias=None):
        """Returns the weights of projected heads, of which `answer` says more."""
        lengths = ops.shape(queries)[2], ops.shape(keys)[2]
        mask = self.within_window(combine_masks(*lengths, *masks), *lengths)
        return self.weigh(self.scores(queries, keys, bias), mask)

    def compute_output_shape(self, query_shape, key_shape=None, value_shape=None):
        return query_shape

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            **{name: getattr(self, name) for name in _PLAIN},
        }

    def within_window(self, mask, query_length, key_length):
        if self.window is None:
            return mask
        return all_of(mask, neighbourhood_mask(query_length, key_length, self.window))

    def joined(self, heads):
        return self.attention_output(merge_heads(heads))  # (B, N, T, V) to (B, T, D)
