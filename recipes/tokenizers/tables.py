"""Looks up characters, numbers and strings in tables that are constants of a graph.

A hash table of TensorFlow is a resource: it must be tracked by whatever is saved, and made again by
a server. A constant needs neither, and any function can use it.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

CODES = 0x110000  # of Unicode, surrogates included
_PAGE = 256  # codes
_BUCKETS = 2**62  # far more than strings, so that two in one are a rare thing


class CodeTable:
    """Looks up a small number for each code point: (CODES,), integers.

    Pages that are alike are kept once, which makes a megabyte a few kilobytes.
    """

    def __init__(self, values: np.ndarray):
        pages, numbers = np.unique(values.reshape(-1, _PAGE), axis=0, return_inverse=True)
        self._values, self._numbers = pages.reshape(-1), numbers.reshape(-1).astype(np.int32)

    def __call__(self, codes: tf.Tensor) -> tf.Tensor:
        """Looks up code points, int32, of any shape."""
        pages = tf.gather(self._numbers, codes // _PAGE)
        return tf.gather(self._values, pages * _PAGE + codes % _PAGE)


class NumberTable:
    """Looks up the place of each number in a sequence of different ones, int64."""

    def __init__(self, numbers: np.ndarray):
        self._order = np.argsort(numbers).astype(np.int32)
        self._sorted = numbers[self._order]

    def __call__(self, numbers: tf.Tensor) -> tf.Tensor:
        """Looks up numbers (N,), int64: their places, int32, and -1 for those that are not here."""
        if not len(self._sorted):
            return -tf.ones_like(numbers, tf.int32)
        places = tf.minimum(tf.searchsorted(self._sorted, numbers), len(self._sorted) - 1)
        is_here = tf.gather(self._sorted, places) == numbers
        return tf.where(is_here, tf.gather(self._order, places), -1)


class StringTable:
    """Looks up the number of each string in a mapping.

    Of strings with the same hash one is kept, so a table may lack a few; `missing` has them.
    """

    def __init__(self, numbers: Mapping[bytes, int]):
        strings = list(numbers)
        hashes = _hash(strings) if strings else np.zeros(0, np.int64)
        _, first = np.unique(hashes, return_index=True)
        self._strings = [strings[place] for place in first]
        self._values = np.array([numbers[each] for each in self._strings], np.int32)
        self._places = NumberTable(hashes[first])
        self.missing = {*strings}.difference(self._strings)

    def __call__(self, strings: tf.Tensor) -> tf.Tensor:
        """Looks up strings (N,): their numbers, int32, and -1 for those that are not here."""
        if not self._strings:
            return tf.fill(tf.shape(strings), -1)
        places = self._places(tf.strings.to_hash_bucket_fast(strings, _BUCKETS))
        at = tf.maximum(places, 0)
        is_here = (places >= 0) & (tf.gather(self._strings, at) == strings)
        return tf.where(is_here, tf.gather(self._values, at), -1)


def _hash(strings: Sequence[bytes]) -> np.ndarray:
    with tf.device("CPU"):
        return tf.strings.to_hash_bucket_fast(tf.constant(strings), _BUCKETS).numpy()
