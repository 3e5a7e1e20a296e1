"""Opens the tokenizer of a KerasHub preset: its pieces are assets, its settings those of a layer.

WordPiece is done as BERT does it. KerasHub also folds full-width punctuation, and splits words at
other marks, so that some Chinese and Japanese texts get other ids there.
"""

import json
from pathlib import Path
from typing import Any

from tokenizers import AddedToken

from ...models.json_files import CheckpointError, parse_json, read_json
from .byte_pairs import byte_pairs
from .checkpoint_files import LARGEST_FILE, check_size, refusing, require
from .encoder import EncoderTokenizer
from .frames import set_frame
from .normalization import BertNormalization
from .pieces import SpecialTokens
from .pipeline import PipelineTokenizer
from .wordpiece import WordPieceTokenizer

_ASSETS = Path("assets", "tokenizer")
_NAMES = SpecialTokens("<pad>", "<unk>", "<s>", "</s>", "<mask>")  # of byte pairs
_WORD_PIECES = ("keras_hub>BertTokenizer", "keras_hub>DistilBertTokenizer")
_BYTE_PAIRS = ("keras_hub>RobertaTokenizer",)


def is_preset(directory: Path) -> bool:
    """Returns whether a directory holds a KerasHub preset."""
    path = directory / "config.json"
    try:
        return path.is_file() and "registered_name" in read_json(path)
    except CheckpointError:
        return False  # which is said where the model is opened


def open_preset_tokenizer(directory: Path) -> EncoderTokenizer:
    """Opens the tokenizer of a preset.

    Raises:
        UserError: If its files are missing, damaged, or of a kind that cannot be used here.
    """
    with refusing(directory, "Save the preset again."):
        return _open(directory)


def _open(directory: Path) -> EncoderTokenizer:
    path = directory / "tokenizer.json"
    state = read_json(path)
    name, config = state.get("registered_name"), state.get("config")
    rule = f"{path}: registered_name must be one of {', '.join((*_WORD_PIECES, *_BYTE_PAIRS))}"
    require(name in (*_WORD_PIECES, *_BYTE_PAIRS), rule, name, "Take another preset.")
    require(isinstance(config, dict), f"{path}: config must be an object", config)
    if name in _BYTE_PAIRS:
        return _byte_pairs(directory, config)
    plain = {"suffix_indicator": "##", "oov_token": "[UNK]", "split": True}
    for entry, value in plain.items():
        rule = f"{path}: {entry} must be {value!r}"
        require(config.get(entry, value) == value, rule, config.get(entry), "Take another preset.")
    pieces = _read(directory / _ASSETS / "vocabulary.txt").removesuffix("\n").split("\n")
    normalization = BertNormalization(
        bool(config.get("lowercase", False)), bool(config.get("strip_accents", False))
    )
    return WordPieceTokenizer(pieces, normalization)


def _byte_pairs(directory: Path, config: dict[str, Any]) -> PipelineTokenizer:
    """Makes RoBERTa's tokenizer, and the files that a run writes."""
    vocabulary = parse_json(_read(directory / _ASSETS / "vocabulary.json").encode())
    lines = _read(directory / _ASSETS / "merges.txt").splitlines()
    merges = [tuple(line.split(" ")) for line in lines if line and not line.startswith("#version")]
    adds_space = bool(config.get("add_prefix_space", False))
    backend = byte_pairs(vocabulary, merges, adds_space)
    backend.add_tokens([AddedToken(name, special=True) for name in _NAMES.all])
    set_frame(backend, _NAMES, num_between=2)
    settings = {"tokenizer_class": "RobertaTokenizer", "add_prefix_space": adds_space}
    files = {
        "tokenizer.json": backend.to_str(pretty=True).encode(),
        "tokenizer_config.json": json.dumps(settings, indent=2).encode(),
    }
    return PipelineTokenizer(backend, _NAMES, files)


def _read(path: Path) -> str:
    require(path.is_file(), f"{path} must be there", "none", "Save the preset again.")
    check_size(path, LARGEST_FILE)
    return path.read_text("utf-8")
