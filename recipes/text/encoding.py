"""Encodes texts for a classifier, and decides what is read of those that are too long."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from ..devices.strategy import is_chief
from ..errors import UserError
from ..tokenizers.ragged import head_and_tail, windows
from ..tokenizers.strings import Text, in_chunks
from ..tokenizers.wordpiece import WordPieceTokenizer
from .data import LabelledTexts
from .settings import TextSettings

logger = logging.getLogger("regard")

# What is done with a text that is too long, in words.
TREATMENTS = {
    "cut": "the rest is not read",
    "head-tail": "the middle is not read",
    "windows": "they are read in windows",
}


@dataclass(frozen=True)
class Encoded:
    """Holds N texts as a model reads them, in R rows: one of each text, or several windows of one.

    Attributes:
        token_ids: The rows (R, None), or those of pairs (R, 2, None), with special tokens.
        owners: The number of the text that each row is of (R,), ascending.
        is_long: Whether each text (N,) has more tokens than a row may have.
    """

    token_ids: tf.RaggedTensor
    owners: tf.Tensor | np.ndarray
    is_long: tf.Tensor | np.ndarray

    def __len__(self) -> int:
        return len(self.is_long)

    def means(self, values: np.ndarray) -> np.ndarray:
        """Returns the means over the rows of each text: (R, C) to (N, C)."""
        firsts = np.flatnonzero(np.diff(self.owners, prepend=-1))
        return np.add.reduceat(values, firsts) / np.bincount(self.owners)[:, np.newaxis]


def check_long_texts(train: LabelledTexts, settings: TextSettings) -> None:
    """Raises `UserError` if long pairs of texts are to be anything but cut."""
    if train.pairs is not None and settings.long_texts != "cut":
        raise UserError(
            f"{train.source}: pairs of texts that are too long can only be cut: leave out "
            f"--long-texts. Received: long_texts={settings.long_texts}, "
            f"pair_column={train.pair_column}"
        )


def row_weights(owners: np.ndarray) -> np.ndarray:
    """Returns weights (R,) by which texts of many rows count as much as others; the mean is 1."""
    weights = 1 / np.bincount(owners)[owners]
    return (weights / weights.mean()).astype("float32")


@dataclass(frozen=True)
class TextEncoder:
    """Encodes texts, or pairs of texts, in rows that a model can read.

    Attributes:
        tokenizer: The tokenizer.
        max_sequence_length: The most tokens of a row, special ones included.
        long_texts: What to do with longer texts, as in `TextSettings`; pairs are always cut.
    """

    tokenizer: WordPieceTokenizer
    max_sequence_length: int
    long_texts: str = "cut"

    def encode(self, texts: tf.Tensor, pairs: tf.Tensor | None = None) -> Encoded:
        """Encodes texts (N,), in a graph as well; where there are pairs, with the second texts."""
        whole = self.tokenizer.tokenize(texts)
        numbers, special = tf.range(whole.nrows()), self.tokenizer.frame.num_special
        if pairs is not None:
            second = self.tokenizer.tokenize(pairs)
            token_ids = self.tokenizer.enclose_pairs(whole, second, self.max_sequence_length)
            lengths = whole.row_lengths() + second.row_lengths() + special(2)
            return Encoded(token_ids, numbers, lengths > self.max_sequence_length)
        rows, room = whole, self.max_sequence_length - special(1)
        if self.long_texts == "head-tail":
            rows = head_and_tail(whole, room)
        elif self.long_texts == "windows":
            rows, numbers = windows(whole, room)
        token_ids = self.tokenizer.enclose(rows, self.max_sequence_length)
        return Encoded(token_ids, numbers, whole.row_lengths() > room)

    def encode_all(self, texts: Sequence[Text] | Sequence[tuple[Text, Text]]) -> Encoded:
        """Encodes Python strings, or pairs of strings, at least one, a few at a time."""
        chunks, numbers, first = [], [], 0
        for columns in in_chunks(texts):
            chunks.append(self.encode(*columns))
            numbers.append(first + chunks[-1].owners.numpy())
            first += len(columns[0])
        return Encoded(
            tf.concat([chunk.token_ids for chunk in chunks], axis=0),
            np.concatenate(numbers),
            np.concatenate([chunk.is_long.numpy() for chunk in chunks]),
        )

    def truncates(self, encoded: Encoded) -> np.ndarray:
        """Returns whether something of each text (N,) is not read."""
        return encoded.is_long & (self.long_texts != "windows")

    def tell_long(self, *parts: Encoded) -> None:
        """Says how many texts of all parts are too long, if any are, and what is done with them."""
        count = sum(int(part.is_long.sum()) for part in parts)
        if count and is_chief():
            logger.warning(
                "texts longer than %d tokens (--max-sequence-length), %d of %d: %s "
                "(--long-texts %s).",
                *(self.max_sequence_length, count, sum(map(len, parts))),
                *(TREATMENTS[self.long_texts], self.long_texts),
            )
