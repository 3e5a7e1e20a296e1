"""Splits texts into words as GPT-2 does, in a graph: spaces, letters, numbers and the rest.

The pattern looks ahead, which TensorFlow's regular expressions cannot, and its letters are those
of the Unicode of the day. So the classes of characters come from `tokenizers` itself, and where a
word begins follows from its neighbours.

References:
    Radford et al., "Language Models are Unsupervised Multitask Learners", section 2.2;
    https://github.com/openai/gpt-2/blob/master/src/encoder.py
"""

from functools import cache

import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text
from tokenizers import Regex
from tokenizers.pre_tokenizers import Split

from .tables import CODES, CodeTable

_OTHER, _SPACE, _LETTER, _NUMBER = range(4)
_CLASSES = {_SPACE: r"\s+", _LETTER: r"\p{L}+", _NUMBER: r"\p{N}+"}
_LAST_LETTER = 0x34000  # above are private characters, marks, and none that have been given out
_CONTRACTIONS = ("s", "t", "re", "ve", "m", "ll", "d")  # after an apostrophe


def byte_characters() -> str:
    """Returns the character by which a vocabulary writes each of the 256 bytes.

    A byte that is a visible character of Latin-1 is that; the rest are those from 256 on.
    """
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = iter(range(256, 512))
    return "".join(chr(byte if byte in visible else next(hidden)) for byte in range(256))


def byte_numbers() -> dict[str, int]:
    """Returns the byte that each of those characters writes."""
    return {character: byte for byte, character in enumerate(byte_characters())}


def split_words(texts: tf.Tensor) -> tf.RaggedTensor:
    """Splits texts (B,) in UTF-8 into words (B, None), each with the space before it."""
    codes, offsets = tf.strings.unicode_decode_with_offsets(texts, "UTF-8")  # (B, None)
    rows = codes.value_rowids()
    is_first = _starts(codes.flat_values, rows)
    starts = tf.ragged.boolean_mask(offsets, codes.with_flat_values(is_first))
    # A word ends where the next one of its text begins.
    rows, sizes = starts.value_rowids(), tf.cast(tf.strings.length(texts), tf.int64)
    goes_on = tf.concat([rows[1:] == rows[:-1], [False]], axis=0)[: tf.size(rows)]
    following = shifted(starts.flat_values, -1, 0)
    ends = starts.with_flat_values(tf.where(goes_on, following, tf.gather(sizes, rows)))
    return tf_text.ByteSplitter().split_by_offsets(
        texts, tf.cast(starts, tf.int32), tf.cast(ends, tf.int32)
    )


def _starts(codes: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """Returns whether a word begins at each character (N,) of the texts of these rows (N,)."""
    classes = _classes()(codes)
    goes_on = tf.concat([[False], rows[1:] == rows[:-1]], axis=0)[: tf.size(rows)]  # in its text
    before, after = shifted(classes, 1, -1), shifted(classes, -1, -1)
    is_last = shifted(~goes_on, -1, True)
    is_space, follows_space = classes == _SPACE, before == _SPACE
    # The last space of several goes to the word behind them, or stands alone.
    is_lone = ~is_last & (after != _SPACE)
    is_joined = shifted(codes, 1, 0) == ord(" ")
    start = tf.where(follows_space, tf.where(is_space, is_lone, ~is_joined), classes != before)
    start |= ~goes_on
    return _with_contractions(start, codes, goes_on)


def _with_contractions(start: tf.Tensor, codes: tf.Tensor, goes_on: tf.Tensor) -> tf.Tensor:
    """Returns where words begin (N,), if what begins with an apostrophe may be a contraction."""
    opens = start & (codes == ord("'"))
    for letters in _CONTRACTIONS:
        found = opens
        for place, letter in enumerate(letters, start=1):
            found &= shifted(goes_on, -place, False) & (shifted(codes, -place, 0) == ord(letter))
        start &= ~shifted(found, 1, False)
        start |= shifted(found, 1 + len(letters), False)
    return start


def shifted(values: tf.Tensor, steps: int, filling) -> tf.Tensor:
    """Moves values (N,) by some places to the right, or to the left if the number is negative."""
    size, distance = tf.size(values), tf.minimum(abs(steps), tf.size(values))
    filled = tf.fill([distance], tf.cast(filling, values.dtype))
    if steps > 0:
        return tf.concat([filled, values[: size - distance]], axis=0)
    return tf.concat([values[distance:], filled], axis=0)


@cache
def _classes() -> CodeTable:
    """Makes the table of classes, as the regular expressions of `tokenizers` see them."""
    codes = [code for code in range(_LAST_LETTER) if not 0xD800 <= code < 0xE000]
    values = np.full(CODES, _OTHER, np.int8)
    runs = _find("|".join(_CLASSES.values()), "".join(map(chr, codes)))
    beginnings = "".join(chr(codes[first]) for first, _ in runs)
    for number, pattern in _CLASSES.items():
        for first, end in _find(pattern.rstrip("+"), beginnings):
            for run in runs[first:end]:
                values[codes[run[0] : run[1]]] = number
    return CodeTable(values)


def _find(pattern: str, text: str) -> list[tuple[int, int]]:
    """Finds a pattern in a text as `tokenizers` does: where each match begins and ends."""
    split = Split(Regex(pattern), "removed", invert=True)
    return [place for _, place in split.pre_tokenize_str(text)]
