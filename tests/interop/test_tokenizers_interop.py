"""The tokenizer beside AutoTokenizer: the same directory gives the same ids, in and out."""

import json

import pytest
import tensorflow as tf
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors

from regard.recipes.tokenizers.pieces import SPECIAL_TOKENS, SpecialTokens
from regard.recipes.tokenizers.wordpiece import WordPieceTokenizer

transformers = pytest.importorskip("transformers")

VOCABULARY = [
    *SPECIAL_TOKENS,
    *("<pad>", "<unk>", "<s>", "</s>", "<mask>"),
    *("a", "A", "b", "##b", "##s", "é", "e", "E", "É"),
    *("中", "国", "中国", "covid", "[", "]", "mask"),
]
TEXTS = [
    "A é É a ab 中国 [MASK] [mask] <mask> COVID Covids",
    "a[SEP]b [SEP ] [CLS][PAD][UNK] </s><s> a\x07b a\x0bb",
    "<e1>a<E1> new york NEW YORK xnew yorkx 新冠中新冠",
    "a " * 30,
    "e\u0301 ＡＢＣ bbb " + "b" * 101,
    "",
]
FIVE = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
OTHER_NAMES = {
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "cls_token": "<s>",
    "sep_token": "</s>",
    "mask_token": {"content": "<mask>", "lstrip": True, "normalized": False},
}
NEW_TOKENS = (AddedToken("Covid"), AddedToken("<e1>", special=True), AddedToken("新冠"))
COVID = {"content": "Covid", "normalized": True, "special": False}
INPUTS = {"model_input_names": ["input_ids", "token_type_ids", "attention_mask"]}
GENERIC = {"tokenizer_class": "PreTrainedTokenizerFast", **INPUTS, **FIVE}
NO_LIMIT = {"model_max_length": 1e30}


def fast(new=(), prefix_length=100, **normalizer):
    ids = {piece: index for index, piece in enumerate(VOCABULARY)}
    model = models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=prefix_length)
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(**normalizer)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    tokenizer.add_tokens(list(new))
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.enable_truncation(7)
    return tokenizer


# What is written: tokenizer.json, or for None a vocab.txt; tokenizer_config.json; other files.
DIRECTORIES = {
    "vocab.txt": (None, None, {}),
    "vocab.txt, cased": (None, {"do_lower_case": False}, {}),
    "vocab.txt, accents kept": (None, {"strip_accents": False, "model_max_length": 9}, {}),
    "vocab.txt, cased, no accents": (None, {"do_lower_case": False, "strip_accents": True}, {}),
    "vocab.txt, Chinese whole": (None, {"tokenize_chinese_chars": False, **NO_LIMIT}, {}),
    "other names": (None, OTHER_NAMES | {"mask_token": "<mask>", "max_len": 11}, {}),
    "names in the map": (None, FIVE, {"special_tokens_map": OTHER_NAMES}),
    "map not read": (None, {"added_tokens_decoder": {}}, {"special_tokens_map": OTHER_NAMES}),
    "added_tokens.json": (None, {}, {"added_tokens": {"<e1>": 30, "Covid": 31}}),
    "added_tokens_decoder": (None, {"added_tokens_decoder": {"30": COVID}}, {}),
    "further names": (None, {"bos_token": "<b>", "additional_special_tokens": ["<e1>", "国"]}, {}),
    "tokenizer.json": (fast(), FIVE, {}),
    "tokenizer.json alone, cased": (fast(lowercase=False), None, {}),
    "cased by config": (fast(), {"do_lower_case": False}, {}),
    "cased by tokenizer.json, unheard": (fast(lowercase=False), {"do_lower_case": True}, {}),
    "new tokens": (fast(NEW_TOKENS), {}, {}),
    "new tokens, cased": (fast(NEW_TOKENS), {"do_lower_case": False}, {}),
    "tokenizer.json, other names": (fast(), OTHER_NAMES | {"mask_token": "<mask>"}, {}),
    "generic": (fast(lowercase=False), GENERIC | {"do_lower_case": True}, {}),
    "generic, dirty": (fast(clean_text=False), GENERIC, {}),
    "generic, short words": (fast(prefix_length=8), GENERIC, {}),
    "generic, new tokens": (fast(NEW_TOKENS, strip_accents=False), GENERIC, {}),
    "generic by config.json": (fast(lowercase=False), FIVE | INPUTS, {"config": GENERIC}),
}


def write(directory, tokenizer, config, others):
    others = {"tokenizer_config": config, **others}
    others["config"] = {"model_type": "bert", **others.get("config", {})}
    if tokenizer is None:
        (directory / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    else:
        tokenizer.save(str(directory / "tokenizer.json"))
    for name, content in others.items():
        if content is not None:
            (directory / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")


def assert_same(ours, theirs):
    """Compares texts and pairs, cut to many lengths, with their segments."""
    first, second = zip(*((first, second) for first in TEXTS for second in TEXTS), strict=True)
    for length in (3, 4, 7, 8, 64):
        singles = theirs(TEXTS, truncation=True, max_length=length)
        assert ours.encode_all(TEXTS, length).to_list() == singles["input_ids"]
        pairs = theirs(list(first), list(second), truncation=True, max_length=length)
        token_ids = ours.encode_all(list(zip(first, second, strict=True)), length)
        assert token_ids.merge_dims(1, 2).to_list() == pairs["input_ids"]
        inputs = ours.pack(token_ids)
        segment_ids = tf.ragged.boolean_mask(inputs["segment_ids"], inputs["padding_mask"])
        assert segment_ids.to_list() == pairs["token_type_ids"]


@pytest.mark.parametrize("name", DIRECTORIES)
def test_directory_is_read_as_transformers_reads_it(name, tmp_path):
    write(tmp_path, *DIRECTORIES[name])
    ours = WordPieceTokenizer.load(tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert_same(ours, theirs)
    assert ours.model_max_length == int(theirs.model_max_length)
    assert len(ours.vocabulary) == len(theirs)
    assert ours.special_tokens == SpecialTokens(*(getattr(theirs, token) for token in FIVE))


@pytest.mark.parametrize("name", DIRECTORIES)
def test_what_is_saved_opens_in_transformers(name, tmp_path):
    original, saved = tmp_path / "original", tmp_path / "saved"
    original.mkdir()
    saved.mkdir()
    write(original, *DIRECTORIES[name])
    ours = WordPieceTokenizer.load(original)
    ours.save(saved, max_sequence_length=12)
    (saved / "config.json").write_text('{"model_type": "bert"}')
    theirs = transformers.AutoTokenizer.from_pretrained(saved)
    assert theirs.model_max_length == 12
    assert_same(ours, theirs)
    assert_same(WordPieceTokenizer.load(saved), theirs)
    (saved / "tokenizer.json").unlink()
    # These two vocab.txt alone cannot say.
    if ours.normalization.clean_text and ours.max_word_characters == 100:
        assert_same(ours, transformers.AutoTokenizer.from_pretrained(saved))
        assert_same(WordPieceTokenizer.load(saved), theirs)


@pytest.mark.parametrize(
    "lines", [b"a\r\n\r\nb\r\na\r\n##b \r\n", b"a\n\nb\na\n##b", b"a\nb\n##b\n\n\n", b"b\na\n##b\n"]
)
def test_old_vocabularies(lines, tmp_path):
    five = "".join(f"{token}\n" for token in SPECIAL_TOKENS).encode()
    (tmp_path / "vocab.txt").write_bytes(five + lines)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    ours = WordPieceTokenizer.load(tmp_path)
    assert_same(ours, theirs)
    saved = tmp_path / "saved"
    saved.mkdir()
    ours.save(saved, 64)
    assert_same(WordPieceTokenizer.load(saved), theirs)
