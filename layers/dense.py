"""Provides a dense layer that TensorFlow can fuse."""

import keras
from keras import ops

from .shapes import reshape


@keras.saving.register_keras_serializable("regard")
class Dense(keras.layers.Dense):
    """Keras' dense layer, computed with every position as a row of one matrix.

    Keras multiplies (B, T, D) by the kernel and puts a reshape between the product and the bias.
    Without that reshape, TensorFlow's graph optimizer fuses product, bias and activation.

    Args:
        units: Width F of the outputs.
        **kwargs: As for `keras.layers.Dense`.

    Call arguments:
        inputs: (..., D).

    Returns:
        A tensor of shape (..., F).

    Example:
        >>> keras.ops.shape(Dense(7)(keras.ops.ones((2, 5, 8))))
        (2, 5, 7)
    """

    def call(self, inputs, training=None):
        rows = ops.reshape(inputs, (-1, inputs.shape[-1]))
        rows = super().call(rows, training=training)
        return reshape(rows, (*ops.shape(inputs)[:-1], self.units))
