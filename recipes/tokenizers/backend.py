"""Hugging Face's own tokenizer, as it is made of a `WordPieceTokenizer`, and its files."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer
from tokenizers.decoders import WordPiece as WordPieceDecoder
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

MAX_WORD_CHARACTERS = 100  # longer words are [UNK], as in google-research/bert, tokenization.py

# Values of `tokenizer_class`: of a tokenizer with the parts of BERT's, and of one that is whatever
# tokenizer.json says.
BERT_CLASSES = ("BertTokenizer", "BertTokenizerFast")
GENERIC_CLASSES = ("PreTrainedTokenizerFast", "TokenizersBackend")
TOKEN_FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")


@dataclass(frozen=True)
class SpecialTokens:
    """What a checkpoint calls BERT's five special tokens."""

    pad: str = "[PAD]"
    unk: str = "[UNK]"
    cls: str = "[CLS]"
    sep: str = "[SEP]"
    mask: str = "[MASK]"

    @property
    def all(self) -> tuple[str, ...]:
        """All five."""
        return astuple(self)


def make_backend(
    ids: Mapping[str, int],
    names: SpecialTokens,
    tokens: Iterable[AddedToken],
    *,
    lowercase: bool,
    strip_accents: bool | None,
    split_chinese: bool,
    clean_text: bool = True,
    max_word_characters: int = MAX_WORD_CHARACTERS,
) -> Tokenizer:
    """Makes Hugging Face's own tokenizer of the arguments of a `WordPieceTokenizer`."""
    model = WordPiece(ids, unk_token=names.unk, max_input_chars_per_word=max_word_characters)
    backend = Tokenizer(model)
    backend.normalizer = BertNormalizer(
        clean_text=clean_text,
        handle_chinese_chars=split_chinese,
        strip_accents=strip_accents,
        lowercase=lowercase,
    )
    backend.pre_tokenizer = BertPreTokenizer()
    backend.decoder = WordPieceDecoder()
    backend.add_tokens(list(tokens))
    backend.post_processor = TemplateProcessing(
        single=[names.cls, "$A", names.sep],
        pair=[names.cls, "$A", names.sep, "$B:1", f"{names.sep}:1"],
        special_tokens=[(name, backend.token_to_id(name)) for name in (names.cls, names.sep)],
    )
    return backend


def write_tokenizer(tokenizer, directory: Path, max_sequence_length: int) -> None:
    """Writes the files of a `WordPieceTokenizer`.

    Args:
        tokenizer: The tokenizer.
        directory: An existing directory.
        max_sequence_length: The longest text that the model takes, in tokens.
    """
    names = tokenizer.special_tokens
    backend = make_backend(
        {piece: index for index, piece in enumerate(tokenizer.base_vocabulary)},
        names,
        tokenizer.added_tokens,
        lowercase=tokenizer.lowercase,
        strip_accents=tokenizer.strip_accents,
        split_chinese=tokenizer.split_chinese,
        clean_text=tokenizer.clean_text,
        max_word_characters=tokenizer.max_word_characters,
    )
    backend.enable_truncation(max_sequence_length)
    backend.save(str(directory / "tokenizer.json"))
    lines = "".join(f"{piece}\n" for piece in tokenizer.base_vocabulary)
    (directory / "vocab.txt").write_text(lines, encoding="utf-8", newline="\n")

    special = {f"{name}_token": token for name, token in asdict(names).items()}
    is_bert = tokenizer.clean_text and tokenizer.max_word_characters == MAX_WORD_CHARACTERS
    config = {
        "tokenizer_class": (BERT_CLASSES if is_bert else GENERIC_CLASSES)[0],
        "do_lower_case": tokenizer.lowercase,
        "tokenize_chinese_chars": tokenizer.split_chinese,
        "strip_accents": tokenizer.strip_accents,
        "model_max_length": max_sequence_length,
        "model_input_names": ["input_ids", "token_type_ids", "attention_mask"],
        **special,
        "added_tokens_decoder": {
            str(index): {flag: getattr(token, flag) for flag in ("content", *TOKEN_FLAGS)}
            for index, token in backend.get_added_tokens_decoder().items()
        },
    }
    _write_json(directory / "special_tokens_map.json", special)
    _write_json(directory / "tokenizer_config.json", config)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8")
