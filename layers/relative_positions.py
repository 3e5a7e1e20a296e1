"""Lets attention depend on how far away a key is, and on which side."""

import keras
import numpy as np
from keras import ops

from .checks import check_positive

MAX_DISTANCE = 128  # positions: all further ones are alike; T5, table 2 and section 2.1


@keras.saving.register_keras_serializable("regard")
class RelativePositionBias(keras.layers.Layer):
    """A learned number for each head and each distance, to be added to the scores.

    Distances fall into buckets: half of them for keys to the right, half for the others. Of each
    half, one half has a bucket for each small distance, and in the other they grow by powers.

    Args:
        num_buckets: Number of buckets, a multiple of 4.
        num_heads: Number of attention heads N.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        inputs: (B, T, D); only its length is used.

    Returns:
        A tensor of shape (N, T, T).

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> layer = RelativePositionBias(num_buckets=32, num_heads=2)
        >>> keras.ops.shape(layer(keras.ops.zeros((3, 5, 8))))
        (2, 5, 5)

    References:
        Raffel et al., "Exploring the Limits of Transfer Learning", section 2.1,
        https://arxiv.org/abs/1910.10683; Song et al., "MPNet", https://arxiv.org/abs/2004.09297
    """

    def __init__(self, num_buckets, num_heads, **kwargs):
        super().__init__(**kwargs)
        check_positive(num_buckets=num_buckets, num_heads=num_heads)
        if num_buckets % 4:
            raise ValueError(
                f"`num_buckets` must be a multiple of 4. Received: num_buckets={num_buckets}"
            )
        self.num_buckets = num_buckets
        self.num_heads = num_heads

    def build(self, input_shape):
        self.embeddings = self.add_weight(
            shape=(self.num_buckets, self.num_heads),
            initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            name="embeddings",
        )

    def call(self, inputs):
        positions = ops.arange(ops.shape(inputs)[1])
        distances = positions - positions[:, None]  # (T, T): of the key from the query
        # Looked up by distance: the logarithms are computed here, once, and not on a device.
        buckets = ops.take(
            buckets_by_distance(self.num_buckets),
            ops.clip(distances, -MAX_DISTANCE, MAX_DISTANCE) + MAX_DISTANCE,
        )
        return ops.transpose(ops.take(self.embeddings, buckets, axis=0), (2, 0, 1))  # (N, T, T)

    def compute_output_shape(self, input_shape):
        return (self.num_heads, input_shape[1], input_shape[1])

    def compute_mask(self, inputs, previous_mask):
        return None

    def get_config(self):
        return {
            **super().get_config(),
            "num_buckets": self.num_buckets,
            "num_heads": self.num_heads,
        }


def buckets_by_distance(num_buckets):
    """Returns the buckets of the distances from -`MAX_DISTANCE` to `MAX_DISTANCE`, in a row."""
    distances = np.arange(-MAX_DISTANCE, MAX_DISTANCE + 1)
    half = num_buckets // 2
    exact = half // 2
    far = np.maximum(np.abs(distances), 1)
    steps = (
        np.log(far.astype("float32") / exact) / float(np.log(MAX_DISTANCE / exact)) * (half - exact)
    )
    grown = np.minimum(exact + steps.astype("int64"), half - 1)
    buckets = np.where(np.abs(distances) < exact, np.abs(distances), grown)
    return (buckets + half * (distances > 0)).astype("int32")
