"""Vocabularies: how they are learned, and which are refused."""

import random
import subprocess
import sys

import pytest
import tensorflow as tf
from tokenizers import Tokenizer

from regard.recipes.tokenizers.normalization import BertNormalization
from regard.recipes.tokenizers.pieces import SPECIAL_TOKENS
from regard.recipes.tokenizers.vocabulary import has_spaces, learn_vocabulary
from regard.recipes.tokenizers.wordpiece import WordPieceTokenizer
from tokenizer_lines import TEXTS


def test_vocabulary_has_the_size_asked_for_and_is_ordered():
    vocabulary = learn_vocabulary(TEXTS * 5, size=300)
    assert vocabulary[:5] == list(SPECIAL_TOKENS)
    assert len(vocabulary) == len(set(vocabulary)) == 300
    assert vocabulary[5:] == sorted(vocabulary[5:])


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["A fine room.", "Ein schönes Zimmer"], True),
        (["The word 好 means good"], True),
        (["房间很好。", "很好"], False),
        (["とてもいい"], False),
        (["ดีมาก"], False),
        (["좋은 방", "хорошо"], True),
        ([], True),
    ],
)
def test_scripts_with_spaces(texts, expected):
    assert has_spaces(texts) is expected


def test_rare_characters_are_unknown():
    texts = ["aa bb aa bb"] * 5 + ["龘"]
    vocabulary = learn_vocabulary(texts, size=50, min_frequency=2)
    assert "龘" not in vocabulary
    assert WordPieceTokenizer(vocabulary).tokenize(tf.constant(["龘"])).to_list() == [[1]]


def test_pieces_that_the_operation_cannot_hold_are_not_learned():
    rng = random.Random(0)
    sentence = "".join(chr(rng.randint(0x0E01, 0x0E2E)) for _ in range(95))  # Thai has no spaces
    vocabulary = learn_vocabulary([sentence] * 20, size=400)
    assert len(sentence.encode()) == 285
    assert 128 < max(len(piece.encode()) for piece in vocabulary) <= 256
    token_ids = WordPieceTokenizer(vocabulary).tokenize(tf.constant([sentence]))
    assert 1 not in token_ids.to_list()[0]


def test_vocabulary_is_the_same_in_every_process():
    code = (
        "from regard.recipes.tokenizers.vocabulary import learn_vocabulary as learn;"
        "texts = [f'word{i % 97}ing unit{i % 89}ed 很好{i % 83}' for i in range(2000)];"
        "print(repr(learn(texts, 600)))"
    )
    runs = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
        for _ in range(2)
    }
    assert len(runs) == 1


def test_vocabulary_errors():
    with pytest.raises(ValueError, match=r"Missing: \[MASK\]"):
        WordPieceTokenizer(SPECIAL_TOKENS[:-1])
    with pytest.raises(ValueError, match=r"twice: \['same'\]"):
        WordPieceTokenizer([*SPECIAL_TOKENS, "same", "same"])
    with pytest.raises(ValueError, match=r"at most 256 bytes. Received: 'xxx"):
        WordPieceTokenizer([*SPECIAL_TOKENS, "x" * 257])


def test_chinese_that_is_not_split_has_pieces_of_several_characters(tmp_path):
    texts = ["房间很干净，服务态度很好", "房间很大，服务很好", "服务很好。罕"] * 2
    texts.append("稀")  # once, and at the beginning of a clause
    pieces = learn_vocabulary(texts, 200, split_chinese=False)
    assert "服务" in pieces
    assert {"稀", "##稀", "罕", "##罕"} <= set(pieces)
    unsplit = BertNormalization(split_chinese=False)
    tokenizer = WordPieceTokenizer(pieces, unsplit, max_word_characters=1000)
    tokenizer.save(tmp_path, 512)
    texts += ["很稀罕" * 100, "房间、天呐", "很" * 1001]
    hugging_face = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    expected = [encoding.ids for encoding in hugging_face.encode_batch(texts)]
    assert tokenizer.encode_all(texts, 512).to_list() == expected
    assert WordPieceTokenizer.load(tmp_path).encode_all(texts, 512).to_list() == expected
    assert [1 in ids for ids in expected[-3:]] == [False, True, True]


@pytest.mark.parametrize("piece", ["", "a\0b", "##\0"])
def test_pieces_that_cannot_be_looked_up(piece):
    with pytest.raises(ValueError, match=r"must have a character, and no NUL\. Received: "):
        WordPieceTokenizer([*SPECIAL_TOKENS, "a", piece])
