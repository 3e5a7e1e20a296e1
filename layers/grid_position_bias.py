"""Lets attention between patches depend on how far apart they are, by rows and by columns."""

import keras
import numpy as np
from keras import ops

from .checks import check_positive


@keras.saving.register_keras_serializable("regard")
class GridPositionBias(keras.layers.Layer):
    """A learned number for each head and each distance of two patches, to be added to the scores.

    A class token stands before the patches, and has three numbers of its own: where it reads a
    patch, where a patch reads it, and where it reads itself.

    Args:
        grid: Rows and columns of the P patches.
        num_heads: Number of attention heads N.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        inputs: (B, 1 + P, D); they are not used.

    Returns:
        A tensor of shape (N, 1 + P, 1 + P).

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> layer = GridPositionBias(grid=(2, 3), num_heads=2)
        >>> keras.ops.shape(layer(keras.ops.zeros((4, 7, 8))))
        (2, 7, 7)

    References:
        Bao et al., "BEiT", https://arxiv.org/abs/2106.08254; Liu et al., "Swin Transformer",
        section 3.2, https://arxiv.org/abs/2103.14030
    """

    def __init__(self, grid, num_heads, **kwargs):
        super().__init__(**kwargs)
        check_positive(rows=grid[0], columns=grid[1], num_heads=num_heads)
        self.grid = tuple(grid)
        self.num_heads = num_heads

    def build(self, input_shape=None):
        rows, columns = self.grid
        num_distances = (2 * rows - 1) * (2 * columns - 1) + 3
        self.embeddings = self.add_weight(
            (num_distances, self.num_heads), initializer="zeros", name="embeddings"
        )

    def call(self, inputs):
        indices = ops.reshape(distances_in(*self.grid), (-1,))
        length = 1 + self.grid[0] * self.grid[1]
        bias = ops.reshape(ops.take(self.embeddings, indices, axis=0), (length, length, -1))
        return ops.transpose(bias, (2, 0, 1))  # (N, 1 + P, 1 + P)

    def compute_output_shape(self, input_shape):
        length = 1 + self.grid[0] * self.grid[1]
        return (self.num_heads, length, length)

    def get_config(self):
        return {**super().get_config(), "grid": list(self.grid), "num_heads": self.num_heads}


def distances_in(rows, columns):
    """Returns which distance each query (the rows) has from each key: (1 + P, 1 + P), int32."""
    row, column = (each.ravel() for each in np.indices((rows, columns)))  # (P,)
    down, right = (place[:, None] - place for place in (row, column))  # (P, P)
    between = (down + rows - 1) * (2 * columns - 1) + right + columns - 1
    number = (2 * rows - 1) * (2 * columns - 1)
    indices = np.full((1 + rows * columns,) * 2, number)  # of the class token to a patch
    indices[1:, 0] = number + 1
    indices[0, 0] = number + 2
    indices[1:, 1:] = between
    return indices.astype("int32")


def resize_distances(table, grid, new_grid):
    """Interpolates the numbers of a `GridPositionBias` for another grid, as `transformers` does.

    Args:
        table: A NumPy array (number of distances + 3, N).
        grid: Rows and columns of the patches.
        new_grid: Rows and columns of the patches to come.

    Returns:
        A NumPy array of float32, likewise for the new grid.
    """
    sides, new_sides = ([2 * side - 1 for side in each] for each in (grid, new_grid))
    between = np.reshape(table[:-3], (*sides, -1)).astype("float64")
    rows, columns = (_linear(old, new) for old, new in zip(sides, new_sides, strict=True))
    between = np.einsum("ir,jc,rcn->ijn", rows, columns, between)
    between = between.reshape(new_sides[0] * new_sides[1], -1)
    return np.concatenate([between, table[-3:]]).astype("float32")


def _linear(size, new_size):
    """Returns the weight of each old place in each new one, places as areas: (new, old)."""
    centres = np.clip((np.arange(new_size) + 0.5) * size / new_size - 0.5, 0, size - 1)
    return np.maximum(0, 1 - np.abs(centres[:, None] - np.arange(size)))
