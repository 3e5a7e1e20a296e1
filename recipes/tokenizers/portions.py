"""Tokenizes many texts, or long ones, in a graph, in memory that does not grow with them."""

from collections.abc import Callable

import tensorflow as tf

LONGEST_READ = 2**21  # bytes of a text, some thousand pages: what comes after them is not read
AT_ONCE = 2**20  # bytes of texts: the operations of a tokenizer take eighty times their memory


def tokenize_in_portions(
    tokenize: Callable[[tf.Tensor], tf.RaggedTensor], texts: tf.Tensor, inner: tuple[int, ...] = ()
) -> tf.RaggedTensor:
    """Returns what `tokenize` makes of texts (B,), int32 (B, None), about a megabyte at a time.

    What it makes of each token may have an `inner` shape: (B, None, *inner).
    """
    start, longest = tf.constant(0, tf.int64), tf.constant(LONGEST_READ, tf.int64)
    texts = tf.strings.substr(texts, start, longest)
    # A text is in the portion that its first byte is in.
    sizes = tf.cast(tf.strings.length(texts), tf.int64)
    portions = tf.cumsum(sizes, exclusive=True) // AT_ONCE
    count = tf.reduce_max(tf.concat([portions, [start]], axis=0)) + 1

    def step(number, ids, lengths):
        tokens = tokenize(tf.boolean_mask(texts, portions == number))
        place = tf.cast(number, tf.int32)
        written = ids.write(place, tokens.flat_values)
        return number + 1, written, lengths.write(place, tokens.row_lengths())

    arrays = [
        tf.TensorArray(
            dtype, tf.cast(count, tf.int32), infer_shape=False, element_shape=[None, *shape]
        )
        for dtype, shape in ((tf.int32, inner), (tf.int64, ()))
    ]
    _, ids, lengths = tf.while_loop(
        lambda number, *_: number < count, step, (start, *arrays), parallel_iterations=1
    )
    return tf.RaggedTensor.from_row_lengths(ids.concat(), lengths.concat(), validate=False)
