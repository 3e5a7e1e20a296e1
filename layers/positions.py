"""Turns positions in a sequence into vectors: fixed sinusoids, or a learned table."""

import keras
import numpy as np
from keras import ops

from .checks import check_positive
from .initializers import clone_initializer


def sinusoids(length, hidden_dim, first_position=0, endpoint=False):
    """Computes the paper's sinusoids, laid out in two halves: sines, then cosines.

    Position p and frequency i give sin and cos of p / 10000^(2i / D). The paper interleaves the
    two; halves hold the same numbers in another order, as Tensor2Tensor and Marian lay them out.

    One linear map takes every position p to p + k: it turns each pair of sine and cosine by the
    angle that belongs to k. So the dot product of two positions depends on their distance alone,
    Σ cos(k / 10000^(2i / D)). It falls with every step of the distance up to 5 for a width of 64,
    11 for 128, 43 for 512. From there on it ripples about a curve that goes on falling.

    Args:
        length: Number of positions T.
        hidden_dim: Width D, even.
        first_position: Position of the first row. Defaults to 0.
        endpoint: Whether the last frequency is 1 / 10000 itself, as in Tensor2Tensor and fairseq:
            p / 10000^(2i / (D - 2)). Defaults to False, as in the paper.

    Returns:
        A float32 NumPy array of shape (T, D).

    Raises:
        ValueError: If `hidden_dim` is odd.

    References:
        Vaswani et al., "Attention Is All You Need", section 3.5, https://arxiv.org/abs/1706.03762
    """
    if hidden_dim % 2:
        raise ValueError(f"`hidden_dim` must be even. Received: hidden_dim={hidden_dim}")
    last = hidden_dim - 2 if endpoint else hidden_dim
    frequencies = 10000.0 ** (-np.arange(0, hidden_dim, 2) / max(last, 1))  # (D/2,)
    angles = (first_position + np.arange(length))[:, None] * frequencies[None, :]  # (T, D/2)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype("float32")  # (T, D)


@keras.saving.register_keras_serializable("regard")
class SinusoidalPositionEmbedding(keras.layers.Layer):
    """Fixed sinusoids for the positions of a sequence, with nothing to learn.

    Args:
        max_sequence_length: Largest number of positions, in tokens.
        first_position: Position of the first token, as for `sinusoids`. Defaults to 0.
        endpoint: As for `sinusoids`. Defaults to False.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        inputs: (B, T, D); only its shape is used.

    Returns:
        A tensor of shape (T, D), to be added to the inputs.

    Raises:
        ValueError: If the width is odd, or a sequence of known length is too long.

    Example:
        >>> layer = SinusoidalPositionEmbedding(max_sequence_length=512)
        >>> keras.ops.shape(layer(keras.ops.zeros((2, 7, 8))))
        (7, 8)

    References:
        See `sinusoids`.
    """

    def __init__(self, max_sequence_length, first_position=0, endpoint=False, **kwargs):
        super().__init__(**kwargs)
        check_positive(max_sequence_length=max_sequence_length)
        self.max_sequence_length = max_sequence_length
        self.first_position = first_position
        self.endpoint = endpoint

    def build(self, input_shape):
        self.table = sinusoids(  # (max T, D)
            self.max_sequence_length, input_shape[-1], self.first_position, self.endpoint
        )

    def call(self, inputs):
        check_length(inputs.shape[1], self.max_sequence_length)
        return ops.cast(self.table, self.compute_dtype)[: ops.shape(inputs)[1]]  # (T, D)

    def compute_output_shape(self, input_shape):
        return input_shape[1:]

    def compute_mask(self, inputs, previous_mask):
        return None  # positions are the same for all sequences, long or short

    def get_config(self):
        return {
            **super().get_config(),
            "max_sequence_length": self.max_sequence_length,
            "first_position": self.first_position,
            "endpoint": self.endpoint,
        }


@keras.saving.register_keras_serializable("regard")
class PositionEmbedding(keras.layers.Layer):
    """A learned vector for every position, as in BERT and ViT.

    Args:
        max_sequence_length: Largest number of positions, in tokens.
        initializer: Initializer of the table. Defaults to "uniform".
        first_position: Row of the first position in the table. Rows before it are never read, as
            fairseq has two of them. Defaults to 0.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        inputs: (B, T, D); only its shape is used.

    Returns:
        A tensor of shape (T, D), to be added to the inputs.

    Raises:
        ValueError: If an argument is out of range, or a sequence of known length is too long.

    Example:
        >>> layer = PositionEmbedding(max_sequence_length=512)
        >>> keras.ops.shape(layer(keras.ops.zeros((2, 7, 8))))
        (7, 8)

    References:
        Devlin et al., "BERT", section 3, https://arxiv.org/abs/1810.04805
    """

    def __init__(self, max_sequence_length, initializer="uniform", first_position=0, **kwargs):
        super().__init__(**kwargs)
        check_positive(max_sequence_length=max_sequence_length)
        if first_position != 0:
            check_positive(first_position=first_position)
        self.max_sequence_length = max_sequence_length
        self.first_position = first_position
        self.initializer = keras.initializers.get(initializer)

    def build(self, input_shape):
        self.embeddings = self.add_weight(
            shape=(self.first_position + self.max_sequence_length, input_shape[-1]),
            initializer=clone_initializer(self.initializer),
            name="embeddings",
        )

    def call(self, inputs):
        check_length(inputs.shape[1], self.max_sequence_length)
        first = self.first_position
        return self.embeddings[first : first + ops.shape(inputs)[1]]  # (T, D)

    def compute_output_shape(self, input_shape):
        return input_shape[1:]

    def compute_mask(self, inputs, previous_mask):
        return None  # positions are the same for all sequences, long or short

    def get_config(self):
        return {
            **super().get_config(),
            "max_sequence_length": self.max_sequence_length,
            "initializer": keras.initializers.serialize(self.initializer),
            "first_position": self.first_position,
        }


def resize_positions(table, grid, new_grid, antialias=False):
    """Interpolates the vectors of the patches' positions for another number of patches.

    It interpolates by cubic convolution as PyTorch does, and so `transformers`: with a = -0.75 and
    pixels as areas. Beyond an edge it repeats the values at the edge. With `antialias` it does as
    PyTorch with that: a = -0.5, fewer patches are means over a wider neighbourhood, and what is
    beyond an edge does not count.

    Args:
        table: A NumPy array (P, D) or (K + P, D): the vectors of K tokens before the patches stay
            as they are.
        grid: Rows and columns of the P patches.
        new_grid: Rows and columns of the patches to come.
        antialias: Whether it smooths. Defaults to False.

    Returns:
        A NumPy array of float32 with a row for each patch of the new grid, after those of the
        tokens before them.

    References:
        Keys, "Cubic Convolution Interpolation for Digital Image Processing", 1981; Dosovitskiy et
        al., section 3.2, https://arxiv.org/abs/2010.11929
    """
    first = len(table) - grid[0] * grid[1]
    patches = np.reshape(table[first:], (*grid, -1)).astype("float64")  # (rows, columns, D)
    weigh = _smooth_cubic if antialias else _cubic
    rows, columns = (weigh(old, new) for old, new in zip(grid, new_grid, strict=True))
    patches = np.einsum("ir,jc,rcd->ijd", rows, columns, patches)
    patches = patches.reshape(new_grid[0] * new_grid[1], -1)  # (P, D)
    return np.concatenate([table[:first], patches]).astype("float32")


def _cubic(size, new_size):
    """Returns the weight of each old position in each new one: (new, old)."""
    weights = np.zeros((new_size, size))
    for new in range(new_size):
        centre = (new + 0.5) * size / new_size - 0.5
        for old in range(int(np.floor(centre)) - 1, int(np.floor(centre)) + 3):
            weights[new, min(max(old, 0), size - 1)] += _cubic_kernel(abs(centre - old))
    return weights


def _smooth_cubic(size, new_size):
    """Returns the same with smoothing, as PyTorch and Pillow compute it."""
    scale = size / new_size
    wide = max(scale, 1.0)
    weights = np.zeros((new_size, size))
    for new in range(new_size):
        centre = scale * (new + 0.5)
        first = max(int(centre - 2 * wide + 0.5), 0)
        last = min(int(centre + 2 * wide + 0.5), size)
        for old in range(first, last):
            weights[new, old] = _cubic_kernel(abs(old + 0.5 - centre) / wide, a=-0.5)
    return weights / weights.sum(axis=1, keepdims=True)


def _cubic_kernel(x, a=-0.75):
    if x <= 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0.0


def check_length(length, max_sequence_length):
    """Raises `ValueError` for a sequence known to have more tokens than there are positions."""
    if length is not None and length > max_sequence_length:
        raise ValueError(
            "A sequence must be no longer than `max_sequence_length`. Received: "
            f"{length} tokens, max_sequence_length={max_sequence_length}"
        )
