"""Encodes texts for a classifier of tokens, and finds which tokens begin words, and entities.

A word is what the tokenizer takes for one, a mark of punctuation by itself. What is said of it is
said of its first piece, in training and in answers alike.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ..devices.strategy import is_chief
from ..tokenizers.offsets import Located
from ..tokenizers.ragged import windows
from ..tokenizers.strings import Text, in_chunks
from .spans import Span

logger = logging.getLogger("regard")

TREATMENTS = {"windows": "they are read in windows", "cut": "the rest is not read"}


class Words(NamedTuple):
    """Holds the words of texts, in all M.

    Attributes:
        firsts: The number of each word's first piece, among all P pieces, int64, (M,).
        starts, ends: The characters of its text that it begins and ends at, (B, None).
    """

    firsts: tf.Tensor
    starts: tf.RaggedTensor
    ends: tf.RaggedTensor


class Rows(NamedTuple):
    """Holds what a model reads of texts: R rows, of one text each.

    Attributes:
        pieces: The number of each piece of a row, among all P pieces, int64, (R, None).
        is_long: Whether each text has more pieces than a row may have, (B,).
    """

    pieces: tf.RaggedTensor
    is_long: tf.Tensor


@dataclass(frozen=True)
class TokenEncoder:
    """Encodes texts in rows that a model can read.

    Attributes:
        tokenizer: The tokenizer, one that locates tokens.
        max_sequence_length: The most tokens of a row, special ones included.
        long_texts: What to do with longer texts, as in `TokenSettings`.
    """

    tokenizer: object
    max_sequence_length: int
    long_texts: str = "windows"

    def locate_all(self, texts: Sequence[Text]) -> Located:
        """Locates the tokens of Python strings, at least one, a few at a time."""
        parts = [self.tokenizer.locate(column) for (column,) in in_chunks(texts)]
        return Located(*(tf.concat(each, axis=0) for each in zip(*parts, strict=True)))

    def words(self, located: Located) -> Words:
        """Returns the words of texts; in a graph as well."""
        ids = located.ids
        count = tf.size(ids.flat_values, tf.int64)
        places = tf.range(count)
        begins = located.begins.flat_values > 0
        begins |= places == tf.gather(ids.row_starts(), ids.value_rowids())
        firsts = tf.boolean_mask(places, begins)  # (M,)
        lasts = tf.concat([firsts[1:], [count]], axis=0)[: tf.size(firsts)] - 1
        starts = tf.gather(located.starts.flat_values, firsts)
        ends = tf.gather(located.ends.flat_values, lasts)
        is_word = starts < ends  # else it is of spaces
        firsts, starts, ends = (tf.boolean_mask(each, is_word) for each in (firsts, starts, ends))
        rows = tf.gather(ids.value_rowids(), firsts)

        def ragged(values: tf.Tensor) -> tf.RaggedTensor:
            return tf.RaggedTensor.from_value_rowids(values, rows, ids.nrows(), validate=False)

        return Words(firsts, ragged(starts), ragged(ends))

    def rows(self, located: Located) -> Rows:
        """Cuts texts into rows, or off where a row ends; in a graph as well."""
        ids, room = located.ids, self.max_sequence_length - 2
        numbers = ids.with_flat_values(tf.range(tf.size(ids.flat_values, tf.int64)))
        pieces = windows(numbers, room)[0] if self.long_texts == "windows" else numbers[:, :room]
        return Rows(pieces, ids.row_lengths() > room)

    def token_ids(self, located: Located, rows: Rows) -> tf.RaggedTensor:
        """Returns the token ids of rows, with special tokens, (R, None)."""
        ids = tf.gather(located.ids.flat_values, rows.pieces.flat_values)
        return self.tokenizer.enclose(rows.pieces.with_flat_values(ids), self.max_sequence_length)

    def tell_long(self, *parts: Rows) -> None:
        """Says how many texts of all parts are too long, if any are, and what is done with them."""
        flags = np.concatenate([part.is_long.numpy() for part in parts])
        if flags.any() and is_chief():
            logger.warning(
                "texts longer than %d tokens (--max-sequence-length), %d of %d: %s "
                "(--long-texts %s).",
                *(self.max_sequence_length, flags.sum(), len(flags)),
                *(TREATMENTS[self.long_texts], self.long_texts),
            )


class Targets(NamedTuple):
    """Holds what a model is to say of each of P pieces, and of what entities that is.

    Attributes:
        classes: The class of each piece, int32, (P,); 0, which is O, where it has none.
        weights: 1 for the first pieces of words, else 0, float32, (P,).
        entities: The entities of each text, as far as words have them just where the words begin
            and end.
        num_unfit: How many entities do not begin and end where words do.
    """

    classes: np.ndarray
    weights: np.ndarray
    entities: list[list[Span]]
    num_unfit: int


def find_targets(
    words: Words, entities: Sequence[Sequence[Span]], num_pieces: int, class_names: Sequence[str]
) -> Targets:
    """Finds the words of entities.

    The words that an entity begins or ends within are left out of training; such an entity counts
    as one that is missed.
    """
    numbers = {name: number for number, name in enumerate(class_names)}
    classes, weights = np.zeros(num_pieces, np.int32), np.zeros(num_pieces, np.float32)
    firsts, limits = words.firsts.numpy(), words.starts.row_splits.numpy()
    starts, ends = words.starts.flat_values.numpy(), words.ends.flat_values.numpy()
    weights[firsts] = 1.0
    found, num_unfit = [], 0
    for row, spans in enumerate(entities):
        own = slice(limits[row], limits[row + 1])
        fitting = []
        for start, end, kind in spans:
            first = own.start + int(np.searchsorted(ends[own], start, side="right"))
            after = own.start + int(np.searchsorted(starts[own], end))
            is_fit = first < after and start <= starts[first] and ends[after - 1] <= end
            if is_fit:
                classes[firsts[first:after]] = numbers.get(f"I-{kind}", 0)
                classes[firsts[first]] = numbers.get(f"B-{kind}", 0)
                fitting.append((int(starts[first]), int(ends[after - 1]), kind))
            else:
                num_unfit += 1
                weights[firsts[first:after]] = 0.0
                fitting.append((start, end, kind))
        found.append(fitting)
    return Targets(classes, weights, found, num_unfit)
