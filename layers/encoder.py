"""Stacks encoder blocks into the encoder of BERT, ViT and Marian."""

import keras

from .checks import check_positive, check_positive_or_none
from .disentangled import DistanceEmbedding
from .encoder_block import EncoderBlock
from .grid_position_bias import GridPositionBias
from .normalization import LayerNorm
from .relative_positions import RelativePositionBias
from .sequence_layer import SequenceLayer
from .token_convolution import TokenConvolution

# The arguments of `disentangled`, by the layer that they are of.
_OF_DISTANCES = ("max_distance", "num_buckets", "normalize")
_OF_ATTENTION = ("terms", "shares_projections")

_OF_BLOCKS = ("qkv_bias", "gated", "layer_scale", "grid", "rotary")  # what `block` may name


@keras.saving.register_keras_serializable("regard")
class Encoder(SequenceLayer):
    """A stack of encoder blocks. A pre-norm stack ends with one more normalization.

    Args:
        num_layers: Number of blocks.
        num_heads: Number of attention heads N; must divide the width D.
        intermediate_dim: Width F inside the feed-forward layers.
        dropout: Probability in [0, 1), as in `EncoderBlock`. Defaults to 0.
        attention_dropout: Likewise. Defaults to `dropout`.
        activation: Activation of the feed-forward layers. Defaults to "gelu".
        layer_norm_epsilon: Added to the variance before its root is taken. Defaults to 1e-12.
        normalize_first: Pre-norm if True, post-norm if False. Defaults to False.
        kernel_initializer: Initializer of all kernels. Defaults to "glorot_uniform".
        stochastic_depth: Probability in [0, 1) of leaving out a sub-layer of the last block in
            training, drawn for each example. It falls linearly towards the first block. Defaults
            to 0.
        window: Number of positions on either side of its own that each attends to, as in
            `MultiHeadAttention`. Defaults to all positions.
        num_groups: Number of groups that the `num_layers` layers fall into, of which all layers of
            one share their weights, as in ALBERT. Defaults to as many as layers: none share.
        group_size: Number of blocks, one after the other, that a layer consists of. Defaults to 1.
        num_buckets: Number of distances that attention tells apart: its scores then depend on how
            far away a key is, as in MPNet, by a `RelativePositionBias`. Defaults to none.
        block: Further arguments of each `EncoderBlock`, by name: `qkv_bias`, `gated`,
            `layer_scale`, `grid` and `rotary`. Defaults to none.
        normalize_output: Whether a pre-norm stack ends with that normalization. Else
            `final_norm` is left to the caller, as in BEiT, which pools first. Defaults to True.
        grid: Rows and columns of patches, whose distances count in the scores of all blocks by one
            `GridPositionBias`. Defaults to none.
        use_bias: Whether dense layers and normalizations have biases. Defaults to True.
        rotary_base: Base of rotary positions of tokens, as in `MultiHeadAttention`. Defaults to
            none.
        local_rotary_base: Likewise, of the blocks with a window. Defaults to `rotary_base`.
        global_every: Of so many blocks the first attends to all positions whatever the `window`, as
            in ModernBERT. Defaults to a window in all blocks.
        skips_first_norm: Whether the first block leaves out the normalization of attention, for an
            embedding that ends with one. Defaults to False.
        disentangled: Arguments of a `DistanceEmbedding` and of `DisentangledAttention`, by name:
            `max_distance`, `num_buckets`, `normalize`, `terms` and `shares_projections`. Attention
            is then by content and by distance, as in DeBERTa. Defaults to content alone.
        convolution: Arguments of a `TokenConvolution` around the first block, by name:
            `kernel_size` and `activation`. Defaults to none.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        inputs: (B, T, D).
        padding_mask: (B, T), True at real tokens. A mask that Keras has attached to the inputs
            counts beside it.
        attention_mask: (T, T), (B, T, T) or (B, N, T, T), True = attend.
        first_only: Whether to compute the outputs at the first position alone. A pooler needs no
            more, and it spares most of the last block.

    Returns:
        A tensor of shape (B, T, D), or (B, 1, D) if `first_only`.

    Raises:
        ValueError: If an argument is out of range, or D is not a multiple of `num_heads`.

    Example:
        >>> encoder = Encoder(num_layers=3, num_heads=2, intermediate_dim=32)
        >>> keras.ops.shape(encoder(keras.ops.ones((2, 5, 8))))
        (2, 5, 8)

    References:
        Vaswani et al., "Attention Is All You Need", figure 1, https://arxiv.org/abs/1706.03762;
        Lan et al., "ALBERT", section 3.1, https://arxiv.org/abs/1909.11942;
        Warner et al., "ModernBERT", section 2.1, https://arxiv.org/abs/2412.13663
    """

    def __init__(
        self,
        num_layers,
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
        num_groups=None,
        group_size=1,
        num_buckets=None,
        block=None,
        normalize_output=True,
        grid=None,
        use_bias=True,
        rotary_base=None,
        local_rotary_base=None,
        global_every=None,
        skips_first_norm=False,
        disentangled=None,
        convolution=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_positive(num_layers=num_layers, group_size=group_size)
        check_positive_or_none(num_groups=num_groups, global_every=global_every)
        self.num_layers = num_layers
        self.num_groups = num_groups
        self.group_size = group_size
        self.num_buckets = num_buckets
        self.block = dict(block or {})
        self.normalize_output = normalize_output
        self.grid = grid
        self.window = window
        self.global_every = global_every
        self.rotary_base = rotary_base
        self.local_rotary_base = local_rotary_base
        self.skips_first_norm = skips_first_norm
        self.disentangled = disentangled
        self.convolution_config = convolution
        of_all_blocks = {
            "num_heads": num_heads,
            "intermediate_dim": intermediate_dim,
            "dropout": dropout,
            "attention_dropout": attention_dropout,
            "activation": activation,
            "layer_norm_epsilon": layer_norm_epsilon,
            "normalize_first": normalize_first,
            "kernel_initializer": kernel_initializer,
            "use_bias": use_bias,
        }
        self._make_blocks(of_all_blocks, stochastic_depth)
        self._make_shared()

    def _make_blocks(self, of_all, stochastic_depth):
        """Makes the blocks, of arguments that all have alike, and the last normalization."""
        num_blocks = self.group_size * (self.num_groups or self.num_layers)
        self.blocks = [
            EncoderBlock(
                **of_all,
                stochastic_depth=stochastic_depth * (index + 1) / num_blocks,
                **self._reach(index),
                skips_attention_norm=self.skips_first_norm and index == 0,
                disentangled=_only(self.disentangled, *_OF_ATTENTION),
                **self.block,
                dtype=self.dtype_policy,
                name=f"block_{index}",
            )
            for index in range(num_blocks)
        ]
        self.final_norm = None
        if of_all["normalize_first"]:
            how = of_all["layer_norm_epsilon"], of_all["use_bias"]
            self.final_norm = LayerNorm(*how, dtype=self.dtype_policy, name="final_norm")

    def _reach(self, index):
        """Returns the window of a block, and the base of its rotary positions, by name."""
        is_global = self.global_every is not None and index % self.global_every == 0
        if self.window is None or is_global:
            return {"window": None, "rotary_base": self.rotary_base}
        return {"window": self.window, "rotary_base": self.local_rotary_base or self.rotary_base}

    def _make_shared(self):
        """Makes what is of no block: what the scores know of distances, and a convolution."""
        self.position_bias = self._make_position_bias()
        self.distances = self.convolution = None
        layer_norm_epsilon = self.blocks[0].layer_norm_epsilon
        if self.disentangled is not None:
            self.distances = DistanceEmbedding(
                **_only(self.disentangled, *_OF_DISTANCES),
                layer_norm_epsilon=layer_norm_epsilon,
                dtype=self.dtype_policy,
                name="distances",
            )
        if self.convolution_config is not None:
            self.convolution = TokenConvolution(
                **self.convolution_config,
                dropout=self.blocks[0].dropout,
                layer_norm_epsilon=layer_norm_epsilon,
                dtype=self.dtype_policy,
                name="convolution",
            )

    def _make_position_bias(self):
        named = {"dtype": "float32", "name": "position_bias"}
        if self.num_buckets:
            return RelativePositionBias(self.num_buckets, self.blocks[0].num_heads, **named)
        if self.grid is not None:
            return GridPositionBias(self.grid, self.blocks[0].num_heads, **named)
        return None

    @property
    def shared_layers(self):
        """Returns the layers that are of no block, but for the last normalization."""
        shared = (self.position_bias, self.distances, self.convolution)
        return [layer for layer in shared if layer is not None]

    def steps(self):
        """Returns the blocks in the order in which they are computed, shared ones repeatedly."""
        groups = self.num_groups or self.num_layers
        return [
            # `transformers` divides in this order; it matters where groups are of unlike sizes
            self.blocks[int(layer / (self.num_layers / groups)) * self.group_size + index]
            for layer in range(self.num_layers)
            for index in range(self.group_size)
        ]

    def build(self, input_shape):
        final = [] if self.final_norm is None else [self.final_norm]
        for layer in [*self.blocks, *final, *self.shared_layers]:
            layer.build(input_shape)

    def call(self, inputs, padding_mask=None, attention_mask=None, first_only=False, training=None):
        masks = {"padding_mask": padding_mask, "attention_mask": attention_mask}
        *_, x = self.states(inputs, **masks, first_only=first_only, training=training)
        has_norm = self.final_norm is not None and self.normalize_output
        return self.final_norm(x) if has_norm else x

    def states(
        self, inputs, padding_mask=None, attention_mask=None, first_only=False, training=None
    ):
        """Yields the hidden states (B, T, D) after each block, of arguments as `call` has them."""
        x, steps = inputs, self.steps()
        given = self.given(inputs, padding_mask, attention_mask)
        for index, block in enumerate(steps):
            how = {"first_only": first_only and index == len(steps) - 1, "training": training}
            x = block(x, **given, **how)
            if index == 0 and self.convolution is not None:
                x = self.convolution(inputs, x, padding_mask, **how)
            yield x

    def given(self, inputs, padding_mask=None, attention_mask=None):
        """Returns what every block is called with, beside its inputs, by name."""
        given = {"padding_mask": padding_mask, "attention_mask": attention_mask}
        if self.position_bias is not None:
            given["attention_bias"] = self.position_bias(inputs)  # (N, T, T)
        if self.distances is not None:
            given["distance_vectors"] = self.distances(inputs)  # (1, 2T - 1, D)
        return given

    def attention_weights(self, inputs, padding_mask=None, attention_mask=None):
        """Returns the weights with which each block's positions read one another.

        They are those of a call without dropout, for every position.

        Returns:
            A float32 tensor of shape (B, L, N, T, T) for L blocks, whose last axis sums to 1.
        """
        x, weights = inputs, []
        given = self.given(inputs, padding_mask, attention_mask)
        for index, block in enumerate(self.steps()):
            x, read = block.call_with_weights(x, **given)
            if index == 0 and self.convolution is not None:
                x = self.convolution(inputs, x, padding_mask)
            weights.append(read)
        return keras.ops.stack(weights, axis=1)  # (B, L, N, T, T)

    def get_config(self):
        block = self.blocks[-1].get_config()
        others = ("name", "dtype", "skips_attention_norm", *_OF_BLOCKS)
        inherited = {name: block[name] for name in block if name not in others}
        own = ("num_layers", "num_groups", "group_size", "num_buckets", "window", "global_every")
        own += ("rotary_base", "local_rotary_base", "skips_first_norm", "disentangled")
        own += ("block", "normalize_output", "grid")
        return {
            **inherited,
            **super().get_config(),
            **{name: getattr(self, name) for name in own},
            "convolution": self.convolution_config,
        }


def _only(arguments, *names):
    """Returns some arguments of several, of those that there are; of none, none."""
    if arguments is None:
        return None
    return {name: arguments[name] for name in names if name in arguments}
