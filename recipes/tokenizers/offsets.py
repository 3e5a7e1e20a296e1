"""Finds where the tokens of a text stand in it, in a graph: offsets in characters.

A tokenizer cleans a text before it splits it. So each character of the cleaned text remembers which
one of the text it comes from. Every operation here is one that the stock server has.
"""

import unicodedata
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text

from .characters import CANDIDATES, CharacterMap, utf8_sizes
from .normalization import END, START, BertNormalization
from .tables import CODES, CodeTable

_PRIVATE = [*range(0xF0000, CODES)]  # two planes of characters that BERT drops
_MARKERS = [ord(START), ord(END)]  # around special tokens, and no part of a text


class Located(NamedTuple):
    """Holds the tokens of texts, and where they are.

    Attributes:
        ids: Token ids, int32, (B, None).
        starts: The first character of each, int32, (B, None), as Python counts them in a string.
        ends: The character after its last, likewise. Combining marks that the tokenizer drops are
            of the character before them.
        begins: 1 for each that a word begins with, else 0, likewise. A mark of punctuation is a
            word by itself.
    """

    ids: tf.RaggedTensor
    starts: tf.RaggedTensor
    ends: tf.RaggedTensor
    begins: tf.RaggedTensor

    def stacked(self) -> tf.RaggedTensor:
        """Returns all as one: (B, None, 4)."""
        parts = [each.flat_values for each in self]
        return self.ids.with_flat_values(tf.stack(parts, axis=-1))

    @classmethod
    def unstacked(cls, stacked: tf.RaggedTensor) -> "Located":
        """Makes the four of what `stacked` gives."""
        parts = range(len(cls._fields))
        return cls(*(stacked.with_flat_values(stacked.flat_values[:, part]) for part in parts))


class Characters(NamedTuple):
    """Holds the characters of cleaned texts: in all N, of B texts.

    Attributes:
        texts: The cleaned texts (B,).
        begins: The byte of all texts together that each character begins at, int64, (N,).
        firsts: That which each text begins at, int64, (B,).
        starts, ends: What of its own text each character is, in characters, int32, (N,).
    """

    texts: tf.Tensor
    begins: tf.Tensor
    firsts: tf.Tensor
    starts: tf.Tensor
    ends: tf.Tensor

    def locate(
        self, rows: tf.Tensor, first: tf.Tensor, last: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns where some bytes (M,) of cleaned texts are in the texts: starts and ends (M,).

        They begin at `first` and end before `last` of the texts `rows`.
        """
        offset = tf.gather(self.firsts, rows)
        at, after = (
            tf.searchsorted(self.begins, tf.cast(byte, tf.int64) + offset) for byte in (first, last)
        )
        return tf.gather(self.starts, at), tf.gather(self.ends, after - 1)


class TracedNormalization:
    """Cleans texts as a `BertNormalization` does, and knows where each character was.

    BERT's cleaning does something to each character by itself, so a table of all has it.
    """

    def __init__(self, normalization: BertNormalization):
        self.normalization = normalization

    @cached_property
    def _map(self) -> CharacterMap:
        return _character_map(self.normalization)

    def __call__(self, texts: tf.Tensor) -> Characters:
        """Cleans texts (B,) in UTF-8, in which markers stand around special tokens."""
        codes = tf.strings.unicode_decode(texts, "UTF-8")  # (B, None)
        flat, firsts = codes.flat_values, codes.row_starts()
        numbers = self._map.numbers(flat)
        lengths = self._map.lengths(numbers)
        is_real = tf.reduce_all(flat[:, tf.newaxis] != tf.constant(_MARKERS), axis=1)
        is_dropped_mark = (lengths == 0) & is_mark()(flat)
        starts, ends = _places(is_real, is_dropped_mark, codes.value_rowids(), firsts)
        new = self._map.replace(codes, numbers)
        origins = tf.repeat(tf.range(tf.size(flat)), lengths)
        sizes = utf8_sizes(new.flat_values)
        limits = tf.concat([tf.zeros([1], tf.int64), tf.cumsum(sizes)], axis=0)
        return Characters(
            tf.strings.unicode_encode(new, "UTF-8"),
            limits[:-1],
            tf.gather(limits, new.row_starts()),
            tf.gather(starts, origins),
            tf.gather(ends, origins),
        )


def _places(
    is_real: tf.Tensor, is_dropped_mark: tf.Tensor, rows: tf.Tensor, firsts: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns where each character (N,) of marked texts begins and ends in its text: int32."""
    counts = tf.cumsum(tf.cast(is_real, tf.int32))
    before = counts - tf.cast(is_real, tf.int32)
    padded = tf.concat([before, counts[-1:]], axis=0)  # firsts of empty texts may be the end
    own = tf.gather(padded, tf.gather(firsts, rows))  # characters of the texts before
    # A character ends where the next one that is no dropped mark begins, or its text ends.
    kept = tf.where(~is_dropped_mark)[:, 0]
    following = tf.searchsorted(kept, tf.range(tf.size(is_real, tf.int64)), side="right")
    kept = tf.concat([kept, [tf.size(is_real, tf.int64)]], axis=0)
    next_kept = tf.gather(kept, following)
    limits = tf.concat([firsts[1:], [tf.size(is_real, tf.int64)]], axis=0)
    stop = tf.minimum(next_kept, tf.gather(limits, rows))
    marks = tf.cast(stop, tf.int32) - tf.range(tf.size(is_real)) - 1
    return before - own, counts - own + marks


@cache
def _character_map(normalization: BertNormalization) -> CharacterMap:
    """Makes a table of what a normalization does to each character."""
    # A line feed stays as it is, so that it can stand between them.
    codes = [code for code in (*CANDIDATES, *_PRIVATE) if code != ord("\n")]
    with tf.init_scope(), tf.device("CPU"):  # also where a graph asks for it first
        (cleaned,) = normalization(tf.constant(["\n".join(map(chr, codes))])).numpy()
    pairs = zip(codes, cleaned.decode().split("\n"), strict=True)
    return CharacterMap({code: new for code, new in pairs if new != chr(code)})


@cache
def is_mark() -> CodeTable:
    """Makes a table of which characters combine with the one before."""
    values = np.zeros(CODES, bool)
    values[[code for code in CANDIDATES if unicodedata.category(chr(code))[0] == "M"]] = True
    return CodeTable(values)


def substrings(texts: tf.Tensor, starts: tf.RaggedTensor, ends: tf.RaggedTensor) -> tf.RaggedTensor:
    """Returns parts of texts (B,) in UTF-8, by the characters that they begin and end at."""
    codes = tf.strings.unicode_decode(texts, "UTF-8")
    sizes = tf.cumsum(utf8_sizes(codes.flat_values))
    limits = tf.concat([tf.zeros([1], tf.int64), sizes], axis=0)
    firsts = codes.row_starts()
    begins = tf.gather(limits, firsts)

    def bytes_of(places: tf.RaggedTensor) -> tf.RaggedTensor:
        rows = places.value_rowids()
        at = tf.cast(places.flat_values, tf.int64) + tf.gather(firsts, rows)
        offsets = tf.gather(limits, at) - tf.gather(begins, rows)
        return places.with_flat_values(tf.cast(offsets, tf.int32))

    return tf_text.ByteSplitter().split_by_offsets(texts, bytes_of(starts), bytes_of(ends))
