"""The tokenizer beside Hugging Face's own, which computes what BERT was trained with."""

import random
import sys
import unicodedata

import pytest
import tensorflow as tf
from tokenizers import AddedToken, Tokenizer

from regard.recipes.serving.server_ops import TEXT_OPS
from regard.recipes.tokenizers.normalization import BertNormalization
from regard.recipes.tokenizers.pieces import SPECIAL_TOKENS, SpecialTokens
from regard.recipes.tokenizers.ragged import sequence_lengths
from regard.recipes.tokenizers.strings import as_bytes
from regard.recipes.tokenizers.vocabulary import learn_vocabulary
from regard.recipes.tokenizers.wordpiece import WordPieceTokenizer
from tokenizer_lines import LINES, TEXTS, WORDS, peer_of


@pytest.fixture(scope="module")
def vocabularies():
    """A cased and an uncased vocabulary, which have pieces in all of the writing systems."""
    sample = [*LINES[:300], *LINES[-1500:]]
    return {
        lowercase: learn_vocabulary(sample, 3000, min_frequency=1, lowercase=lowercase)
        for lowercase in (True, False)
    }


def different_lines(tokenizer, peer, lines):
    expected = peer.encode_batch(lines, add_special_tokens=False)
    actual = tokenizer.tokenize(tf.constant(lines)).to_list()
    return [line for line, a, b in zip(lines, actual, expected, strict=True) if a != b.ids]


@pytest.mark.parametrize(
    ("lowercase", "options"),
    [
        (True, {}),
        (False, {}),
        (True, {"strip_accents": False}),
        (False, {"strip_accents": True}),
        (True, {"split_chinese": False}),
        (False, {"clean_text": False}),
    ],
)
def test_token_ids_equal_hugging_face(lowercase, options, vocabularies):
    lines = LINES if not options else LINES[::3]
    vocabulary = vocabularies[lowercase]
    tokenizer = WordPieceTokenizer(vocabulary, BertNormalization(lowercase, **options))
    peer = peer_of(vocabulary, lowercase, **options)
    assert different_lines(tokenizer, peer, lines) == []


# Their category has changed since Unicode 8, from which Hugging Face's tokenizers have it.
CHANGED = "\u166d\u1734\u1885\u1886"


@pytest.mark.parametrize(("lowercase", "clean_text"), [(True, True), (False, False)])
def test_characters_are_treated_as_in_hugging_face(lowercase, clean_text):
    """Every character of Unicode 3.2; of all that there are today, some 680 are treated otherwise,
    rare ones of a newer Unicode, because each side has the tables of another version of it.
    """
    category = unicodedata.ucd_3_2_0.category
    characters = [chr(code) for code in range(1, sys.maxunicode) if not 0xD800 <= code < 0xE000]
    known = [c for c in characters if category(c) not in ("Cn", "Co") and c not in CHANGED]
    lines = [" ".join(f"a{c}B" for c in known[i : i + 200]) for i in range(0, len(known), 200)]
    peer = peer_of(SPECIAL_TOKENS, lowercase, clean_text=clean_text)
    tokenizer = WordPieceTokenizer(
        SPECIAL_TOKENS, BertNormalization(lowercase, clean_text=clean_text)
    )
    actual = tokenizer.split_words(tf.constant(lines)).to_list()
    for line, words in zip(lines, actual, strict=True):
        split = peer.pre_tokenizer.pre_tokenize_str(peer.normalizer.normalize_str(line))
        assert [word.decode() for word in words] == [word for word, _ in split]


def test_words_by_hand():
    tokenizer = WordPieceTokenizer(SPECIAL_TOKENS)
    words = tokenizer.split_words(tf.constant(["Café, 很好Ｏk"])).to_list()[0]
    assert [word.decode() for word in words] == ["cafe", ",", "很", "好", "ｏk"]


def test_special_tokens_are_found_in_the_text_as_written():
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, "mask", "[", "]"])
    texts = tf.constant(["[MASK]x[mask][SEP]", "[MA\u200bSK] [PAD ]", "[[CLS]]\U00100000[MASK]"])
    assert tokenizer.tokenize(texts).to_list() == [
        [4, 1, 6, 5, 7, 3],
        [6, 5, 7, 6, 1, 7],
        [6, 2, 7, 4],
    ]


def test_special_tokens_may_have_other_names():
    names = SpecialTokens(pad="<pad>", unk="<unk>", cls="<s>", sep="</s>", mask="<mask>")
    tokenizer = WordPieceTokenizer([*names.all, "a", "b"], special_tokens=names)
    encoded = tokenizer.encode(tf.constant(["a<mask>b [MASK]"]), 9)
    assert encoded.to_list() == [[2, 5, 4, 6, 1, 1, 1, 3]]
    assert (tokenizer.pad_id, tokenizer.mask_id) == (0, 4)


@pytest.mark.parametrize("lowercase", [True, False])
def test_added_tokens_equal_hugging_face(lowercase, vocabularies):
    added = [
        AddedToken("Covid"),  # found in the normalized text, so "COVIDS" has it as well
        AddedToken("New York"),
        AddedToken("好吃"),
        AddedToken("ab", normalized=False),
        AddedToken("abc", normalized=False),
        AddedToken("<e1>", special=True),
        AddedToken("<covid>", special=True),
        AddedToken("[MASK]", lstrip=True, special=True, normalized=True),
    ]
    lines = [
        "covid COVIDS x<covid>x<COVID> new york NEW  YORK New Yorker",
        "好吃好吃 很好吃了 好 吃",
        "ababcabcd ABC ab\u0301 <e1><E1> <e1>",
        "a [MASK] [mask]b",
    ]
    vocabulary = vocabularies[lowercase]
    tokenizer = WordPieceTokenizer(vocabulary, BertNormalization(lowercase), added_tokens=added)
    peer = peer_of(vocabulary, lowercase)
    peer.add_tokens(added)
    assert different_lines(tokenizer, peer, lines) == []
    assert tokenizer.vocabulary[len(vocabulary) :] == [token.content for token in added[:-1]]


def test_longer_words_are_unknown():
    vocabulary = [*SPECIAL_TOKENS, "a", "##a"]
    tokenizer = WordPieceTokenizer(vocabulary, max_word_characters=8)
    texts = tf.constant(["a" * 8 + " " + "a" * 9 + "[MASK]"])
    assert tokenizer.tokenize(texts).to_list() == [[5, *[6] * 7, 1, 4]]


def test_pieces_that_go_on_with_a_word():
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, "a", "##b", "#"])
    assert tokenizer.is_continuation.tolist() == [False] * 6 + [True, False]


def test_encode_adds_special_tokens_and_cuts():
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, "a", "##b"])
    encoded = tokenizer.encode(tf.constant(["ab a q", "", "a a a a a a"]), max_sequence_length=5)
    assert encoded.to_list() == [[2, 5, 6, 5, 3], [2, 3], [2, 5, 5, 5, 3]]


def test_pack_pads_to_the_longest_or_to_a_length():
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, "a"])
    encoded = tokenizer.encode(tf.constant(["a a", ""]), max_sequence_length=8)
    inputs = tokenizer.pack(encoded)
    assert inputs["token_ids"].numpy().tolist() == [[2, 5, 5, 3], [2, 3, 0, 0]]
    assert inputs["padding_mask"].numpy().tolist() == [[True] * 4, [True, True, False, False]]
    assert inputs["segment_ids"].numpy().tolist() == [[0] * 4] * 2
    assert tokenizer.pack(encoded, length=7)["padding_mask"].shape == (2, 7)


def test_pairs_are_cut_as_in_hugging_face(vocabularies):
    rng = random.Random(2)
    texts = [" ".join(rng.choices(WORDS[0].split(), k=rng.randint(0, 12))) for _ in range(600)]
    pairs = [*zip(texts[:300], texts[300:], strict=True), ("", ""), ("[SEP] a", "b [SEP]")]
    tokenizer = WordPieceTokenizer(vocabularies[True])
    peer = peer_of(vocabularies[True])
    for length in (3, 4, 5, 10, 17, 64):
        peer.enable_truncation(length)
        expected = peer.encode_batch(pairs)
        token_ids = tokenizer.encode_all(pairs, length)
        assert token_ids.merge_dims(1, 2).to_list() == [each.ids for each in expected]
        assert sequence_lengths(token_ids).numpy().tolist() == [len(each.ids) for each in expected]
        inputs = tokenizer.pack(token_ids)
        segment_ids = tf.ragged.boolean_mask(inputs["segment_ids"], inputs["padding_mask"])
        assert segment_ids.to_list() == [each.type_ids for each in expected]


def test_pairs_are_packed():
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, "a", "b"])
    encoded = tokenizer.encode_pairs(tf.constant(["a a", ""]), tf.constant(["b", "b"]), 16)
    assert encoded.to_list() == [[[2, 5, 5, 3], [6, 3]], [[2, 3], [6, 3]]]
    inputs = tokenizer.pack(tf.gather(encoded, [1, 0]), length=7)
    assert inputs["token_ids"].numpy().tolist() == [[2, 3, 6, 3, 0, 0, 0], [2, 5, 5, 3, 6, 3, 0]]
    assert inputs["segment_ids"].numpy().tolist() == [[0, 0, 1, 1, 0, 0, 0], [0, 0, 0, 0, 1, 1, 0]]
    assert inputs["padding_mask"].numpy().sum(axis=1).tolist() == [4, 6]


def test_pairs_have_operations_that_servers_have():
    tokenizer = WordPieceTokenizer(SPECIAL_TOKENS)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)] * 2, autograph=False)
    def encode(first, second):
        return tokenizer.pack(tokenizer.encode_pairs(first, second, 16))

    graph = encode.get_concrete_function().graph
    nodes = [*graph.as_graph_def().node]
    nodes += [node for each in graph.as_graph_def().library.function for node in each.node_def]
    strange = {node.op for node in nodes if not hasattr(tf.raw_ops, node.op)} - TEXT_OPS
    assert strange == set()
    assert encode(tf.constant([], tf.string), tf.constant([], tf.string))["token_ids"].shape[0] == 0


def test_strings_that_are_not_unicode_are_taken():
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, "a"])
    texts = as_bytes(["a \ud83d", "a \udcff", b"a \xed\xa0\xbd\xff", "a 😀"])
    assert tokenizer.tokenize(texts).to_list() == [[5], [5], [5], [5, 1]]


OPTIONS = {
    "usual": {},
    "cased": {
        "normalization": BertNormalization(lowercase=False, strip_accents=True, split_chinese=False)
    },
    "not as BertTokenizer": {
        "normalization": BertNormalization(clean_text=False),
        "max_word_characters": 20,
    },
    "other names": {"special_tokens": SpecialTokens(cls="<s>", mask="<mask>")},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_what_is_saved_gives_the_same_ids(name, tmp_path, vocabularies):
    options = OPTIONS[name]
    names = options.get("special_tokens", SpecialTokens())
    added = [AddedToken("<e1>", special=True), AddedToken("New York")]
    lowercase = options.get("normalization", BertNormalization()).lowercase
    vocabulary = [*names.all, *vocabularies[lowercase][5:]]
    tokenizer = WordPieceTokenizer(vocabulary, added_tokens=added, **options)
    tokenizer.save(tmp_path, max_sequence_length=12)
    loaded = WordPieceTokenizer.load(tmp_path)
    assert loaded.vocabulary == [*vocabulary, "<e1>", "New York"]
    assert {option: getattr(loaded, option) for option in options} == options
    assert loaded.model_max_length == 12

    peer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    texts = [*TEXTS, f"a<e1>{names.mask} new york"]
    for lines in (texts, list(zip(texts, texts[::-1], strict=True))):
        expected = peer.encode_batch(lines)
        for each in (tokenizer, loaded):
            inputs = each.pack(each.encode_all(lines, 12))
            for key, attribute in (("token_ids", "ids"), ("segment_ids", "type_ids")):
                actual = tf.ragged.boolean_mask(inputs[key], inputs["padding_mask"]).to_list()
                assert actual == [getattr(line, attribute) for line in expected]
