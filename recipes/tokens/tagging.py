"""Tags the words of raw texts in one graph, which `predict` runs and an export holds."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ..serving.micro_batches import answer_in_micro_batches
from ..tokenizers.offsets import Located
from .encoding import Rows, TokenEncoder
from .spans import Span
from .tags import entities_of

TEXTS = [tf.TensorSpec([None], tf.string, "texts")]


def tagging_function(model, encoder: TokenEncoder):
    """Makes a function from texts (B,) to what the model says of their words, (B, None) each.

    That is the most probable `classes`, int32, their probabilities `scores`, float32, and the
    characters that each word `starts` and `ends` at, int32; and whether a text is `truncated`,
    (B,). Rows of like length go through the model together, a few at a time.
    """

    encoder.tokenizer.locate(tf.constant([""]))  # makes its tables, outside of the graph

    @tf.function(input_signature=TEXTS, autograph=False)
    def tag(texts):
        located = encoder.tokenizer.locate(texts)
        rows, words = encoder.rows(located), encoder.words(located)
        logits, is_read = piece_logits(model, encoder, located, rows)
        probabilities = tf.nn.softmax(tf.gather(logits, words.firsts))  # (M, C)
        kept = words.starts.with_flat_values(tf.gather(is_read, words.firsts))

        def of_read(values: tf.Tensor) -> tf.RaggedTensor:
            return tf.ragged.boolean_mask(words.starts.with_flat_values(values), kept)

        return {
            "classes": of_read(tf.argmax(probabilities, axis=-1, output_type=tf.int32)),
            "scores": of_read(tf.reduce_max(probabilities, axis=-1)),
            "starts": of_read(words.starts.flat_values),
            "ends": of_read(words.ends.flat_values),
            "truncated": rows.is_long & (encoder.long_texts == "cut"),
        }

    return tag


def piece_logits(
    model, encoder: TokenEncoder, located: Located, rows: Rows
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the logits (P, C) of all pieces of texts, and whether each was read at all (P,).

    Those of a piece that is in several windows are averaged.
    """
    token_ids = encoder.token_ids(located, rows)  # (R, None)
    lengths = token_ids.row_lengths()
    longest = tf.reduce_max(tf.concat([lengths, [0]], axis=0))
    num_classes = model.output_shape[-1]

    def answer(some):
        inputs = encoder.tokenizer.pack(tf.gather(token_ids, some), tf.gather(lengths, some[-1]))
        logits = model(inputs, training=False)  # (B, T, C)
        missing = tf.cast(longest, tf.int32) - tf.shape(logits)[1]
        return [tf.pad(logits, [[0, 0], [0, missing], [0, 0]])]

    spec = tf.TensorSpec([None, None, num_classes])
    (logits,) = answer_in_micro_batches(answer, lengths, [spec])  # (R, T, C)
    own = tf.RaggedTensor.from_tensor(logits[:, 1:], lengths - 2)  # without [CLS] and [SEP]
    pieces, count = rows.pieces.flat_values, tf.size(located.ids.flat_values)
    sums = tf.math.unsorted_segment_sum(own.flat_values, pieces, count)
    times = tf.math.unsorted_segment_sum(tf.ones_like(pieces, tf.float32), pieces, count)
    return sums / tf.maximum(times, 1.0)[:, tf.newaxis], times > 0


class Tagged(NamedTuple):
    """Holds what is said of the words of a text.

    Attributes:
        classes: The class of each word.
        scores: Its probability.
        starts, ends: The characters of the text that it begins and ends at.
        truncated: Whether the text was too long to be read as a whole.
    """

    classes: np.ndarray
    scores: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    truncated: bool

    def entities(self, class_names: Sequence[str]) -> list[tuple[Span, float]]:
        """Returns the entities, each with the mean score of its words."""
        tags = [class_names[number] for number in self.classes]
        return [
            (
                (int(self.starts[first]), int(self.ends[after - 1]), kind),
                float(np.mean(self.scores[first:after])),
            )
            for first, after, kind in entities_of(tags)
        ]


def tag_all(tag, texts: Sequence[tf.Tensor]) -> list[Tagged]:
    """Returns what a function that `tagging_function` made says of columns of texts."""
    found = []
    for column in texts:
        answer = tag(column)
        splits = answer["classes"].row_splits.numpy()
        parts = [
            answer[name].flat_values.numpy() for name in ("classes", "scores", "starts", "ends")
        ]
        truncated = answer["truncated"].numpy().tolist()
        for row, is_cut in enumerate(truncated):
            own = slice(splits[row], splits[row + 1])
            found.append(Tagged(*(part[own] for part in parts), is_cut))
    return found
