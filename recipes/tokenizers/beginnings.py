"""Tokenizes no more of a text than is read of it, in a graph."""

from collections.abc import Callable

import tensorflow as tf

BYTES_AT_FIRST = 8  # of a text, for each token
FURTHER = 256  # tokens: so far from where a text is cut, the cut changes none


def tokenize_beginnings(
    tokenize: Callable[[tf.Tensor], tf.RaggedTensor], texts: tf.Tensor, length: int
) -> tf.RaggedTensor:
    """Tokenizes each text (B,) as far as it takes to know its first `length` tokens.

    What comes after them may be missing, or be other than in the whole text. A token may have any
    number of bytes, for many spaces are read as one, and many unknown characters as well. So ever
    more is tried, twice as much each time, until that gives tokens enough or is all.

    Returns:
        The token ids, int32, (B, None), as `tokenize` gives them.
    """
    enough = length + FURTHER
    sizes = tf.cast(tf.strings.length(texts), tf.int64)
    start = tf.constant(0, tf.int64)

    def tokenized(size):
        ids = tokenize(tf.strings.substr(texts, start, size))
        return size, ids.flat_values, ids.row_splits

    def is_short(size, _, splits):
        return tf.reduce_any((sizes > size) & (splits[1:] - splits[:-1] < enough))

    first = tokenized(tf.constant(BYTES_AT_FIRST * enough, tf.int64))
    shapes = tuple(tf.TensorShape(shape) for shape in ([], [None], [None]))
    _, ids, splits = tf.while_loop(
        is_short, lambda size, *_: tokenized(2 * size), first, shape_invariants=shapes
    )
    return tf.RaggedTensor.from_row_splits(ids, splits, validate=False)
