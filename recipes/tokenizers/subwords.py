"""Makes of a model of `tokenizers` what turns words into token ids in a graph."""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf
from tokenizers import Tokenizer

from .bpe import BytePairs
from .byte_level import byte_characters, byte_numbers
from .unigram import Unigram

Model = Callable[[tf.Tensor], tf.RaggedTensor]


def make_model(backend: Tokenizer, state: Mapping[str, Any]) -> Model:
    """Makes what turns words (W,) into token ids (W, None).

    `state` is the model as `tokenizer.json` writes it.

    Raises:
        ValueError: If it is one that cannot be done here.
    """
    makers = {"BPE": _byte_pairs, "Unigram": _unigram}
    if state["type"] not in makers:
        known = " or ".join(makers)
        raise ValueError(f"the model must be {known}. Received: {state['type']}")
    return makers[state["type"]](backend, state)


def name_pieces(ids: Mapping[str, int]) -> list[str]:
    """Lists the pieces in the order of their ids, with made-up names for ids that none has.

    Raises:
        ValueError: If two have one id, or most ids are nobody's.
    """
    size = max(ids.values(), default=-1) + 1
    if len(set(ids.values())) < len(ids) or size > 2 * len(ids):
        raise ValueError(f"pieces must have ids of their own, without big gaps, not {size}")
    pieces = [f"[no piece {index}]" for index in range(size)]
    for piece, index in ids.items():
        pieces[index] = piece
    return pieces


def _unigram(backend: Tokenizer, state: Mapping[str, Any]) -> Model:
    if state["byte_fallback"]:
        raise ValueError("what is in no piece must be unknown, not spelled in bytes")
    return Unigram(state["vocab"], state["unk_id"])


def _byte_pairs(backend: Tokenizer, state: Mapping[str, Any]) -> Model:
    marks = (state["continuing_subword_prefix"], state["end_of_word_suffix"])
    if any(marks) or state["dropout"]:
        raise ValueError("byte pairs must have no prefix, suffix or dropout")
    ids = state["vocab"]
    characters = byte_characters()
    unknown = state["unk_token"]
    if not {*characters} <= ids.keys() and (state["fuse_unk"] or state["byte_fallback"]):
        raise ValueError("each byte must be a piece")
    byte_of = byte_numbers()
    whole = {}
    for piece, index in ids.items():
        # A special piece may have characters that no byte is written by.
        if {*piece} <= byte_of.keys() and [t.id for t in backend.model.tokenize(piece)] == [index]:
            whole[bytes(byte_of[each] for each in piece)] = index
    merges = [tuple(merge) for merge in state["merges"]]
    return BytePairs(ids, merges, whole, ids.get(unknown) if unknown else None)
