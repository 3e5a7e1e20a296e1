"""Makes the tokenizers of families of encoders, as `transformers` 5 makes them of their files.

A class of `transformers` takes the pieces from `tokenizer.json`, or from older files, and the rest
from its own code and `tokenizer_config.json`. "PreTrainedTokenizerFast", which ModernBERT names,
takes all of `tokenizer.json` as it is.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from .byte_pairs import byte_pairs
from .charsmap import find_charsmap, read_charsmap
from .checkpoint_files import CheckpointFiles, check_size, require
from .pieces import SpecialTokens
from .regex import SPACE

_CONTROL, _USER_DEFINED = 3, 4  # kinds of pieces: sentencepiece_model.proto
_ROBERTA = SpecialTokens("<pad>", "<unk>", "<s>", "</s>", "<mask>")
_ALBERT = SpecialTokens("<pad>", "<unk>")


@dataclass
class Pieces:
    """Holds what a tokenizer is made of.

    Attributes:
        vocabulary: The id of each piece, or for Unigram each piece with its log probability.
        merges: Pairs of pieces, for byte-level BPE.
        charsmap: SentencePiece's map of characters, if there is one.
        unknown_id: What SentencePiece's model says it is, if there is one.
        added: Control pieces, and those that a user defined, which are looked for in a text.
    """

    vocabulary: dict[str, int] | list[tuple[str, float]]
    merges: list[tuple[str, str]] | None = None
    charsmap: bytes | None = None
    unknown_id: int | None = None
    added: tuple[AddedToken, ...] = ()


@dataclass(frozen=True)
class Family:
    """Holds what the tokenizers of a family have in common.

    Attributes:
        files: The older files that its pieces may be in.
        make: Makes the tokenizer, but for its special tokens.
        number: Puts the pieces of SentencePiece's model in the order of their ids.
        names: Its special tokens, unless the files name others.
        num_between: How many end tokens stand between two texts.
        mask_strips: Whether the mask takes the spaces before it, unless the files say otherwise.
    """

    files: tuple[str, ...]
    make: Callable[[CheckpointFiles, Pieces, SpecialTokens], Tokenizer]
    number: Callable[[list, SpecialTokens], list] = lambda pieces, _: pieces
    names: SpecialTokens = _ROBERTA
    num_between: int = 2
    mask_strips: bool = False


def _byte_pairs(files, pieces, names) -> Tokenizer:
    return byte_pairs(pieces.vocabulary, pieces.merges, files.flag("add_prefix_space", False))


def _unigram(pieces, unknown_id, steps, before=()) -> Tokenizer:
    """Makes a tokenizer of SentencePiece's pieces, normalizers and pre-tokenizers."""
    backend = Tokenizer(models.Unigram(pieces.vocabulary, unknown_id, byte_fallback=False))
    if steps:
        backend.normalizer = normalizers.Sequence(steps)
    backend.pre_tokenizer = pre_tokenizers.Sequence(before)
    backend.decoder = decoders.Metaspace()
    return backend


def _words(files, by_spaces: bool = True) -> list:
    """Makes what splits words, each with the mark of a space before it."""
    scheme = "always" if files.flag("add_prefix_space", True) else "never"
    metaspace = pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme=scheme)
    return [pre_tokenizers.WhitespaceSplit(), metaspace] if by_spaces else [metaspace]


def _by_charsmap(pieces) -> list:
    if not pieces.charsmap:
        return []
    read_charsmap(pieces.charsmap)  # a damaged one would end `tokenizers` itself
    return [normalizers.Precompiled(pieces.charsmap)]


def _xlm_roberta(files, pieces, names) -> Tokenizer:
    return _unigram(pieces, 3, _by_charsmap(pieces), _words(files))


def _camembert(files, pieces, names) -> Tokenizer:
    texts = [piece for piece, _ in pieces.vocabulary]
    unknown_id = texts.index(names.unk) if names.unk in texts else 0
    return _unigram(pieces, unknown_id, _by_charsmap(pieces), _words(files))


def _albert(files, pieces, names) -> Tokenizer:
    steps = [normalizers.Replace("``", '"'), normalizers.Replace("''", '"')]
    if not files.flag("keep_accents", False):
        steps += [normalizers.NFKD(), normalizers.StripAccents()]
    if files.flag("do_lower_case", True):
        steps.append(normalizers.Lowercase())
    return _unigram(pieces, 1, steps + _by_charsmap(pieces), _words(files))


def _deberta(files, pieces, names) -> Tokenizer:
    by_punctuation = files.flag("split_by_punct", False)
    rule = f"{files.source}: `split_by_punct` must be false"
    require(not by_punctuation, rule, by_punctuation, "Take a checkpoint without it.")
    steps = [normalizers.Lowercase()] if files.flag("do_lower_case", False) else []
    steps.append(normalizers.Replace(Regex(r"\s{2,}|[\n\r\t]"), " "))
    steps += [normalizers.NFC(), normalizers.Strip(left=False, right=True)]
    unknown = (names.unk, 0.0)
    unknown_id = files.settings.get("unk_id", 1) if pieces.unknown_id is None else pieces.unknown_id
    if unknown in pieces.vocabulary:
        unknown_id = pieces.vocabulary.index(unknown)
    return _unigram(pieces, unknown_id, steps, _words(files, by_spaces=False))


def _as_fairseq(pieces: list, names: SpecialTokens) -> list:
    """Numbers pieces as fairseq does: its own four first, and the mask last."""
    own = (names.cls, names.pad, names.sep, names.unk)
    return [*((name, 0.0) for name in own), *pieces[3:], (names.mask, 0.0)]


def _as_camembert(pieces: list, names: SpecialTokens) -> list:
    """Numbers pieces as CamemBERT's own fairseq does, with places that are not used."""
    own = (f"<s>NOTUSED {names.pad} </s>NOTUSED {names.unk}").split(" ")
    first = [*((name, 0.0) for name in own), ("<unk>NOTUSED", -100.0)]
    return [*first, *pieces[1:], (names.mask, 0.0)]


# By `tokenizer_class`; some have "Fast" after it.
FAMILIES = {
    "RobertaTokenizer": Family(("vocab.json", "merges.txt"), _byte_pairs),
    "XLMRobertaTokenizer": Family(("sentencepiece.bpe.model",), _xlm_roberta, _as_fairseq),
    "CamembertTokenizer": Family(
        ("sentencepiece.bpe.model",), _camembert, _as_camembert, mask_strips=True
    ),
    "AlbertTokenizer": Family(("spiece.model",), _albert, names=_ALBERT, num_between=1),
    "DebertaV2Tokenizer": Family(("spm.model",), _deberta, names=SpecialTokens(), num_between=1),
}


def read_pieces(files: CheckpointFiles, family: Family, names: SpecialTokens) -> Pieces:
    """Reads what the tokenizer is made of, from `tokenizer.json` or from older files."""
    if files.backend is not None:
        # Not by `tokenizers`, which reads the last digit of a number otherwise than Python.
        state = json.loads((files.directory / "tokenizer.json").read_bytes())
        vocabulary, merges = state["model"]["vocab"], state["model"].get("merges")
        if merges is None:
            vocabulary = [tuple(each) for each in vocabulary]
        else:
            merges = [tuple(each.split(" ") if isinstance(each, str) else each) for each in merges]
        return Pieces(vocabulary, merges, find_charsmap(state["normalizer"]))
    paths = [files.directory / name for name in family.files]
    found = sorted(each.name for each in files.directory.glob("*"))
    rule = f"{files.directory} must hold a tokenizer.json or {' and '.join(family.files)}"
    require(all(path.is_file() for path in paths), rule, found, "Fetch it again.")
    for path in paths:
        check_size(path)
    if len(paths) == 2:
        return Pieces(*models.BPE.read_file(*map(str, paths)))
    proto = sentencepiece_model_pb2.ModelProto.FromString(paths[0].read_bytes())
    added = [
        AddedToken(each.piece, normalized=False, special=each.type == _CONTROL)
        for each in proto.pieces
        if each.type in (_CONTROL, _USER_DEFINED)
    ]
    return Pieces(
        family.number([(each.piece, each.score) for each in proto.pieces], names),
        charsmap=proto.normalizer_spec.precompiled_charsmap,
        unknown_id=proto.trainer_spec.unk_id,
        added=tuple(added),
    )
