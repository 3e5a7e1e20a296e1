"""Turns the pieces of a tokenizer into tokens as people read them."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence

from ..tokenizers.regex import SPACE
from .arrays import Token

_CLOSING = set(".,;:!?%)]}»…")
_OPENING = set("([{«#$")
# What is written without spaces: Chinese and Japanese, with their punctuation; not Korean.
_UNSPACED = re.compile(r"[\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef]")
_JOINERS = set("'’-–/_@&")


def of_encoder(tokenizer, token_ids: Iterable[int]) -> list[Token]:
    """Returns the tokens of an encoder's input, as its tokenizer writes them."""
    names = tokenizer.special_tokens
    special = {names.cls, names.sep, names.pad}
    pieces = tokenizer.readable(token_ids)
    return (of_sentence_pieces if tokenizer.MARKS_SPACES else of_word_pieces)(pieces, special)


def of_word_pieces(pieces: Sequence[str], special: Collection[str]) -> list[Token]:
    """Returns the tokens of WordPiece, which drops spaces: they are put where a reader wants them.

    Args:
        pieces: The pieces, "##" before those that go on with a word.
        special: The names of special tokens.
    """
    tokens, before = [], ""
    for piece in pieces:
        is_special = piece in special
        is_continuation = not is_special and piece.startswith("##") and piece != "##"
        text = piece[2:] if is_continuation else piece
        is_spaced = bool(before) and not is_continuation and _is_spaced(before, text)
        tokens.append(Token(text, is_special, is_spaced))
        before = text
    return tokens


def of_sentence_pieces(pieces: Sequence[str], special: Collection[str]) -> list[Token]:
    """Returns the tokens of SentencePiece, which writes a space as a mark in a piece."""
    return [
        Token(piece.lstrip(SPACE) or "␣", piece in special, piece.startswith(SPACE))
        for piece in pieces
    ]


def _is_spaced(before: str, text: str) -> bool:
    """Returns whether people write a space between two pieces that no tokenizer joins."""
    last, first = before[-1], text[0]
    if _UNSPACED.match(last) or _UNSPACED.match(first):
        return False
    if first in _CLOSING or last in _OPENING:
        return False
    is_mark = first in _JOINERS or last in _JOINERS
    return not is_mark and not unicodedata.combining(first)
