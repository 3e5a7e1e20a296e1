"""Cuts words into the most probable pieces, in a graph: SentencePiece's unigram model.

Scores are added up as `tokenizers` does, in double precision and from left to right, for among
pieces that repeat ("hahaha") rounding decides. TensorFlow Text's own operation adds them in single
precision.

References:
    Kudo, "Subword Regularization", https://arxiv.org/abs/1804.10959
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from .byte_level import shifted
from .characters import utf8_sizes
from .tables import NumberTable
from .trie import CODES, make_trie

_UNKNOWN_PENALTY = 10.0  # below the worst piece: huggingface/tokenizers, models/unigram/model.rs
_CLOSE = 1e-4  # scores this near to each other could change their order by rounding
_LONGEST = 2**12  # characters of a piece


class Edges(NamedTuple):
    """Holds the pieces that are somewhere in words: (E,) each.

    Places are those between characters, before the first and after the last of a word: (P,).
    """

    starts: tf.Tensor
    ends: tf.Tensor
    ids: tf.Tensor
    scores: tf.Tensor

    def where(self, kept: tf.Tensor) -> "Edges":
        """Returns some of them, those that are to be `kept` (E,)."""
        return Edges(*(tf.boolean_mask(each, kept) for each in self))


class Paths(NamedTuple):
    """Holds the best piece that ends in each place: (P,) each; its id is -1 where there is none."""

    previous: tf.Tensor
    ids: tf.Tensor
    is_close: tf.Tensor


class Unigram:
    """Turns words into token ids.

    Args:
        pieces: Each piece with its log probability, in the order of their ids.
        unknown_id: The id of characters that are in no piece; neighbours are one token.

    Raises:
        ValueError: If a piece is too long, or there is none for the unknown.
    """

    def __init__(self, pieces: Sequence[tuple[str, float]], unknown_id: int | None):
        if unknown_id is None or not 0 <= unknown_id < len(pieces):
            raise ValueError(f"there must be a piece for the unknown. Received: {unknown_id}")
        if max(len(piece) for piece, _ in pieces) >= _LONGEST:
            raise ValueError(f"a piece must have fewer than {_LONGEST} characters")
        self._unknown_id = unknown_id
        self._scores = np.array([score for _, score in pieces], np.float64)
        self._unknown_score = self._scores.min() - _UNKNOWN_PENALTY
        ids = {piece: index for index, (piece, _) in enumerate(pieces) if piece}  # the last counts
        keys, self._ids_of_nodes = make_trie(ids)
        self._children = NumberTable(keys)

    def __call__(self, words: tf.Tensor) -> tf.RaggedTensor:
        """Turns words (W,) in UTF-8 into token ids, int32, (W, None)."""
        return self.cut(words)[0]

    def cut(self, words: tf.Tensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
        """Returns token ids of words, and the byte of its word that each begins at, (W, None)."""
        distinct, numbers = tf.unique(words)
        codes = tf.strings.unicode_decode(distinct, "UTF-8")  # (D, None)
        lengths = codes.row_lengths() + 1
        rows = tf.repeat(tf.range(tf.size(distinct)), lengths)  # (P,) the word of each place
        first = tf.gather(tf.cumsum(lengths, exclusive=True), rows)  # (P,)
        last = tf.cumsum(lengths) - 1  # (D,)
        edges = self._find_edges(codes, last)
        # What begins where no piece goes across is cut by itself, all such at once.
        paths = _search(edges, _origins(edges, first))
        is_unsure = _on_path(paths, last) & paths.is_close & (_origins(edges, first) != first)
        is_unsure = tf.math.unsorted_segment_max(tf.cast(is_unsure, tf.int32), rows, tf.size(last))
        is_unsure = tf.gather(is_unsure, rows) > 0  # (P,)
        # Where rounding could decide, the whole word is cut again, from its first character on.
        again = tf.gather(is_unsure, edges.starts)
        whole = _search(edges.where(again), first)
        paths = Paths(*(tf.where(is_unsure, a, b) for a, b in zip(whole, paths, strict=True)))
        ids, rows, places = self._read(paths, rows, last)
        ids = tf.RaggedTensor.from_value_rowids(ids, rows, tf.size(distinct), validate=False)
        ids = ids.with_row_splits_dtype(tf.int64)
        before = tf.cumsum(utf8_sizes(codes.flat_values), exclusive=True)  # bytes of all words
        characters = places - tf.cast(rows, tf.int64)  # there is a place more in each word
        of_word = tf.gather(before, tf.gather(codes.row_starts(), rows))
        firsts = tf.cast(tf.gather(before, characters) - of_word, tf.int32)
        return tuple(tf.gather(each, numbers) for each in (ids, ids.with_flat_values(firsts)))

    def _read(
        self, paths: Paths, rows: tf.Tensor, last: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns the ids of the pieces of all words, the word of each, and where it begins."""
        kept = _on_path(paths, last) & (paths.ids >= 0)
        found = paths.ids, rows, paths.previous
        ids, rows, places = (tf.boolean_mask(each, kept) for each in found)
        is_unknown = ids == self._unknown_id
        goes_on = is_unknown & shifted(is_unknown, 1, False) & (shifted(rows, 1, -1) == rows)
        return tuple(tf.boolean_mask(each, ~goes_on) for each in (ids, rows, places))

    def _pieces_at(self, nodes: tf.Tensor, depth: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the ids and scores of the pieces that end at nodes (A,); -1 where none does."""
        ids = tf.where(nodes >= 0, tf.gather(self._ids_of_nodes, tf.maximum(nodes, 0)), -1)
        is_alone = (depth == 0) & (ids < 0)  # a character without a piece
        scores = tf.gather(self._scores, tf.maximum(ids, 0))
        scores = tf.where(is_alone, self._unknown_score, scores)
        return tf.where(is_alone, self._unknown_id, ids), scores

    def _find_edges(self, codes: tf.RaggedTensor, last: tf.Tensor) -> Edges:
        """Finds all pieces in words of code points (D, None), whose last places are (D,)."""
        flat, rows = tf.cast(codes.flat_values, tf.int64), codes.value_rowids()
        size = tf.size(flat, tf.int64)
        starts = tf.range(size) + rows  # a word has a place more than characters
        ends = tf.gather(last, rows)

        def step(depth, nodes, characters, *arrays):
            """Goes on from nodes of the trie, (A,), by the characters (A,) that come next."""
            children = self._children(nodes * CODES + tf.gather(flat, characters))
            ids, scores = self._pieces_at(children, depth)
            begins = tf.gather(starts, characters - depth)
            edges = Edges(begins, begins + depth + 1, ids, scores)
            arrays = _written(arrays, tf.cast(depth, tf.int32), edges.where(ids >= 0))
            goes_on = (children >= 0) & (begins + depth + 1 < tf.gather(ends, characters))
            nodes = tf.cast(tf.boolean_mask(children, goes_on), tf.int64) + 1
            return depth + 1, nodes, tf.boolean_mask(characters, goes_on) + 1, *arrays

        state = (tf.constant(0, tf.int64), tf.zeros_like(flat), tf.range(size), *_new_arrays())
        unknown, any_length = tf.TensorShape(None), tf.TensorShape([None])
        _, _, _, *arrays = tf.while_loop(
            # The first step is always taken: there must be something to join.
            lambda depth, nodes, *_: (depth == 0) | (tf.size(nodes) > 0),
            step,
            state,
            (tf.TensorShape([]), any_length, any_length, *[unknown] * len(Edges._fields)),
        )
        return Edges(*(array.concat() for array in arrays))


def _new_arrays() -> list[tf.TensorArray]:
    """Makes what collects edges, as many as are found."""
    return [
        tf.TensorArray(dtype, 0, dynamic_size=True, infer_shape=False, element_shape=[None])
        for dtype in (tf.int64, tf.int64, tf.int32, tf.float64)
    ]


def _written(arrays: Sequence[tf.TensorArray], place: tf.Tensor, edges: Edges) -> list:
    return [array.write(place, each) for array, each in zip(arrays, edges, strict=True)]


def _origins(edges: Edges, first: tf.Tensor) -> tf.Tensor:
    """Returns, for each place (P,), the last one before it that no edge goes across, or itself.

    `first` is the first place of the word that each place is in.
    """
    size = tf.size(first)
    changes = tf.math.unsorted_segment_sum(tf.ones_like(edges.starts), edges.starts + 1, size)
    changes -= tf.math.unsorted_segment_sum(tf.ones_like(edges.ends), edges.ends, size)
    places = tf.range(tf.size(first, tf.int64))
    is_cut = (tf.cumsum(changes) == 0) | (places == first)
    cuts = tf.where(is_cut)[:, 0]
    return tf.gather(cuts, tf.cumsum(tf.cast(is_cut, tf.int32)) - 1)


def _search(edges: Edges, origins: tf.Tensor) -> Paths:
    """Finds the best path to each place (P,) from the origin of the piece that ends there.

    A place that is an origin is the end of the path before it, and has a score of 0 after it.
    """
    distances = edges.ends - tf.gather(origins, edges.starts)
    lengths = edges.ends - edges.starts
    # By distance, then by place; of those that end in one, the first beginning comes first.
    order = tf.argsort((distances * tf.size(origins, tf.int64) + edges.ends) * _LONGEST - lengths)
    starts, ends, ids, scores = (tf.gather(each, order) for each in edges)
    is_from_origin = tf.gather(origins, starts) == starts
    begins = shifted(ends, 1, -1) != ends
    groups = tf.cumsum(tf.cast(begins, tf.int32)) - 1  # (E,) of those that end in one place
    targets = tf.boolean_mask(ends, begins)[:, tf.newaxis]
    count = tf.reduce_max(tf.concat([[0], distances], axis=0)) + 1
    splits = tf.cumsum(tf.math.unsorted_segment_sum(tf.ones_like(distances), distances, count))
    group_splits = tf.searchsorted(tf.where(begins)[:, 0], splits)

    def totals(best, chosen):
        before = tf.gather(best, starts[chosen])
        before = tf.where(is_from_origin[chosen], tf.zeros_like(before), before)
        return before + scores[chosen]

    def step(distance, best):
        chosen = slice(splits[distance - 1], splits[distance])
        first, last = group_splits[distance - 1], group_splits[distance]
        highest = tf.math.segment_max(totals(best, chosen), groups[chosen] - first)
        return distance + 1, tf.tensor_scatter_nd_update(best, targets[first:last], highest)

    state = (tf.constant(1, tf.int64), tf.zeros_like(origins, tf.float64))
    shapes = (tf.TensorShape([]), tf.TensorShape([None]))
    _, best = tf.while_loop(lambda distance, _: distance < count, step, state, shapes)
    edges = Edges(starts, ends, ids, scores)
    return _best_edges(edges, totals(best, slice(None)), best, groups, targets)


def _best_edges(
    edges: Edges, totals: tf.Tensor, best: tf.Tensor, groups: tf.Tensor, targets: tf.Tensor
) -> Paths:
    """Chooses, of edges (E,) with these totals, one for each of the places in which they end.

    Edges that end in one place are a group (E,). They follow each other, that which begins first
    before the others.
    """
    count = tf.shape(targets)[0]
    highest = tf.gather(best, edges.ends)
    numbers = tf.where(totals == highest, tf.range(tf.size(totals)), tf.size(totals))
    chosen = tf.math.unsorted_segment_min(numbers, groups, count)
    is_near = tf.cast(totals > highest - _CLOSE, tf.int32)
    is_close = tf.math.unsorted_segment_sum(is_near, groups, count) > 1
    places, nothing = tf.range(tf.size(best, tf.int64)), tf.fill(tf.shape(best), -1)
    return Paths(
        tf.tensor_scatter_nd_update(places, targets, tf.gather(edges.starts, chosen)),
        tf.tensor_scatter_nd_update(nothing, targets, tf.gather(edges.ids, chosen)),
        tf.tensor_scatter_nd_update(tf.zeros_like(places, tf.bool), targets, is_close),
    )


def _on_path(paths: Paths, last: tf.Tensor) -> tf.Tensor:
    """Returns which places (P,) the best paths to the last ones of words (D,) go through."""
    marked = tf.zeros_like(paths.previous, tf.bool)
    marked = tf.tensor_scatter_nd_update(marked, last[:, tf.newaxis], tf.ones_like(last, tf.bool))

    def step(marked, before):
        """Marks what is as many pieces before as are known; then twice as many are."""
        reached = tf.boolean_mask(before, marked)[:, tf.newaxis]
        known = tf.ones(tf.shape(reached)[:1], tf.bool)
        marked = tf.tensor_scatter_nd_update(marked, reached, known)
        return marked, tf.gather(before, before)

    marked, _ = tf.while_loop(
        lambda _, before: tf.reduce_any(tf.gather(before, before) != before),
        step,
        (marked, paths.previous),
        (tf.TensorShape([None]), tf.TensorShape([None])),
    )
    return marked
