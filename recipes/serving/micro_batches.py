"""Answers for a batch of any size in micro-batches: rows of like length, a few at a time."""

from collections.abc import Callable, Sequence

import tensorflow as tf

ROWS_AT_ONCE = 32


def answer_in_micro_batches(
    answer: Callable, lengths: tf.Tensor, signature: Sequence[tf.TensorSpec], lanes: int = 1
) -> list[tf.Tensor]:
    """Asks for the rows of a batch in micro-batches, the shortest rows first.

    So the graph takes no more memory for a thousand rows than for a few, and short ones wait for no
    long one. The lengths (B,) say which rows are alike.

    `answer` takes the indices of at most `ROWS_AT_ONCE` rows, of like length and the longest last,
    and gives a tensor (None, ...) for each of the signature. Of as many micro-batches as there are
    lanes, each is answered on a thread of its own, if there are as many.

    Returns:
        The answers (B, ...), in the order of the rows.
    """
    order = tf.argsort(lengths, stable=True)
    orders = [order[lane::lanes] for lane in range(lanes)]  # each has as many long ones
    found = [_answer_in_turn(answer, rows, signature) for rows in orders]
    indices = tf.math.invert_permutation(tf.concat(orders, axis=0))
    return [tf.gather(tf.concat(each, axis=0), indices) for each in zip(*found, strict=True)]


def _answer_in_turn(answer, order, signature) -> list[tf.Tensor]:
    num_batches = -(-tf.size(order) // ROWS_AT_ONCE)

    def answer_next(number, *arrays):
        rows = order[number * ROWS_AT_ONCE :][:ROWS_AT_ONCE]
        pairs = zip(arrays, answer(rows), strict=True)
        return number + 1, *(array.write(number, values) for array, values in pairs)

    arrays = [
        tf.TensorArray(spec.dtype, num_batches, infer_shape=False, element_shape=spec.shape)
        for spec in signature
    ]
    _, *arrays = tf.while_loop(lambda number, *_: number < num_batches, answer_next, (0, *arrays))
    return [array.concat() for array in arrays]
