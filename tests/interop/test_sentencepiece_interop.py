"""The translator's tokenizer beside MarianTokenizer: the same directory gives the same ids.

There are two exceptions, which no line here has: the name of a special token in a text is one there
and is read as any other characters here; so is what is in >> << where a text begins.
"""

import json
import random
import re
from io import BytesIO

import pytest
import sentencepiece
import tensorflow as tf

from regard.recipes.tokenizers.sentencepiece import SentencePieceTokenizer

transformers = pytest.importorskip("transformers")

WORDS = (
    'a the dog runs, don\'t well-kept café £100 10:30 p.m. U.S. "quoted" (really) naïve !? 50% #1 '
    "e\u0301t\u00e9 x<y> &amp; C++ 1/2 user@host.org don’t — “so” …",
    "der die das Mädchen läuft über Straße größer, Übung »schön« süß Füße 1990er weiß-blau.",
    "一只 狗 跑过 ， 草地 。 “不错” 《书》 ＡＢＣ １２３ ？ ！ 、 （好） 下次 还会 再来 ㍿ ① 　",
)
STRESS_RANGES = (
    (0x20, 0x7E),  # ASCII
    (0xA0, 0x24F),  # accented Latin
    (0x300, 0x36F),  # combining marks
    (0x391, 0x3C9),  # Greek
    (0x5D0, 0x5EA),  # Hebrew
    (0x621, 0x64A),  # Arabic
    (0x1100, 0x11FF),  # Hangul in parts
    (0x2000, 0x206F),  # spaces, zero-width and direction marks
    (0x2500, 0x25A0),  # blocks, one of which stands for a space
    (0x4E00, 0x9FFF),  # Chinese
    (0xAC00, 0xD7A3),  # Hangul
    (0x00, 0x1F),  # controls
    (0xFF01, 0xFFEF),  # full-width and half-width
    (0x1F300, 0x1F64F),  # emoji
)


def natural_lines(count, seed=0):
    rng = random.Random(seed)
    words = [line.split(" ") for line in WORDS]
    for _ in range(count):
        language = rng.choice(words)
        space = "" if language is words[2] else rng.choice((" ", " ", "  "))
        yield space.join(rng.choices(language, k=rng.randint(0, 20)))


def stress_lines(count):
    rng = random.Random(1)
    for _ in range(count):
        characters = (
            chr(rng.randint(*rng.choice(STRESS_RANGES))) for _ in range(rng.randint(1, 60))
        )
        yield "".join(" " if rng.random() < 0.1 else character for character in characters)


LEARNED = list(natural_lines(1500))
LINES = [*natural_lines(4000, seed=2), *stress_lines(2000), "", " ", "\0", "x" * 3000, "狗" * 3000]


def learn(directory):
    """As Regard makes one: byte-pair encoding of both languages."""
    SentencePieceTokenizer.learn(LEARNED, LEARNED, 600).save(directory, 77)


def learn_bytes(directory):
    """As Regard makes one where there are more characters than pieces: those of bytes."""
    many = [chr(0x4E00 + n) for n in range(1500)]
    SentencePieceTokenizer.learn([*LEARNED, *many], [*LEARNED, *many], 1200).save(directory, 77)


def learn_apart(directory):
    """As those of OPUS-MT are made: a unigram model of each language, and other ids than theirs."""
    vocabulary = {"</s>": 0, "<unk>": 1}
    for name, lines in (("source", LEARNED[:750]), ("target", LEARNED[750:])):
        written = BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
            model_writer=written,
            vocab_size=500,
            hard_vocab_limit=False,
            character_coverage=0.98,
            num_threads=1,
            minloglevel=2,
        )
        (directory / f"{name}.spm").write_bytes(written.getvalue())
        model = sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())
        for index in range(3, model.get_piece_size()):
            vocabulary.setdefault(model.id_to_piece(index), len(vocabulary))
    vocabulary["<pad>"] = len(vocabulary)
    (directory / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (directory / "tokenizer_config.json").write_text('{"model_max_length": 77}')


def learn_two(directory):
    """The same with a vocabulary for targets alone."""
    learn_apart(directory)
    model = sentencepiece.SentencePieceProcessor(model_file=str(directory / "target.spm"))
    pieces = [model.id_to_piece(index) for index in range(3, model.get_piece_size())]
    shared = json.loads((directory / "vocab.json").read_text("utf-8"))
    target = {"</s>": 0, "<unk>": 1, **{p: n for n, p in enumerate(reversed(pieces), 2)}}
    size = max(len(shared) - 1, len(target))
    for name, vocabulary in (("vocab", shared), ("target_vocab", target)):
        vocabulary = {**vocabulary, "<pad>": size}
        (directory / f"{name}.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    config = {"model_max_length": 77, "separate_vocabs": True}
    (directory / "tokenizer_config.json").write_text(json.dumps(config))


@pytest.fixture(scope="module", params=[learn, learn_bytes, learn_apart, learn_two])
def directory(request, tmp_path_factory):
    directory = tmp_path_factory.mktemp("marian")
    request.param(directory)
    (directory / "config.json").write_text('{"model_type": "marian"}')
    return directory


@pytest.fixture(scope="module")
def ours(directory):
    return SentencePieceTokenizer.load(directory)


@pytest.fixture(scope="module")
def theirs(directory):
    return transformers.AutoTokenizer.from_pretrained(directory)


def different(actual, expected):
    pairs = zip(LINES, actual, expected, strict=True)
    return [line for line, row, expected_row in pairs if row != expected_row]


def as_strings(texts):
    return [text.decode() for text in texts.numpy()]


def test_sources_have_the_same_ids(ours, theirs):
    expected = theirs(LINES)["input_ids"]
    assert different(ours.encode_sources(LINES), expected) == []
    spells = "<0x00>" in ours.vocabulary
    assert (sum(ours.unknown_id in row for row in expected) > 1000) != spells


def test_sources_have_the_same_ids_in_a_graph(ours, theirs):
    """But where a unigram model finds two ways to cut a text equally probable: TensorFlow Text has
    another version of SentencePiece, which takes the same pieces in another order.
    """
    expected = theirs(LINES)["input_ids"]
    rows = ours.encode(tf.constant(LINES), 10**6).to_list()
    assert different(map(sorted, rows), map(sorted, expected)) == []
    assert len(different(rows, expected)) <= 3


def test_sources_are_cut_alike(ours, theirs):
    whole = zip(
        ours.encode(tf.constant(LINES), 10**6).to_list(), theirs(LINES)["input_ids"], strict=True
    )
    same = [line for line, (row, peer) in zip(LINES, whole, strict=True) if row == peer]
    for length in (2, 3, 16):
        expected = theirs(same, truncation=True, max_length=length)["input_ids"]
        assert ours.encode(tf.constant(same), length).to_list() == expected


def test_targets_have_the_same_ids(ours, theirs):
    expected = theirs(text_target=LINES)["input_ids"]
    assert different(ours.encode_targets(LINES), expected) == []
    assert different(ours.encode_sources(LINES), expected) != []


def test_texts_come_out_alike(ours, theirs):
    """But for spaces of another kind at their ends, of which `str.strip` takes more.

    And for bytes that are no text, which have another number of replacement characters.
    """
    rng = random.Random(3)
    ids = sorted(ours.target.vocabulary.values())
    rows = [*ours.encode_targets(LINES), *(rng.choices(ids, k=rng.randint(0, 30)) for _ in LINES)]
    written = as_strings(ours.decode(tf.ragged.constant(rows, tf.int32).to_tensor(ours.pad_id)))
    expected = theirs.batch_decode(rows, skip_special_tokens=True)
    written, expected = (
        [re.sub("\ufffd+", "\ufffd", each) for each in texts] for texts in (written, expected)
    )
    pairs = zip(written, expected, strict=True)
    assert [text for text, peer in pairs if text.strip() != peer] == []


def test_special_tokens_and_length_are_the_same(directory, ours, theirs):
    ids = (theirs.eos_token_id, theirs.unk_token_id, theirs.pad_token_id)
    assert (ours.end_id, ours.unknown_id, ours.pad_id) == ids
    assert theirs.model_max_length == 77
    assert isinstance(theirs, transformers.MarianTokenizer)


def test_what_transformers_saves_opens_here(ours, theirs, tmp_path):
    theirs.save_pretrained(tmp_path)
    again = SentencePieceTokenizer.load(tmp_path)
    assert again.vocabulary == ours.vocabulary
    assert again.encode_sources(LINES[:500]) == ours.encode_sources(LINES[:500])
    assert again.encode_targets(LINES[:500]) == ours.encode_targets(LINES[:500])


def test_what_is_saved_here_opens_in_transformers(ours, theirs, tmp_path):
    ours.save(tmp_path, 33)
    again = transformers.MarianTokenizer.from_pretrained(tmp_path)
    assert again.model_max_length == 33
    assert again(LINES[:500])["input_ids"] == theirs(LINES[:500])["input_ids"]
    assert (
        again(text_target=LINES[:500])["input_ids"]
        == (theirs(text_target=LINES[:500])["input_ids"])
    )
