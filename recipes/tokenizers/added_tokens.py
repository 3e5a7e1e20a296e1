"""Finds added tokens in texts, in a graph, before anything else is done to them."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tokenizers import AddedToken

from .byte_level import shifted
from .regex import SPACES, split_by
from .tables import StringTable


class Parts(NamedTuple):
    """Holds parts of texts, tokens that were found among them.

    Attributes:
        texts: The parts, (B, None), strings.
        ids: The token that each is, -1 for text: (N,), for the flat values of `texts`.
    """

    texts: tf.RaggedTensor
    ids: tf.Tensor

    @classmethod
    def of(cls, texts: tf.Tensor) -> "Parts":
        """Makes parts of whole texts (B,); an empty text has none."""
        ragged = tf.RaggedTensor.from_row_lengths(texts, tf.ones_like(texts, tf.int64))
        return cls(ragged, tf.fill(tf.shape(texts), -1)).only(texts != "")

    def only(self, kept: tf.Tensor) -> "Parts":
        """Returns the parts for which the mask (N,) is true."""
        texts = tf.ragged.boolean_mask(self.texts, self.texts.with_flat_values(kept))
        return Parts(texts, tf.boolean_mask(self.ids, kept))


class AddedTokens:
    """Finds tokens in texts: of those that begin at a place, the longest.

    Args:
        tokens: What is looked for, with flags and ids; of those with the same content, the first
            counts.
        contents: How each is written in the texts.
    """

    def __init__(self, tokens: Sequence[tuple[AddedToken, int]], contents: Sequence[str]):
        numbers: dict[str, int] = {}
        for number, content in enumerate(contents):
            numbers.setdefault(content, number)
        longest_first = sorted(numbers, key=len, reverse=True)
        self._pattern = "|".join(map(re.escape, longest_first))
        self._table = StringTable({text.encode(): number for text, number in numbers.items()})
        self._ids = np.array([index for _, index in tokens], np.int32)
        self._strips_left = np.array([token.lstrip for token, _ in tokens], bool)
        self._strips_right = np.array([token.rstrip for token, _ in tokens], bool)

    def split(self, parts: Parts) -> Parts:
        """Splits those parts that are texts."""
        if not self._pattern:
            return parts
        is_text = parts.ids < 0
        flat = parts.texts.flat_values
        pieces = split_by(tf.where(is_text, flat, ""), self._pattern, self._pattern)
        found = self._table(pieces.flat_values)
        stripped = pieces.with_flat_values(self._without_spaces(pieces, found))
        ids = tf.where(found >= 0, tf.gather(self._ids, tf.maximum(found, 0)), -1)
        # A part that was a token is one still.
        is_token = tf.cast(~is_text, tf.int64)
        tokens = tf.RaggedTensor.from_row_lengths(tf.boolean_mask(flat, ~is_text), is_token)
        token_ids = tokens.with_flat_values(tf.boolean_mask(parts.ids, ~is_text))
        texts = tf.concat([tokens, stripped], axis=1)  # (N, None)
        ids = tf.concat([token_ids, pieces.with_flat_values(ids)], axis=1)
        texts = parts.texts.with_values(texts).merge_dims(1, 2)
        parts = Parts(texts, ids.flat_values)
        return parts.only((texts.flat_values != "") | (parts.ids >= 0))

    def _without_spaces(self, pieces: tf.RaggedTensor, found: tf.Tensor) -> tf.Tensor:
        """Takes spaces off texts where the token beside them has them, as "<mask>" may."""
        texts, rows, is_text = pieces.flat_values, pieces.value_rowids(), found < 0
        at = tf.maximum(found, 0)
        sides = ((self._strips_left, -1, f"{SPACES}+$"), (self._strips_right, 1, f"^{SPACES}+"))
        for flags, steps, pattern in sides:
            if flags.any():
                strips = ~is_text & tf.gather(flags, at)
                strips = shifted(strips, steps, False) & (shifted(rows, steps, -1) == rows)
                without = tf.strings.regex_replace(texts, pattern, "")
                texts = tf.where(is_text & strips, without, texts)
        return texts
