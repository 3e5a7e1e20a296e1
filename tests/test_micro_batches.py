import numpy as np
import pytest
import tensorflow as tf

from regard.recipes.serving.micro_batches import ROWS_AT_ONCE, answer_in_micro_batches


@pytest.mark.parametrize("lanes", [1, 2, 3])
@pytest.mark.parametrize("count", [0, 1, 2, ROWS_AT_ONCE, 2 * ROWS_AT_ONCE + 1, 100])
def test_answers_come_in_the_order_of_the_rows(count, lanes):
    """In a graph that knows neither the number of rows nor their lengths."""
    signature = [tf.TensorSpec([None], tf.int32), tf.TensorSpec([None, 2], tf.float32)]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)])
    def answer(lengths):
        def square(rows):
            found = tf.gather(lengths, rows)
            return found**2, tf.cast(tf.stack([found, rows], axis=1), "float32")

        return answer_in_micro_batches(square, lengths, signature, lanes)

    lengths = np.random.default_rng(0).permutation(count).astype("int32") // 3
    squares, pairs = answer(lengths)
    np.testing.assert_array_equal(squares, lengths**2)
    np.testing.assert_array_equal(pairs, np.stack([lengths, np.arange(count)], axis=1))


def test_a_part_is_of_few_rows_of_like_length_and_lanes_of_as_many_long_ones():
    lengths = np.random.default_rng(0).permutation(5 * ROWS_AT_ONCE)
    parts = []

    def note(rows):
        parts.append(lengths[rows.numpy()])
        return [rows]

    answer_in_micro_batches(note, tf.constant(lengths), [tf.TensorSpec([None], tf.int32)], lanes=2)
    assert [len(part) for part in parts] == [32, 32, 16, 32, 32, 16]
    assert all(np.all(np.diff(part) == 2) for part in parts)
    firsts = [part[0] for part in parts]
    assert firsts == [0, 64, 128, 1, 65, 129]
