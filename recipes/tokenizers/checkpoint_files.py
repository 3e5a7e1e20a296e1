"""Reads the settings of a tokenizer from the files of Hugging Face's layout."""

import logging
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer
from tokenizers.models import WordPiece

from ...models.json_files import CheckpointError, read_json
from ...models.kinds import joined
from ...models.text_families import TEXT_LAYOUTS
from ..errors import UserError
from .backend import BERT_CLASSES, GENERIC_CLASSES, MPNET_CLASSES, TOKEN_FLAGS
from .normalization import BertNormalization
from .pieces import SpecialTokens

logger = logging.getLogger("regard")

# Bytes. The vocabularies of models of a hundred languages have 5,000,000; tokenizer.json, with
# merges and every piece on lines of its own, 17,000,000.
LARGEST_FILE, LARGEST_BACKEND = 2**23, 2**25
UNLIMITED = int(1e30)  # tokens; transformers, tokenization_utils_base.py: VERY_LARGE_INTEGER
MIN_LENGTH = 3  # tokens: [CLS] and [SEP], and one of the text
# What transformers takes for a model whose files name no class.
CLASSES_OF_MODELS = {
    "roberta": "RobertaTokenizer",
    "xlm-roberta": "XLMRobertaTokenizer",
    "camembert": "CamembertTokenizer",
    "albert": "AlbertTokenizer",
    "deberta-v2": "DebertaV2Tokenizer",
    "mpnet": MPNET_CLASSES[0],
    "modernbert": GENERIC_CLASSES[1],
}
_FAMILIES = joined((layout.title for layout in TEXT_LAYOUTS), "or")
ANOTHER = f"Take a checkpoint of {_FAMILIES}, with the tokenizer that `transformers` saves with it."


class CheckpointFiles:
    """Reads the settings that the files of a directory hold.

    Attributes:
        CLASSES: What `tokenizer_class` may be, beside generic ones. Defaults to BERT's.
        MODELS: Kinds of model that `tokenizer.json` may have.
        NAMES: The special tokens that the class has unless the files name others.
        NUM_BETWEEN: How many end tokens the class puts between two texts.
        ADDS_MISSING: Whether the class gives ids to special tokens that the vocabulary lacks.

    Raises:
        UserError: If a file is missing, damaged, or of another kind of tokenizer.
    """

    CLASSES: Collection[str] = BERT_CLASSES
    MODELS: Collection[str] = ("WordPiece",)
    NAMES = SpecialTokens()
    NUM_BETWEEN = 1
    ADDS_MISSING = False

    def __init__(self, directory: Path):
        self.directory = directory
        self.source = directory / "tokenizer_config.json"
        self.config = self.settings = _read_json(self.source)
        if "added_tokens_decoder" not in self.config:
            self.settings = self.config | _read_json(directory / "special_tokens_map.json")
        self.backend = read_backend(directory / "tokenizer.json", self.MODELS)
        self.tokenizer_class = self._tokenizer_class()
        self.is_generic = self.tokenizer_class in GENERIC_CLASSES
        self.base_ids = self._base_ids()
        self._check_ways()

    def _tokenizer_class(self) -> str:
        name = find_class(self.directory)
        known = (*self.CLASSES, *GENERIC_CLASSES)
        rule = f"{self.directory}: `tokenizer_class` must be one of {', '.join(known)}"
        return require(name in known, rule, name, ANOTHER)

    def _base_ids(self) -> dict[str, int]:
        """Returns the ids of the pieces, without those of tokens added to them later."""
        if self.backend is not None:
            return self.backend.get_vocab(with_added_tokens=False)
        path = self.directory / "vocab.txt"
        needed = "a tokenizer.json" if self.is_generic else "a tokenizer.json or a vocab.txt"
        found = sorted(each.name for each in self.directory.glob("*"))
        is_there = path.is_file() and not self.is_generic
        require(is_there, f"{self.directory} must hold {needed}", found, ANOTHER)
        check_size(path)
        try:
            return WordPiece.read_file(str(path))
        except Exception as error:  # the library raises nothing more special
            raise UserError(f"{path} is damaged: {error}. Fetch it again.") from error

    def _check_ways(self) -> None:
        """Refuses ways to cut and split texts that are not done here."""
        truncation = (self.backend and self.backend.truncation) or {}
        side = self.settings.get("truncation_side", truncation.get("direction", "right"))
        rule = f"{self.directory}: `truncation_side` must be 'right'"
        require(side == "right", rule, side, ANOTHER)
        split = self.settings.get("split_special_tokens", False)
        rule = f"{self.source}: `split_special_tokens` must be false"
        require(not split, rule, split, ANOTHER)

    def special_tokens(self) -> tuple[SpecialTokens, list[AddedToken]]:
        """Returns the names of BERT's five, and all tokens to find in a text, in a new order."""
        named = self._named_tokens()
        tokens = {token.content: token for token in self._added_tokens(named.values())}
        given = {name.removesuffix("_token"): token.content for name, token in named.items()}
        defaults = asdict(self.NAMES)
        names = SpecialTokens(**{name: given.get(name, defaults[name]) for name in defaults})
        known = {*self.base_ids, *tokens}
        missing = [name for name in names.all if name not in known]
        rule = f"{self.directory}: the vocabulary must hold {', '.join(names.all)}"
        may_lack = self.ADDS_MISSING and not self.is_generic
        require(
            not missing or may_lack, rule, f"one without {', '.join(missing)}", "Add them to it."
        )
        if not self.is_generic:
            named |= {name: AddedToken(name, special=True) for name in names.all}
        for token in named.values():
            tokens.setdefault(token.content, token)
        return names, list(tokens.values())

    def _named_tokens(self) -> dict[str, AddedToken]:
        """Returns special tokens by their roles, such as "mask_token"."""
        extra = self.settings.get("extra_special_tokens")
        extra = extra or self.settings.get("additional_special_tokens") or {}
        if isinstance(extra, list):
            extra = {f"extra {index}": token for index, token in enumerate(extra)}
        rule = f"{self.directory}: `extra_special_tokens` must be a list or an object"
        require(isinstance(extra, dict), rule, extra)
        first = {name: self.settings.get(name) for name in ("bos_token", "eos_token")}
        named = {
            name: value
            for name, value in (first | self.settings).items()
            if name.endswith("_token") and value is not None and not isinstance(value, bool)
        }
        return {name: self._token(value) for name, value in (named | extra).items()}

    def _added_tokens(self, named: Iterable[AddedToken]) -> list[AddedToken]:
        """Returns the tokens that were added to a vocabulary, in the order of their ids."""
        if "added_tokens_decoder" in self.config:
            decoder = self.config["added_tokens_decoder"]
            is_by_id = isinstance(decoder, dict) and all(index.isdecimal() for index in decoder)
            rule = f"{self.source}: `added_tokens_decoder` must be an object of tokens by their ids"
            require(is_by_id, rule, decoder)
            by_id = {int(index): self._token(token) for index, token in decoder.items()}
        else:
            path = self.directory / "added_tokens.json"
            ids = _read_json(path)
            has_ids = all(isinstance(index, int) for index in ids.values())
            require(has_ids, f"{path} must hold the id of each token, a number", ids)
            special = {token.content for token in named}
            by_id = {ids[each]: AddedToken(each, special=each in special) for each in ids}
            if self.backend is not None:
                by_id |= self.backend.get_added_tokens_decoder()
        return [by_id[index] for index in sorted(by_id)]

    def _token(self, value: str | dict[str, Any]) -> AddedToken:
        flags = {"content": value} if isinstance(value, str) else value
        is_token = (
            isinstance(flags, dict)
            and isinstance(flags.get("content"), str)
            and all(isinstance(flags.get(name, False), bool) for name in TOKEN_FLAGS)
        )
        rule = f"{self.directory}: a special token must be a string, or its `content` and flags"
        require(is_token, rule, value)
        given = {name: flags[name] for name in TOKEN_FLAGS if name in flags}
        return AddedToken(flags["content"], **{"special": True} | given)

    def with_flags(self) -> set[str]:
        """Returns the special tokens that the files have flags of, not the mere names."""
        settings = self.settings.items()
        named = {
            each["content"]
            for name, each in settings
            if name.endswith("_token") and isinstance(each, dict)
        }
        return named | {token.content for token in self._added_tokens(())}

    def normalization(self) -> BertNormalization:
        """Returns the normalization of words that `tokenizer_config.json` asks for."""
        return BertNormalization(
            lowercase=self.flag("do_lower_case", True),
            strip_accents=self.flag("strip_accents", None),
            split_chinese=self.flag("tokenize_chinese_chars", True),
        )

    def flag(self, name: str, default: bool | None) -> bool | None:
        """Returns a setting that is true or false."""
        value = self.settings.get(name, default)
        is_flag = isinstance(value, bool) or value is default
        return require(is_flag, f"{self.source}: `{name}` must be true or false", value)

    def model_max_length(self) -> int:
        """Returns the length of the longest text allowed, in tokens."""
        value = self.settings.get("model_max_length", self.settings.get("max_len"))
        value = UNLIMITED if value is None else value
        is_length = isinstance(value, int | float) and value >= MIN_LENGTH
        rule = f"{self.source}: `model_max_length` must be a number, at least {MIN_LENGTH}"
        return int(min(require(is_length, rule, value), UNLIMITED))

    def tell_difference(self, backend: Tokenizer) -> None:
        """Logs a difference between the normalizer of `tokenizer.json` and that of `backend`."""
        if self.backend is None or self.backend.normalizer is None:
            return
        given, taken = (each.normalizer.__getstate__().decode() for each in (self.backend, backend))
        if given != taken:
            message = (
                "%s: tokenizer.json normalizes by %s, tokenizer_config.json, or BERT's default, "
                "by %s. The latter is taken, as `transformers` does."
            )
            logger.warning(message, self.directory, given, taken)


def find_class(directory: Path) -> str:
    """Returns the `tokenizer_class` that the files of a checkpoint name, or that of its model."""
    config = _read_json(directory / "config.json")
    named = _read_json(directory / "tokenizer_config.json").get("tokenizer_class")
    by_model = CLASSES_OF_MODELS.get(str(config.get("model_type")), BERT_CLASSES[0])
    return named or config.get("tokenizer_class") or by_model


def _read_json(path: Path) -> dict[str, Any]:
    """Reads the object of a JSON file; an empty one if there is no such file."""
    if not path.is_file():
        return {}
    try:
        return read_json(path)
    except CheckpointError as error:
        raise UserError(f"{path} is damaged: {error}. Fetch it again.") from error


def read_backend(path: Path, models: Collection[str]) -> Tokenizer | None:
    """Reads a `tokenizer.json` with one of these kinds of model; None if there is no such file."""
    if not path.is_file():
        return None
    check_size(path, LARGEST_BACKEND)
    try:
        backend = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing more special
        raise UserError(f"{path} is damaged: {error}. Fetch it again.") from error
    kind = type(backend.model).__name__
    rule = f"{path} must hold a {' or '.join(models)} tokenizer"
    require(kind in models, rule, kind, ANOTHER)
    # Before anything else: to write it down, `tokenizers` walks through all ids up to the last.
    ids = backend.get_vocab(with_added_tokens=True).values()
    rule, last = f"{path}: the ids of pieces must be without big gaps", max(ids, default=0)
    require(last < 2 * len(ids) + 1, rule, f"{len(ids)} pieces, ids up to {last}")
    return backend


def check_size(path: Path, most: int = LARGEST_FILE) -> None:
    """Raises `UserError` if a file of a tokenizer is larger than any is, before it is read."""
    size = path.stat().st_size
    rule = f"{path} must have {most:,} bytes at most"
    require(size <= most, rule, f"{size:,} bytes", "Fetch it again.")


@contextmanager
def refusing(directory: Path, fix: str) -> Iterator[None]:
    """Turns whatever is raised while a tokenizer is opened into a `UserError`.

    `tokenizers` raises nothing more special than an `Exception`, or panics.
    """
    try:
        yield
    except UserError:
        raise
    except BaseException as error:
        if not (isinstance(error, Exception) or type(error).__name__ == "PanicException"):
            raise
        raise UserError(
            f"{directory}: the tokenizer cannot be used here: {error!s:.300}. {fix}"
        ) from error


def require(holds: bool, rule: str, received: Any, fix: str = "Mend the file.") -> Any:
    """Returns what was received, or raises a `UserError` if the rule does not hold."""
    if not holds:
        raise UserError(f"{rule}. Received: {received!r:.300}. {fix}")
    return received
