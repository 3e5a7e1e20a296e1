"""Cuts texts of one language, or of many, into SentencePiece's pieces and numbers them."""

from collections.abc import Iterable, Mapping, Sequence

import sentencepiece

from .sentencepiece_models import open_model
from .spelling import BYTE_PIECES

END, UNKNOWN, PAD = "</s>", "<unk>", "<pad>"


class SentencePieces:
    """One side of a translator's tokenizer: a model that cuts texts, and a vocabulary.

    Args:
        model: A SentencePiece model, serialized.
        vocabulary: The id of each piece, and of "</s>", "<unk>" and "<pad>".

    Raises:
        ValueError: If it is no model, or the vocabulary lacks a special piece.
    """

    def __init__(self, model: bytes, vocabulary: Mapping[str, int]):
        missing = [piece for piece in (END, UNKNOWN, PAD) if piece not in vocabulary]
        if missing:
            raise ValueError(
                f"The vocabulary must hold {END}, {UNKNOWN} and {PAD}. It lacks {missing}"
            )
        self.model = model
        self.vocabulary = vocabulary
        self.end_id, self.unknown_id, self.pad_id = (vocabulary[p] for p in (END, UNKNOWN, PAD))
        self.has_bytes = vocabulary.keys() >= {*BYTE_PIECES}
        self._processor = open_model(model)

    def encode(self, texts: Sequence[str], dropout: float = 0.0, seed: int = 0) -> list[list[int]]:
        """Encodes texts, each with an end; the dropout is as in `SentencePieceTokenizer`."""
        sampling = {}
        if dropout:
            sentencepiece.set_random_generator_seed(seed % 2**32)
            sampling = {"enable_sampling": True, "alpha": dropout, "nbest_size": -1}
        find, unknown = self.vocabulary.get, self.unknown_id
        rows = self._processor.encode(list(texts), out_type=str, num_threads=1, **sampling)
        return [[*(find(piece, unknown) for piece in row), self.end_id] for row in rows]

    def names(self, token_ids: Iterable[int]) -> list[str]:
        """Returns the pieces of token ids, for people to look at."""
        names = {index: piece for piece, index in self.vocabulary.items()}
        return [names.get(int(index), UNKNOWN) for index in token_ids]

    def surfaces(self) -> list[bytes]:
        """Returns what is written for each token id."""
        surfaces = {piece: piece.encode() for piece in self.vocabulary}
        surfaces |= dict.fromkeys((END, UNKNOWN, PAD), b"")
        if self.has_bytes:
            surfaces |= {piece: bytes([byte]) for byte, piece in enumerate(BYTE_PIECES)}
        written = [b""] * (max(self.vocabulary.values()) + 1)
        for piece, index in self.vocabulary.items():
            written[index] = surfaces[piece]
        return written
