"""Where the tokens of a text are in it: in characters, as Python counts them."""

import random
import unicodedata
from pathlib import Path

import pytest
import tensorflow as tf
from tokenizers import AddedToken, Tokenizer

from regard.recipes.serving.export import AWKWARD_TEXTS
from regard.recipes.serving.server_ops import TEXT_OPS
from regard.recipes.text.reviews import generate_reviews
from regard.recipes.tokenizers.backend import make_backend
from regard.recipes.tokenizers.bpe import BytePairs
from regard.recipes.tokenizers.normalization import BertNormalization
from regard.recipes.tokenizers.offsets import Located, substrings
from regard.recipes.tokenizers.opening import open_tokenizer
from regard.recipes.tokenizers.pieces import SPECIAL_TOKENS
from regard.recipes.tokenizers.regex import SPACE
from regard.recipes.tokenizers.wordpiece import WordPieceTokenizer
from regard.recipes.tokens.encoding import TokenEncoder

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


FIXTURES = Path(__file__).parent / "fixtures" / "tokenizers"
PIPELINES = ["albert-json", "camembert-json", "deberta-v2-json", "modernbert-json", "roberta-json",
             "xlm-roberta-json"]  # fmt: skip
NO_CONTROLS = dict.fromkeys([*range(0x20), 0x7F, 0x85], "x")
# Where a piece is of more than one word, these are one.
JOINED = {"我们", "5%"}


@pytest.fixture(scope="module")
def tokenizer():
    return WordPieceTokenizer([*SPECIAL_TOKENS, *PIECES])


def located(tokenizer, text):
    """The pieces of a text, each with what it is of the text."""
    ids, starts, ends, _ = (each.to_list()[0] for each in tokenizer.locate(tf.constant([text])))
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
    rows = zip(texts, *(each.to_list() for each in found[:3]), strict=True)
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


# Tokenizers whose pieces carry the spaces before them


@pytest.fixture(scope="module", params=PIPELINES)
def pipeline(request):
    """A tokenizer, and what `tokenizers` reads of the same file."""
    directory = FIXTURES / request.param
    return open_tokenizer(directory), Tokenizer.from_file(str(directory / "tokenizer.json"))


def test_places_are_those_of_tokenizers_without_spaces(pipeline):
    """But that what is composed or stripped of marks has all of them, and controls may differ."""
    tokenizer, backend = pipeline
    texts = [text.translate(NO_CONTROLS) for text in drawn(400)]
    texts += [
        "John  Smith, of New York's U.S. (don't)\nÜber 12,5%",
        "",
        " a ",
        "İstanbul ﬁne 我们",
    ]
    texts += generate_reviews(50, 0, held_out=False)[0]
    found = tokenizer.locate(tf.constant([text.encode() for text in texts]))
    assert found.ids.to_list() == tokenizer.tokenize(tf.constant(texts)).to_list()
    num_equal, num_other = 0, 0
    rows = zip(texts, *(each.to_list() for each in found[:3]), strict=True)
    for text, ids, starts, ends in rows:
        theirs = backend.encode(text, add_special_tokens=False)
        if theirs.ids != ids:  # the class finds special tokens otherwise than the file
            continue
        places = zip(theirs.offsets, theirs.tokens, starts, ends, strict=True)
        for (start, end), piece, own_start, own_end in places:
            inner = text[start:end].strip()
            start += len(text[start:end]) - len(text[start:end].lstrip())
            if not inner or piece == SPACE:  # spaces alone
                continue
            same = (start, start + len(inner)) == (own_start, own_end)
            beyond = text[start + len(inner) : own_end]
            has_marks = start == own_start and beyond and all(map(unicodedata.combining, beyond))
            num_equal, num_other = num_equal + same, num_other + (not same and not has_marks)
    assert num_equal > 1500
    assert num_other <= 0.01 * num_equal


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("John Smith, of", ["John", "Smith", ",", "of"]),
        ("New  York's (U.K.)", ["New", "York", "'", "s", "(", "U", ".", "K", ".", ")"]),
        ("  a\n\nb ", ["a", "b"]),
        ("", []),
        (" \n ", []),
        ("12,5%", ["12", ",", "5", "%"]),
        ("Cafe\u0301, \u00e9t\u00e9", ["Cafe\u0301", ",", "\u00e9t\u00e9"]),
        ("\u6211\u4eec in Rome", ["\u6211", "\u4eec", "in", "Rome"]),
    ],
)
def test_words_are_told_by_characters(text, expected, pipeline):
    """Whatever the pieces are, words are those that BERT's tokenizer splits."""
    tokenizer, _ = pipeline
    encoder = TokenEncoder(tokenizer, 64)
    words = encoder.words(encoder.locate_all([text]))
    places = zip(words.starts.to_list()[0], words.ends.to_list()[0], strict=True)
    found = [text[start:end] for start, end in places]
    assert "".join(found) == "".join(expected), "every character but spaces"
    assert {*found} <= {*expected} | JOINED
    if type(tokenizer._model) is BytePairs:  # nothing is unknown to it, and pieces are short
        assert found == expected


def test_pipelines_use_operations_of_the_stock_server(pipeline):
    tokenizer, _ = pipeline
    tokenizer.locate(tf.constant(["a"]))
    function = tf.function(lambda texts: Located.stacked(tokenizer.locate(texts)), autograph=False)
    graph = function.get_concrete_function(tf.TensorSpec([None], tf.string)).graph.as_graph_def()
    nodes = [*graph.node, *(node for each in graph.library.function for node in each.node_def)]
    ops = {node.op for node in nodes} - {each.signature.name for each in graph.library.function}
    assert {op for op in ops if not hasattr(tf.raw_ops, op)} <= set(TEXT_OPS)
