"""Pools a sequence into one vector."""

import keras

from .initializers import clone_initializer


@keras.saving.register_keras_serializable("regard")
class FirstTokenPooling(keras.layers.Layer):
    """BERT's pooler: the first token's vector through a dense layer and tanh.

    Args:
        kernel_initializer: Initializer of the dense kernel. Defaults to "glorot_uniform".
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        inputs: (B, T, D), T at least 1.

    Returns:
        A tensor of shape (B, D).

    Example:
        >>> keras.ops.shape(FirstTokenPooling()(keras.ops.ones((2, 5, 8))))
        (2, 8)

    References:
        Devlin et al., "BERT", section 3.1, https://arxiv.org/abs/1810.04805
    """

    def __init__(self, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape):
        hidden_dim = input_shape[-1]
        self.dense = keras.layers.Dense(
            hidden_dim,
            activation="tanh",
            kernel_initializer=clone_initializer(self.kernel_initializer),
            dtype=self.dtype_policy,
            name="dense",
        )
        self.dense.build((input_shape[0], hidden_dim))

    def call(self, inputs):
        return self.dense(inputs[:, 0])  # (B, D)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1])

    def compute_mask(self, inputs, previous_mask):
        return None  # there are no positions left

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
