"""Keeps the keys and values of sequences that are still being written, position by position.

K sequences of each example are written together, and their entries are never reordered. Where one
sequence goes on from another, as in beam search, a mask says whose entries it sees.

The cache grows by the K entries of a position, (B, N, t·K, H), so that a step reads no more than
has been written. In JAX a shape cannot depend on values, so there the cache has room for all L
positions from the beginning.
"""

import keras
from keras import ops

GROWS = keras.backend.backend() != "jax"


def new_cache(examples, num_heads, length, num_sequences, key_dim, dtype, value_dim=None):
    """Makes empty keys and values for `MultiHeadAttention.step`.

    Args:
        examples: Any tensor of numbers (B, ...), for its batch size alone.
        num_heads: Number of heads N.
        length: Number of positions L that there may be, an integer or a scalar tensor.
        num_sequences: Number of sequences K of each example.
        key_dim: Size of each head H.
        dtype: Precision.
        value_dim: Size of the values V of each head. Defaults to `key_dim`.

    Returns:
        Two tensors of shape (B, N, 0, H) and (B, N, 0, V); in JAX of L·K in place of 0.
    """
    # None yet; but a graph must not know that, or it would take the size for constant.
    nothing = ops.sum(ops.cast(examples, "int32")) * 0
    num_entries = nothing if GROWS else length * num_sequences
    shape = (ops.shape(examples)[0], num_heads, num_entries)
    widths = (key_dim, key_dim if value_dim is None else value_dim)
    return tuple(ops.zeros((*shape, width), dtype) for width in widths)


def write_cache(entries, position, new):
    """Puts new entries (B, N, K, H) at a position, which is the next one."""
    if GROWS:
        return ops.concatenate([entries, new], axis=2)
    return ops.slice_update(entries, (0, 0, position * ops.shape(new)[2], 0), new)
