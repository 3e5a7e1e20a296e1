"""Normalizes as SentencePiece's precompiled map of characters says, in a graph.

`tokenizers` does so a user-perceived character at a time: one of fewer than six bytes is replaced
as a whole if the map has it, or has what it begins with; else each of its code points is.

References:
    https://github.com/google/sentencepiece/blob/master/src/normalizer.cc;
    https://github.com/huggingface/spm_precompiled/blob/master/src/lib.rs
"""

import base64
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import tensorflow as tf

from .byte_level import shifted
from .characters import CharacterMap
from .graphemes import JOINS_LEFT, JOINS_RIGHT, STANDS_ALONE, character_joins
from .tables import NumberTable
from .words import flatten

_MOST_BYTES = 5  # of a character that is replaced as a whole
_HAS_VALUE, _VALUE = 1 << 8, (1 << 31) - 1
_MOST_BEGINNINGS = 2**16  # of what is replaced; in NFKC there are 11,000
_LARGEST = 2**22  # bytes of a map; SentencePiece's own have 240,000


def find_charsmap(normalizer: Mapping[str, Any] | None) -> bytes | None:
    """Returns the first map of characters in a normalizer, as `tokenizer.json` writes it."""
    steps = flatten(normalizer, "normalizers")
    maps = [each["precompiled_charsmap"] for each in steps if each["type"] == "Precompiled"]
    return base64.b64decode(maps[0]) if maps else None


def read_charsmap(blob: bytes) -> dict[str, str]:
    """Reads what a map replaces, and by what; of that only what has at most `_MOST_BYTES`.

    Raises:
        ValueError: If it is damaged.
    """
    size = int.from_bytes(blob[:4], "little")
    if not 4 <= size <= len(blob) - 4 or size % 4 or len(blob) > _LARGEST:
        raise ValueError("the precompiled map of characters is damaged")
    units = np.frombuffer(blob, "<u4", size // 4, 4).astype(np.int64)
    strings = blob[4 + size :]
    bytes_ = np.arange(1, 256)
    found, level = {}, [(b"", _offset(units[0]))]
    seen = 1
    for _ in range(_MOST_BYTES):
        following = []
        for prefix, position in level:
            places = position ^ bytes_
            inside = places < len(units)
            is_child = np.zeros(255, bool)
            is_child[inside] = (units[places[inside]] & (1 << 31 | 255)) == bytes_[inside]
            for byte in bytes_[is_child]:
                unit = units[position ^ byte]
                key, below = prefix + bytes([byte]), position ^ int(byte) ^ _offset(unit)
                if unit & _HAS_VALUE:
                    found[key] = _string_at(units, below, strings)
                following.append((key, below))
        level = following
        seen += len(level)
        if seen > _MOST_BEGINNINGS:  # branches may share their ends, and so be many
            raise ValueError("the precompiled map of characters is damaged")
    return {key.decode(): value.decode() for key, value in found.items()}


def _string_at(units: np.ndarray, position: int, strings: bytes) -> bytes:
    """Returns the string, of those that end with a NUL, whose place stands at a position."""
    start = int(units[position] & _VALUE) if position < len(units) else len(strings)
    end = strings.find(b"\0", start)
    if end < 0:
        raise ValueError("the precompiled map of characters is damaged")
    return strings[start:end]


class CharsMap:
    """Replaces the characters of texts as a precompiled map says."""

    def __init__(self, strings: Mapping[str, str]):
        single = {ord(key): value for key, value in strings.items() if len(key) == 1}
        self._joined = {key: value for key, value in strings.items() if len(key) > 1}
        self._map = CharacterMap(single, ["", *self._joined.values()])
        self._dropped = len(single) + 1  # the numbers of those: nothing, and what joined ones give
        numbers = [sum(ord(c) << 21 * place for place, c in enumerate(key)) for key in self._joined]
        self._numbers = NumberTable(np.array(numbers, np.int64))

    def __call__(self, texts: tf.Tensor) -> tf.Tensor:
        """Normalizes texts (N,) in UTF-8."""
        codes = tf.strings.unicode_decode(texts, "UTF-8")  # (N, None)
        numbers = self._map.numbers(codes.flat_values)
        numbers = self._with_joined(codes.flat_values, codes.value_rowids(), numbers)
        return tf.strings.unicode_encode(self._map.replace(codes, numbers), "UTF-8")

    def _with_joined(self, codes: tf.Tensor, rows: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
        """Returns the numbers (N,) of what replaces code points (N,), if some are one character."""
        is_joined = _is_joined(codes, rows)
        character = tf.cumsum(tf.cast(~is_joined, tf.int32)) - 1
        edges = tf.constant([0x80, 0x800, 0x10000])
        sizes = 1 + tf.searchsorted(edges, codes, side="right")
        size = tf.gather(tf.math.segment_sum(sizes, character), character)
        has_second, has_third = (shifted(character, -n, -1) == character for n in (1, 2))
        is_short = size <= _MOST_BYTES
        # Its first code point stands for all of it, or else the first two do, or all three.
        second, third = (tf.cast(shifted(codes, -n, 0), tf.int64) for n in (1, 2))
        pair = tf.cast(codes, tf.int64) + second * 2**21
        triple = tf.where(has_third, self._numbers(pair + third * 2**42), -1)
        found = self._numbers(pair)
        found = tf.where(found >= 0, found, triple)
        found = tf.where(~is_joined & has_second & is_short & (numbers == 0), found, -1)
        numbers = tf.where(found >= 0, found + self._dropped + 1, numbers)
        starts = tf.boolean_mask(numbers > 0, ~is_joined)  # (C,) for each character
        is_lost = is_joined & is_short & tf.gather(starts, character)
        return tf.where(is_lost, self._dropped, numbers)


def _is_joined(codes: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """Returns whether each code point (N,) is of one character with that before it."""
    joins = tf.cast(character_joins()(codes), tf.int32)
    before = shifted(joins, 1, STANDS_ALONE)
    joined = (joins & JOINS_LEFT > 0) | (before & JOINS_RIGHT > 0)
    joined &= ((joins | before) & STANDS_ALONE) == 0
    joined |= (shifted(codes, 1, 0) == ord("\r")) & (codes == ord("\n"))
    return joined & (shifted(rows, 1, -1) == rows)


@cache
def make_charsmap(encoded: str) -> CharsMap:
    """Makes what normalizes by a map, in base 64 as `tokenizer.json` has it.

    Raises:
        ValueError: If it is damaged.
    """
    return CharsMap(read_charsmap(base64.b64decode(encoded)))


def _offset(unit: np.int64) -> int:
    return int((unit >> 10) << ((unit & (1 << 9)) >> 6))
