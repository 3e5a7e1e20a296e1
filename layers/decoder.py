"""Stacks decoder blocks into the decoder of "Attention Is All You Need"."""

import keras

from .checks import check_positive
from .decoder_block import EPSILON, DecoderBlock
from .normalization import LayerNorm


@keras.saving.register_keras_serializable("regard")
class Decoder(keras.layers.Layer):
    """A stack of decoder blocks. A pre-norm stack ends with one more normalization.

    Args:
        num_layers: Number of blocks.
        num_heads: Number of attention heads N; must divide the width D.
        intermediate_dim: Width F inside the feed-forward layers.
        dropout: Probability in [0, 1), as in `DecoderBlock`. Defaults to 0.
        attention_dropout: Likewise. Defaults to `dropout`.
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
        >>> decoder = Decoder(num_layers=3, num_heads=2, intermediate_dim=32)
        >>> keras.ops.shape(decoder(keras.ops.ones((2, 5, 8)), memory=keras.ops.ones((2, 7, 8))))
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
        activation="relu",
        normalize_first=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        check_positive(num_layers=num_layers)
        self.num_layers = num_layers
        self.blocks = [
            DecoderBlock(
                num_heads,
                intermediate_dim,
                dropout,
                attention_dropout,
                activation,
                normalize_first,
                dtype=self.dtype_policy,
                name=f"block_{index}",
            )
            for index in range(num_layers)
        ]
        self.final_norm = None
        if normalize_first:
            self.final_norm = LayerNorm(EPSILON, dtype=self.dtype_policy, name="final_norm")

    def build(self, inputs_shape, memory_shape):
        for block in self.blocks:
            block.build(inputs_shape, memory_shape)
        if self.final_norm is not None:
            self.final_norm.build(inputs_shape)

    def call(self, inputs, memory, padding_mask=None, memory_padding_mask=None, training=None):
        x = inputs
        for block in self.blocks:
            x = block(x, memory, padding_mask, memory_padding_mask, training=training)  # (B, T, D)
        return x if self.final_norm is None else self.final_norm(x)

    def project_memory(self, memory):
        """Returns the keys and values of every block's cross-attention, for `step`."""
        return [block.cross_attention.project_memory(memory) for block in self.blocks]

    def step(self, inputs, caches, position, attention_mask, memory, memory_padding_mask=None):
        """Computes the decoder for the newest tokens of K sequences.

        Args:
            inputs: (B, K, D): one token of each sequence, all at one position.
            caches: A cache for each block, from `new_cache` or the last step.
            position: The tokens' position, an integer or a scalar tensor.
            attention_mask: (B, K, L·K), True where a sequence may see an entry of the cache. The
                cache has K entries for each of L positions.
            memory: The keys and values that `project_memory` returns.
            memory_padding_mask: (B, S), True at real tokens.

        Returns:
            A tensor of shape (B, K, D), and the caches with the tokens in them.
        """
        x, written = inputs, []
        for block, cache, projected in zip(self.blocks, caches, memory, strict=True):
            x, cache = block.step(
                x, cache, position, attention_mask, projected, memory_padding_mask
            )
            written.append(cache)
        return x if self.final_norm is None else self.final_norm(x), written

    def attention_weights(self, inputs, memory, memory_padding_mask=None):
        """Returns the weights with which each block's cross-attention reads the source.

        Returns:
            A float32 tensor of shape (B, L, N, T, S) for L blocks, whose last axis sums to 1.
        """
        return self._weights(inputs, memory, memory_padding_mask)[1]

    def self_attention_weights(self, inputs, memory, memory_padding_mask=None):
        """Returns the weights with which each block's positions read those up to themselves.

        Returns:
            A float32 tensor of shape (B, L, N, T, T) for L blocks, whose last axis sums to 1.
        """
        return self._weights(inputs, memory, memory_padding_mask)[0]

    def _weights(self, inputs, memory, memory_padding_mask):
        x, own, cross = inputs, [], []
        for block in self.blocks:
            x, *weights = block.call_with_weights(x, memory, memory_padding_mask)
            own.append(weights[0])
            cross.append(weights[1])
        return keras.ops.stack(own, axis=1), keras.ops.stack(cross, axis=1)  # (B, L, N, T, ·)

    def compute_output_shape(self, inputs_shape, memory_shape):
        return inputs_shape

    def get_config(self):
        block = self.blocks[0].get_config()
        inherited = {name: block[name] for name in block if name not in ("name", "dtype")}
        return {**inherited, **super().get_config(), "num_layers": self.num_layers}
