"""Computes one block of an encoder: self-attention and feed-forward."""

import keras

from .attention import MultiHeadAttention
from .checks import check_divisible, check_positive, check_rate
from .dropout import Dropout, StochasticDepth
from .feed_forward import FeedForward
from .grid_position_bias import GridPositionBias
from .normalization import LayerNorm
from .rotary_attention import RotaryAttention
from .sequence_layer import SequenceLayer


@keras.saving.register_keras_serializable("regard")
class EncoderBlock(SequenceLayer):
    """One block of an encoder: self-attention, then feed-forward, each with a residual.

    Post-norm (the paper, BERT, Marian) normalizes after each residual: `norm(x + f(x))`. Pre-norm
    (ViT) normalizes before each sub-layer: `x + f(norm(x))`.

    Args:
        num_heads: Number of attention heads N; must divide the width D.
        intermediate_dim: Width F inside the feed-forward layers.
        dropout: Probability in [0, 1) of dropping, in training, a unit of a sub-layer's output.
            Defaults to 0.
        attention_dropout: Likewise of dropping an attention weight. Defaults to `dropout`.
        activation: Activation of the feed-forward layers. Defaults to "gelu".
        layer_norm_epsilon: Added to the variance before its root is taken. Defaults to 1e-12.
        normalize_first: Pre-norm if True, post-norm if False. Defaults to False.
        kernel_initializer: Initializer of all kernels. Defaults to "glorot_uniform".
        stochastic_depth: Probability in [0, 1) of leaving out a sub-layer in training, drawn for
            each example. Defaults to 0.
        window: Number of positions on either side of its own that each attends to, as in
            `MultiHeadAttention`. Defaults to all positions.
        qkv_bias: Whether queries, keys and values have biases, likewise. Defaults to True.
        gated: Whether the feed-forward layer has a gate, as in `FeedForward`. Defaults to False.
        layer_scale: What each unit of a sub-layer's output is multiplied by at first, by a factor
            that is learned. Defaults to no factors.
        grid: Rows and columns of patches, whose distances count in the scores by a
            `GridPositionBias`. Defaults to none.
        rotary: Arguments of a `RotaryAttention`, by name: `grid`, `num_first` and `theta`. Defaults
            to attention without.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        inputs: (B, T, D).
        padding_mask: (B, T), True at real tokens. A mask that Keras has attached to the inputs
            counts beside it.
        attention_mask: (T, T), (B, T, T) or (B, N, T, T), True = attend.
        first_only: Whether to compute the outputs at the first position alone.
        attention_bias: (N, T, T) or (B, N, T, T), added to the scores.

    Returns:
        A tensor of shape (B, T, D), or (B, 1, D) if `first_only`.

    Raises:
        ValueError: If an argument is out of range, or D is not a multiple of `num_heads`.

    Example:
        >>> block = EncoderBlock(num_heads=2, intermediate_dim=32)
        >>> keras.ops.shape(block(keras.ops.ones((2, 5, 8))))
        (2, 5, 8)

    References:
        Vaswani et al., "Attention Is All You Need", section 3.1, https://arxiv.org/abs/1706.03762;
        Xiong et al., "On Layer Normalization in the Transformer Architecture", figure 1,
        https://arxiv.org/abs/2002.04745; Touvron et al., "Going deeper with Image Transformers",
        section 2 (the factors), https://arxiv.org/abs/2103.17239
    """

    def __init__(
        self,
        num_heads,
        intermediate_dim,
        dropout=0.0,
        attention_dropout=None,
        activation="gelu",
        layer_norm_epsilon=1e-12,
        normalize_first=False,
        kernel_initializer="glorot_uniform",
        stochastic_depth=0.0,
        window=None,
        qkv_bias=True,
        gated=False,
        layer_scale=None,
        grid=None,
        rotary=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_positive(num_heads=num_heads, intermediate_dim=intermediate_dim)
        attention_dropout = dropout if attention_dropout is None else attention_dropout
        check_rate(dropout=dropout, attention_dropout=attention_dropout)
        check_rate(stochastic_depth=stochastic_depth)
        self.num_heads = num_heads
        self.intermediate_dim = intermediate_dim
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.activation = keras.activations.get(activation)
        self.layer_norm_epsilon = layer_norm_epsilon
        self.normalize_first = normalize_first
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.stochastic_depth = stochastic_depth
        self.window = window
        self.qkv_bias = qkv_bias
        self.gated = gated
        self.layer_scale = layer_scale
        self.grid = grid
        self.rotary = rotary

    def build(self, input_shape):
        hidden_dim = input_shape[-1]
        check_divisible(hidden_dim, self.num_heads)
        make_attention = MultiHeadAttention if self.rotary is None else RotaryAttention
        self.attention = make_attention(
            self.num_heads,
            hidden_dim // self.num_heads,
            dropout=self.attention_dropout,
            **(self.rotary or {}),
            kernel_initializer=self.kernel_initializer,
            window=self.window,
            qkv_bias=self.qkv_bias,
            dtype=self.dtype_policy,
            name="attention",
        )
        self.attention_norm = self._norm("attention_norm")
        self.feed_forward = FeedForward(
            self.intermediate_dim,
            self.activation,
            self.kernel_initializer,
            self.gated,
            dtype=self.dtype_policy,
            name="feed_forward",
        )
        self.feed_forward_norm = self._norm("feed_forward_norm")
        sublayers = (self.attention, self.attention_norm, self.feed_forward, self.feed_forward_norm)
        for layer in sublayers:
            layer.build(input_shape)
        self._make_scales(hidden_dim)
        self.position_bias = None
        if self.grid is not None:
            self.position_bias = GridPositionBias(
                self.grid, self.num_heads, dtype="float32", name="position_bias"
            )
            self.position_bias.build()
        self._make_dropouts()

    @property
    def dense_layers(self):
        """Returns the four layers that hold the block's kernels, for LoRA and the like."""
        return [
            self.attention.query_key_value,
            self.attention.attention_output,
            self.feed_forward.intermediate,
            self.feed_forward.output_dense,
        ]

    def call(
        self,
        inputs,
        padding_mask=None,
        attention_mask=None,
        first_only=False,
        training=None,
        attention_bias=None,
    ):
        attention_bias = self._with_distances(attention_bias, inputs)

        def attend(x):
            x = self.attention(
                x,
                padding_mask=padding_mask,
                attention_mask=attention_mask,
                attention_bias=attention_bias,
                first_only=first_only,
                training=training,
            )
            x = self.attention_output_dropout(x, training=training)
            return self._sometimes(self._scaled(x, self.attention_scale), training)

        def feed(x):
            x = self.feed_forward_dropout(self.feed_forward(x), training=training)
            return self._sometimes(self._scaled(x, self.feed_forward_scale), training)

        residual = inputs[:, :1] if first_only else inputs
        if self.normalize_first:
            x = residual + attend(self.attention_norm(inputs))  # (B, T, D)
            return x + feed(self.feed_forward_norm(x))  # (B, T, D)
        x = self.attention_norm(residual + attend(inputs))  # (B, T, D)
        return self.feed_forward_norm(x + feed(x))  # (B, T, D)

    def call_with_weights(
        self, inputs, padding_mask=None, attention_mask=None, attention_bias=None
    ):
        """Returns `call`'s outputs, and the attention's weights: float32, (B, N, T, T)."""
        x = self.attention_norm(inputs) if self.normalize_first else inputs
        given = {"padding_mask": padding_mask, "attention_mask": attention_mask}
        outputs = self(inputs, **given, attention_bias=attention_bias)
        bias = self._with_distances(attention_bias, inputs)
        return outputs, self.attention.attention_weights(x, **given, attention_bias=bias)

    def _with_distances(self, attention_bias, inputs):
        """Returns a bias of the scores with that of the patches' distances, if there is one."""
        if self.position_bias is None:
            return attention_bias
        own = self.position_bias(inputs)  # (N, T, T)
        return own if attention_bias is None else own + attention_bias

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "intermediate_dim": self.intermediate_dim,
            "dropout": self.dropout,
            "attention_dropout": self.attention_dropout,
            "activation": keras.activations.serialize(self.activation),
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "normalize_first": self.normalize_first,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "stochastic_depth": self.stochastic_depth,
            "window": self.window,
            "qkv_bias": self.qkv_bias,
            "gated": self.gated,
            "layer_scale": self.layer_scale,
            "grid": self.grid,
            "rotary": self.rotary,
        }

    def _norm(self, name):
        return LayerNorm(self.layer_norm_epsilon, dtype=self.dtype_policy, name=name)

    def _make_scales(self, hidden_dim):
        self.attention_scale = self.feed_forward_scale = None
        if self.layer_scale is not None:
            initializer = keras.initializers.Constant(self.layer_scale)
            self.attention_scale, self.feed_forward_scale = (
                self.add_weight((hidden_dim,), initializer, name=f"{name}_scale")
                for name in ("attention", "feed_forward")
            )

    def _scaled(self, x, scale):
        return x if scale is None else x * keras.ops.cast(scale, x.dtype)

    def _make_dropouts(self):
        self.attention_output_dropout = Dropout(self.dropout, dtype=self.dtype_policy)
        self.feed_forward_dropout = Dropout(self.dropout, dtype=self.dtype_policy)
        self.branch_dropout = None
        if self.stochastic_depth:
            self.branch_dropout = StochasticDepth(self.stochastic_depth, dtype=self.dtype_policy)

    def _sometimes(self, x, training):
        """Leaves out a sub-layer of some examples in training, if there is stochastic depth."""
        return x if self.branch_dropout is None else self.branch_dropout(x, training=training)
