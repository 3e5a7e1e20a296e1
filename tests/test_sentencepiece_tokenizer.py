"""The translator's tokenizer: in and out of a graph, for what people write and what they do not."""

import gc
import json
import random
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from regard.recipes.errors import UserError
from regard.recipes.tokenizers.beginnings import BYTES_AT_FIRST, FURTHER
from regard.recipes.tokenizers.sentencepiece import SentencePieceTokenizer
from regard.recipes.tokenizers.spelling import BYTE_PIECES
from tiers import only_first

WORDS = (
    'a the dog runs, don\'t well-kept café £100 10:30 p.m. U.S. "quoted" (really) naïve !? 50% #1',
    "der die das Mädchen läuft über Straße größer, Übung »schön« süß Füße 1990er weiß-blau.",
    "一只 狗 跑过 ， 草地 。 “不错” 《书》 ＡＢＣ １２３ ？ ！ 、 （好） 下次 还会 再来",
)


def natural_lines(count, seed=0):
    rng = random.Random(seed)
    words = [line.split() for line in WORDS]
    for _ in range(count):
        language = rng.choice(words)
        drawn = rng.choices(language, k=rng.randint(1, 20))
        yield ("" if language is words[2] else " ").join(drawn)


LINES = list(natural_lines(1500))
AWKWARD = [
    "",
    " ",
    "   ",
    "\t",
    "a\tb",
    " a \n the\r\n",
    "  the   dog  ",
    "龘 unknown 龘龘",
    "😀👩‍👩‍👧🇨🇳❤️",
    "عربي עברית ไทย हिन्दी 한국어",
    "zero\u200bwidth\u200djoiner soft\u00adhyphen bom\ufeff",
    "\ufeffthe",
    "bell\x07 delete\x7f next\x85line",
    "nul\0nul",
    "\0",
    "ﬁnd ＡＢＣ１２３，。 ①㍿Å",
    "nbsp\u00a0em\u2003ideographic\u3000line\u2028paragraph\u2029",
    "e\u0301 é \u0301",
    "▁the▁ ▁ ▅ ⁇",
    "</s> <unk> <pad> x</s>y",
    "\ue000\U0010ffff\ufffe",
    "the " * 3000,
    "x" * 5000,
    "狗" * 3000,
]
NOT_UNICODE = [
    b"\xff",
    b"the\xffdog",
    b"\xed\xa0\xbd the",
    b"dog \xe4\xbd",
    b"\xc3",
    b"\xf0\x9f\x98",
]


@pytest.fixture(scope="module")
def tokenizer():
    return SentencePieceTokenizer.learn(LINES, LINES, 400)


def pieces_of(tokenizer, ids):
    names = {index: piece for piece, index in tokenizer.vocabulary.items()}
    return [names[index] for index in ids]


def decode(tokenizer, rows):
    texts = tokenizer.decode(tf.ragged.constant(rows, tf.int32).to_tensor(tokenizer.pad_id))
    return [text.decode() for text in texts.numpy()]


# Learning


def test_special_tokens_have_the_ids_of_marian(tokenizer):
    assert (tokenizer.end_id, tokenizer.unknown_id, tokenizer.pad_id) == (0, 1, 399)
    assert sorted(tokenizer.vocabulary.values()) == list(range(400))


def test_every_character_has_a_piece(tokenizer):
    lines = ["ab\u200bc\x01 \u3000", *LINES, "龘😀"]
    learned = SentencePieceTokenizer.learn(lines, lines, 300)
    assert {*"".join(lines)} - {" "} <= learned.vocabulary.keys()
    assert learned.unknown_id not in np.concatenate(learned.encode_targets(lines))
    assert "龘" not in tokenizer.vocabulary
    assert tokenizer.encode_targets(["龘"])[0][-2:] == [tokenizer.unknown_id, tokenizer.end_id]


def test_every_character_of_a_source_has_a_piece_as_it_is_normalized():
    """Where nothing but sources has them: full-width commas of Chinese, accents that combine."""
    sources = ["他来了，是吗？好！", "cafe\u0301 o\u0308l", "\u1112\u1161\u11ab"]
    learned = SentencePieceTokenizer.learn(sources * 9, ["x"], 300)
    assert learned.unknown_id not in np.concatenate(learned.encode_sources(sources))


def test_a_vocabulary_too_small_for_the_characters():
    with pytest.raises(UserError, match="vocabulary_size=9"):
        SentencePieceTokenizer.learn(["abcd"], ["efgh"], 9)


def test_little_text_gives_fewer_pieces():
    learned = SentencePieceTokenizer.learn(["ab ab"], ["ab"], 8000)
    assert set(learned.vocabulary) == {"</s>", "<unk>", "▁ab", "ab", "▁a", "a", "b", "▁", "<pad>"}
    assert learned.pad_id == 8


def test_learning_takes_any_iterable_and_gives_the_same_each_time(tokenizer):
    again = SentencePieceTokenizer.learn(iter(LINES), iter(LINES), 400)
    assert again.vocabulary == tokenizer.vocabulary
    assert again.source.model == tokenizer.source.model


def test_sources_are_normalized_and_targets_kept(tokenizer):
    assert len(set(map(tuple, tokenizer.encode_sources(["ABC123,!", "ＡＢＣ１２３，！"])))) == 1
    assert len(set(map(tuple, tokenizer.encode_targets(["ABC123,!", "ＡＢＣ１２３，！"])))) == 2
    learned = SentencePieceTokenizer.learn(LINES, [*LINES, "ﬁnd ﬁsh find ABC"], 400)
    assert len(set(map(tuple, learned.encode_sources(["find", "ﬁnd"])))) == 1
    written = "ＡＢＣ，（好）！？“不错”。 ﬁnd"
    assert decode(learned, learned.encode_targets([written])) == [written]
    assert decode(learned, learned.encode_sources([written])) == ["ABC,(好)!?“不错”。 find"]


def test_a_text_of_another_kind_of_space_is_read_as_one_of_spaces(tokenizer):
    expected = tokenizer.encode_sources(["the dog"])[0]
    odd = ["the\u00a0dog", "the\u3000dog", "the\tdog", "the\ndog", "the\u2003 dog", " the dog "]
    assert tokenizer.encode_sources(odd) == [expected] * len(odd)


# In a graph


def test_graph_gives_the_same_ids(tokenizer):
    lines = [*LINES[:500], *AWKWARD]
    encode = tf.function(tokenizer.encode, autograph=False)
    assert encode(tf.constant(lines), 10**6).to_list() == tokenizer.encode_sources(lines)


def test_stress_lines_have_the_same_ids_in_a_graph(tokenizer):
    rng = random.Random(1)
    ranges = ((0x00, 0x7F), (0x80, 0x24F), (0x300, 0x36F), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3))
    ranges += ((0x2000, 0x206F), (0xFF01, 0xFF5E), (0x1F300, 0x1F64F), (0x5D0, 0x64A), (0x20, 0x20))
    lines = [
        "".join(chr(rng.randint(*rng.choice(ranges))) for _ in range(rng.randint(1, 40)))
        for _ in range(2000)
    ]
    assert tokenizer.encode(tf.constant(lines), 64).to_list() == tokenizer.encode_sources(lines)


def test_bytes_that_are_not_unicode_are_unknown(tokenizer):
    rows = tokenizer.encode(tf.constant(NOT_UNICODE), 64).to_list()
    unknown = [text.decode("utf-8", "replace").replace("\ufffd", "龘") for text in NOT_UNICODE]
    assert rows == tokenizer.encode_sources(unknown)


def test_seeds_and_other_tokenizers_do_not_touch_it(tokenizer):
    encode = tf.function(lambda texts: tokenizer.encode(texts, 64), autograph=False)
    expected = tokenizer.encode_sources(["the dog"])
    assert encode(tf.constant(["the dog"])).to_list() == expected
    tf.random.set_seed(1)
    assert encode(tf.constant(["the dog"])).to_list() == expected
    assert tokenizer.encode(tf.constant(["the dog"]), 64).to_list() == expected
    twin = SentencePieceTokenizer(
        tokenizer.source.model, tokenizer.target.model, tokenizer.vocabulary
    )
    assert twin.encode(tf.constant(["the dog"]), 64).to_list() == expected
    del twin
    gc.collect()
    assert encode(tf.constant(["the dog"])).to_list() == expected


def test_what_is_cut_has_an_end_still(tokenizer):
    whole = tokenizer.encode_sources(["the dog runs, the dog"])[0]
    assert len(whole) > 5
    for length in (1, 2, 5, len(whole) - 1):
        row = tokenizer.encode(tf.constant(["the dog runs, the dog"]), length).to_list()[0]
        assert row == [*whole[: length - 1], tokenizer.end_id]
    for length in (len(whole), 10**6):
        row = tokenizer.encode(tf.constant(["the dog runs, the dog"]), length).to_list()[0]
        assert row == whole


def test_no_texts(tokenizer):
    assert tokenizer.encode(tf.constant([], tf.string), 9).shape[0] == 0
    assert tokenizer.encode_sources([]) == []
    assert tokenizer.decode(tf.zeros([0, 3], tf.int32)).shape == (0,)


# Out again


def test_targets_come_back_as_they_were_written(tokenizer):
    assert decode(tokenizer, tokenizer.encode_targets(LINES)) == LINES
    odd = ["  the   dog ", "", "   ", "the dog\u3000runs"]
    learned = SentencePieceTokenizer.learn(LINES, [*LINES, *odd], 400)
    expected = ["the dog", "", "", "the dog\u3000runs"]
    assert decode(learned, learned.encode_targets(odd)) == expected


def test_special_tokens_are_not_written(tokenizer):
    end, unknown, pad = tokenizer.end_id, tokenizer.unknown_id, tokenizer.pad_id
    row = tokenizer.encode_targets(["the dog"])[0][:-1]
    rows = [[pad, *row, end, pad], [unknown, *row, unknown, end], [end, pad, pad, unknown]]
    assert decode(tokenizer, rows) == ["the dog", "the dog", ""]
    beams = tf.ragged.constant([rows[:2], rows[1:]]).to_tensor(pad)  # (2, 2, L)
    assert tokenizer.decode(beams).numpy().tolist() == [[b"the dog"] * 2, [b"the dog", b""]]


# Characters that are spelled in bytes

MANY = [f"{chr(0x4E00 + n)}狗跑过{chr(0x5A00 + n // 9)}" for n in range(1500)]
NEVER_SEEN = [
    "龘 unknown 龘龘",
    "😀👩‍👩‍👧🇨🇳❤️",
    "ሰላም עברית ไทย हिन्दी 한국어 ខ្មែរ",
    "<b>bold</b> and {name}, 1,234,567.89 € at https://example.org/a_b?c=%20&d=[1]#x",
    "« oui » 12\u202f345\u00a0km \ufeffx",
    "e\u0301 ＡＢＣ \u0301",
]


@pytest.fixture(scope="module")
def speller():
    """Learned from more characters than it has pieces."""
    return SentencePieceTokenizer.learn([*LINES, *MANY], [*LINES, *MANY], 1200)


def test_more_characters_than_pieces(speller, caplog):
    assert len({*"".join(MANY)}) > len(speller.vocabulary) == 1200
    assert speller.vocabulary.keys() >= {*BYTE_PIECES}
    characters = [piece for piece in speller.vocabulary if len(piece) == 1]
    assert 100 < len(characters) < 600
    assert {*"狗跑过the"} <= {*characters}
    assert decode(speller, speller.encode_targets(MANY)) == MANY


def test_what_was_never_seen_survives(speller):
    rows = speller.encode_targets(NEVER_SEEN)
    assert speller.unknown_id not in np.concatenate(rows)
    assert decode(speller, rows) == NEVER_SEEN
    lines = [*NEVER_SEEN, *LINES[:300], *AWKWARD, *MANY[:100]]
    rows = speller.encode(tf.constant(lines), 10**6).to_list()
    assert rows == speller.encode_sources(lines)
    assert speller.unknown_id not in np.concatenate(rows)


def test_bytes_that_are_no_text_are_written_as_such(speller):
    ids = [speller.vocabulary[f"<0x{byte:02X}>"] for byte in "é狗".encode()]
    texts = decode(speller, [ids, ids[:-1], ids[1:], [speller.vocabulary["a"], *ids[3:]]])
    assert texts[0] == "é狗"
    assert texts[1][0] == "é" and {*texts[1][1:]} == {"\ufffd"}
    assert texts[2] == "\ufffd狗"
    assert texts[3][0] == "a" and {*texts[3][1:]} == {"\ufffd"}


def test_what_spells_is_saved_as_well(speller, tmp_path):
    speller.save(tmp_path, 77)
    loaded = SentencePieceTokenizer.load(tmp_path)
    assert loaded.encode_sources(NEVER_SEEN) == speller.encode_sources(NEVER_SEEN)
    assert decode(loaded, loaded.encode_targets(NEVER_SEEN)) == NEVER_SEEN


def test_the_advice_for_too_small_a_vocabulary_works():
    with pytest.raises(UserError, match="or at least 512"):
        SentencePieceTokenizer.learn(MANY, LINES, 511)
    learned = SentencePieceTokenizer.learn(MANY, LINES, 512)
    assert decode(learned, learned.encode_targets([*MANY[:9], *LINES[:9]])) == [
        *MANY[:9],
        *LINES[:9],
    ]


def test_a_digit_is_a_piece_by_itself():
    """So that a number never seen is cut up like those that were."""
    lines = ["in 1990 and 2026"] * 50
    learned = SentencePieceTokenizer.learn(lines, lines, 60)
    assert {*"190260"} <= learned.vocabulary.keys()
    assert not [
        piece for piece in learned.vocabulary if len(piece) > 1 and any(map(str.isdigit, piece))
    ]


# No more is tokenized than is read


def counted(tokenizer, monkeypatch):
    """Counts the bytes that are given to SentencePiece."""
    sizes = []
    whole = tokenizer._numbered

    def count(texts):
        sizes.append(int(tf.reduce_sum(tf.strings.length(texts))))
        return whole(texts)

    monkeypatch.setattr(tokenizer, "_numbered", count)
    return sizes


@pytest.mark.parametrize("unit", ["狗", "狗跑过草地", "o", "thedogruns", "a", "1", "ｔ", "!"])
def test_of_a_text_without_spaces_only_its_beginning_is_tokenized(tokenizer, monkeypatch, unit):
    sizes = counted(tokenizer, monkeypatch)
    whole = tokenizer.encode_sources([unit * 4000])[0]
    for kilobytes in (100, 400, 1600):
        text = unit * (1000 * kilobytes // len(unit.encode()))
        row = tokenizer.encode(tf.constant([text, "the dog"]), 100).to_list()
        assert row[0] == [*whole[:99], tokenizer.end_id]
        assert row[1] == tokenizer.encode_sources(["the dog"])[0]
    assert len({*sizes}) <= 2
    assert sum(sizes) < 3 * 4 * BYTES_AT_FIRST * (100 + FURTHER)


@pytest.mark.parametrize("unit", only_first(["龘😀ሰ", "龘", " ", "\u3000", "\u200b", "\xff"]))
def test_what_is_no_token_or_one_is_passed_over_in_linear_time(tokenizer, monkeypatch, unit):
    """A run of spaces or unknown characters, however long; TensorFlow Text alone is quadratic."""
    is_nothing = unit in " \u3000\u200b"
    unit = b"\xff" if unit == "\xff" else unit.encode()
    expected = tokenizer.encode_sources(["the dog" if is_nothing else "龘 the dog"])
    for kilobytes in (100, 400, 1600):
        sizes = counted(tokenizer, monkeypatch)
        text = unit * (1000 * kilobytes // len(unit))
        row = tokenizer.encode(tf.constant([text + b" the dog"]), 100).to_list()
        assert row == expected
        assert sum(sizes) < 3 * len(text) + 2 * BYTES_AT_FIRST * (100 + FURTHER)
    runs = tokenizer._graph_source._run(tf.constant(["龘龘"]), tf.int32).row_lengths()
    assert runs.numpy()[0] >= 6  # and nothing is put together there


def test_where_a_text_is_cut_changes_nothing():
    """Not even where every neighbour may be put together with the next."""
    rng = random.Random(5)
    lines = ["".join(rng.choices("ab", k=rng.randint(1, 200))) for _ in range(300)]
    learned = SentencePieceTokenizer.learn(lines, lines, 400)
    texts = ["".join(rng.choices("ab", k=4000)) for _ in range(50)]
    texts += ["a" * 5000, "ab" * 2500, "aab" * 2000, "龘a" * 3000, "a e\u0301" * 2000]
    for length in (1, 2, 30):
        expected = learned.cut(learned.encode_sources(texts), length)
        assert learned.encode(tf.constant(texts), length).to_list() == expected


# Subword dropout


@pytest.mark.parametrize("side", ["encode_sources", "encode_targets"])
def test_dropout_follows_its_seed(tokenizer, side):
    encode = getattr(tokenizer, side)
    lines = [line for line in LINES[:200] if line.isascii()]
    plain, first = encode(lines), encode(lines, 0.3, seed=5)
    encode(lines, 0.3, seed=6)
    assert encode(lines, 0.3, seed=5) == first
    assert encode(lines, 0.3, seed=6) != first
    assert encode(lines, 0.0, seed=5) == plain
    assert sum(map(len, plain)) < sum(map(len, first)) < sum(map(len, encode(lines, 0.9, seed=5)))
    assert decode(tokenizer, first) == decode(tokenizer, plain) == lines
    assert {row[-1] for row in first} == {tokenizer.end_id}


# Files


def test_what_is_saved_is_the_same(tokenizer, tmp_path):
    tokenizer.save(tmp_path, 77)
    loaded = SentencePieceTokenizer.load(tmp_path)
    assert loaded.vocabulary == tokenizer.vocabulary
    lines = [*LINES[:200], *AWKWARD]
    assert loaded.encode_sources(lines) == tokenizer.encode_sources(lines)
    assert loaded.encode_targets(lines) == tokenizer.encode_targets(lines)
    assert loaded.encode(tf.constant(lines), 50).to_list() == (
        tokenizer.encode(tf.constant(lines), 50).to_list()
    )
    config = json.loads((tmp_path / "tokenizer_config.json").read_text("utf-8"))
    assert (config["model_max_length"], config["pad_token"]) == (77, "<pad>")


def test_ids_are_those_of_the_vocabulary_file(tokenizer, tmp_path):
    """In a checkpoint the ids differ from those that the models of pieces have."""
    tokenizer.save(tmp_path, 77)
    count = len(tokenizer.vocabulary)
    turned = {piece: count - 1 - index for piece, index in tokenizer.vocabulary.items()}
    (tmp_path / "vocab.json").write_text(json.dumps(turned), encoding="utf-8")
    loaded = SentencePieceTokenizer.load(tmp_path)
    assert (loaded.end_id, loaded.unknown_id, loaded.pad_id) == (count - 1, count - 2, 0)
    lines = ["the dog runs, 龘", "一只狗"]
    expected = [[count - 1 - index for index in row] for row in tokenizer.encode_sources(lines)]
    assert loaded.encode_sources(lines) == expected
    assert loaded.encode(tf.constant(lines), 99).to_list() == expected
    assert decode(loaded, expected) == ["the dog runs,", "一只狗"]


def test_a_piece_without_an_id_is_unknown(tokenizer, tmp_path):
    tokenizer.save(tmp_path, 77)
    row = tokenizer.encode_sources(["the dog"])[0]
    lost = pieces_of(tokenizer, row)[0]
    fewer = {piece: index for piece, index in tokenizer.vocabulary.items() if piece != lost}
    (tmp_path / "vocab.json").write_text(json.dumps(fewer), encoding="utf-8")
    loaded = SentencePieceTokenizer.load(tmp_path)
    expected = [loaded.unknown_id, *row[1:]]
    assert loaded.encode_sources(["the dog"]) == [expected]
    assert loaded.encode(tf.constant(["the dog"]), 99).to_list() == [expected]


STRANGER = """
import json, sys
import tensorflow as tf
import tensorflow_text

export, texts_path = sys.argv[1:]
texts = json.load(open(texts_path, encoding="utf-8"))
model = tf.saved_model.load(export)
ids = model.encode(tf.constant(texts))
written = model.decode(ids.to_tensor(int(model.pad_id)))
assert "regard" not in sys.modules and "sentencepiece" not in sys.modules
print(json.dumps([ids.to_list(), [text.decode() for text in written.numpy()]]))
"""


def test_a_saved_model_works_where_regard_is_not(tokenizer, tmp_path):
    lines = [*LINES[:100], *AWKWARD]
    module = tf.Module()
    module.resources = tokenizer.resources
    module.pad_id = tf.Variable(tokenizer.pad_id)
    strings, rows = tf.TensorSpec([None], tf.string), tf.TensorSpec([None, None], tf.int32)
    module.encode = tf.function(
        lambda texts: tokenizer.encode(texts, 50), input_signature=[strings], autograph=False
    )
    module.decode = tf.function(tokenizer.decode, input_signature=[rows], autograph=False)
    tf.saved_model.save(module, str(tmp_path / "export"))
    (tmp_path / "texts.json").write_text(json.dumps(lines), encoding="utf-8")
    command = [sys.executable, "-c", STRANGER, "export", "texts.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    ids, written = json.loads(done.stdout)
    assert ids == tokenizer.encode(tf.constant(lines), 50).to_list()
    assert written == decode(tokenizer, ids)


# Errors


@pytest.mark.parametrize("name", ["source.spm", "target.spm", "vocab.json"])
def test_a_missing_file_is_named(tokenizer, tmp_path, name):
    tokenizer.save(tmp_path, 77)
    (tmp_path / name).unlink()
    with pytest.raises(UserError, match=rf"must hold Marian's source\.spm.* Received: no {name}$"):
        SentencePieceTokenizer.load(tmp_path)


@pytest.mark.parametrize("name", ["source.spm", "target.spm"])
@pytest.mark.parametrize("content", [b"", b"not a model", b"\x0a\xff\xff\xff"])
def test_a_damaged_model_of_pieces(tokenizer, tmp_path, name, content):
    tokenizer.save(tmp_path, 77)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match="tokenizer is damaged: a SentencePiece model cannot be"):
        SentencePieceTokenizer.load(tmp_path)


def test_a_piece_that_is_no_text(tokenizer, tmp_path):
    tokenizer.save(tmp_path, 77)
    space = "\u2581".encode()
    model = tokenizer.source.model.replace(space, b"\xff\xfe\xfd")
    assert model != tokenizer.source.model
    (tmp_path / "source.spm").write_bytes(model)
    with pytest.raises(UserError, match=r"tokenizer is damaged: .*SentencePiece model"):
        SentencePieceTokenizer.load(tmp_path)


def test_a_model_of_pieces_that_was_cut_off(tokenizer, tmp_path):
    tokenizer.save(tmp_path, 77)
    (tmp_path / "source.spm").write_bytes(tokenizer.source.model[:-1000])
    with pytest.raises(UserError, match="tokenizer is damaged: a SentencePiece model cannot be"):
        SentencePieceTokenizer.load(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1]", "must hold the id of each piece"),
        ("null", "must hold the id of each piece"),
        ('{"</s>": 0, "<unk>": 1, "<pad>": -1}', "must hold the id of each piece"),
        ('{"</s>": 0, "<unk>": 1, "<pad>": 2.0}', "must hold the id of each piece"),
        ('{"</s>": 0, "<unk>": true, "<pad>": 2}', "must hold the id of each piece"),
        ('{"</s>": 0, "<unk>": "1", "<pad>": 2}', "must hold the id of each piece"),
        ('{"</s>": 0, "<unk>": 1, "<pad>": 1000000000}', "must hold the id of each piece"),
        ('{"</s>": 0, "<unk>": 1}', r"It lacks \['<pad>'\]"),
        ("{}", r"It lacks \['</s>', '<unk>', '<pad>'\]"),
        ("{", "tokenizer is damaged: "),
        ("[" * 10**5, "tokenizer is damaged: "),
        (b"\xff", "tokenizer is damaged: .*utf-8"),
    ],
)
def test_a_damaged_vocabulary(tokenizer, tmp_path, content, message):
    tokenizer.save(tmp_path, 77)
    content = content if isinstance(content, bytes) else content.encode()
    (tmp_path / "vocab.json").write_bytes(content)
    with pytest.raises(UserError, match=f"{message}.*Fetch it again"):
        SentencePieceTokenizer.load(tmp_path)


def test_what_is_no_model_of_pieces():
    vocabulary = {"</s>": 0, "<unk>": 1, "<pad>": 2}
    with pytest.raises(ValueError, match="a SentencePiece model cannot be read"):
        SentencePieceTokenizer(b"x", b"x", vocabulary)
