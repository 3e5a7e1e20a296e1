"""Reads and writes the files of translators' tokenizers: of Marian, M2M100, NLLB and mBART-50."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...models import disk
from ...models.json_files import parse_json
from ...models.layout import write_json
from ..errors import UserError
from .checkpoint_files import LARGEST_BACKEND, LARGEST_FILE, check_size, find_class, require
from .languages import Languages
from .sentence_pieces import END, PAD, UNKNOWN, SentencePieces
from .sentencepiece_backend import sentencepiece_model
from .sentencepiece_models import open_model

CHOSEN_TARGET = "regard_target_language"  # in Marian's tokenizer_config.json
MODEL, BACKEND = "sentencepiece.bpe.model", "tokenizer.json"
TARGET_VOCABULARY = "target_vocab.json"  # Marian's, where sources have another
# Files that M2M100's tokenizer, NLLB's and mBART's may have, to be kept as they are.
KEPT = (MODEL, "vocab.json", BACKEND, "tokenizer_config.json", "special_tokens_map.json",
        "added_tokens.json")  # fmt: skip
# How the tokens of languages are written: as in M2M100, or as in NLLB and mBART.
CODE = re.compile("__([a-z]+)__|([a-z]{2,3}_[A-Z][A-Za-z]{1,3})")
# The languages of M2M100, WMT21 and mBART-50 in the order of their ids, which files need not name:
# the lists of fairseq's examples/m2m_100, wmt21 and multilingual, which `transformers` has in code.
LISTED = {
    "m2m100": (
        "af am ar ast az ba be bg bn br bs ca ceb cs cy da de el en es et fa ff fi fr fy ga gd gl "
        "gu ha he hi hr ht hu hy id ig ilo is it ja jv ka kk km kn ko lb lg ln lo lt lv mg mk ml "
        "mn mr ms my ne nl no ns oc or pa pl ps pt ro ru sd si sk sl so sq sr ss su sv sw ta th tl "
        "tn tr uk ur uz vi wo xh yi yo zh zu"
    ),
    "wmt21": "en ha is ja cs ru zh de",
    "ml50": (
        "ar_AR cs_CZ de_DE en_XX es_XX et_EE fi_FI fr_XX gu_IN hi_IN it_IT ja_XX kk_KZ ko_KR lt_LT "
        "lv_LV my_MM ne_NP nl_XX ro_RO ru_RU si_LK tr_TR vi_VN zh_CN af_ZA az_AZ bn_IN fa_IR he_IL "
        "hr_HR id_ID ka_GE km_KH mk_MK ml_IN mn_MN mr_IN pl_PL ps_AF pt_XX sv_SE sw_KE ta_IN te_IN "
        "th_TH tl_XX uk_UA ur_PK xh_ZA gl_ES sl_SI"
    ),
}
LISTS_OF_CLASSES = {"MBart50Tokenizer": "ml50", "MBart50TokenizerFast": "ml50"}
SPECIAL = ("<s>", PAD, END, UNKNOWN)  # NLLB's first ids; its model has <unk>, <s> and </s>

Parts = tuple[dict[str, Any], tuple[str | None, str | None]]


def read_parts(directory: Path) -> Parts:
    """Reads the arguments of a `SentencePieceTokenizer`, and the languages chosen.

    Raises:
        UserError: If a file is missing or damaged.
    """
    has_one = any((directory / name).is_file() for name in (MODEL, BACKEND))
    is_multilingual = has_one and not (directory / "source.spm").is_file()
    read = _read_multilingual if is_multilingual else _read_marian
    try:
        parts, chosen = read(directory)
        if not all(each is None or isinstance(each, str) for each in chosen):
            raise ValueError("tokenizer_config.json must name languages by strings")
        return parts, chosen
    except FileNotFoundError as error:
        raise UserError(
            f"{directory} must hold Marian's source.spm, target.spm and vocab.json; or {MODEL} or "
            f"{BACKEND}, as M2M100, NLLB and mBART-50 have it. Received: no "
            f"{Path(error.filename).name}"
        ) from error
    except UserError:
        raise
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise damaged(directory, error) from error


def damaged(directory: Path, error: Exception) -> UserError:
    """Returns the error of a tokenizer that cannot be read."""
    return UserError(f"{directory}: the tokenizer is damaged: {error}. Fetch it again.")


def _read_marian(directory: Path) -> Parts:
    for name in ("vocab.json", "source.spm", "target.spm"):
        check_size(directory / name)
    models = {
        f"{side}_model": (directory / f"{side}.spm").read_bytes() for side in ("source", "target")
    }
    config, vocabularies = _config(directory), {"vocabulary": _vocabulary(directory / "vocab.json")}
    if config.get("separate_vocabs"):
        check_size(directory / TARGET_VOCABULARY)
        vocabularies["target_vocabulary"] = _vocabulary(directory / TARGET_VOCABULARY)
    return {**models, **vocabularies}, (None, config.get(CHOSEN_TARGET))


def _vocabulary(path: Path) -> dict[str, int]:
    return _checked(parse_json(path.read_bytes()), path.name)


def _checked(vocabulary: Any, name: str) -> dict[str, int]:
    """Returns the ids of pieces; those that are far apart would cost memory."""
    if not isinstance(vocabulary, dict) or not all(
        type(index) is int and 0 <= index < 2 * len(vocabulary) for index in vocabulary.values()
    ):
        raise ValueError(f"{name} must hold the id of each piece, a number")
    return vocabulary


def _config(directory: Path) -> dict[str, Any]:
    path = directory / "tokenizer_config.json"
    if not path.is_file():
        return {}
    check_size(path)
    config = parse_json(path.read_bytes())
    if not isinstance(config, dict):
        raise ValueError("tokenizer_config.json must hold an object")
    return config


def write_marian(
    directory: Path,
    source: SentencePieces,
    target: SentencePieces,
    max_sequence_length: int,
    target_language: str | None,
) -> None:
    """Writes `source.spm`, `target.spm`, the vocabularies and `tokenizer_config.json`."""
    for name, side in (("source", source), ("target", target)):
        disk.write_bytes(directory / f"{name}.spm", side.model)
    has_two_vocabularies = target.vocabulary is not source.vocabulary
    write_json(directory / "vocab.json", source.vocabulary)
    if has_two_vocabularies:
        write_json(directory / TARGET_VOCABULARY, target.vocabulary)
    # fmt: off
    config = {
        "tokenizer_class": "MarianTokenizer",
        "eos_token": END, "unk_token": UNKNOWN, "pad_token": PAD,
        "model_max_length": max_sequence_length,
        "separate_vocabs": has_two_vocabularies, "source_lang": None, "target_lang": None,
    }
    # fmt: on
    if target_language is not None:
        config[CHOSEN_TARGET] = target_language
    write_json(directory / "tokenizer_config.json", config)


def _read_multilingual(directory: Path) -> Parts:
    """Reads the parts of a tokenizer with one model of pieces, and a token for each language."""
    files, config, tokenizer_class = _kept(directory), _config(directory), find_class(directory)
    rule = f"{directory}: `legacy_behaviour` must be false, so that languages stand before texts"
    legacy = config.get("legacy_behaviour", False)
    require(not legacy, rule, legacy, "Take a checkpoint that was trained so.")
    has_own_ids = tokenizer_class.startswith("M2M100") or "vocab.json" in files
    if MODEL not in files:
        source = str(directory / BACKEND)
        model, vocabulary = sentencepiece_model(source, parse_json(files[BACKEND]))
    else:
        model = files[MODEL]
        vocabulary = _vocabulary(directory / "vocab.json") if has_own_ids else _shifted(model)
    tokens = _added_tokens(files, config, len(vocabulary))
    if not _languages(tokens):
        usual = "m2m100" if has_own_ids else LISTS_OF_CLASSES.get(tokenizer_class)
        tokens |= _listed_tokens(config.get("language_codes", usual), len(vocabulary))
    languages = _languages(tokens)
    if not languages:
        raise ValueError("it lists no tokens of languages")
    parts = {
        "source_model": model,
        "target_model": model,
        "vocabulary": _checked(vocabulary | tokens, "its files"),
        "languages": Languages(languages, are_both_told=True),
        "files": files,
    }
    return parts, (config.get("src_lang"), config.get("tgt_lang"))


def _kept(directory: Path) -> dict[str, bytes]:
    """Reads those of the files to be kept that are there."""
    paths = [directory / name for name in KEPT if (directory / name).is_file()]
    for path in paths:
        check_size(path, LARGEST_BACKEND if path.name == BACKEND else LARGEST_FILE)
    return {path.name: path.read_bytes() for path in paths}


def _shifted(model: bytes) -> dict[str, int]:
    """Returns NLLB's ids of the pieces of a model: fairseq's, which begin with other tokens."""
    processor = open_model(model)
    first = {token: index for index, token in enumerate(SPECIAL)}
    size = processor.get_piece_size()
    return {processor.id_to_piece(index): index + 1 for index in range(size)} | first


def _added_tokens(
    files: Mapping[str, bytes], config: Mapping[str, Any], next_id: int
) -> dict[str, int]:
    """Returns the ids of tokens beside the pieces, as any of the files tells them."""
    backend = parse_json(files.get(BACKEND, b"{}"))
    by_id = [
        *((token, int(index)) for index, token in config.get("added_tokens_decoder", {}).items()),
        *((token, token["id"]) for token in backend.get("added_tokens", ())),
        *parse_json(files.get("added_tokens.json", b"{}")).items(),
    ]
    if by_id:
        return {_content(token): index for token, index in by_id}
    settings = {**parse_json(files.get("special_tokens_map.json", b"{}")), **config}
    names = settings.get("extra_special_tokens") or settings.get("additional_special_tokens") or ()
    return {_content(token): next_id + number for number, token in enumerate(names)}


def _listed_tokens(name: str | None, next_id: int) -> dict[str, int]:
    """Returns the ids of the tokens of a list of languages; none if there is no such list."""
    names = LISTED.get(name, "").split()
    tokens = (each if "_" in each else f"__{each}__" for each in names)
    return {token: next_id + number for number, token in enumerate(tokens)}


def _languages(tokens: Mapping[str, int]) -> dict[str, int]:
    """Returns the ids of those tokens that are codes of languages, by the languages' names."""
    matches = {CODE.fullmatch(token): index for token, index in tokens.items()}
    return {match[1] or match[2]: index for match, index in matches.items() if match}


def _content(token: Any) -> str:
    content = token["content"] if isinstance(token, dict) else token
    if not isinstance(content, str):
        raise ValueError(f"a token must be a string, or its content and flags, not {token!r:.40}")
    return content


def write_multilingual(
    directory: Path, files: Mapping[str, bytes], languages: Languages, max_sequence_length: int
) -> None:
    """Writes files as they were read, but for the languages that are translated."""
    for name, contents in files.items():
        disk.write_bytes(directory / name, contents)
    config = parse_json(files.get("tokenizer_config.json", b"{}"))
    chosen = {"src_lang": languages.source, "tgt_lang": languages.target}
    config = {**config, **chosen, "model_max_length": max_sequence_length}
    write_json(directory / "tokenizer_config.json", config)
