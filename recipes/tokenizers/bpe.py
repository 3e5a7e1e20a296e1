"""Merges the bytes of words by their ranks, in a graph: byte-pair encoding.

Every distinct word is merged once. One that is a piece as a whole is looked up; in the others, a
step merges at once what cannot change each other, and leaves words that are done alone.

References:
    Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units",
    https://arxiv.org/abs/1508.07909
"""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from .byte_level import byte_characters, shifted
from .tables import NumberTable, StringTable

_NEVER = tf.int64.max  # the rank of what is not to be merged


class BytePairs:
    """Turns words into token ids by merges of two pieces, the first of a list first.

    Args:
        ids: The id of each piece, written in `byte_characters`.
        merges: Pairs of pieces, in the order of their ranks.
        whole: The id of each word that is a single piece in the end.
        unknown_id: The id of a byte without a piece. Defaults to None, which leaves it out.

    Raises:
        ValueError: If a merge is of, or gives, what is no piece.
    """

    def __init__(
        self,
        ids: Mapping[str, int],
        merges: Sequence[tuple[str, str]],
        whole: Mapping[bytes, int],
        unknown_id: int | None = None,
    ):
        strange = [pair for pair in merges if not {*pair, "".join(pair)} <= ids.keys()]
        if strange:
            raise ValueError(f"a merge must be of two pieces, and give one: {strange[0]!r:.80}")
        missing = -1 if unknown_id is None else unknown_id
        characters = byte_characters()
        self._byte_ids = np.array([ids.get(each, missing) for each in characters], np.int32)
        self._size = max(ids.values(), default=0) + 1
        ranks = {
            ids[left] * self._size + ids[right]: (rank, ids[left + right])
            for rank, (left, right) in enumerate(merges)
        }
        self._pairs = NumberTable(np.array([*ranks], np.int64))
        self._ranks = np.array([rank for rank, _ in ranks.values()] or [0], np.int64)
        self._merged = np.array([merged for _, merged in ranks.values()] or [0], np.int32)
        self._is_orderly = _is_orderly(merges)
        longest = max((len(left + right) for left, right in merges), default=1)
        self._doublings = (longest + 2).bit_length()
        self._whole = StringTable(whole)

    def __call__(self, words: tf.Tensor) -> tf.RaggedTensor:
        """Turns words (W,), bytes of UTF-8, into token ids, int32, (W, None)."""
        return self.cut(words)[0]

    def cut(self, words: tf.Tensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
        """Returns token ids of words, and the byte of its word that each begins at, (W, None)."""
        distinct, numbers = tf.unique(words)
        ids = self._whole(distinct)
        is_whole = ids >= 0
        whole = tf.boolean_mask(ids, is_whole)
        # Those that are whole first, then the others:
        count = tf.cumsum(tf.cast(is_whole, tf.int32))
        others = tf.size(whole) + tf.cumsum(tf.cast(~is_whole, tf.int32))
        rows = tf.gather(tf.where(is_whole, count, others) - 1, numbers)
        pairs = zip(
            (whole, tf.zeros_like(whole)),
            self._merge_words(tf.boolean_mask(distinct, ~is_whole)),
            strict=True,
        )
        return tuple(
            tf.gather(
                tf.concat([tf.RaggedTensor.from_tensor(first[:, tf.newaxis]), rest], axis=0), rows
            )
            for first, rest in pairs
        )

    def _merge_words(self, words: tf.Tensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
        """Merges the bytes of words (W,) until no two of a word can be merged, as `cut` does."""
        codes = tf.io.decode_raw(tf.strings.reduce_join(words), tf.uint8)
        ids = tf.gather(self._byte_ids, tf.cast(codes, tf.int32))
        sizes = tf.strings.length(words)
        rows = tf.repeat(tf.range(tf.size(words)), sizes)
        firsts = tf.range(tf.size(ids)) - tf.gather(tf.cumsum(sizes, exclusive=True), rows)
        has_piece = ids >= 0
        ids, rows, firsts = (tf.boolean_mask(each, has_piece) for each in (ids, rows, firsts))
        done = tf.fill(tf.shape(ids), -1)
        done, *_ = tf.while_loop(
            lambda _, ids, *__: tf.size(ids) > 0,
            self._step,
            (done, ids, rows, tf.range(tf.size(ids))),
            shape_invariants=(tf.TensorShape([None]),) * 4,
        )
        is_piece = done >= 0
        ids = tf.RaggedTensor.from_value_rowids(
            tf.boolean_mask(done, is_piece),
            tf.boolean_mask(rows, is_piece),
            tf.size(words),
            validate=False,
        ).with_row_splits_dtype(tf.int64)
        return ids, ids.with_flat_values(tf.boolean_mask(firsts, is_piece))

    def _step(self, done, ids, rows, places):
        """Merges what comes first in each word, and takes out the words that are done.

        Args:
            done: Pieces of words that are done, in the places of their first bytes; -1 elsewhere.
            ids: The pieces of the other words, (N,).
            rows: The number of the word that each is in, (N,), ascending.
            places: The place of the first byte of each, (N,).
        """
        found, ranks = self._ranks_of(ids, rows)
        first_of_word = tf.gather(tf.math.segment_min(ranks, rows), rows)
        is_done = first_of_word == _NEVER
        is_merged = self._comes_first(ranks, rows, first_of_word)
        done = tf.tensor_scatter_nd_update(
            done, tf.boolean_mask(places, is_done)[:, tf.newaxis], tf.boolean_mask(ids, is_done)
        )
        ids = tf.where(is_merged, tf.gather(self._merged, tf.maximum(found, 0)), ids)
        kept = ~is_done & ~shifted(is_merged, 1, False)
        return done, *(tf.boolean_mask(each, kept) for each in (ids, rows, places))

    def _ranks_of(self, ids: tf.Tensor, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Looks up each piece (N,) with the next one: the merge, and when its turn comes."""
        pairs = tf.cast(ids, tf.int64) * self._size + tf.cast(shifted(ids, -1, 0), tf.int64)
        found = tf.where(shifted(rows, -1, -1) == rows, self._pairs(pairs), -1)
        ranks = tf.gather(self._ranks, tf.maximum(found, 0))
        if not self._is_orderly:  # then one at a time, the leftmost of a rank first
            size = tf.size(ids, tf.int64)
            ranks = ranks * size + tf.range(size)
        return found, tf.where(found >= 0, ranks, _NEVER)

    def _comes_first(self, ranks: tf.Tensor, rows: tf.Tensor, first: tf.Tensor) -> tf.Tensor:
        """Returns which pairs (N,) can be merged now: whatever else is, they will be.

        A pair comes before all others of its word (their ranks are not below `first`), or at least
        before those so near that one piece could have both.
        """
        if self._is_orderly:  # else what is far away may matter, if it makes a lower rank
            lengths = tf.math.segment_sum(tf.ones_like(rows), rows)
            has_long = tf.reduce_max(lengths) > 2**self._doublings
            first = tf.cond(has_long, lambda: self._first_nearby(ranks, rows), lambda: first)
        is_first = (ranks == first) & (ranks != _NEVER)
        # Of pairs that share a piece, as in "aaaa", every other is merged, from the left.
        begins = shifted(ranks, 1, -1) != ranks
        beginnings = tf.where(begins)[:, 0]
        beginning = tf.gather(beginnings, tf.cumsum(tf.cast(begins, tf.int32)) - 1)
        distance = tf.range(tf.size(ranks, tf.int64)) - beginning
        return is_first & (distance % 2 == 0) & tf.gather(is_first, beginning)

    def _first_nearby(self, ranks: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
        """Returns the lowest rank (N,) within the bytes of a piece to the left and the right."""
        lowest = ranks
        for direction in (-1, 1):
            one_side = ranks
            for doubling in range(self._doublings):
                steps = direction * 2**doubling
                is_same = shifted(rows, steps, -1) == rows
                other = tf.where(is_same, shifted(one_side, steps, _NEVER), _NEVER)
                one_side = tf.minimum(one_side, other)
            lowest = tf.minimum(lowest, one_side)
        return lowest


def _is_orderly(merges: Sequence[tuple[str, str]]) -> bool:
    """Returns whether a piece is made before it is merged, so that equal ranks can go at once."""
    made = {left + right: rank for rank, (left, right) in enumerate(merges)}  # the last time
    return all(made.get(part, -1) < rank for rank, pair in enumerate(merges) for part in pair)
