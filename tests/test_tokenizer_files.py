"""The files of a WordPiece tokenizer: what decides, and what is refused."""

import json

import pytest
import tensorflow as tf

from regard.recipes.errors import UserError
from regard.recipes.tokenizers.checkpoint_files import UNLIMITED
from regard.recipes.tokenizers.normalization import BertNormalization
from regard.recipes.tokenizers.pieces import SPECIAL_TOKENS, SpecialTokens
from regard.recipes.tokenizers.wordpiece import WordPieceTokenizer
from tokenizer_lines import peer_of

PIECES = (*SPECIAL_TOKENS, "a", "É", "##b")
VOCABULARY = "\n".join(PIECES)
GENERIC = {"tokenizer_class": "PreTrainedTokenizerFast"}


def fast(change=lambda spec: None, pieces=PIECES, **options):
    """What a tokenizer.json holds, after a change to it."""
    tokenizer = peer_of(pieces, **options)
    tokenizer.enable_padding(length=9)
    spec = json.loads(tokenizer.to_str())
    change(spec)
    return spec


def write(directory, vocabulary=VOCABULARY, **files):
    """Writes a vocab.txt, and for each keyword a JSON file of that name."""
    if vocabulary is not None:
        (directory / "vocab.txt").write_bytes(vocabulary.encode())
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (directory / f"{name}.json").write_text(text, encoding="utf-8")
    return directory


def test_vocabulary_file_alone_is_bert_uncased(tmp_path):
    tokenizer = WordPieceTokenizer.load(write(tmp_path))
    assert tokenizer.vocabulary == list(PIECES)
    assert tokenizer.normalization == BertNormalization(True, None, True, True)
    assert tokenizer.model_max_length == UNLIMITED


@pytest.mark.parametrize(
    "lines", ["{}a\r\n\r\nb\r\na\r\n##b\r\n", "{}a\n\nb\na\n##b", "{}a \n\nb\na\t\n##b\n\n\n"]
)
def test_old_vocabulary_files(lines, tmp_path):
    end = "\r\n" if "\r" in lines else "\n"
    five = "".join(token + end for token in SPECIAL_TOKENS)
    tokenizer = WordPieceTokenizer.load(write(tmp_path, lines.format(five)))
    names = ["[no piece 5]", "[no piece 6]", "b", "a", "##b"]  # of equal lines, the last one counts
    assert tokenizer.vocabulary == [*SPECIAL_TOKENS, *names]
    assert tokenizer.tokenize(tf.constant(["ab b [no piece 5]"])).to_list()[0][:3] == [8, 9, 7]


def test_a_carriage_return_is_no_line_end(tmp_path):
    five = "".join(f"{token}\n" for token in SPECIAL_TOKENS)
    tokenizer = WordPieceTokenizer.load(write(tmp_path, f"{five}a\rb\nc\n"))
    assert tokenizer.vocabulary[5:] == ["[no piece 5]", "c"]


def test_config_decides_how_words_are_normalized(tmp_path, caplog):
    config = {"do_lower_case": False, "tokenize_chinese_chars": False, "model_max_length": 1e30}
    write(tmp_path, tokenizer=fast(), tokenizer_config=config)
    tokenizer = WordPieceTokenizer.load(tmp_path)
    assert tokenizer.normalization == BertNormalization(lowercase=False, split_chinese=False)
    assert tokenizer.model_max_length == UNLIMITED
    assert '"lowercase":true' in caplog.text
    assert '"lowercase":false' in caplog.text


def test_pieces_are_those_of_the_tokenizer_file(tmp_path):
    write(tmp_path, tokenizer=fast(pieces=(*SPECIAL_TOKENS, "z")), tokenizer_config={"max_len": 7})
    tokenizer = WordPieceTokenizer.load(tmp_path)
    assert tokenizer.vocabulary[5:] == ["z"]
    assert tokenizer.model_max_length == 7


def test_of_a_generic_tokenizer_the_file_decides(tmp_path, caplog):
    spec = fast(lambda spec: spec["model"].update(max_input_chars_per_word=9), lowercase=False)
    write(tmp_path, tokenizer=spec, tokenizer_config={**GENERIC, "do_lower_case": True})
    tokenizer = WordPieceTokenizer.load(tmp_path)
    assert tokenizer.normalization.lowercase is False
    assert tokenizer.max_word_characters == 9
    assert not caplog.text


def test_special_tokens_map_comes_before_the_config(tmp_path):
    token = {"content": "a", "lstrip": True, "rstrip": False, "single_word": False}
    config = {"mask_token": "É", "cls_token": "É"}
    write(tmp_path, tokenizer_config=config, special_tokens_map={"mask_token": token})
    tokenizer = WordPieceTokenizer.load(tmp_path)
    assert tokenizer.special_tokens == SpecialTokens(mask="a", cls="É")
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({**config, "added_tokens_decoder": {"8": {"content": "<e>", "special": True}}})
    )
    tokenizer = WordPieceTokenizer.load(tmp_path)
    assert tokenizer.special_tokens == SpecialTokens(mask="É", cls="É")
    assert tokenizer.vocabulary[8:] == ["<e>"]


def test_tokens_of_added_tokens_file(tmp_path):
    config = {"additional_special_tokens": ["<e>"], "bos_token": "<b>"}
    write(tmp_path, tokenizer_config=config, added_tokens={"<e>": 9, "New": 8})
    tokenizer = WordPieceTokenizer.load(tmp_path)
    assert tokenizer.vocabulary[8:] == ["New", "<e>", "<b>"]
    assert tokenizer.tokenize(tf.constant(["NEW<e><E>[mask]"])).to_list() == [[8, 9, *[1] * 6]]


def changed(part, **changes):
    return lambda spec: spec[part].update(changes)


def with_token(**flags):
    flags = {"id": 8, "content": "<e>", "special": True, "normalized": False, **flags}
    usual = {"single_word": False, "lstrip": False, "rstrip": False}
    return lambda spec: spec["added_tokens"].append(usual | flags)


UNUSABLE = {
    "nothing": ({"vocabulary": None, "merges": {}}, r"must hold a tokenizer.json or a vocab"),
    "no special token": ({"vocabulary": "[PAD]\n[UNK]\n[CLS]\n[SEP]\n"}, r"without \[MASK\]"),
    "another class": ({"tokenizer_config": {"tokenizer_class": "XLMRobertaTokenizer"}}, "XLMRob"),
    "another class in config.json": ({"config": {"tokenizer_class": "BertJapanese"}}, "BertJapan"),
    "generic without its file": ({"tokenizer_config": GENERIC}, "must hold a tokenizer.json. Rec"),
    "not JSON": ({"tokenizer_config": "{"}, r"tokenizer_config.json is damaged"),
    "no object": ({"special_tokens_map": "[1]"}, r"must hold a JSON object. Received: \[1\]"),
    "nested": ({"tokenizer_config": "[" * 10**5}, "tokenizer_config.json is damaged"),
    "no flag": ({"tokenizer_config": {"do_lower_case": "yes"}}, "`do_lower_case` .* 'yes'"),
    "no length": ({"tokenizer_config": {"model_max_length": 2}}, "at least 3. Received: 2"),
    "no number": ({"tokenizer_config": {"model_max_length": "512"}}, "Received: '512'"),
    "cut on the left": ({"tokenizer_config": {"truncation_side": "left"}}, "Received: 'left'"),
    "split": ({"tokenizer_config": {"split_special_tokens": True}}, "must be false"),
    "no token": ({"tokenizer_config": {"mask_token": 5}}, "must be a string, .* Received: 5"),
    "no flag of a token": (
        {"special_tokens_map": {"mask_token": {"content": "a", "lstrip": "no"}}},
        "`content` and flags. Received: .*'no'",
    ),
    "no tokens": ({"tokenizer_config": {"extra_special_tokens": 5}}, "a list or an object"),
    "no tokens by id": ({"tokenizer_config": {"added_tokens_decoder": [5]}}, r"ids. Received: \[5"),
    "no ids": ({"added_tokens": {"x": "y", "z": 9}}, "the id of each token, .* 'y'"),
    "no tokenizer.json": ({"tokenizer": {"model": {}}}, "tokenizer.json is damaged"),
    "byte pairs": ({"tokenizer": {"model": {"type": "BPE", "vocab": {}, "merges": []}}}, "BPE"),
    "a gap": (
        {"tokenizer": fast(changed("model", vocab={"[UNK]": 0, "a": 2**31}))},
        "ids up to 2147483648",
    ),
    "one id": ({"tokenizer": fast(lambda s: s["model"]["vocab"].update(a=6))}, "7 ids below 8"),
    "single word": ({"tokenizer": fast(with_token(single_word=True))}, "single_word"),
    "space": ({"tokenizer": fast(with_token(content=" e"))}, "space around"),
    "alike": ({"tokenizer": fast(with_token(content="[mask]"))}, r"\['\[MASK\]', '\[mask\]'\]"),
    "long": ({"tokenizer": fast(with_token(content="<" * 99))}, "1 to 98 characters"),
    "another normalizer": (
        {"tokenizer": fast(lambda s: s.update(normalizer=None)), "tokenizer_config": GENERIC},
        "Received: .'NoneType', 'BertPreTokenizer'",
    ),
    "another prefix": (
        {
            "tokenizer": fast(changed("model", continuing_subword_prefix="@@")),
            "tokenizer_config": GENERIC,
        },
        "@@",
    ),
    "another template": (
        {"tokenizer": fast(lambda s: s.update(post_processor=None)), "tokenizer_config": GENERIC},
        "a text must be encoded as",
    ),
    "no added tokens": (
        {"tokenizer": fast(lambda s: s["added_tokens"].pop()), "tokenizer_config": GENERIC},
        "as added tokens",
    ),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_unusable_files_give_one_clear_error(name, tmp_path):
    files, message = UNUSABLE[name]
    with pytest.raises(UserError, match=message) as error:
        WordPieceTokenizer.load(write(tmp_path, **files))
    assert str(tmp_path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
def test_truncated_files_give_one_clear_error(name, tmp_path):
    WordPieceTokenizer(PIECES).save(tmp_path, 16)
    content = (tmp_path / name).read_bytes().rstrip()
    for end in range(0, len(content), max(1, len(content) // 200)):
        (tmp_path / name).write_bytes(content[:end])
        with pytest.raises(UserError, match=name):
            WordPieceTokenizer.load(tmp_path)


def test_a_vocabulary_that_is_no_text(tmp_path):
    (tmp_path / "vocab.txt").write_bytes(b"[PAD]\n\xff\n")
    with pytest.raises(UserError, match=r"vocab.txt is damaged"):
        WordPieceTokenizer.load(tmp_path)
