"""Splits texts by regular expressions in a graph, whatever characters they have."""

import tensorflow as tf
import tensorflow_text as tf_text

# TensorFlow Text takes a NUL for the end of a text. It stands here as two others, and so does the
# first of the two, which is no character of Unicode.
_ESCAPE = "\U0010ffff"
_NUL, _ITSELF = f"{_ESCAPE}\U0010fffe", f"{_ESCAPE}\U0010fffd"
SPACE = "\N{LOWER ONE EIGHTH BLOCK}"  # how SentencePiece writes a space
# White space of Unicode, which no version has changed since 2014.
SPACES = r"[\t-\r \x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}]"
# The same as numbers; Python counts four separators of data more.
SPACE_CODES = [code for code in range(0x3001) if chr(code).isspace() and not 28 <= code < 32]


def split_by(texts: tf.Tensor, pattern: str, kept: str = "") -> tf.RaggedTensor:
    """Splits texts (N,) by a pattern in RE2's syntax: (N, None), none of them empty.

    A match stays, as a string of its own, if it matches the pattern `kept` as well.
    """
    texts = tf.strings.regex_replace(texts, _ESCAPE, _ITSELF)
    texts = tf.strings.regex_replace(texts, r"\x00", _NUL)
    parts = tf_text.regex_split(texts, pattern, kept)
    flat = tf.strings.regex_replace(parts.flat_values, _NUL, "\0")
    return parts.with_flat_values(tf.strings.regex_replace(flat, _ITSELF, _ESCAPE))
