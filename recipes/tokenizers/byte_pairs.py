"""Makes the byte-level BPE of RoBERTa from its pieces and merges."""

from collections.abc import Sequence
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers


def byte_pairs(
    vocabulary: dict[str, int], merges: Sequence[tuple[str, str]], adds_space: bool
) -> Tokenizer:
    """Makes a tokenizer, but for its special tokens.

    Args:
        vocabulary: The id of each piece.
        merges: Pairs of pieces, those to merge first first.
        adds_space: Whether a text gets a space before it.

    Raises:
        ValueError: If the vocabulary has not an id of its own for each piece, without big gaps.
        Exception: What `tokenizers` raises if a merge is of no piece.
    """
    if not _is_vocabulary(vocabulary):
        raise ValueError("its pieces must have ids of their own, without big gaps")
    backend = Tokenizer(models.BPE(vocabulary, merges))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(adds_space)
    backend.decoder = decoders.ByteLevel()
    return backend


def _is_vocabulary(value: Any) -> bool:
    """Returns whether these are pieces with ids; `tokenizers` walks through all up to the last."""
    if not isinstance(value, dict):
        return False
    ids = value.values()
    are_near = all(type(each) is int and 0 <= each < 2 * len(value) for each in ids)
    return are_near and len(set(ids)) == len(ids)
