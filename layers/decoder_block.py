"""Computes one block of a decoder: self-attention, cross-attention and feed-forward."""

import keras

from .attention import MultiHeadAttention
from .checks import check_divisible, check_positive, check_rate
from .dropout import Dropout
from .feed_forward import FeedForward
from .normalization import LayerNorm

EPSILON = 1e-5  # of every normalization, as in Marian


@keras.saving.register_keras_serializable("regard")
class DecoderBlock(keras.layers.Layer):
    """One block of a decoder: masked self-attention, cross-attention and feed-forward.

    Each of the three has a residual. Post-norm (the paper, Marian) normalizes after the residual:
    `norm(x + f(x))`. Pre-norm normalizes before each sub-layer: `x + f(norm(x))`.

    Args:
        num_heads: Number of attention heads N; must divide the width D.
        intermediate_dim: Width F inside the feed-forward layers.
        dropout: Probability in [0, 1) of dropping, in training, a unit of a sub-layer's output.
            Defaults to 0.
        attention_dropout: Likewise of dropping an attention weight. Defaults to `dropout`.
        activation: Activation of the feed-forward layers. Defaults to "relu", as in the paper.
        normalize_first: Pre-norm if True, post-norm if False. Defaults to False.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        inputs: (B, T, D). A position sees itself and those before it.
        memory: (B, S, E): the encoder's outputs for the source.
        padding_mask: (B, T), True at real tokens. Padding at the end needs none.
        memory_padding_mask: (B, S), likewise. Masks that Keras has attached to the inputs and the
            memory count beside the two.

    Returns:
        A tensor of shape (B, T, D).

    Raises:
        ValueError: If an argument is out of range, or D is not a multiple of `num_heads`.

    Example:
        >>> block = DecoderBlock(num_heads=2, intermediate_dim=32)
        >>> keras.ops.shape(block(keras.ops.ones((2, 5, 8)), memory=keras.ops.ones((2, 7, 8))))
        (2, 5, 8)

    References:
        Vaswani et al., "Attention Is All You Need", sections 3.1 and 5.4,
        https://arxiv.org/abs/1706.03762
    """

    def __init__(
        self,
        num_heads,
        intermediate_dim,
        dropout=0.0,
        attention_dropout=None,
        activation="relu",
        normalize_first=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        check_positive(num_heads=num_heads, intermediate_dim=intermediate_dim)
        attention_dropout = dropout if attention_dropout is None else attention_dropout
        check_rate(dropout=dropout, attention_dropout=attention_dropout)
        self.num_heads = num_heads
        self.intermediate_dim = intermediate_dim
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.activation = keras.activations.get(activation)
        self.normalize_first = normalize_first
        # Of all kernels: one a block, or a seed would give other first weights than it did.
        self.kernel_initializer = keras.initializers.get("glorot_uniform")

    def build(self, inputs_shape, memory_shape):
        hidden_dim = inputs_shape[-1]
        check_divisible(hidden_dim, self.num_heads)
        self.attention = self._attention("attention", hidden_dim)
        self.attention.build(inputs_shape)
        self.cross_attention = self._attention("cross_attention", hidden_dim)
        self.cross_attention.build(inputs_shape, memory_shape)
        self.feed_forward = FeedForward(
            self.intermediate_dim,
            self.activation,
            self.kernel_initializer,
            dtype=self.dtype_policy,
            name="feed_forward",
        )
        self.feed_forward.build(inputs_shape)
        self.attention_norm, self.cross_attention_norm, self.feed_forward_norm = (
            LayerNorm(EPSILON, dtype=self.dtype_policy, name=f"{name}_norm")
            for name in ("attention", "cross_attention", "feed_forward")
        )
        for norm in (self.attention_norm, self.cross_attention_norm, self.feed_forward_norm):
            norm.build(inputs_shape)
        self.residual_dropout = Dropout(self.dropout, dtype=self.dtype_policy)

    def call(self, inputs, memory, padding_mask=None, memory_padding_mask=None, training=None):
        def attend(x):
            return self.attention(x, padding_mask=padding_mask, causal=True, training=training)

        def read(x):
            return self.cross_attention(
                x, memory, padding_mask=memory_padding_mask, training=training
            )

        return self._sublayers(inputs, attend, read, training)  # (B, T, D)

    def step(self, inputs, cache, position, attention_mask, memory, memory_padding_mask=None):
        """Computes the block for the newest tokens of K sequences, as `MultiHeadAttention.step`.

        Args:
            inputs: (B, K, D): one token of each sequence, all at one position.
            cache: The cache of this block's self-attention.
            position: The tokens' position, an integer or a scalar tensor.
            attention_mask: (B, K, L·K), True where a sequence may see an entry of the cache.
            memory: The keys and values that `cross_attention.project_memory` returns.
            memory_padding_mask: (B, S), True at real tokens.

        Returns:
            A tensor of shape (B, K, D), and the cache with the tokens in it.
        """

        def attend(x):
            nonlocal cache
            x, cache = self.attention.step(x, cache, position, attention_mask)
            return x

        def read(x):
            return self.cross_attention.read(x, memory, memory_padding_mask)

        return self._sublayers(inputs, attend, read), cache  # (B, K, D)

    def call_with_weights(self, inputs, memory, memory_padding_mask=None):
        """Returns `call`'s outputs, and the weights of both attentions, in float32.

        Returns:
            The outputs; the weights of self-attention, (B, N, T, T), and those of cross-attention,
            (B, N, T, S).
        """
        own, cross = None, None

        def attend(x):
            nonlocal own
            own = self.attention.attention_weights(x, causal=True)
            return self.attention(x, causal=True)

        def read(x):
            nonlocal cross
            cross = self.cross_attention.attention_weights(x, memory, memory_padding_mask)
            return self.cross_attention(x, memory, padding_mask=memory_padding_mask)

        return self._sublayers(inputs, attend, read), own, cross

    def compute_output_shape(self, inputs_shape, memory_shape):
        return inputs_shape

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "intermediate_dim": self.intermediate_dim,
            "dropout": self.dropout,
            "attention_dropout": self.attention_dropout,
            "activation": keras.activations.serialize(self.activation),
            "normalize_first": self.normalize_first,
        }

    def _sublayers(self, x, attend, read, training=False):
        for sublayer, norm in (
            (attend, self.attention_norm),
            (read, self.cross_attention_norm),
            (self.feed_forward, self.feed_forward_norm),
        ):
            change = sublayer(norm(x) if self.normalize_first else x)
            x = x + self.residual_dropout(change, training=training)
            x = x if self.normalize_first else norm(x)
        return x

    def _attention(self, name, hidden_dim):
        return MultiHeadAttention(
            self.num_heads,
            hidden_dim // self.num_heads,
            self.attention_dropout,
            kernel_initializer=self.kernel_initializer,
            dtype=self.dtype_policy,
            name=name,
        )
