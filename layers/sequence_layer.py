"""Gives layers of sequences the shape of their outputs, and Keras' own masks."""

import keras


class SequenceLayer(keras.layers.Layer):
    """A layer that answers every position of its inputs or, if `first_only`, the first alone.

    Its outputs carry the mask that Keras has attached to its inputs (by `mask_zero=True`, say), cut
    to the positions that it answers. Keras asks for that mask after a call, and does not say what
    the call was, so the layer remembers it.

    Args:
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.is_first_only = False

    def __call__(self, *args, **kwargs):
        self.is_first_only = bool(kwargs.get("first_only"))
        return super().__call__(*args, **kwargs)

    def compute_output_spec(self, *args, **kwargs):
        # By tracing the call: `compute_output_shape` is not told whether it is `first_only`.
        return keras.Operation.compute_output_spec(self, *args, **kwargs)

    def compute_output_shape(self, input_shape):
        return input_shape

    def compute_mask(self, inputs, previous_mask):
        is_cut = self.is_first_only and previous_mask is not None
        return previous_mask[:, :1] if is_cut else previous_mask
