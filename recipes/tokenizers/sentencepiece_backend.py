"""Makes a SentencePiece model of a `tokenizer.json`, which people have without the model itself.

`transformers` 5 saves the tokenizers of NLLB and mBART so: the pieces with what they are cut by,
merges or probabilities, and a map of characters. What else its classes do is what SentencePiece
does with a model: words begin with a mark, and spaces are one.
"""

from collections.abc import Mapping
from typing import Any

from sentencepiece import sentencepiece_model_pb2

from .charsmap import find_charsmap, read_charsmap
from .checkpoint_files import require
from .sentence_pieces import END, UNKNOWN
from .words import flatten

START = "<s>"
_SPACES = {"Regex": " {2,}"}  # several become one, as SentencePiece has it
_FIX = "Put the checkpoint's sentencepiece.bpe.model beside it."


def sentencepiece_model(source: str, state: Mapping[str, Any]) -> tuple[bytes, dict[str, int]]:
    """Returns a serialized model, and the id of each of its pieces.

    Args:
        source: The path of a `tokenizer.json`.
        state: What it holds.

    Raises:
        UserError: If a part of it does what SentencePiece does not.
        ValueError: If it is damaged.
    """
    _check_parts(source, state)
    vocabulary, proto = state["model"]["vocab"], sentencepiece_model_pb2.ModelProto()
    if state["model"]["type"] == "BPE":
        ids, scores = vocabulary, _scores_of_merges(state["model"]["merges"], vocabulary)
        proto.trainer_spec.model_type = proto.trainer_spec.BPE
    else:
        ids = {piece: index for index, (piece, _) in enumerate(vocabulary)}
        scores = dict(vocabulary)
        proto.trainer_spec.model_type = proto.trainer_spec.UNIGRAM
    proto.normalizer_spec.precompiled_charsmap = _charsmap(state)
    for piece, kind in ((UNKNOWN, "UNKNOWN"), (START, "CONTROL"), (END, "CONTROL")):
        proto.pieces.add(piece=piece, type=kind)
    special = {UNKNOWN, START, END, *(token["content"] for token in state["added_tokens"])}
    for piece, score in scores.items():
        if piece not in special:
            proto.pieces.add(piece=piece, score=score)
    return proto.SerializeToString(), ids


def _check_parts(source: str, state: Mapping[str, Any]) -> None:
    """Raises `UserError` for parts that do what a model of SentencePiece does not."""
    model = state["model"]
    kind, falls_back = model["type"], model.get("byte_fallback", False)
    require(kind in ("BPE", "Unigram"), f"{source} must hold BPE or Unigram", kind, _FIX)
    require(not falls_back, f"{source}: `byte_fallback` must be false", falls_back, _FIX)
    for part in flatten(state["normalizer"], "normalizers"):
        is_known = part["type"] in ("Precompiled", "Strip") or part.get("pattern") == _SPACES
        require(is_known, f"{source} must normalize by a map of characters alone", part, _FIX)
    for part in flatten(state["pre_tokenizer"], "pretokenizers"):
        scheme = part.get("prepend_scheme", "always")
        is_known = part["type"] in ("WhitespaceSplit", "Metaspace") and scheme == "always"
        require(is_known, f"{source} must split by spaces, with a mark before each", part, _FIX)


def _scores_of_merges(merges: list, vocabulary: Mapping[str, int]) -> dict[str, float]:
    """Returns a score of each piece that merges can make: the sooner one is, the higher.

    SentencePiece joins the two neighbours first whose piece has the highest score.
    """
    pairs = (merge.split(" ") if isinstance(merge, str) else merge for merge in merges)
    made = dict.fromkeys(left + right for left, right in pairs)
    single = (piece for piece in vocabulary if len(piece) == 1)
    return {piece: -float(rank) for rank, piece in enumerate(dict.fromkeys([*made, *single]))}


def _charsmap(state: Mapping[str, Any]) -> bytes:
    """Returns the map of characters of a normalizer, empty if there is none."""
    charsmap = find_charsmap(state["normalizer"]) or b""
    if charsmap:
        read_charsmap(charsmap)  # a damaged one is refused
    return charsmap
