"""Replaces characters by others in a graph, each by itself, as `tokenizers` does.

Which are replaced depends on the version of Unicode, and TensorFlow's is another. So a table is
made of what `tokenizers` itself does to each.
"""

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import tensorflow as tf
from tokenizers import normalizers

from .tables import CODES, CodeTable

# Characters that have a case, an accent or a mark: nothing above has been given out.
CANDIDATES = [*range(0xD800), *range(0xE000, 0x34000), *range(0xE0000, 0xE1000)]


def utf8_sizes(codes: tf.Tensor) -> tf.Tensor:
    """Returns the bytes that code points take, int64."""
    return tf.add_n([tf.cast(codes >= least, tf.int64) for least in (0, 0x80, 0x800, 0x10000)])


class CharacterMap:
    """Replaces characters: each code point by a string.

    `further` are strings that stand for no character; their numbers come after those that do.
    """

    def __init__(self, strings: Mapping[int, str], further: Sequence[str] = ()):
        numbers = np.zeros(CODES, np.int32)  # 0 for what stays as it is
        numbers[[*strings]] = np.arange(1, 1 + len(strings))
        self.numbers = CodeTable(numbers)
        every = [[0], *([ord(each) for each in string] for string in (*strings.values(), *further))]
        self._lengths = np.array([len(each) for each in every], np.int64)
        self._starts = np.cumsum(self._lengths) - self._lengths
        self._codes = np.array([code for each in every for code in each], np.int32)

    def __call__(self, texts: tf.Tensor) -> tf.Tensor:
        """Replaces the characters of texts (N,) in UTF-8."""
        codes = tf.strings.unicode_decode(texts, "UTF-8")  # (N, None)
        replaced = self.replace(codes, self.numbers(codes.flat_values))
        return tf.strings.unicode_encode(replaced, "UTF-8")

    def lengths(self, numbers: tf.Tensor) -> tf.Tensor:
        """Returns how many characters stand in place of one, for the numbers of strings (N,)."""
        return tf.gather(self._lengths, numbers)

    def replace(self, codes: tf.RaggedTensor, numbers: tf.Tensor) -> tf.RaggedTensor:
        """Replaces code points (N, None) by the strings of these numbers, 0 for none."""
        lengths, starts = tf.gather(self._lengths, numbers), tf.gather(self._starts, numbers)
        places = tf.ragged.range(starts, starts + lengths)
        stays = tf.repeat(numbers == 0, lengths)
        same = tf.repeat(codes.flat_values, lengths)
        new = tf.where(stays, same, tf.gather(self._codes, places.flat_values))
        return codes.with_values(places.with_flat_values(new)).merge_dims(1, 2)


def lowercase(texts: tf.Tensor) -> tf.Tensor:
    """Folds the case of texts (N,), each character by itself: no final sigma."""
    return _mapped("Lowercase")(texts)


def strip_accents(texts: tf.Tensor) -> tf.Tensor:
    """Drops the combining marks of texts (N,)."""
    return _mapped("StripAccents")(texts)


def decompose_and_strip(texts: tf.Tensor, form: str) -> tf.Tensor:
    """Drops the combining marks of texts (N,) that have been brought to a form, "NFD" or "NFKD".

    Marks are all that changes places in a form, so each character can be replaced by itself.
    """
    return _mapped(form, "StripAccents")(texts)


@cache
def _mapped(*names: str) -> CharacterMap:
    normalizer = normalizers.Sequence([getattr(normalizers, name)() for name in names])
    lines = normalizer.normalize_str("\n".join(map(chr, CANDIDATES))).split("\n")
    # The line feed itself is two empty lines, or one more than the others.
    before, after = lines[: ord("\n")], lines[ord("\n") + 2 :]
    kept = [code for code in CANDIDATES if code != ord("\n")]
    pairs = zip(kept, before + after, strict=True)
    return CharacterMap({code: line for code, line in pairs if line != chr(code)})
