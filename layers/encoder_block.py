"""Computes one block of an encoder: self-attention and feed-forward."""

import keras

from .attention import MultiHeadAttention
from .checks import check_divisible, check_positive, check_rate
from .disentangled import DisentangledAttention
from .dropout import Dropout, StochasticDepth
from .feed_forward import FeedForward
from .grid_position_bias import GridPositionBias
from .normalization import LayerNorm
from .rotary_attention import RotaryAttention
from .sequence_layer import SequenceLayer

# Arguments that `get_config` gives as they are.
_PLAIN = ("num_heads", "intermediate_dim", "dropout", "attention_dropout", "layer_norm_epsilon")
_PLAIN += ("normalize_first", "stochastic_depth", "window", "qkv_bias", "gated", "layer_scale")
_PLAIN += ("grid", "rotary", "use_bias", "rotary_base", "skips_attention_norm", "disentangled")


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
        qkv_bias: Whether queries, keys and values have biases, likewise. Defaults to `use_bias`.
        gated: Whether the feed-forward layer has a gate, as in `FeedForward`. Defaults to False.
        layer_scale: What each unit of a sub-layer's output is multiplied by at first, by a factor
            that is learned. Defaults to no factors.
        grid: Rows and columns of patches, whose distances count in the scores by a
            `GridPositionBias`. Defaults to none.
        rotary: Arguments of a `RotaryAttention` to patches, by name: `grid`, `num_first` and
            `theta`. Defaults to attention without.
        use_bias: Whether the dense layers and the normalizations have biases. Defaults to True.
        rotary_base: Base of rotary positions of tokens, as in `MultiHeadAttention`. Defaults to
            none.
        skips_attention_norm: Whether the normalization of attention is left out. Defaults to False.
        disentangled: Arguments of a `DisentangledAttention`, `terms` and `shares_projections`, by
            name. Defaults to attention by content alone.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        inputs: (B, T, D).
        padding_mask: (B, T), True at real tokens. A mask that Keras has attached to the inputs
            counts beside it.
        attention_mask: (T, T), (B, T, T) or (B, N, T, T), True = attend.
        first_only: Whether to compute the outputs at the first position alone.
        attention_bias: (N, T, T) or (B, N, T, T), added to the scores, unless they are
            disentangled.
        distance_vectors: (1, 2T - 1, D) or (B, 2T - 1, D), where attention is disentangled.

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
        qkv_bias=None,
        gated=False,
        layer_scale=None,
        grid=None,
        rotary=None,
        use_bias=True,
        rotary_base=None,
        skips_attention_norm=False,
        disentangled=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.intermediate_dim = intermediate_dim
        self.dropout = dropout
        self.attention_dropout = dropout if attention_dropout is None else attention_dropout
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
        self.use_bias = use_bias
        self.rotary_base = rotary_base
        self.skips_attention_norm = skips_attention_norm
        self.disentangled = disentangled
        self._check_arguments()

    def _check_arguments(self):
        check_positive(num_heads=self.num_heads, intermediate_dim=self.intermediate_dim)
        check_rate(dropout=self.dropout, attention_dropout=self.attention_dropout)
        check_rate(stochastic_depth=self.stochastic_depth)

    def build(self, input_shape):
        hidden_dim = input_shape[-1]
        check_divisible(hidden_dim, self.num_heads)
        self.attention = self._make_attention(hidden_dim // self.num_heads)
        self.attention_norm = None if self.skips_attention_norm else self._norm("attention_norm")
        self.feed_forward = FeedForward(
            self.intermediate_dim,
            self.activation,
            self.kernel_initializer,
            self.use_bias,
            self.gated,
            dtype=self.dtype_policy,
            name="feed_forward",
        )
        self.feed_forward_norm = self._norm("feed_forward_norm")
        sublayers = (self.attention, self.attention_norm, self.feed_forward, self.feed_forward_norm)
        for layer in sublayers:
            if layer is not None:
                layer.build(input_shape)
        self._make_scales(hidden_dim)
        self.position_bias = None
        if self.grid is not None:
            self.position_bias = GridPositionBias(
                self.grid, self.num_heads, dtype="float32", name="position_bias"
            )
            self.position_bias.build()
        self._make_dropouts()

    def _make_attention(self, key_dim):
        of_patches, of_distances = self.rotary is not None, self.disentangled is not None
        if of_patches and (of_distances or self.rotary_base is not None):
            raise ValueError(
                "With `rotary` neither `disentangled` nor `rotary_base` may be given. Received: "
                f"rotary={self.rotary}, disentangled={self.disentangled}, "
                f"rotary_base={self.rotary_base}"
            )
        make, own = MultiHeadAttention, {}
        if of_patches:
            make, own = RotaryAttention, self.rotary
        elif of_distances:
            make = DisentangledAttention
            own = {"distance_dropout": self.dropout, **self.disentangled}
        return make(
            self.num_heads,
            key_dim,
            dropout=self.attention_dropout,
            use_bias=self.use_bias,
            kernel_initializer=self.kernel_initializer,
            window=self.window,
            qkv_bias=self.qkv_bias,
            rotary_base=self.rotary_base,
            dtype=self.dtype_policy,
            name="attention",
            **own,
        )

    @property
    def dense_layers(self):
        """Returns the layers that hold the block's kernels, for LoRA and the like."""
        return [
            self.attention.query_key_value,
            *getattr(self.attention, "position_projections", {}).values(),
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
        distance_vectors=None,
    ):
        masks = {"padding_mask": padding_mask, "attention_mask": attention_mask}
        given = self._given(inputs, attention_bias, distance_vectors, **masks)
        given |= {"first_only": first_only, "training": training}
        residual = inputs[:, :1] if first_only else inputs
        if self.normalize_first:
            x = residual + self._attend(self._normalized(inputs), given)  # (B, T, D)
            return x + self._feed(self.feed_forward_norm(x), training)  # (B, T, D)
        x = self._normalized(residual + self._attend(inputs, given))  # (B, T, D)
        return self.feed_forward_norm(x + self._feed(x, training))  # (B, T, D)

    def _attend(self, x, given):
        parts = self.attention_output_dropout, self.attention_scale
        return self._branch(self.attention(x, **given), *parts, given["training"])

    def _feed(self, x, training):
        parts = self.feed_forward_dropout, self.feed_forward_scale
        return self._branch(self.feed_forward(x), *parts, training)

    def _branch(self, x, dropout, scale, training):
        """Computes what comes between a sub-layer and its residual."""
        x = dropout(x, training=training)
        x = x if scale is None else x * keras.ops.cast(scale, x.dtype)
        return x if self.branch_dropout is None else self.branch_dropout(x, training=training)

    def _with_distances(self, attention_bias, inputs):
        """Returns a bias of the scores with that of the patches' distances, if there is one."""
        if self.position_bias is None:
            return attention_bias
        own = self.position_bias(inputs)  # (N, T, T)
        return own if attention_bias is None else own + keras.ops.cast(attention_bias, own.dtype)

    def _normalized(self, x):
        return x if self.attention_norm is None else self.attention_norm(x)

    def _given(self, inputs, attention_bias=None, distance_vectors=None, **masks):
        """Returns what attention is called with; only a disentangled one knows of distances."""
        given = {**masks, "attention_bias": self._with_distances(attention_bias, inputs)}
        if self.disentangled is None:
            return given
        if given.pop("attention_bias") is not None:
            raise ValueError(
                "Disentangled attention has no `attention_bias`, nor a bias of buckets or of a "
                f"grid: `distance_vectors` take its place. Received: grid={self.grid}"
            )
        return {**given, "distance_vectors": distance_vectors}

    def call_with_weights(self, inputs, **given):
        """Returns `call`'s outputs, and the attention's weights: float32, (B, N, T, T).

        Args:
            inputs: (B, T, D).
            **given: The masks, bias and vectors of `call`, by name.
        """
        x = self._normalized(inputs) if self.normalize_first else inputs
        weights = self.attention.attention_weights(x, **self._given(inputs, **given))
        return self(inputs, **given), weights

    def get_config(self):
        return {
            **super().get_config(),
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            **{name: getattr(self, name) for name in _PLAIN},
        }

    def _norm(self, name):
        return LayerNorm(self.layer_norm_epsilon, self.use_bias, dtype=self.dtype_policy, name=name)

    def _make_scales(self, hidden_dim):
        self.attention_scale = self.feed_forward_scale = None
        if self.layer_scale is not None:
            initializer = keras.initializers.Constant(self.layer_scale)
            self.attention_scale, self.feed_forward_scale = (
                self.add_weight((hidden_dim,), initializer, name=f"{name}_scale")
                for name in ("attention", "feed_forward")
            )

    def _make_dropouts(self):
        self.attention_output_dropout = Dropout(self.dropout, dtype=self.dtype_policy)
        self.feed_forward_dropout = Dropout(self.dropout, dtype=self.dtype_policy)
        self.branch_dropout = None
        if self.stochastic_depth:
            self.branch_dropout = StochasticDepth(self.stochastic_depth, dtype=self.dtype_policy)
