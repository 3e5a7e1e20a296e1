"""Reads the tokenizer of a checkpoint from the files of Hugging Face's layout.

Each setting comes from the same file as in `transformers` 5, so that its AutoTokenizer and ours
give the same ids for the same directory:

- the pieces: `tokenizer.json`, or without one `vocab.txt`;
- casing, accents and Chinese characters: `tokenizer_config.json`, whatever `tokenizer.json` says,
  with BERT's defaults for what it does not name. Only where `tokenizer_class` is
  "PreTrainedTokenizerFast" or "TokenizersBackend" does `tokenizer.json` decide;
- special tokens: `tokenizer_config.json`, and over it `special_tokens_map.json` unless the former
  has `added_tokens_decoder`;
- further tokens: `added_tokens_decoder`, or without it `added_tokens.json` and `tokenizer.json`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer

from .backend import MPNET_CLASSES, make_backend
from .checkpoint_files import ANOTHER, CheckpointFiles, find_class, require
from .frames import read_frame
from .normalization import BertNormalization
from .pieces import SpecialTokens


def read_tokenizer(directory: Path) -> dict[str, Any]:
    """Reads the arguments of the `WordPieceTokenizer` whose files a directory holds.

    Raises:
        UserError: If the files are missing, damaged, or of another kind of tokenizer.
    """
    is_mpnet = find_class(directory) in MPNET_CLASSES
    files = (MPNetFiles if is_mpnet else CheckpointFiles)(directory)
    names, tokens = files.special_tokens()
    if files.is_generic:
        backend = files.backend
        backend.add_tokens(tokens)
    else:
        backend = make_backend(
            files.base_ids, names, tokens, files.normalization(), num_between=files.NUM_BETWEEN
        )
        files.tell_difference(backend)
    _check_backend(backend, names, directory)
    vocabulary = _pieces(files.base_ids, directory)
    return {
        "vocabulary": vocabulary,
        "normalization": BertNormalization(
            lowercase=backend.normalizer.lowercase,
            strip_accents=backend.normalizer.strip_accents,
            split_chinese=backend.normalizer.handle_chinese_chars,
            clean_text=backend.normalizer.clean_text,
        ),
        "special_tokens": names,
        "added_tokens": _added_tokens(backend, vocabulary, directory),
        "max_word_characters": backend.model.max_input_chars_per_word,
        "model_max_length": files.model_max_length(),
        "num_between": _read_num_between(backend, names, directory),
    }


class MPNetFiles(CheckpointFiles):
    """Reads the settings of MPNet's tokenizer: BERT's words, and the special tokens of RoBERTa."""

    CLASSES = MPNET_CLASSES
    NAMES = SpecialTokens("<pad>", "[UNK]", "<s>", "</s>", "<mask>")
    NUM_BETWEEN = 2

    def special_tokens(self) -> tuple[SpecialTokens, list[AddedToken]]:
        """Returns what the base class does, with the flags that MPNet's gives to mere names."""
        names, tokens = super().special_tokens()
        given = self.with_flags()
        return names, [
            token
            if token.content in given or token.content not in names.all
            else AddedToken(
                token.content, lstrip=token.content == names.mask, normalized=True, special=True
            )
            for token in tokens
        ]


def _check_backend(backend: Tokenizer, names: SpecialTokens, directory: Path) -> None:
    """Raises `UserError` unless a tokenizer works as BERT's does."""
    parts = (type(backend.normalizer).__name__, type(backend.pre_tokenizer).__name__)
    rule = f"{directory}: tokenizer.json must have a BertNormalizer and a BertPreTokenizer"
    require(parts == ("BertNormalizer", "BertPreTokenizer"), rule, parts, ANOTHER)
    model = (backend.model.continuing_subword_prefix, backend.model.unk_token)
    rule = f"{directory}: tokenizer.json must have the prefix '##' and call {names.unk} unknown"
    require(model == ("##", names.unk), rule, model, ANOTHER)
    found = {token.content for token in backend.get_added_tokens_decoder().values()}
    rule = f"{directory}: tokenizer.json must have {', '.join(names.all)} as added tokens"
    require(found >= set(names.all), rule, sorted(found))


def _read_num_between(backend: Tokenizer, names: SpecialTokens, directory: Path) -> int:
    """Returns how many [SEP] stand between texts, 1 as in BERT or 2 as in MPNet."""
    frame = read_frame(backend, names)
    rule = f"{directory}: a second text must be a segment of its own, or two {names.sep} before it"
    require(frame.second_segment == 2 - frame.num_between, rule, frame, ANOTHER)
    return frame.num_between


def _pieces(ids: Mapping[str, int], directory: Path) -> list[str]:
    """Lists the pieces in the order of their ids, with made-up names for ids that no text can have.

    Such are the ids of blank lines in a `vocab.txt`, and of all but the last of equal lines.
    """
    words = {piece: index for piece, index in ids.items() if [piece.rstrip()] == piece.splitlines()}
    size = max(words.values(), default=-1) + 1
    is_sound = len(set(words.values())) == len(words) and size <= 2 * len(ids)
    rule = f"{directory}: the pieces of the vocabulary must have ids of their own, without big gaps"
    require(is_sound, rule, f"{len(words)} pieces, {len(set(words.values()))} ids below {size}")
    pieces = [f"[no piece {index}]" for index in range(size)]
    for piece, index in words.items():
        pieces[index] = piece
    return pieces


def _added_tokens(backend: Tokenizer, vocabulary: list[str], directory: Path) -> list[AddedToken]:
    """Lists all tokens to find in a text; those that the vocabulary lacks in the order of ids."""
    tokens = backend.get_added_tokens_decoder()
    known = set(vocabulary)
    new = [token.content for token in tokens.values() if token.content not in known]
    ids = {piece: index for index, piece in enumerate([*vocabulary, *new])}
    strange = [token.content for index, token in tokens.items() if ids[token.content] != index]
    rule = f"{directory}: added tokens must have the ids after those of the vocabulary"
    require(not strange, rule, f"other ids for {strange}")
    return list(tokens.values())
