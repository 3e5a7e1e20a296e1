"""Tokenizers of encoders other than BERT: byte-level BPE and Unigram, beside `tokenizers`."""

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tokenizers import (
    ByteLevelBPETokenizer,
    Regex,
    Tokenizer,
    models,
    normalizers,
    pre_tokenizers,
)

from regard.recipes.errors import UserError
from regard.recipes.serving.server_ops import TEXT_OPS
from regard.recipes.serving.verify_export import check_ops
from regard.recipes.tokenizers.bpe import BytePairs
from regard.recipes.tokenizers.byte_level import split_words
from regard.recipes.tokenizers.characters import lowercase, strip_accents
from regard.recipes.tokenizers.charsmap import read_charsmap
from regard.recipes.tokenizers.opening import open_tokenizer
from regard.recipes.tokenizers.unigram import Unigram
from regard.recipes.tokenizers.words import make_splitter

FIXTURES = Path(__file__).parent / "fixtures" / "tokenizers"
GOLDEN = json.loads((FIXTURES / "expected.json").read_text())
# The interop suite opens the others, too.
NAMES = (
    "albert",
    "camembert-json",
    "deberta-v2",
    "modernbert-json",
    "mpnet",
    "roberta",
    "xlm-roberta",
)


@pytest.fixture(scope="module")
def tokenizers():
    return {name: open_tokenizer(FIXTURES / name) for name in NAMES}


@pytest.fixture
def eagerly():
    """Runs functions without tracing, which takes longer than a few texts."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("name", NAMES)
def test_ids_are_those_of_transformers(tokenizers, name):
    tokenizer, expected = tokenizers[name], GOLDEN["expected"][name]
    assert tokenizer.encode_all(GOLDEN["texts"], 64).to_list() == expected["texts"]
    pairs = tokenizer.pack(tokenizer.encode_all([*map(tuple, GOLDEN["pairs"])], 11))
    for inputs, wanted in zip(pairs.values(), expected["pairs"], strict=True):
        assert inputs.numpy().astype(int).tolist() == wanted


@pytest.mark.parametrize("name", sorted({*NAMES} - {"mpnet"}))
def test_files_are_written_as_they_were(tokenizers, name, tmp_path):
    tokenizers[name].save(tmp_path, 16)
    kept = {path.name: path.read_bytes() for path in (FIXTURES / name).iterdir()}
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == kept


@pytest.mark.slow
def test_export_needs_no_more_than_a_server_has(tokenizers, tmp_path):
    names = {"bpe": "modernbert-json", "unigram": "xlm-roberta"}

    def encoder(name):
        return tf.function(
            lambda texts: tokenizers[name].encode(texts, 64).to_tensor(-1),
            input_signature=[tf.TensorSpec([None], tf.string)],
            autograph=False,
        )

    module = tf.Module()
    module.functions = {key: encoder(name) for key, name in names.items()}
    tf.saved_model.save(module, tmp_path, signatures=module.functions)
    check_ops(tmp_path, sorted(TEXT_OPS))
    served = tf.saved_model.load(tmp_path).signatures
    texts = tf.constant([text.encode() for text in GOLDEN["texts"]])
    for key, name in names.items():
        ids = next(iter(served[key](texts).values())).numpy()
        rows = [row[row >= 0].tolist() for row in ids]
        assert rows == GOLDEN["expected"][name]["texts"]


def noise(count, seed=0):
    """Makes texts of characters that words are split at, and of all others."""
    draw = random.Random(seed)
    likely = [*"ab'stremvlld  \t\n1.,-\0\u00a0\u3000\u0085中é\u0301😀\u200b²Ⅷ", "'s", "'re", " '"]
    texts = ["".join(draw.choices(likely, k=draw.randrange(30))) for _ in range(count)]
    codes = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    texts += ["".join(chr(draw.choice(codes)) for _ in range(40)) for _ in range(count // 10)]
    return texts


def test_words_are_those_of_gpt2():
    texts = noise(2000)
    words = split_words(tf.constant([text.encode() for text in texts])).to_list()
    split = pre_tokenizers.Split(
        Regex(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"),
        "isolated",
    )
    for text, found in zip(texts, words, strict=True):
        assert [word.decode() for word in found] == [w for w, _ in split.pre_tokenize_str(text)]


@pytest.mark.parametrize("name", ["Lowercase", "StripAccents"])
def test_characters_are_those_of_tokenizers(name):
    texts = [*noise(200), "İSTANBUL ΌΔΟΣ", "ǅ ﬁ Ⅷ", "a\u0301\u0903\u20dd"]
    function = {"Lowercase": lowercase, "StripAccents": strip_accents}[name]
    wanted = [getattr(normalizers, name)().normalize_str(text) for text in texts]
    assert [text.decode() for text in function(tf.constant(texts)).numpy()] == wanted


@pytest.mark.parametrize("order", ["learned", "shuffled"])
def test_merges_are_those_of_tokenizers_in_any_order(order):
    """A list that nobody learned may merge a piece before it is made."""
    draw = random.Random(1)
    learner = ByteLevelBPETokenizer()
    lines = ["".join(draw.choices("aab c", k=40)) for _ in range(200)]
    learner.train_from_iterator(lines, 300, 2, show_progress=False)
    state = json.loads(learner.to_str())["model"]
    merges = [tuple(merge) for merge in state["merges"]]
    if order == "shuffled":
        draw.shuffle(merges)
    model = models.BPE(state["vocab"], merges)
    words = ["".join(draw.choices("aab", k=draw.randrange(1, 12))) for _ in range(500)]
    words += ["a" * count for count in range(1, 80, 7)]
    if order == "learned":  # what is far apart in a long word is merged at once
        words += ["".join(draw.choices("aab", k=500)) for _ in range(3)] + ["a" * 333]
    ids = BytePairs(state["vocab"], merges, {})(tf.constant(words)).to_list()
    assert ids == [[token.id for token in model.tokenize(word)] for word in words]


def test_pieces_are_those_of_unigram():
    """Among pieces that repeat, rounding decides: it must be that of `tokenizers`."""
    draw = random.Random(2)
    texts = ["<unk>", *"abcd", "aa", "ab", "aab", "ba", "bab", "aaaa", "cd", "dc", "cdc"]
    pieces = [(text, -draw.choice([2.3, 4.1, 5.7, 3.3]) * len(text)) for text in texts]
    model = models.Unigram(pieces, 0)
    words = ["".join(draw.choices("aabcdx", k=draw.randrange(1, 40))) for _ in range(800)]
    words += ["a" * 333, "ab" * 150, "xx", "x<unk>x", "cd" * 99 + "é"]
    ids = Unigram(pieces, 0)(tf.constant(words)).to_list()
    assert ids == [[token.id for token in model.tokenize(word)] for word in words]


@pytest.mark.parametrize(
    "state",
    [
        {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
        {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": False},
        {"type": "WhitespaceSplit"},
        {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": False},
    ],
    ids=lambda state: f"{state['type']} {state.get('prepend_scheme', '')}",
)
def test_words_of_other_kinds(state):
    backend = Tokenizer(models.Unigram([("a", 0.0)], 0))
    backend = Tokenizer.from_str(
        json.dumps(json.loads(backend.to_str()) | {"pre_tokenizer": state})
    )
    texts = [*noise(100), "▁a ▁ b▁▁c", " a", "\0"]
    texts = [text for text in texts if text]
    words = make_splitter(state)(tf.constant([text.encode() for text in texts])).to_list()
    wanted = [[w for w, _ in backend.pre_tokenizer.pre_tokenize_str(text)] for text in texts]
    if state["type"] == "ByteLevel":
        wanted = [[text if text[0] == " " else f" {text}"] for text in texts]
    assert [[word.decode() for word in found] for found in words] == wanted


def state_changed(change):
    def changed(content):
        state = json.loads(content)
        change(state)
        return json.dumps(state).encode()

    return changed


def with_config(name, directory, changes):
    """Copies a checkpoint, with changes of its tokenizer_config.json."""
    shutil.copytree(FIXTURES / name, directory)
    path = directory / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return directory


NEUTRAL = {
    "extra_special_tokens": {},
    "added_tokens_decoder": {},
    "auto_map": {"AutoTokenizer": [None, "a.B"]},
    "sp_model_kwargs": {},
    "chat_template": None,
    "clean_up_tokenization_spaces": True,
}


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("name", ["mpnet", "roberta", "albert-json"])
def test_entries_that_say_nothing_change_nothing(name, tokenizers, tmp_path):
    fixture = tokenizers.get(name) or open_tokenizer(FIXTURES / name)
    tokenizer = open_tokenizer(with_config(name, tmp_path / "checkpoint", NEUTRAL))
    texts = GOLDEN["texts"][:20]
    assert tokenizer.encode_all(texts, 16).to_list() == fixture.encode_all(texts, 16).to_list()
    assert tokenizer.vocabulary == fixture.vocabulary


def test_advice_names_what_can_be_opened(tmp_path):
    """Not BERT alone, where the checkpoint is of another family."""
    for number, (name, changes) in enumerate(
        {
            "xlm-roberta-json": {"tokenizer_class": "LlamaTokenizer"},
            "roberta-json": {"truncation_side": "left"},
            "mpnet": {"truncation_side": "left"},
        }.items()
    ):
        directory = with_config(name, tmp_path / str(number), changes)
        with pytest.raises(UserError, match=r"Take a checkpoint of BERT, .*RoBERTa.* or ") as error:
            open_tokenizer(directory)
        assert next(iter(changes.values())) in str(error.value)


DAMAGES = {
    "cut": ("xlm-roberta", "sentencepiece.bpe.model", lambda content: content[:900]),
    "no merges": ("roberta", "merges.txt", None),
    "merge of nothing": ("roberta", "merges.txt", lambda content: content + b"q zz\n"),
    "vocabulary of lists": ("roberta", "vocab.json", lambda content: b"[]"),
    "ids far away": ("roberta", "vocab.json", state_changed(lambda state: state.update(x=2**31))),
    "ids far away in one file": (
        "modernbert-json",
        "tokenizer.json",
        state_changed(lambda state: state["model"]["vocab"].update(x=2**31)),
    ),
    "empty": ("deberta-v2", "spm.model", lambda content: b""),
    "no model": ("albert", "spiece.model", None),
    "flags": (
        "modernbert-json",
        "tokenizer.json",
        state_changed(lambda state: state["added_tokens"][0].update(single_word=True)),
    ),
    "another normalizer": (
        "modernbert-json",
        "tokenizer.json",
        state_changed(lambda state: state.update(normalizer={"type": "Nmt"})),
    ),
    "another model": (
        "xlm-roberta-json",
        "tokenizer_config.json",
        state_changed(lambda state: state.update(tokenizer_class="LlamaTokenizer")),
    ),
    "words of numbers": (
        "modernbert-json",
        "tokenizer.json",
        state_changed(
            lambda state: state.update(pre_tokenizer={"type": "Digits", "individual_digits": False})
        ),
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_are_refused(damage, tmp_path):
    name, file, change = DAMAGES[damage]
    directory = tmp_path / "checkpoint"
    shutil.copytree(FIXTURES / name, directory)
    path = directory / file
    if change is None:
        path.unlink()
    else:
        path.write_bytes(change(path.read_bytes()))
    with pytest.raises(UserError, match=str(directory)):
        open_tokenizer(directory)


def test_a_map_that_goes_round_in_circles_is_refused():
    units = np.zeros(512, "<u4")
    units[0] = 256 << 10
    units[256 ^ 97] = 97  # its children are where it is itself
    units[256 ^ 97 ^ 97] = 0
    blob = units.tobytes()
    assert read_charsmap(len(blob).to_bytes(4, "little") + blob) == {}
    with pytest.raises(ValueError, match="damaged"):
        read_charsmap(b"\xff\xff\0\0abc")


def charsmap_of_one(strings, start):
    """A map of "a" to the string that begins at `start` of all strings."""
    units = np.zeros(512, "<u4")
    units[0] = 256 << 10
    units[256 ^ 97] = 97 | 1 << 8 | (256 ^ 97 ^ 2) << 10
    units[2] = start
    return (4 * len(units)).to_bytes(4, "little") + units.tobytes() + strings


def test_a_map_whose_strings_have_no_end_is_refused():
    """Else what a character becomes would lose its last byte."""
    assert read_charsmap(charsmap_of_one(b"xy\0zw\0", 3)) == {"a": "zw"}
    assert read_charsmap(charsmap_of_one(b"xy\0\0", 3)) == {"a": ""}
    for strings, start in ((b"xy\0zw", 3), (b"zw", 0), (b"xy\0", 3), (b"", 0), (b"xy\0", 99)):
        with pytest.raises(ValueError, match="damaged"):
            read_charsmap(charsmap_of_one(strings, start))


@pytest.mark.usefixtures("eagerly")
def test_pieces_for_people(tokenizers):
    tokenizer = tokenizers["roberta"]
    ids = tokenizer.encode_all(["a 中<mask>"], 16)[0].numpy()
    pieces = tokenizer.readable(ids)
    assert pieces[0] == "<s>" and pieces[-2:] == ["<mask>", "</s>"]
    assert "".join(pieces[1:-2]).startswith("a▁") and "\\xe4" in "".join(pieces)


def test_a_difference_between_the_files_is_told(tmp_path, caplog):
    directory = tmp_path / "checkpoint"
    shutil.copytree(FIXTURES / "roberta-json", directory)
    path = directory / "tokenizer.json"
    state = json.loads(path.read_text())
    state["pre_tokenizer"]["add_prefix_space"] = True
    path.write_text(json.dumps(state))
    caplog.set_level("WARNING", "regard")
    open_tokenizer(directory)
    assert "pre_tokenizer" in caplog.text
