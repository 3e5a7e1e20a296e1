"""Measures and cuts ragged token ids: texts (B, None) and pairs of texts (B, 2, None)."""

import tensorflow as tf


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
