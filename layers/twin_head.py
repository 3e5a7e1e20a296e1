"""Classifies by two tokens, each with a head of its own."""

import keras
from keras import ops

from .checks import check_positive


@keras.saving.register_keras_serializable("regard")
class TwinHead(keras.layers.Layer):
    """DeiT's two heads: the mean of the logits of the class token and the distillation token.

    In the paper the second one learns from a teacher's answers. Here both learn, as one, from the
    labels.

    Args:
        num_classes: Number of classes C.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        inputs: (B, 2 D): the vectors of both tokens, side by side.

    Returns:
        A tensor of shape (B, C).

    Raises:
        ValueError: If `num_classes` is not a positive integer.

    Example:
        >>> keras.ops.shape(TwinHead(num_classes=3)(keras.ops.ones((2, 16))))
        (2, 3)

    References:
        Touvron et al., "DeiT", section 4, https://arxiv.org/abs/2012.12877
    """

    def __init__(self, num_classes, **kwargs):
        super().__init__(**kwargs)
        check_positive(num_classes=num_classes)
        self.num_classes = num_classes
        self.heads = [
            keras.layers.Dense(num_classes, dtype=self.dtype_policy, name=name)
            for name in ("class_token", "distillation_token")
        ]

    def build(self, input_shape):
        for head in self.heads:
            head.build((input_shape[0], input_shape[-1] // 2))

    def call(self, inputs):
        first, second = ops.split(inputs, 2, axis=-1)  # two of (B, D)
        return (self.heads[0](first) + self.heads[1](second)) / 2

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.num_classes)

    def get_config(self):
        return {**super().get_config(), "num_classes": self.num_classes}
