"""Lets attention know where patches are by turning their queries and keys."""

import keras
import numpy as np
from keras import ops

from .attention import MultiHeadAttention
from .checks import check_positive
from .rotary import turn


@keras.saving.register_keras_serializable("regard")
class RotaryAttention(MultiHeadAttention):
    """Self-attention between patches whose queries and keys are turned by angles of their places.

    A place is the centre of a patch, its row and its column each in (-1, 1), so that it does not
    depend on the number of patches. What stands before the patches is not turned.

    Args:
        num_heads: Number of heads N.
        key_dim: Size of each head H, a multiple of 4.
        grid: Rows and columns of the P patches.
        num_first: Number of tokens K before them. Defaults to 1.
        theta: The frequencies are its powers, from 1 down to nearly 1 / theta. Defaults to 100.
        **kwargs: As for `MultiHeadAttention`.

    Call arguments:
        query: (B, K + P, D).

    Returns:
        A tensor of shape (B, K + P, D).

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> layer = RotaryAttention(num_heads=2, key_dim=4, grid=(2, 3))
        >>> keras.ops.shape(layer(keras.random.normal((3, 7, 8))))
        (3, 7, 8)

    References:
        Siméoni et al., "DINOv3", section 3.2, https://arxiv.org/abs/2508.10104;
        Heo et al., "Rotary Position Embedding for Vision Transformer",
        https://arxiv.org/abs/2403.13298
    """

    def __init__(self, num_heads, key_dim, grid, num_first=1, theta=100.0, **kwargs):
        super().__init__(num_heads, key_dim, **kwargs)
        check_positive(rows=grid[0], columns=grid[1])
        if key_dim % 4:
            raise ValueError(f"`key_dim` must be a multiple of 4. Received: key_dim={key_dim}")
        self.grid = tuple(grid)
        self.num_first = num_first
        self.theta = theta

    def project(self, query, key, value, position=None):
        queries, keys, values = super().project(query, key, value, position)
        angles = turns(self.grid, self.num_first, self.key_dim, self.theta)
        angles = [ops.convert_to_tensor(each) for each in angles]
        return turn(queries, *angles), turn(keys, *angles), values

    def get_config(self):
        own = {"grid": list(self.grid), "num_first": self.num_first, "theta": self.theta}
        return {**super().get_config(), **own}


def turns(grid, num_first, key_dim, theta):
    """Returns the cosines and sines of the angles, each (K + P, H/2): 0 for the first K tokens."""
    frequencies = theta ** -np.arange(0, 1, 4 / key_dim)  # (H/4,)
    row, column = (
        2 * (each.ravel() + 0.5) / side - 1
        for each, side in zip(np.indices(grid), grid, strict=True)
    )
    places = np.stack([row, column], axis=-1)  # (P, 2)
    angles = 2 * np.pi * places[:, :, None] * frequencies  # (P, 2, H/4)
    angles = angles.reshape(len(places), -1)  # (P, H/2)
    angles = np.concatenate([np.zeros((num_first, key_dim // 2)), angles])
    return np.cos(angles).astype("float32"), np.sin(angles).astype("float32")
