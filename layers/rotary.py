"""Turns queries and keys by their positions, so that their products depend on distances alone.

The two halves of a head are the two coordinates of H/2 points. Each is turned by its position times
a frequency of its own: 1, then falling to about 1 / base.

References:
    Su et al., "RoFormer", section 3.2.2, https://arxiv.org/abs/2104.09864; with halves in place of
    neighbours, as in GPT-NeoX and ModernBERT
"""

import numpy as np
from keras import ops


def check_rotary(base, key_dim):
    """Raises `ValueError` unless heads of that size can be turned with that base."""
    if base is None:
        return
    if not base > 1:
        raise ValueError(f"`rotary_base` must be more than 1. Received: rotary_base={base!r}")
    if key_dim % 2:
        raise ValueError(
            "`key_dim` must be even with rotary positions, which turn pairs of numbers. "
            f"Received: key_dim={key_dim}, rotary_base={base!r}"
        )


def rotate(heads, base, position=None):
    """Turns each vector of heads by its position, in float32.

    Args:
        heads: (B, N, T, H).
        base: The base of the frequencies.
        position: The position of all vectors, an integer or a scalar tensor. Defaults to 0, 1, ...

    Returns:
        A tensor of the same shape and dtype.
    """
    length, key_dim = ops.shape(heads)[2], heads.shape[3]
    if position is None:
        positions = ops.cast(ops.arange(length), "float32")  # (T,)
    else:
        positions = ops.cast(ops.reshape(position, (1,)), "float32")
    frequencies = ops.convert_to_tensor(rotary_frequencies(base, key_dim))  # (H/2,)
    angles = positions[:, None] * frequencies  # (T, H/2)
    return turn(heads, ops.cos(angles), ops.sin(angles))


def turn(heads, cosines, sines):
    """Turns each vector of heads (B, N, T, H) by angles (T, H/2), in float32."""
    x, y = ops.split(ops.cast(heads, "float32"), 2, axis=-1)  # (B, N, T, H/2)
    turned = [x * cosines - y * sines, y * cosines + x * sines]
    return ops.cast(ops.concatenate(turned, axis=-1), heads.dtype)  # (B, N, T, H)


def rotary_frequencies(base, key_dim):
    """Returns the frequencies base^(-2i/H): float32, (H/2,)."""
    exponents = np.arange(0, key_dim, 2, dtype="float32") / np.float32(key_dim)
    return 1 / np.float32(base) ** exponents
