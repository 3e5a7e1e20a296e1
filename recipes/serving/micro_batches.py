"""Rows of like length, a few at a time: how a graph answers for a batch of any size."""

from collections.abc import Callable, Sequence

import tensorflow as tf

ROWS_AT_ONCE = 32


def answer_in_parts(
    answer: Callable, lengths: tf.Tensor, signature: Sequence[tf.TensorSpec], lanes: int = 1
) -> list[tf.Tensor]:
    """Asks for the rows of a batch in parts, the shortest first.

    So the graph takes no more memory for a thousand rows than for a few, and short ones wait for no
    long one.

    Args:
        answer: From indices of rows, of like length and the longest last, to a tensor for each of
            the signature: `answer(rows)` is at most `ROWS_AT_ONCE` answers long.
        lengths: (B,), by which rows are alike.
        signature: The shapes, (None, ...), and dtypes of what `answer` gives.
        lanes: Number of parts that are answered side by side, each on a thread of its own where
            there are as many.

    Returns:
        The answers (B, ...), in the order of the rows.
    """
    order = tf.argsort(lengths, stable=True)
    orders = [order[lane::lanes] for lane in range(lanes)]  # each has as many long ones
    found = [_answer_in_turn(answer, rows, signature) for rows in orders]
    places = tf.math.invert_permutation(tf.concat(orders, axis=0))
    return [tf.gather(tf.concat(parts, axis=0), places) for parts in zip(*found, strict=True)]


def _answer_in_turn(answer, order, signature) -> list[tf.Tensor]:
    num_parts = -(-tf.size(order) // ROWS_AT_ONCE)

    def answer_next(number, *parts):
        rows = order[number * ROWS_AT_ONCE :][:ROWS_AT_ONCE]
        pairs = zip(parts, answer(rows), strict=True)
        return number + 1, *(part.write(number, values) for part, values in pairs)

    parts = [
        tf.TensorArray(spec.dtype, num_parts, infer_shape=False, element_shape=spec.shape)
        for spec in signature
    ]
    _, *parts = tf.while_loop(lambda number, *_: number < num_parts, answer_next, (0, *parts))
    return [part.concat() for part in parts]
