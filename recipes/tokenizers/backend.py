"""Makes Hugging Face's own tokenizer of a `WordPieceTokenizer`, and writes its files."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer
from tokenizers.decoders import WordPiece as WordPieceDecoder
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from ...models import disk
from ...models.layout import write_json
from .frames import set_frame
from .normalization import BertNormalization
from .pieces import MAX_WORD_CHARACTERS, SpecialTokens

# Values of `tokenizer_class`: of a tokenizer with the parts of BERT's, and of one that is whatever
# tokenizer.json says. In `transformers` those of DistilBERT and ELECTRA are BERT's by other names.
BERT_CLASSES = tuple(
    f"{name}Tokenizer{suffix}"
    for name in ("Bert", "DistilBert", "Electra")
    for suffix in ("", "Fast")
)
MPNET_CLASSES = ("MPNetTokenizer", "MPNetTokenizerFast")
GENERIC_CLASSES = ("PreTrainedTokenizerFast", "TokenizersBackend")
TOKEN_FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")


def make_backend(
    ids: Mapping[str, int],
    names: SpecialTokens,
    tokens: Iterable[AddedToken],
    normalization: BertNormalization,
    max_word_characters: int = MAX_WORD_CHARACTERS,
    num_between: int = 1,
) -> Tokenizer:
    """Makes Hugging Face's own tokenizer of the arguments of a `WordPieceTokenizer`."""
    model = WordPiece(ids, unk_token=names.unk, max_input_chars_per_word=max_word_characters)
    backend = Tokenizer(model)
    backend.normalizer = BertNormalizer(
        clean_text=normalization.clean_text,
        handle_chinese_chars=normalization.split_chinese,
        strip_accents=normalization.strip_accents,
        lowercase=normalization.lowercase,
    )
    backend.pre_tokenizer = BertPreTokenizer()
    backend.decoder = WordPieceDecoder()
    backend.add_tokens(list(tokens))
    set_frame(backend, names, num_between)
    return backend


def write_tokenizer(tokenizer, directory: Path, max_sequence_length: int) -> None:
    """Writes the files of a `WordPieceTokenizer` into an existing directory.

    `max_sequence_length` is the longest text that the model takes, in tokens.
    """
    backend = make_backend(
        {piece: index for index, piece in enumerate(tokenizer.base_vocabulary)},
        tokenizer.special_tokens,
        tokenizer.added_tokens,
        tokenizer.normalization,
        tokenizer.max_word_characters,
        tokenizer.frame.num_between,
    )
    backend.enable_truncation(max_sequence_length)
    disk.write_text(directory / "tokenizer.json", backend.to_str(pretty=True))
    lines = "".join(f"{piece}\n" for piece in tokenizer.base_vocabulary)
    disk.write_text(directory / "vocab.txt", lines)

    special = {f"{name}_token": text for name, text in asdict(tokenizer.special_tokens).items()}
    config = _config(tokenizer, backend, max_sequence_length, special)
    write_json(directory / "special_tokens_map.json", special)
    write_json(directory / "tokenizer_config.json", config)


def _config(
    tokenizer, backend: Tokenizer, max_sequence_length: int, special: Mapping[str, str]
) -> dict[str, Any]:
    """Returns the contents of `tokenizer_config.json`."""
    normalization = tokenizer.normalization
    classes = BERT_CLASSES if tokenizer.frame.num_between == 1 else MPNET_CLASSES
    is_bert = normalization.clean_text and tokenizer.max_word_characters == MAX_WORD_CHARACTERS
    return {
        "tokenizer_class": (classes if is_bert else GENERIC_CLASSES)[0],
        "do_lower_case": normalization.lowercase,
        "tokenize_chinese_chars": normalization.split_chinese,
        "strip_accents": normalization.strip_accents,
        "model_max_length": max_sequence_length,
        "model_input_names": ["input_ids", "token_type_ids", "attention_mask"],
        **special,
        "added_tokens_decoder": {
            str(index): {flag: getattr(token, flag) for flag in ("content", *TOKEN_FLAGS)}
            for index, token in backend.get_added_tokens_decoder().items()
        },
    }
