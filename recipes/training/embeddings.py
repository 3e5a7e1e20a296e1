"""Gives the token embeddings of a model from scratch the vectors of words that others have learned.

Vectors of words are for whole words. So the words of the texts that have one are tokens, however
rare, and so are the file's most frequent others: those that a model meets once it is in use.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import keras
import numpy as np

from ..data.word_vectors import WordVectors, read_vectors
from ..errors import UserError
from ..names import counted
from ..tokenizers.whole_words import Words, word_of

logger = logging.getLogger("regard")

STEPS = 100  # that a number of a vector is to outlast, each at the highest learning rate


@dataclass(frozen=True)
class FirstVectors:
    """Holds the first vectors of M of the V pieces of a vocabulary.

    Attributes:
        pieces: All pieces, in the order of their ids.
        ids: The ids of those that have a vector: (M,), ascending.
        vectors: The vectors: (M, W).
        read: What was read.
        kept: The share of the vectors' squares that is left, if they were made narrower.
    """

    pieces: list[str]
    ids: np.ndarray
    vectors: np.ndarray
    read: WordVectors
    kept: float = 1.0

    def fitted(self, width: int) -> Self:
        """Returns the same with vectors of another width, whose products are the same.

        Narrower ones get zeros behind them. Of wider ones the principal components stay, which
        keeps as much of the products as can be.
        """
        vectors = self.vectors.astype("float64")  # (M, W)
        if vectors.shape[1] <= width:
            return replace(self, vectors=np.pad(vectors, ((0, 0), (0, width - vectors.shape[1]))))
        squares, axes = np.linalg.eigh(vectors.T @ vectors)  # the least first
        axes = axes[:, -width:]  # (W, width)
        kept = squares[-width:].sum() / squares.sum()
        return replace(self, vectors=vectors @ axes, kept=float(kept))

    def rows(self, spread: float) -> np.ndarray:
        """Returns the vectors, all multiplied so that the middle one's entries have a spread."""
        spreads = np.sqrt(np.mean(np.square(self.vectors), axis=1))
        return self.vectors * (spread / np.median(spreads))

    def begun(self, model: keras.Model, learning_rate: float) -> Self:
        """Puts the vectors into the table of a model's tokens, and returns them as they fit there.

        Their spread is that of the other rows, or what some steps at the learning rate can change,
        whichever is more: a spread as small as that of random rows would soon be gone.
        """
        table = model.embedding.token_embedding.embeddings  # (V, D)
        rows = np.array(table)
        fitted = self.fitted(rows.shape[1])
        rows[self.ids] = fitted.rows(max(rows.std(), STEPS * learning_rate))
        table.assign(rows)
        return fitted

    def tell(self, token_ids: np.ndarray, special_ids: Sequence[int]) -> None:
        """Says in a line how much of a vocabulary has a vector, and of the texts (tokens,)."""
        counts = np.bincount(token_ids, minlength=len(self.pieces))
        counts[list(special_ids)] = 0
        share = counts[self.ids].sum() / max(1, counts.sum())
        message = "%s: %d of %d tokens have a vector, %.3g%% of the running text"
        numbers = self.read.file.name, len(self.ids), len(self.pieces), 100 * share
        logger.info("".join([message, *self._remarks()]) + ".", *numbers)

    def _remarks(self) -> list[str]:
        read, remarks = self.read, []
        if self.kept < 1:
            width = self.vectors.shape[1]
            remarks.append(
                f"; {read.file.width} numbers a word were made {width}, which keeps "
                f"{100 * self.kept:.3g}%% of their squares"
            )
        passed = {"damaged line": read.num_damaged, "repeated word": read.num_repeated}
        passed = [counted(n, what) for what, n in passed.items() if n]
        if passed:
            remarks.append(f"; {' and '.join(passed)} passed over")
        if read.num_missing:
            remarks.append(f"; the file ends {counted(read.num_missing, 'word')} too early")
        return remarks


def find_first_vectors(
    source: str, texts: Sequence[str], pieces: Sequence[str], size: int, split_chinese: bool = True
) -> FirstVectors:
    """Reads the vectors of the pieces of a vocabulary, which grows by words of the file.

    Args:
        source: A file of word vectors.
        texts: The training texts.
        pieces: The pieces that were learned from them, all in lower case.
        size: The most words to add: those of the texts, then the most frequent others.
        split_chinese: Whether each Chinese character is a word of its own. Defaults to True.

    Raises:
        UserError: If the file cannot be read, or knows none of the words.
    """
    words = Words(split_chinese)
    known = set(filter(None, map(word_of, pieces)))
    new = [word for word in words.ranked(texts) if word not in known][:size]
    wanted = known.union(new)
    logger.info("Reading word vectors: %s", source)
    read = read_vectors(source, words.token_of, wanted, size - len(new))
    if wanted.isdisjoint(read.vectors):
        raise UserError(
            f"{source} knows none of the {len(wanted)} words of the texts. Name word vectors of "
            "their language."
        )
    pieces = words.added(pieces, read.vectors)
    found = {token_id: word_of(piece) for token_id, piece in enumerate(pieces)}
    found = {token_id: word for token_id, word in found.items() if word in read.vectors}
    vectors = np.stack([read.vectors[word] for word in found.values()])
    return FirstVectors(pieces, np.array([*found]), vectors, read)
