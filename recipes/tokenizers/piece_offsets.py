"""Finds where the pieces of words stand in a text, in a graph, whatever normalized its characters.

Words hold the normalized characters of a text in their order, but for spaces. So what is no space
is counted, in the words and in the text, of which a table says what each character becomes by
itself. Where the two are not equal, because accents were composed with their letters, say, runs
between spaces are compared; a run that still differs is the place of all of its pieces. Every
operation here is one that the stock server has.
"""

import unicodedata
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tokenizers.normalizers import Normalizer

from .byte_level import shifted
from .characters import CANDIDATES
from .offsets import Located, is_mark
from .regex import SPACE_CODES
from .tables import CODES, CodeTable
from .vocabulary import is_unspaced


class Places(NamedTuple):
    """Holds what of texts (B,) the characters of words are that are no spaces: in all K.

    Attributes:
        starts, ends: Characters of the text of each, int32, (K,).
        firsts: Which of the K is the first of each text, (B,); that of the next if it has none.
    """

    starts: tf.Tensor
    ends: tf.Tensor
    firsts: tf.Tensor


class PieceOffsets:
    """Locates pieces in texts.

    Args:
        normalizer: What normalizes texts before they are split, or None.
        mark: The character that stands for a space in words.
    """

    def __init__(self, normalizer: Normalizer | None, mark: str):
        is_space = np.zeros(CODES, bool)
        is_space[[*SPACE_CODES, ord(mark)]] = True
        counts = np.ones(CODES, np.int32)
        for code in CANDIDATES if normalizer else ():
            new = normalizer.normalize_str(chr(code))
            counts[code] = sum(not is_space[ord(each)] for each in new)
        self._is_space = CodeTable(is_space)
        self._counts = CodeTable(np.where(is_space, 0, counts))
        stands_alone = np.zeros(CODES, bool)
        stands_alone[[code for code in CANDIDATES if _stands_alone(chr(code))]] = True
        self._stands_alone, self._is_limit = map(CodeTable, (stands_alone, stands_alone | is_space))

    def __call__(
        self,
        texts: tf.Tensor,
        words: tf.RaggedTensor,
        ids: tf.RaggedTensor,
        firsts: tf.RaggedTensor,
    ) -> Located:
        """Locates the pieces of words.

        Args:
            texts: (B,), in UTF-8.
            words: Their words, normalized and with marks, (B, None): in all N.
            ids: The token ids of each word, (N, None): in all P.
            firsts: The byte of its word that each piece begins at, (N, None).
        """
        words, ids = (each.with_row_splits_dtype(tf.int32) for each in (words, ids))
        codes, offsets = tf.strings.unicode_decode_with_offsets(words.flat_values, "UTF-8")
        word_of_code = tf.cast(codes.value_rowids(), tf.int32)
        sizes = tf.strings.length(words.flat_values)
        bases = tf.cumsum(sizes, exclusive=True)  # (N,) the first byte of each word among all
        bytes_ = tf.cast(offsets.flat_values, tf.int32) + tf.gather(bases, word_of_code)
        is_kept = ~self._is_space(codes.flat_values)
        text_of = words.value_rowids()
        read = tf.strings.unicode_decode(texts, "UTF-8").with_row_splits_dtype(tf.int32)
        places = self._places(read, is_kept, tf.gather(text_of, word_of_code))
        num_kept = tf.concat([[0], tf.cumsum(tf.cast(is_kept, tf.int32))], axis=0)

        word_of = ids.value_rowids()
        first = tf.gather(bases, word_of) + firsts.flat_values
        after = tf.gather(bases + sizes, word_of)
        after = tf.where(shifted(word_of, -1, -1) == word_of, shifted(first, -1, 0), after)
        holds_first = tf.searchsorted(bytes_, first, side="right") - 1
        first = tf.gather(num_kept, tf.maximum(holds_first, 0))
        after = tf.gather(num_kept, tf.searchsorted(bytes_, after))
        row = tf.gather(text_of, word_of)  # (P,)
        limits = tf.concat([places.firsts[1:], tf.shape(places.starts)], axis=0)
        is_inside = first < tf.gather(limits, row)  # else it is of spaces at the end of a text
        starts = tf.where(is_inside, _at(places.starts, first), tf.gather(read.row_lengths(), row))
        ends = tf.where(after > first, _at(places.ends, after - 1), starts)
        begins = tf.cast(self._begins(read, row, word_of, starts, ends), tf.int32)
        ids = tf.RaggedTensor.from_value_rowids(ids.flat_values, row, words.nrows(), validate=False)
        ids = ids.with_row_splits_dtype(tf.int64)
        return Located(ids, *map(ids.with_flat_values, (starts, ends, begins)))

    def _begins(
        self,
        read: tf.RaggedTensor,
        row: tf.Tensor,
        word_of: tf.Tensor,
        starts: tf.Tensor,
        ends: tf.Tensor,
    ) -> tf.Tensor:
        """Returns with which pieces (P,) of texts `row` a word begins, given where they stand.

        A word begins after a space or a character that stands alone, and with such a character. Its
        first piece may be the mark of the space before it, where that is cut off the rest.
        """
        codes, place = read.flat_values, tf.gather(read.row_starts(), row) + starts
        follows = (starts == 0) | _at(self._is_limit(codes), place - 1)
        begins = follows | _at(self._stands_alone(codes), place)
        is_blank, of_one_text = starts == ends, shifted(row, 1, -1) == row
        is_within = of_one_text & (shifted(starts, 1, -1) == starts) & ~shifted(is_blank, 1, False)
        is_marked = shifted(is_blank, 1, False) & (shifted(word_of, 1, -1) == word_of)
        return is_blank | (begins & ~is_within & ~is_marked)

    def _places(self, codes: tf.RaggedTensor, is_kept: tf.Tensor, text_of: tf.Tensor) -> Places:
        """Finds the origins of the characters (C,) of words that are kept, of these texts (C,)."""
        rows, num_texts = codes.value_rowids(), codes.nrows()
        own = tf.boolean_mask(text_of, is_kept)  # (K,) the text of each
        counts = self._counts(codes.flat_values)
        fits, *whole = _origins(codes, counts, rows, own, num_texts)
        starts, ends = tf.cond(
            tf.reduce_all(fits),
            lambda: whole,
            lambda: _where(fits, whole, self._places_by_runs(codes, counts, is_kept, text_of)),
        )
        num_own = tf.math.unsorted_segment_sum(tf.ones_like(own), own, num_texts)
        first = tf.gather(codes.row_starts(), own)
        return Places(starts - first, ends - first, tf.cumsum(num_own, exclusive=True))

    def _places_by_runs(
        self, codes: tf.RaggedTensor, counts: tf.Tensor, is_kept: tf.Tensor, text_of: tf.Tensor
    ) -> list[tf.Tensor]:
        """Finds where the origins (K,) begin and end, run by run, if there are as many runs."""
        rows, num_texts = codes.value_rowids(), codes.nrows()
        own = tf.boolean_mask(text_of, is_kept)
        is_run = ~self._is_space(codes.flat_values)
        theirs, ours = _runs(is_run, rows, num_texts), _runs(is_kept, text_of, num_texts)
        is_like = tf.gather(theirs.counts == ours.counts, own)
        change = tf.cumsum(theirs.counts, exclusive=True) - tf.cumsum(ours.counts, exclusive=True)
        run = tf.boolean_mask(ours.numbers, is_kept) + tf.gather(change, own)
        run, num_runs = tf.where(is_like, run, -1), tf.reduce_sum(theirs.counts)
        numbers, members = tf.range(tf.size(rows)), tf.where(is_run, theirs.numbers, -1)
        first = tf.math.unsorted_segment_min(numbers, members, num_runs)
        last = tf.math.unsorted_segment_max(numbers, members, num_runs)
        of_text = tf.gather(codes.row_starts(), own), tf.gather(codes.row_limits(), own)
        places = _where(is_like, (_at(first, run), _at(last, run) + 1), of_text)
        composed = tf.where(is_mark()(codes.flat_values), 0, counts)
        for each in (composed, counts):  # the better last
            fits, *found = _origins(codes, each, theirs.numbers, run, num_runs)
            places = _where(fits, found, places)
        return places


class _Runs(NamedTuple):
    """Holds runs of characters (C,): the number of each one's, and how many a text has (B,)."""

    numbers: tf.Tensor
    counts: tf.Tensor


def _runs(is_kept: tf.Tensor, rows: tf.Tensor, num_rows: tf.Tensor) -> _Runs:
    """Finds runs of characters (C,) that are kept, given the text of each."""
    begins = is_kept & (shifted(~is_kept, 1, True) | (shifted(rows, 1, -1) != rows))
    begins = tf.cast(begins, tf.int32)
    return _Runs(tf.cumsum(begins) - 1, tf.math.unsorted_segment_sum(begins, rows, num_rows))


def _origins(
    codes: tf.RaggedTensor,
    counts: tf.Tensor,
    groups: tf.Tensor,
    own: tf.Tensor,
    num_groups: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Finds the origins of K characters, in groups which have as many as they should.

    Args:
        codes: The characters of the texts, (B, None).
        counts: How many each becomes.
        groups: The group of each.
        own: The groups of the K characters, -1 for none.
        num_groups: Number of groups.

    Returns:
        Whether the group of each has as many as it should, and where its origin begins and ends
        among all characters of the texts; a mark after it that is dropped is of it.
    """
    numbers = tf.range(tf.size(own))
    expected = tf.math.unsorted_segment_sum(counts, groups, num_groups)
    found = tf.math.unsorted_segment_sum(tf.ones_like(numbers), own, num_groups)
    first = tf.math.unsorted_segment_min(numbers, own, num_groups)
    place = _at(tf.cumsum(expected, exclusive=True), own) + numbers - _at(first, own)
    size = tf.size(counts)
    origin = _at(tf.repeat(tf.range(size), counts), place)
    kept = tf.where((counts > 0) | ~is_mark()(codes.flat_values))[:, 0]
    following = tf.searchsorted(kept, tf.range(size, dtype=tf.int64), side="right")
    stops = tf.concat([tf.cast(kept, tf.int32), [size]], axis=0)
    stops = tf.minimum(
        tf.gather(stops, following), tf.gather(codes.row_limits(), codes.value_rowids())
    )
    fits = (_at(expected, own) == _at(found, own)) & (own >= 0)
    return fits, origin, _at(stops, origin)


def _where(condition: tf.Tensor, ones, others) -> list[tf.Tensor]:
    return [tf.where(condition, a, b) for a, b in zip(ones, others, strict=True)]


def _stands_alone(character: str) -> bool:
    """Returns whether a character is no part of a word with others around it."""
    return unicodedata.category(character)[0] in "PS" or is_unspaced(character)


def _at(values: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
    """Returns values (N,) at places; where there is no such place, whatever."""
    padded = tf.concat([values, tf.zeros([1], values.dtype)], axis=0)
    return tf.gather(padded, tf.clip_by_value(places, 0, tf.size(values)))
