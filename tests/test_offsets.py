"""Where the tokens of a text are in it: in characters, as Python counts them."""

import random
import unicodedata

import pytest
import tensorflow as tf
from tokenizers import AddedToken

from regard.recipes.errors import UserError
from regard.recipes.serving.export import AWKWARD_TEXTS
from regard.recipes.serving.server_ops import TEXT_OPS
from regard.recipes.text.reviews import generate_reviews
from regard.recipes.tokenizers.backend import make_backend
from regard.recipes.tokenizers.encoder import EncoderTokenizer, Frame
from regard.recipes.tokenizers.normalization import BertNormalization
from regard.recipes.tokenizers.offsets import Located, substrings
from regard.recipes.tokenizers.pieces import SPECIAL_TOKENS
from regard.recipes.tokenizers.wordpiece import WordPieceTokenizer

PIECES = [
    "ada",
    "##m",
    "caf",
    "##e",
    "cafe",
    "$",
    "1",
    "##2",
    ",",
    ".",
    "in",
    "rome",
    "好",
    "한",
    "x",
]
PIECES += ["\u1112", "##\u1161", "##\u11ab", "i", "\u00e9"]
POOLS = (
    *(range(0x20, 0x7F), range(0xA0, 0x250), range(0x300, 0x370), range(0x370, 0x600)),
    *(range(0x4E00, 0x4E50), range(0xAC00, 0xAC50), range(0x1F600, 0x1F640), range(0x20)),
    *(range(0x2000, 0x2070), (0x100000, 0x100001, 0xFFFD, 0xE000, 0xF0000)),
)


@pytest.fixture(scope="module")
def tokenizer():
    return WordPieceTokenizer([*SPECIAL_TOKENS, *PIECES])


def located(tokenizer, text):
    """The pieces of a text, each with what it is of the text."""
    ids, starts, ends = (each.to_list()[0] for each in tokenizer.locate(tf.constant([text])))
    pieces = [tokenizer.vocabulary[index] for index in ids]
    return [(piece, text[s:e]) for piece, s, e in zip(pieces, starts, ends, strict=True)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("  \t ", []),
        ("Adam, in Rome.", [("ada", "Ada"), ("##m", "m"), (",", ","), ("in", "in"),
                            ("rome", "Rome"), (".", ".")]),
        ("😀Ada 😀 in", [("[UNK]", "😀Ada"), ("[UNK]", "😀"), ("in", "in")]),
        ("Caf\u00e9 in", [("cafe", "Caf\u00e9"), ("in", "in")]),  # one character
        ("Cafe\u0301 in", [("cafe", "Cafe\u0301"), ("in", "in")]),  # with a mark of its own
        ("cafe\u0301\u0301.", [("cafe", "cafe\u0301\u0301"), (".", ".")]),
        ("\u0301in", [("in", "in")]),  # a mark of nothing
        ("好in好", [("好", "好"), ("in", "in"), ("好", "好")]),
        ("\u200bin\u200b \u0000in", [("in", "in"), ("in", "in")]),  # dropped, and no marks
        ("in[MASK]in [SEP]", [("in", "in"), ("[MASK]", "[MASK]"), ("in", "in"),
                              ("[SEP]", "[SEP]")]),
        ("x" * 101 + " in", [("[UNK]", "x" * 101), ("in", "in")]),
        ("İ in", [("i", "İ"), ("in", "in")]),
        ("$12.", [("$", "$"), ("1", "1"), ("##2", "2"), (".", ".")]),
    ],
)  # fmt: skip
def test_what_each_piece_is_of_a_text(text, expected, tokenizer):
    assert located(tokenizer, text) == expected


def test_a_character_that_is_taken_apart_is_whole_in_each_of_its_pieces(tokenizer):
    """Korean syllables are letters after NFD."""
    assert [part for _, part in located(tokenizer, "in 한.")] == ["in", "한", "한", "한", "."]


def test_an_accent_that_stays_is_a_character():
    kept = BertNormalization(strip_accents=False)
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, "caf\u00e9", "cafe\u0301"], kept)
    assert located(tokenizer, "CAF\u00c9") == [("caf\u00e9", "CAF\u00c9")]
    assert located(tokenizer, "Cafe\u0301") == [("cafe\u0301", "Cafe\u0301")]


def test_added_tokens_are_found_where_they_stand():
    added = [AddedToken("Naïve", normalized=True), AddedToken("<e>", normalized=False)]
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, "in"], added_tokens=added)
    assert located(tokenizer, "in <e>nai\u0308ve in") == [
        ("in", "in"),
        ("<e>", "<e>"),
        ("Naïve", "nai\u0308ve"),
        ("in", "in"),
    ]


def drawn(count):
    """Texts of anything, special tokens among them."""
    draw, texts = random.Random(0), []
    for _ in range(count):
        parts = [
            draw.choice(["[MASK]", "[SEP] ", "##", "[UNK]", " "])
            if draw.random() < 0.1
            else chr(draw.choice(draw.choice(POOLS)))
            for _ in range(draw.randint(0, 30))
        ]
        texts.append("".join(parts))
    return texts


def test_ids_are_those_that_the_tokenizer_gives_and_places_those_of_tokenizers(tokenizer):
    """But for combining marks, which belong to the character before: there they end earlier."""
    backend = make_backend(
        {piece: index for index, piece in enumerate(tokenizer.base_vocabulary)},
        tokenizer.special_tokens,
        tokenizer.added_tokens,
        tokenizer.normalization,
    )
    texts = [*drawn(800), *generate_reviews(50, 0, held_out=False)[0]]
    found = tokenizer.locate(tf.constant([text.encode() for text in texts]))
    assert found.ids.to_list() == tokenizer.tokenize(tf.constant(texts)).to_list()
    rows = zip(texts, *(each.to_list() for each in found), strict=True)
    num_longer = 0
    for text, ids, starts, ends in rows:
        theirs = backend.encode(text, add_special_tokens=False)
        assert theirs.ids == ids, ascii(text)
        for (start, end), own_start, own_end in zip(theirs.offsets, starts, ends, strict=True):
            assert own_start == start, ascii(text)
            beyond = text[end:own_end]
            num_longer += bool(beyond)
            assert all(unicodedata.category(each)[0] == "M" for each in beyond), ascii(text)
    assert num_longer > 100
    cut = substrings(tf.constant([text.encode() for text in texts]), found.starts, found.ends)
    places = (found.starts.to_list(), found.ends.to_list())
    for text, parts, starts, ends in zip(texts, cut.to_list(), *places, strict=True):
        own = [text[start:end] for start, end in zip(starts, ends, strict=True)]
        assert [part.decode() for part in parts] == own


def test_awkward_and_long_texts(tokenizer):
    texts = tf.constant([*AWKWARD_TEXTS, b"in " * 360_000])
    found = tokenizer.locate(texts)
    whole = tokenizer.tokenize(texts)
    assert found.ids.to_list() == whole.to_list()
    assert found.starts[-1][-1] == 3 * (whole[-1].shape[0] - 1)


def test_no_texts(tokenizer):
    assert tokenizer.locate(tf.constant([], tf.string)).starts.to_list() == []


def test_its_operations_are_on_the_stock_server(tokenizer):
    function = tf.function(lambda texts: Located.stacked(tokenizer.locate(texts)), autograph=False)
    graph = function.get_concrete_function(tf.TensorSpec([None], tf.string)).graph.as_graph_def()
    nodes = [*graph.node, *(node for each in graph.library.function for node in each.node_def)]
    ops = {node.op for node in nodes} - {each.signature.name for each in graph.library.function}
    assert "RegexSplitWithOffsets" in ops
    assert {op for op in ops if not hasattr(tf.raw_ops, op)} <= set(TEXT_OPS)


def test_a_tokenizer_that_does_not_locate_says_so():
    other = EncoderTokenizer(tf.strings.unicode_decode, Frame(1, 2), 0, 3)
    with pytest.raises(UserError, match=r"known of WordPiece alone.*Received: a EncoderTokenizer"):
        other.locate(tf.constant(["a"]))
