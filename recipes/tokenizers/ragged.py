"""Measures and cuts ragged token ids: texts (B, None) and pairs of texts (B, 2, None)."""

import tensorflow as tf

OVERLAP = 4  # neighbouring windows share a token in so many, so that a phrase is whole in one


def sequence_lengths(token_ids: tf.RaggedTensor) -> tf.Tensor:
    """Counts the tokens (B,) of encoded texts (B, None) or pairs (B, 2, None)."""
    return tf.reduce_sum(part_lengths(token_ids), axis=1)


def part_lengths(token_ids: tf.RaggedTensor) -> tf.Tensor:
    """Counts the tokens of encoded texts (B, 1), or of both parts of encoded pairs (B, 2)."""
    if is_pairs(token_ids):
        return tf.reshape(token_ids.values.row_lengths(), [-1, 2])
    return token_ids.row_lengths()[:, tf.newaxis]


def is_pairs(token_ids: tf.RaggedTensor) -> bool:
    """Returns whether the rows are pairs of texts (B, 2, None)."""
    return token_ids.ragged_rank == 2


def cut_rows(token_ids: tf.RaggedTensor, lengths: tf.Tensor) -> tf.RaggedTensor:
    """Cuts each row of (B, None) to at most as many tokens as `lengths` (B,) says."""
    starts = token_ids.row_starts()
    ends = starts + tf.minimum(lengths, token_ids.row_lengths())
    return tf.gather(token_ids.flat_values, tf.ragged.range(starts, ends))


def head_and_tail(token_ids: tf.RaggedTensor, length: int) -> tf.RaggedTensor:
    """Takes the middle out of rows of (B, None) that are longer than `length`.

    A quarter is left of the beginning and the rest of the end. With a length of 510 that is 128 and
    382 tokens, as Sun et al. found best.

    References:
        Sun et al., "How to Fine-Tune BERT for Text Classification?", section 5.3,
        https://arxiv.org/abs/1905.05583
    """
    tail = 3 * length // 4
    head = token_ids[:, : length - tail]
    ends = token_ids.row_limits()
    starts = ends - tf.minimum(token_ids.row_lengths() - head.row_lengths(), tail)
    return tf.concat([head, tf.gather(token_ids.flat_values, tf.ragged.range(starts, ends))], 1)


def windows(token_ids: tf.RaggedTensor, length: int) -> tuple[tf.RaggedTensor, tf.Tensor]:
    """Cuts each row of (B, None) that is longer than `length` into windows of that length.

    They are spread evenly from the row's first token to its last, as few as it takes for neighbours
    to have a quarter of their tokens in common.

    Returns:
        The windows (R, None), and the row that each is of: (R,), ascending.
    """
    lengths = token_ids.row_lengths()
    beyond = tf.maximum(lengths - length, 0)
    steps = -(-beyond // max(1, length - length // OVERLAP))  # (B,) from the first to the last
    numbers = tf.ragged.range(steps + 1)  # (B, None)
    rows = numbers.value_rowids()  # (R,)
    steps = tf.maximum(tf.gather(steps, rows), 1)  # (R,)
    starts = numbers.flat_values * tf.gather(beyond, rows) // steps
    starts += tf.gather(token_ids.row_starts(), rows)
    ends = starts + tf.gather(tf.minimum(lengths, length), rows)
    return tf.gather(token_ids.flat_values, tf.ragged.range(starts, ends)), rows
