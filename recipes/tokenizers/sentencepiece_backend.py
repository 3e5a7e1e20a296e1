"""Makes a SentencePiece model of a `tokenizer.json`, which people have without the model itself.

`transformers` 5 saves the tokenizers of NLLB and mBART so: the pieces with what they are cut by,
merges or probabilities, and a map of characters. What else its classes do is what SentencePiece
does with a model: words begin with a mark, and spaces are one.
"""

from collections.abc import Mapping
from typing import Any

from sentencepiece import sentencepiece_model_pb2

from .charsmap import find_charsmap, read_charsmap
from .sentence_pieces import END, UNKNOWN

START = "<s>"


def sentencepiece_model(state: Mapping[str, Any]) -> tuple[bytes, dict[str, int]]:
    """Returns a serialized model, and the id of each of its pieces.

    Args:
        state: What `tokenizer.json` holds.

    Raises:
        ValueError: If it is of another kind, or damaged.
    """
    kind = state["model"]["type"]
    if kind not in ("BPE", "Unigram"):
        raise ValueError(f"tokenizer.json must hold a model of BPE or Unigram, not {kind!r:.40}")
    vocabulary, proto = state["model"]["vocab"], sentencepiece_model_pb2.ModelProto()
    if kind == "BPE":
        ids, scores = vocabulary, _scores_of_merges(state["model"]["merges"], vocabulary)
        proto.trainer_spec.model_type = proto.trainer_spec.BPE
    else:
        ids = {piece: index for index, (piece, _) in enumerate(vocabulary)}
        scores = {piece: score for piece, score in vocabulary}
        proto.trainer_spec.model_type = proto.trainer_spec.UNIGRAM
    proto.normalizer_spec.precompiled_charsmap = _charsmap(state)
    for piece, its_kind in ((UNKNOWN, "UNKNOWN"), (START, "CONTROL"), (END, "CONTROL")):
        proto.pieces.add(piece=piece, type=its_kind)
    special = {UNKNOWN, START, END, *(token["content"] for token in state["added_tokens"])}
    for piece, score in scores.items():
        if piece not in special:
            proto.pieces.add(piece=piece, score=score)
    return proto.SerializeToString(), ids


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
