"""Opens the tokenizer of an encoder's checkpoint, of whichever family it is."""

import json
import logging
from pathlib import Path

from tokenizers import AddedToken, Tokenizer

from .backend import BERT_CLASSES, GENERIC_CLASSES, MPNET_CLASSES
from .checkpoint_files import (
    ANOTHER,
    LARGEST_BACKEND,
    CheckpointFiles,
    check_size,
    find_class,
    read_backend,
    refusing,
    require,
)
from .encoder import EncoderTokenizer
from .families import FAMILIES, Family, read_pieces
from .frames import set_frame
from .keras_hub import is_preset, open_preset_tokenizer
from .pieces import SpecialTokens
from .pipeline import PipelineTokenizer
from .wordpiece import WordPieceTokenizer
from .words import flatten

# All files of a tokenizer that a checkpoint may have: a run writes them as they were.
FILES = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *sorted({name for family in FAMILIES.values() for name in family.files}),
)
_MODELS = ("BPE", "Unigram")

logger = logging.getLogger("regard")


class FamilyFiles(CheckpointFiles):
    """Reads the settings of a tokenizer that is not BERT's."""

    CLASSES = (*FAMILIES, *(f"{name}Fast" for name in FAMILIES))
    MODELS = _MODELS
    ADDS_MISSING = True

    def __init__(self, directory: Path, family: Family | None):
        self.family = family
        if family is not None:
            self.NAMES = family.names
        super().__init__(directory)

    def special_tokens(self) -> tuple[SpecialTokens, list[AddedToken]]:
        """Returns what the base class does, with the mask as the family has it."""
        names, tokens = super().special_tokens()
        if self.family and self.family.mask_strips and names.mask not in self.with_flags():
            mask = AddedToken(names.mask, lstrip=True, special=True)
            tokens = [mask if token.content == names.mask else token for token in tokens]
        return names, tokens

    def _base_ids(self) -> dict[str, int]:
        return {} if self.backend is None else self.backend.get_vocab(with_added_tokens=False)


def open_tokenizer(directory: Path) -> EncoderTokenizer:
    """Opens the tokenizer of a checkpoint in Hugging Face's layout, or of a KerasHub preset.

    It gives the ids that AutoTokenizer of `transformers` 5 gives for the same directory.

    Raises:
        UserError: If the files are missing, damaged, or of a kind that cannot be used here.
    """
    directory = Path(directory)
    if is_preset(directory):
        return open_preset_tokenizer(directory)
    name = find_class(directory)
    own = (*BERT_CLASSES, *MPNET_CLASSES, *FamilyFiles.CLASSES)
    slow = ", ".join(each for each in own if not each.endswith("Fast"))
    rule = f"{directory}: `tokenizer_class` must be one of {slow}, {', '.join(GENERIC_CLASSES)}"
    require(name in (*own, *GENERIC_CLASSES), rule, name, ANOTHER)
    family = FAMILIES.get(name.removesuffix("Fast"))
    is_generic = name in GENERIC_CLASSES
    if family is None and not (is_generic and _has_other_model(directory)):
        return WordPieceTokenizer.load(directory)
    with refusing(directory, f"Fetch it again. {ANOTHER}"):
        return _open(FamilyFiles(directory, family))


def _has_other_model(directory: Path) -> bool:
    path = directory / "tokenizer.json"
    backend = read_backend(path, ("WordPiece", *_MODELS))
    return backend is not None and type(backend.model).__name__ in _MODELS


def _open(files: FamilyFiles) -> PipelineTokenizer:
    names, tokens = files.special_tokens()
    if files.is_generic:
        backend = files.backend
        backend.add_tokens(tokens)
    else:
        backend = _make(files, names, tokens)
    kept = {}
    for path in (files.directory / name for name in FILES):
        if path.is_file():
            check_size(path, LARGEST_BACKEND)
            kept[path.name] = path.read_bytes()
    return PipelineTokenizer(backend, names, kept, files.model_max_length())


def _make(files: FamilyFiles, names: SpecialTokens, tokens: list) -> Tokenizer:
    """Makes the tokenizer that the family's class would make."""
    family = files.family
    pieces = read_pieces(files, family, names)
    backend = family.make(files, pieces, names)
    backend.add_tokens([*tokens, *pieces.added])
    set_frame(backend, names, family.num_between)
    _tell_difference(files, backend)
    return backend


def _tell_difference(files: FamilyFiles, backend: Tokenizer) -> None:
    """Logs a difference between the parts of `tokenizer.json` and those that the class makes."""
    if files.backend is None:
        return
    given, taken = (json.loads(each.to_str()) for each in (files.backend, backend))
    for part, parts in (("normalizer", "normalizers"), ("pre_tokenizer", "pretokenizers")):
        if flatten(given[part], parts) != flatten(taken[part], parts):
            logger.warning(
                "%s: the %s of tokenizer.json differs from that of %s with tokenizer_config.json. "
                "The latter is taken, as `transformers` does.",
                files.directory,
                part,
                files.tokenizer_class,
            )
