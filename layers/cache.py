"""Keys or values of sequences that are still being written, a position at a time.

K sequences of each example are written together. Their entries stay where they were written: where
one sequence goes on from another, as in beam search, a mask says whose entries it sees, and nothing
is copied. An entry of the cache is a row for each position, head and example, (B·N·L, K·H), so that
a step writes whole rows in place.
"""

from keras import ops


def new_cache(batch_size, num_heads, length, num_sequences, key_dim, dtype):
    """Empty keys and values, for `MultiHeadAttention.step`.

    Args:
        batch_size: Number of examples B, an integer or a scalar tensor.
        num_heads: Number of heads N.
        length: Number of positions L that there is room for, likewise.
        num_sequences: Number of sequences K of each example.
        key_dim: Size of each head H.
        dtype: Precision.

    Returns:
        Two tensors of shape (B·N·L, K·H).
    """
    shape = (batch_size * num_heads * length, num_sequences * key_dim)
    return ops.zeros(shape, dtype), ops.zeros(shape, dtype)


def write_cache(entries, position, new):
    """Puts new entries (B, N, K, H) at a position."""
    batch_size, num_heads, num_sequences, key_dim = ops.shape(new)
    length = ops.shape(entries)[0] // (batch_size * num_heads)
    rows = ops.arange(batch_size * num_heads) * length + position  # (B·N,)
    new = ops.reshape(new, (batch_size * num_heads, num_sequences * key_dim))
    return ops.scatter_update(entries, rows[:, None], new)


def read_cache(entries, like):
    """The entries of all positions: (B, N, L·K, H), for queries `like` (B, N, K, H)."""
    batch_size, num_heads, _, key_dim = ops.shape(like)
    return ops.reshape(entries, (batch_size, num_heads, -1, key_dim))  # (B, N, L·K, H)
