"""Adds a convolution to the first block of an encoder, as the large sizes of DeBERTa-v2 do."""

import keras
from keras import ops

from .checks import check_positive, check_rate
from .dropout import Dropout
from .masks import all_of
from .normalization import LayerNorm
from .sequence_layer import SequenceLayer


@keras.saving.register_keras_serializable("regard")
class TokenConvolution(SequenceLayer):
    """Adds a convolution of a block's inputs to its outputs, and normalizes the sum.

    Args:
        kernel_size: Number of positions that the convolution sees, odd.
        activation: Activation of the convolution. Defaults to "tanh".
        dropout: Probability in [0, 1) of dropping, in training, a unit before the activation.
            Defaults to 0.
        layer_norm_epsilon: Added to the variance before its root is taken. Defaults to 1e-12.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        inputs: (B, T, D), the inputs of the block.
        outputs: (B, T, D), its outputs; or (B, 1, D) if `first_only`.
        padding_mask: (B, T), True at real tokens. What is returned for the others is zero.
        first_only: Whether to answer the first position alone.

    Returns:
        A tensor of the shape of `outputs`.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> x = keras.ops.ones((2, 5, 8))
        >>> keras.ops.shape(TokenConvolution(kernel_size=3)(x, x))
        (2, 5, 8)

    References:
        He et al., "DeBERTa", https://arxiv.org/abs/2006.03654; of version 2 in
        https://github.com/microsoft/DeBERTa
    """

    def __init__(
        self, kernel_size, activation="tanh", dropout=0.0, layer_norm_epsilon=1e-12, **kwargs
    ):
        super().__init__(**kwargs)
        check_positive(kernel_size=kernel_size)
        check_rate(dropout=dropout)
        if kernel_size % 2 == 0:
            raise ValueError(
                "`kernel_size` must be odd, as many positions before as after. Received: "
                f"kernel_size={kernel_size}"
            )
        self.kernel_size = kernel_size
        self.activation = keras.activations.get(activation)
        self.dropout = dropout
        self.layer_norm_epsilon = layer_norm_epsilon

    def build(self, inputs_shape, outputs_shape=None):
        width = inputs_shape[-1]
        self.convolution = keras.layers.Conv1D(
            width, self.kernel_size, padding="same", dtype=self.dtype_policy, name="convolution"
        )
        self.convolution.build((None, None, width))
        self.layer_norm = LayerNorm(
            self.layer_norm_epsilon, dtype=self.dtype_policy, name="layer_norm"
        )
        self.layer_norm.build((None, None, width))
        self.output_dropout = Dropout(self.dropout, dtype=self.dtype_policy)

    def call(
        self,
        inputs,
        outputs,
        padding_mask=None,
        first_only=False,
        training=None,
        inputs_mask=None,
    ):
        mask = all_of(padding_mask, inputs_mask)  # (B, T)
        mask = ops.ones(ops.shape(inputs)[:2], "bool") if mask is None else mask
        is_real = ops.cast(mask, inputs.dtype)[..., None]  # (B, T, 1)
        x = self.convolution(inputs * is_real) * is_real  # (B, T, D)
        x = self.activation(self.output_dropout(x, training=training))
        if first_only:
            x, is_real = x[:, :1], is_real[:, :1]
        return self.layer_norm(outputs + x) * is_real

    def compute_output_shape(self, inputs_shape, outputs_shape):
        return outputs_shape

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "activation": keras.activations.serialize(self.activation),
            "dropout": self.dropout,
            "layer_norm_epsilon": self.layer_norm_epsilon,
        }
