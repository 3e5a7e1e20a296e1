"""Attends to a neighbourhood, at a cost that grows with the length and not with its square.

Position t of the queries sees the keys at t - r to t + r. The queries are cut into M blocks of c
positions, and the keys into as many neighbourhoods of 2c, of which the middle is the block. Blocks
then stand beside the examples of the batch, where attention is what it is everywhere else.
"""

from keras import ops

from .masks import all_of, causal_offset
from .shapes import reshape

LEAST_REACH = 16  # blocks of fewer positions cost more than they spare


def neighbourhood_mask(query_length, key_length, window):
    """Lets each query see the keys at most `window` positions away: booleans (T, S)."""
    distances = ops.arange(query_length)[:, None] - ops.arange(key_length)[None, :]
    return ops.abs(distances) <= window


def can_be_cut(*lengths):
    """Tells whether sequences can be cut into blocks: their lengths are integers or tensors.

    Where JAX asks for the shapes of outputs alone, lengths are unknowns that cannot be compared.
    """
    return all(isinstance(length, int) or ops.is_tensor(length) for length in lengths)


def attend_in_blocks(attend, heads, window, padding_mask=None, attention_mask=None, causal=False):
    """Computes attention to a neighbourhood, block by block.

    What it returns equals attention to all keys under `neighbourhood_mask`, also where a query sees
    no key at all and gets the mean of all values. Time and memory grow with T, but for those of an
    `attention_mask`, which is itself T times S.

    Args:
        attend: A function of queries (B·M, N, c, H), keys (B·M, N, 2c, H), values and a mask that
            returns a tensor of shape (B·M, N, c, V).
        heads: Queries (B, N, T, H), keys (B, N, S, H) and values (B, N, S, V).
        window: Number of positions r that are seen on either side.
        padding_mask: (B, S), True at real keys.
        attention_mask: A boolean tensor that broadcasts to (B, N, T, S), True = attend.
        causal: Whether each query sees only keys up to its own position, as in `causal_mask`.

    Returns:
        A tensor of shape (B, N, T, V).

    Raises:
        ValueError: If it is to be `causal` and there are more queries than keys.

    References:
        Vaswani et al., "Attention Is All You Need", section 4 and table 1, "self-attention
        (restricted)", https://arxiv.org/abs/1706.03762
    """
    queries, keys, values = heads
    key_length = ops.shape(keys)[2]
    blocks = _Blocks(queries, key_length, window)
    if padding_mask is None:
        padding_mask = ops.ones((blocks.batch_size, key_length), "bool")
    is_real = blocks.of_keys(padding_mask[:, None, :, None])  # (B·M, 1, 2c, 1)
    mask = all_of(is_real[:, :, None, :, 0], blocks.mask())  # (B·M, 1, c, 2c)
    if causal:
        offset = causal_offset(blocks.length, key_length)
        mask = all_of(mask, blocks.distances() >= -offset)
    if attention_mask is not None:
        mask = all_of(mask, blocks.of_pairs(attention_mask))  # (B·M, 1 or N, c, 2c)
    outputs = attend(blocks.of_queries(queries), blocks.of_keys(keys), blocks.of_keys(values), mask)
    outputs = blocks.joined(outputs)  # (B, N, T, V)
    sees_any = blocks.joined(ops.any(mask, axis=-1, keepdims=True))  # (B, 1 or N, T, 1)
    return ops.where(sees_any, outputs, ops.mean(values, axis=2, keepdims=True))


class _Blocks:
    """The cut of a batch of sequences into blocks.

    Args:
        queries: (B, N, T, H), for the shape alone.
        key_length: Number of keys S.
        window: Number of positions r that are seen on either side.
    """

    def __init__(self, queries, key_length, window):
        self.batch_size, _, self.length, _ = ops.shape(queries)
        self.window = window
        # Half a block reaches as far as the window, or else one block holds both sequences.
        self.reach = _reach(max(window, LEAST_REACH), self.length, key_length)
        self.size = 2 * self.reach  # c
        self.count = (self.length + self.size - 1) // self.size  # M

    def distances(self):
        """Returns how far the queries of a block are after the keys around it: (c, 2c)."""
        keys = ops.arange(2 * self.size) - self.reach
        return ops.arange(self.size)[:, None] - keys[None, :]

    def mask(self):
        """Returns which of the keys around it each query of a block may see: (c, 2c)."""
        return ops.abs(self.distances()) <= self.window

    def of_queries(self, heads):
        """Cuts (B, N, T, H) into (B·M, N, c, H)."""
        heads = _filled(heads, 2, 0, self.count * self.size)
        return self._beside(self._cut(heads, self.count))

    def of_keys(self, heads):
        """Cuts (B, N, S, H) into (B·M, N, 2c, H), of which neighbours share a half."""
        heads = _filled(heads, 2, self.reach, (self.count + 1) * self.size)
        halves = self._cut(heads, self.count + 1)  # (B, N, M + 1, c, H)
        return self._beside(ops.concatenate([halves[:, :, :-1], halves[:, :, 1:]], axis=3))

    def of_pairs(self, mask):
        """Cuts a mask that broadcasts to (B, N, T, S) into one that does to (B·M, N, c, 2c)."""
        mask = mask[(None,) * (4 - len(mask.shape))]  # (1 or B, 1 or N, T, S)
        mask = _filled(mask, 3, self.reach, (self.count + 1) * self.size)
        mask = _filled(mask, 2, 0, self.count * self.size)
        examples, heads, _, _ = ops.shape(mask)
        sizes = (examples, heads, self.count, self.size, self.count + 1, self.size)
        mask = ops.transpose(reshape(mask, sizes), (0, 1, 2, 4, 3, 5))  # (B, N, M, M + 1, c, c)
        sizes = (examples, heads, self.count * (self.count + 1), self.size, self.size)
        mask = reshape(mask, sizes)
        first = ops.arange(self.count) * (self.count + 2)  # of block m, in row m
        halves = [ops.take(mask, first + side, axis=2) for side in (0, 1)]
        mask = ops.concatenate(halves, axis=-1)  # (B, N, M, c, 2c)
        sizes = (self.batch_size, heads, self.count, self.size, 2 * self.size)
        return self._beside(ops.broadcast_to(mask, sizes))

    def joined(self, heads):
        """Lays blocks (B·M, N, c, V) end to end again: (B, N, T, V)."""
        _, num_heads, _, width = heads.shape
        heads = reshape(heads, (self.batch_size, self.count, num_heads, self.size, width))
        heads = ops.transpose(heads, (0, 2, 1, 3, 4))  # (B, N, M, c, V)
        sizes = (self.batch_size, num_heads, self.count * self.size, width)
        return reshape(heads, sizes)[:, :, : self.length]

    def _cut(self, heads, count):
        _, num_heads, _, width = heads.shape
        return reshape(heads, (self.batch_size, num_heads, count, self.size, width))

    def _beside(self, blocks):
        """Puts the blocks beside the examples: (B, N, M, c, H) to (B·M, N, c, H)."""
        _, num_heads, _, size, width = ops.shape(blocks)
        blocks = ops.transpose(blocks, (0, 2, 1, 3, 4))  # (B, M, N, c, H)
        return reshape(blocks, (self.batch_size * self.count, num_heads, size, width))


def _filled(tensor, axis, before, length):
    """Puts zeros before and after along an axis, or cuts it off, so that it has a length."""
    index = (slice(None),) * axis
    tensor = tensor[(*index, slice(length - before))]
    sizes = list(ops.shape(tensor))
    after = length - before - sizes[axis]
    zeros = [
        ops.zeros((*sizes[:axis], count, *sizes[axis + 1 :]), tensor.dtype)
        for count in (before, after)
    ]
    return ops.concatenate([zeros[0], tensor, zeros[1]], axis=axis)


def _reach(window, *lengths):
    """Returns the window, but at most half of the longer length: an integer if lengths are."""
    if all(isinstance(length, int) for length in lengths):
        return max(1, min(window, (max(lengths) + 1) // 2))
    return ops.maximum(1, ops.minimum(window, (ops.maximum(*lengths) + 1) // 2))
