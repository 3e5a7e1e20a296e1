"""Tokenizers of encoders beside AutoTokenizer: the same directory gives the same ids."""

import json
import random
import shutil
from pathlib import Path

import pytest
import tensorflow as tf
from tokenizers import AddedToken

from regard.recipes.tokenizers.opening import open_tokenizer

transformers = pytest.importorskip("transformers")

FIXTURES = Path(__file__).parents[1] / "fixtures" / "tokenizers"
MASK = {"content": "<mask>", "lstrip": True, "rstrip": True, "normalized": True, "special": True}
# Of each: the fixture, and what is changed in its tokenizer_config.json.
DIRECTORIES = {
    **{
        path.name: (path.name, {})
        for path in sorted(FIXTURES.glob("*/"))
        if path.name != "mpnet"  # WordPiece: test_tokenizers_interop.py
    },
    "roberta, mask": ("roberta", {"mask_token": MASK | {"__type": "AddedToken"}}),
    "roberta, spaces first": ("roberta-json", {"add_prefix_space": True}),
    "xlm-roberta, none first": ("xlm-roberta", {"add_prefix_space": False}),
    "albert, cased": ("albert", {"do_lower_case": False}),
    "albert, accents": ("albert-json", {"keep_accents": True}),
    "deberta-v2, uncased": ("deberta-v2", {"do_lower_case": True}),
    "camembert, further": ("camembert-json", {"extra_special_tokens": ["<e1>", "fox"]}),
}


def texts():
    draw = random.Random(3)
    golden = json.loads((FIXTURES / "expected.json").read_text())["texts"]
    words = [word for text in golden for word in text.split(" ")]
    special = ["<s>", "</s>", "<mask>", " <mask> ", "[MASK]", "<e1>", "\u00a0", "\t\t", "\n", "\0"]
    codes = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    made = [
        "".join(
            part + draw.choice(["", " ", " ", "  "])
            for part in draw.choices(words + special, k=draw.randrange(20))
        )
        for _ in range(1500)
    ]
    made += ["".join(draw.choices("ab-e\u0301ha1 中", k=draw.randrange(90))) for _ in range(500)]
    made += ["".join(chr(draw.choice(codes)) for _ in range(30)) for _ in range(500)]
    return golden + made


@pytest.mark.parametrize("name", DIRECTORIES)
def test_ids_are_those_of_auto_tokenizer(name, tmp_path):
    fixture, changes = DIRECTORIES[name]
    directory = tmp_path / "checkpoint"
    shutil.copytree(FIXTURES / fixture, directory)
    config = directory / "tokenizer_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | changes))
    theirs = transformers.AutoTokenizer.from_pretrained(directory)
    ours = open_tokenizer(directory)
    assert len(ours.vocabulary) == len(theirs)
    lines = texts()
    found = ours.tokenize(tf.constant([line.encode() for line in lines])).to_list()
    wanted = theirs(lines, add_special_tokens=False)["input_ids"]
    different = [line for line, a, b in zip(lines, found, wanted, strict=True) if a != b]
    assert different == []


# What older and newer versions of `transformers` write, and what others leave in the files.
NEUTRAL = {
    "extra_special_tokens": {},
    "additional_special_tokens": [],
    "auto_map": {},
    "sp_model_kwargs": {},
    "clean_up_tokenization_spaces": False,
    "chat_template": None,
    "max_length": 512,
    "stride": 0,
    "truncation_strategy": "longest_first",
}


@pytest.mark.parametrize("is_older", [False, True], ids=["", "older"])
@pytest.mark.parametrize("fixture", [path.name for path in sorted(FIXTURES.glob("*/"))])
def test_what_transformers_saves_opens(fixture, is_older, tmp_path):
    """Older versions wrote all tokens with their flags, and a map of the special ones."""
    theirs = transformers.AutoTokenizer.from_pretrained(FIXTURES / fixture)
    theirs.save_pretrained(tmp_path)
    path = tmp_path / "tokenizer_config.json"
    config = json.loads(path.read_text())
    if is_older:
        flags = ("content", "lstrip", "normalized", "rstrip", "single_word", "special")
        tokens = {
            str(index): {flag: getattr(token, flag) for flag in flags}
            for index, token in theirs.added_tokens_decoder.items()
        }
        special = {name: token for name, token in config.items() if name.endswith("_token")}
        (tmp_path / "special_tokens_map.json").write_text(json.dumps(special))
        config |= NEUTRAL | {"added_tokens_decoder": tokens}
    path.write_text(json.dumps(config))
    again, ours = transformers.AutoTokenizer.from_pretrained(tmp_path), open_tokenizer(tmp_path)
    lines = texts()[:300]
    wanted = again(lines, truncation=True, max_length=64)["input_ids"]
    assert ours.encode_all(lines, 64).to_list() == wanted
    assert len(ours.vocabulary) == len(again)


def test_a_run_with_new_tokens_opens_with_them(tmp_path):
    theirs = transformers.AutoTokenizer.from_pretrained(FIXTURES / "roberta")
    theirs.add_tokens([AddedToken("Covid", rstrip=True), AddedToken("<e1>", special=True)])
    theirs.save_pretrained(tmp_path / "first")
    ours = open_tokenizer(tmp_path / "first")
    (tmp_path / "second").mkdir()
    ours.save(tmp_path / "second", 16)
    again = transformers.AutoTokenizer.from_pretrained(tmp_path / "second")
    line = "a Covid  b<e1> c"
    assert ours.encode_all([line], 16).to_list() == [again(line)["input_ids"]]
    assert again(line)["input_ids"] == theirs(line)["input_ids"]


def test_bytes_that_are_no_text_are_replaced_as_python_does():
    ours = open_tokenizer(FIXTURES / "modernbert-json")
    theirs = transformers.AutoTokenizer.from_pretrained(FIXTURES / "modernbert-json")
    draw = random.Random(4)
    lines = [bytes(draw.choices(range(256), k=draw.randrange(20))) for _ in range(500)]
    lines += [b"\xe4\xb8", b"\xf0\x9f\x98a", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80"]
    found = ours.tokenize(tf.constant(lines)).to_list()
    texts = [line.decode("utf-8", "replace") for line in lines]
    assert found == theirs(texts, add_special_tokens=False)["input_ids"]
