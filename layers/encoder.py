"""Stacks encoder blocks into the encoder of BERT, ViT and Marian."""

import keras

from .checks import check_positive
from .encoder_block import EncoderBlock
from .normalization import LayerNorm
from .sequence_layer import SequenceLayer


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
        Vaswani et al., "Attention Is All You Need", figure 1, https://arxiv.org/abs/1706.03762
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
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_positive(num_layers=num_layers)
        self.num_layers = num_layers
        self.blocks = [
            EncoderBlock(
                num_heads,
                intermediate_dim,
                dropout,
                attention_dropout,
                activation,
                layer_norm_epsilon,
                normalize_first,
                kernel_initializer,
                stochastic_depth * (index + 1) / num_layers,
                window,
                dtype=self.dtype_policy,
                name=f"block_{index}",
            )
            for index in range(num_layers)
        ]
        self.final_norm = None
        if normalize_first:
            self.final_norm = LayerNorm(
                layer_norm_epsilon, dtype=self.dtype_policy, name="final_norm"
            )

    def build(self, input_shape):
        for layer in self.blocks + ([self.final_norm] if self.final_norm else []):
            layer.build(input_shape)

    def call(self, inputs, padding_mask=None, attention_mask=None, first_only=False, training=None):
        x = inputs
        for block in self.blocks[:-1]:
            x = block(x, padding_mask, attention_mask, training=training)  # (B, T, D)
        x = self.blocks[-1](
            x, padding_mask, attention_mask, first_only=first_only, training=training
        )
        return x if self.final_norm is None else self.final_norm(x)

    def attention_weights(self, inputs, padding_mask=None, attention_mask=None):
        """Returns the weights with which each block's positions read one another.

        They are those of a call without dropout, for every position.

        Returns:
            A float32 tensor of shape (B, L, N, T, T) for L blocks, whose last axis sums to 1.
        """
        x, weights = inputs, []
        for block in self.blocks:
            x, read = block.call_with_weights(x, padding_mask, attention_mask)
            weights.append(read)
        return keras.ops.stack(weights, axis=1)  # (B, L, N, T, T)

    def get_config(self):
        block = self.blocks[-1].get_config()
        inherited = {name: block[name] for name in block if name not in ("name", "dtype")}
        return {**inherited, **super().get_config(), "num_layers": self.num_layers}
