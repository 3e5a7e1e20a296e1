"""Computes the two dense layers that follow attention in every block."""

import keras
import numpy as np
from keras import ops

from .checks import check_positive
from .dense import Dense
from .initializers import clone_initializer


@keras.saving.register_keras_serializable("regard")
class FeedForward(keras.layers.Layer):
    """Widens every position, applies the activation, and narrows it again.

    Args:
        intermediate_dim: Width F between the two dense layers.
        activation: Activation between them; the paper has "relu". Defaults to "gelu", the exact
            one, as in BERT.
        kernel_initializer: Initializer of both kernels. Defaults to "glorot_uniform".
        use_bias: Whether the dense layers have biases. Defaults to True.
        gated: Whether what the activation gives, as a gate, is multiplied by as many units without
            one, as in SwiGLU and ModernBERT: the first layer then has 2 F units, those of the gate
            first. Defaults to False.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        inputs: (B, T, D).

    Returns:
        A tensor of shape (B, T, D).

    Raises:
        ValueError: If `intermediate_dim` is not a positive integer.

    Example:
        >>> layer = FeedForward(intermediate_dim=32)
        >>> keras.ops.shape(layer(keras.ops.ones((2, 5, 8))))
        (2, 5, 8)

    References:
        Vaswani et al., "Attention Is All You Need", section 3.3, https://arxiv.org/abs/1706.03762;
        Shazeer, "GLU Variants Improve Transformer", https://arxiv.org/abs/2002.05202
    """

    def __init__(
        self,
        intermediate_dim,
        activation="gelu",
        kernel_initializer="glorot_uniform",
        use_bias=True,
        gated=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        check_positive(intermediate_dim=intermediate_dim)
        self.intermediate_dim = intermediate_dim
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.use_bias = use_bias
        self.gated = gated

    def build(self, input_shape):
        self.fused = _gelu if self.activation is keras.activations.gelu else self.activation
        self.intermediate = Dense(
            2 * self.intermediate_dim if self.gated else self.intermediate_dim,
            activation=None if self.gated else self.fused,
            use_bias=self.use_bias,
            kernel_initializer=clone_initializer(self.kernel_initializer),
            dtype=self.dtype_policy,
            name="intermediate",
        )
        self.intermediate.build(input_shape)
        self.output_dense = Dense(
            input_shape[-1],
            use_bias=self.use_bias,
            kernel_initializer=clone_initializer(self.kernel_initializer),
            dtype=self.dtype_policy,
            name="output",
        )
        self.output_dense.build((*input_shape[:-1], self.intermediate_dim))

    def call(self, inputs):
        x = self.intermediate(inputs)  # (B, T, F), or (B, T, 2F)
        if self.gated:
            gate, x = ops.split(x, 2, axis=-1)
            x = self.fused(gate) * x  # (B, T, F)
        return self.output_dense(x)  # (B, T, D)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "intermediate_dim": self.intermediate_dim,
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "use_bias": self.use_bias,
            "gated": self.gated,
        }


@ops.custom_gradient
def _gelu(x):
    """Computes the exact Gaussian error linear unit, in operations that TensorFlow fuses.

    Where no gradient is asked for, TensorFlow's graph optimizer fuses them with the `MatMul` and
    `BiasAdd` before them. It does not know `erfc`, which Keras' own gelu uses, and which is slow in
    bfloat16.
    """
    scaled = x * 0.5**0.5
    share = (ops.erf(scaled) + 1.0) * 0.5  # P(X <= x)

    def gradient(*args, upstream=None):
        upstream = args[0] if upstream is None else upstream  # by name in torch alone
        density = ops.exp(-ops.square(scaled)) * np.pi**-0.5
        return upstream * (share + scaled * density)

    return share * x, gradient
