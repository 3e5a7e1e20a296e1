"""A classifier of tokens: what it learns from, what it finds and where, its export and report."""

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from pyarrow import parquet

import small_runs
from commands import mistake, regard_here
from regard import TokenRun, fit_tokens
from regard.models import TokenClassifier
from regard.models.checkpoints import Checkpoint, save_checkpoint
from regard.recipes.errors import UserError
from regard.recipes.runs.checkpoints import open_checkpoint
from regard.recipes.serving import verify_export
from regard.recipes.tokenizers.opening import open_tokenizer
from regard.recipes.tokenizers.pieces import SPECIAL_TOKENS
from regard.recipes.tokenizers.wordpiece import WordPieceTokenizer
from regard.recipes.tokens.batches import Lesson, training_batches
from regard.recipes.tokens.corpus import generate_letters
from regard.recipes.tokens.encoding import TokenEncoder, find_targets
from regard.recipes.tokens.settings import TokenSettings
from regard.recipes.tokens.start import from_checkpoint, from_scratch
from regard.recipes.tokens.tagging import Tagged
from regard.recipes.tokens.tags import class_names, entities_of
from regard.recipes.training.token_budget import TokenBudget

NAMES = class_names(["LOC", "PER"])  # O, B-LOC, I-LOC, B-PER, I-PER
FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture(scope="module")
def tokenizer():
    pieces = ["ada", "by", "##ron", "in", "rome", "12", "##kg", "."]
    return WordPieceTokenizer([*SPECIAL_TOKENS, *pieces])


@pytest.fixture(scope="module")
def directory(plain_run):
    return plain_run("tokens")


@pytest.fixture(scope="module")
def run(directory):
    return TokenRun.load(directory)


def targets_of(tokenizer, texts, entities, **encoder):
    encoder = TokenEncoder(tokenizer, **{"max_sequence_length": 16, **encoder})
    located = encoder.locate_all(texts)
    words, rows = encoder.words(located), encoder.rows(located)
    count = located.ids.flat_values.shape[0]
    targets = find_targets(words, entities, count, NAMES)
    return targets, Lesson.of(encoder.token_ids(located, rows), rows, targets), rows


def test_a_word_is_labelled_by_its_first_piece_and_the_others_are_not_learned(tokenizer):
    text = "Ada Byron in Rome."  # ada by ##ron in rome .
    spans = [[(0, 9, "PER"), (13, 17, "LOC")], []]
    targets, lesson, _ = targets_of(tokenizer, [text, ""], spans)
    classes = [NAMES[each] for each in targets.classes]
    assert classes == ["B-PER", "I-PER", "O", "O", "B-LOC", "O"]
    assert targets.weights.tolist() == [1, 1, 0, 1, 1, 1]
    assert (targets.num_unfit, targets.entities) == (0, spans)
    # [CLS] and [SEP] around them, of which nothing is said.
    assert lesson.classes.to_list() == [[0, 3, 4, 0, 0, 1, 0, 0], [0, 0]]
    assert lesson.weights.to_list() == [[0, 1, 1, 0, 1, 1, 1, 0], [0, 0]]


def test_entities_that_begin_or_end_within_a_word_are_left_out_and_counted(tokenizer):
    texts, spans = ["12kg in Rome"], [[(0, 2, "PER"), (8, 12, "LOC")]]
    targets, *_ = targets_of(tokenizer, texts, spans)
    assert targets.num_unfit == 1
    assert targets.weights.tolist() == [0, 0, 1, 1]  # 12 ##kg in rome
    assert targets.entities == spans  # it counts as one that is missed
    unread, *_ = targets_of(tokenizer, ["\u200b  in"], [[(0, 1, "PER")]])  # nothing at all
    assert (unread.num_unfit, unread.weights.tolist()) == (1, [1])


def test_an_entity_may_end_with_what_no_token_has(tokenizer):
    targets, *_ = targets_of(tokenizer, ["in Rome\u200b ."], [[(3, 8, "LOC")]])
    assert (targets.num_unfit, targets.entities) == (0, [[(3, 7, "LOC")]])


def test_long_texts_are_read_in_windows_or_cut(tokenizer, caplog):
    text = "Ada in Rome . " * 5  # 20 pieces, and 6 fit
    spans = [[(14 * n, 14 * n + 3, "PER") for n in range(5)]]
    targets, lesson, rows = targets_of(tokenizer, [text], spans, max_sequence_length=8)
    assert rows.pieces.nrows() > 3
    assert {*rows.pieces.flat_values.numpy()} == {*range(20)}
    totals = np.zeros(20)
    inner = lesson.weights[:, 1:-1].flat_values.numpy()
    np.add.at(totals, rows.pieces.flat_values.numpy(), inner)
    np.testing.assert_allclose(totals, 1, atol=1e-6)  # a piece in two windows counts once
    assert targets.classes.sum() == 5 * NAMES.index("B-PER")
    *_, cut = targets_of(tokenizer, [text], spans, max_sequence_length=8, long_texts="cut")
    assert cut.pieces.to_list() == [[*range(6)]]
    encoder = TokenEncoder(tokenizer, 8, "cut")
    encoder.tell_long(cut)
    assert "texts longer than 8 tokens (--max-sequence-length), 1 of 1:" in caplog.text
    assert "the rest is not read (--long-texts cut)" in caplog.text


def test_a_batch_has_classes_and_weights_where_its_tokens_are(tokenizer):
    texts, spans = ["Ada in Rome", "Byron"], [[(0, 3, "PER")], [(0, 5, "PER")]]
    _, lesson, _ = targets_of(tokenizer, texts, spans)
    plan = TokenBudget(lesson.token_ids.row_lengths().numpy(), 64)
    inputs, classes, weights = next(iter(training_batches(plan, lesson, tokenizer, 0.9)))
    assert inputs["token_ids"].shape == classes.shape == weights.shape == (2, 5)
    rows = {tuple(row) for row in classes.numpy().tolist()}
    assert rows == {(0, 3, 0, 0, 0), (0, 3, 0, 0, 0)}
    assert (inputs["token_ids"].numpy() == tokenizer.mask_id).any()
    assert np.all(weights.numpy()[:, 0] == 0)


def test_what_is_said_of_words_as_entities():
    tagged = Tagged(
        np.array([3, 4, 0, 1, 1, 4]),
        np.array([0.5, 1.0, 1, 0.25, 0.5, 1], "float32"),
        np.array([0, 4, 10, 13, 18, 25]),
        np.array([3, 9, 12, 17, 24, 27]),
        False,
    )
    assert tagged.entities(NAMES) == [
        ((0, 9, "PER"), 0.75),
        ((13, 17, "LOC"), 0.25),
        ((18, 24, "LOC"), 0.5),
        ((25, 27, "PER"), 1.0),
    ]


def test_pieces_keep_capital_letters_unless_word_vectors_have_none(run, tmp_path):
    words = [piece for piece in run.tokenizer.vocabulary if piece[0] not in "[#"]
    assert any(word.istitle() for word in words) and any(word.islower() for word in words)
    ids = run.tokenizer.encode_all(["Ada", "ada"], 16).to_list()
    assert ids[0] != ids[1]
    (tmp_path / "vectors.txt").write_text("the 0.1 0.2\nmeeting 0.3 0.4\n")
    settings = TokenSettings(preset="tiny", embeddings=str(tmp_path / "vectors.txt"))
    _, folding, *_ = from_scratch(small_runs.letters(50, 0), NAMES, settings.completed())
    ids = folding.encode_all(["Ada", "ada"], 16).to_list()
    assert ids[0] == ids[1]


def test_letters_to_learn_from_have_no_name_that_is_held_out():
    texts, entities = generate_letters(2000, 0, held_out=False)
    held_out, marked = generate_letters(2000, 0, held_out=True)
    names, others = (
        Counter(
            text[start:end]
            for text, spans in zip(some, found, strict=True)
            for start, end, kind in spans
            if kind in ("PER", "LOC")
        )
        for some, found in ((texts, entities), (held_out, marked))
    )
    assert names.keys().isdisjoint(others)
    once = sum(count == 1 for count in names.values())
    assert once > 0.5 * len(names)  # as in real texts


def test_entities_lie_where_they_say(run):
    """In texts of any characters."""
    texts = [*generate_letters(30, 2, held_out=False)[0], *small_runs.AWKWARD]
    answers = run.predict(texts)
    assert sum(len(each.entities) for each in answers) > 20
    for text, answer in zip(texts, answers, strict=True):
        sound = re.sub("[\ud800-\udfff]", "\ufffd", text)
        assert answer.text == sound
        for entity in answer.entities:
            assert sound[entity.start : entity.end] == entity.text
            assert entity.text == entity.text.strip() != ""
            assert 0 < entity.score <= 1


def test_lines_and_json(run):
    (answer,) = run.predict(["Ada Byron moved\tfrom Rome to Oslo on 3 May 1999 ."])
    *entities, text = answer.to_line().split("\t")
    assert text == "Ada Byron moved from Rome to Oslo on 3 May 1999 ."
    assert len(entities) == len(answer.entities) > 0
    assert re.fullmatch(r"\w+ \d+:\d+ [01]\.\d{4} .+", entities[0])
    told = json.loads(answer.to_json())
    assert told.keys() == {"text", "entities"}
    assert told["entities"][0].keys() == {"start", "end", "label", "score", "text"}
    assert run.predict([""])[0].entities == []


def test_the_export_says_what_the_run_says_and_where(run, plain_export):
    served = tf.saved_model.load(str(plain_export("tokens"))).signatures["serving_default"]
    texts = [*generate_letters(12, 5, held_out=True)[0], "Cafe\u0301 in Rome 😀 , said Ada .", ""]
    answer = {name: each.numpy() for name, each in served(texts=tf.constant(texts)).items()}
    width = answer["tokens"].shape[1]
    assert all(each.shape == (len(texts), width) for each in answer.values())
    for row, (text, said) in enumerate(zip(texts, run.predict(texts), strict=True)):
        tokens, labels, scores, starts, ends = (
            answer[name][row].tolist() for name in ("tokens", "labels", "scores", "starts", "ends")
        )
        size = sum(label != b"" for label in labels)
        assert [t.decode() for t in tokens] == [
            text[start:end] for start, end in zip(starts, ends, strict=True)
        ]
        assert (tokens[size:], scores[size:], ends[size:]) == (
            [b""] * (width - size),
            [0.0] * (width - size),
            [0] * (width - size),
        )
        found = [
            (starts[first], ends[after - 1], kind, np.mean(scores[first:after]))
            for first, after, kind in entities_of(each.decode() for each in labels[:size])
        ]
        assert [each[:3] for each in found] == [(e.start, e.end, e.label) for e in said.entities]
        np.testing.assert_allclose(
            [each[3] for each in found], [e.score for e in said.entities], atol=1e-5
        )


def test_answers_of_batches_of_other_widths_are_joined():
    joined = verify_export._joined(
        [
            {"tokens": np.array([[b"a"]], object), "ends": np.array([[1]])},
            {"tokens": np.array([[b"b", b"c"]], object), "ends": np.array([[1, 3]])},
        ]
    )
    assert joined["tokens"].tolist() == [[b"a", b""], [b"b", b"c"]]
    assert joined["ends"].tolist() == [[1, 0], [1, 3]]
    expected = verify_export._array([[], ["b", "c"]])
    assert expected.tolist() == [[b"", b""], [b"b", b"c"]]
    assert verify_export._array([[], [1.0, 2]]).tolist() == [[0, 0], [1, 2]]


def test_windows_find_what_is_far_from_the_beginning(run, caplog):
    """The entities of a text that is longer than the model reads at once are those of its parts."""
    part = "Please send $500 before 3 May 1999 . "
    limit = run.max_sequence_length
    longest = run.predict([part * 60])[0]
    assert len(run.tokenizer.encode_all([part * 60], 10**6)[0]) > 2 * limit
    assert longest.truncated is None
    assert max(entity.end for entity in longest.entities) > len(part) * 55


def test_evaluate_and_measures_of_other_data(run):
    data = small_runs.letters(40, 4)
    metrics = run.evaluate(data)
    assert metrics["num_entities"] == sum(map(len, data.entities))
    found = [
        {(e.start, e.end, e.label) for e in answer.entities} for answer in run.predict(data.texts)
    ]
    right = sum(
        len({*map(tuple, spans)} & own) for spans, own in zip(data.entities, found, strict=True)
    )
    assert metrics["recall"] == pytest.approx(right / metrics["num_entities"])
    assert metrics["precision"] == pytest.approx(right / sum(map(len, found)))
    rows = {"text": ["a b"], "spans": [[[0, 1, "CITY"]]]}
    with pytest.raises(UserError, match=r"Received: 'CITY' \(1\)\. Training saw: 'DATE', 'LOC'"):
        run.evaluate(rows)


def test_its_report(directory):
    page = (directory / "report/index.html").read_text("utf-8")
    assert "How well each kind of entity is found" in page
    assert "could not be drawn" not in page
    metrics = json.loads((directory / "metrics.json").read_text("utf-8"))
    assert metrics["class_names"][-1] == "(none)"
    if metrics["f1"] < 1:
        assert "<mark>" in page and 'class="wrong">found: ' in page


@pytest.mark.slow
def test_at_the_command_line(directory, tmp_path):
    texts = "Ask for Ada Byron at the desk , room 12 , second floor ."
    told = json.loads(regard_here("predict", directory, texts, "--json").stdout)
    assert told["text"] == texts
    rows = [{"id": number, "text": texts} for number in (1, 2)]
    (tmp_path / "in.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    out = tmp_path / "out.jsonl"
    regard_here("predict", directory, "--input", tmp_path / "in.jsonl", "--output", out)
    written = [json.loads(line) for line in out.read_text().splitlines()]
    expected = [
        {**each, "score": pytest.approx(each["score"], abs=1e-5)} for each in told["entities"]
    ]
    assert written == [{**row, "entities": expected} for row in rows]
    regard_here("predict", directory, "--input", out, "--output", tmp_path / "out.parquet")
    table = parquet.read_table(tmp_path / "out.parquet")
    assert table["predicted_entities"].to_pylist() == [expected, expected]
    regard_here("predict", directory, "--input", out, "--output", tmp_path / "out.csv")
    assert "predicted_entities" in (tmp_path / "out.csv").read_text()
    said = mistake("predict", directory, "--input", out, "--output", tmp_path / "b.csv", "--scores")
    assert "--scores are of classes, and a token classifier has none" in said
    (tmp_path / "test.conll").write_text("Ada B-PER\nin O\nRome B-LOC\n")
    measured = regard_here("evaluate", directory, tmp_path / "test.conll").stdout
    assert "entities" in measured and "macro-F1" in measured
    missing = mistake("evaluate", directory)
    assert "name the data to measure the run on" in missing


def test_a_run_gives_its_weights_to_the_model_that_begins_from_it(run, directory):
    settings = TokenSettings(checkpoint=str(directory)).completed()
    names = sorted(run.class_names)  # the checkpoint's order counts
    begun = from_checkpoint(small_runs.letters(5, 7), names, settings)
    assert begun.class_names == run.class_names
    assert begun.settings.max_sequence_length == run.max_sequence_length
    for ours, theirs in zip(begun.model.get_weights(), run.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    fewer = from_checkpoint(small_runs.letters(5, 7), class_names(["PER"]), settings)
    assert fewer.class_names == ["O", "B-PER", "I-PER"]
    rows = [run.class_names.index(name) for name in fewer.class_names]
    np.testing.assert_array_equal(
        fewer.model.head.get_weights()[0], run.model.head.get_weights()[0][:, rows]
    )


@pytest.mark.slow
def test_a_run_begins_another(run, directory, tmp_path):
    data = small_runs.letters(12, 7)
    options = {"epochs": 1, "batch_tokens": 2048, "checkpoint": str(directory)}
    again = fit_tokens(data, data, output=tmp_path / "again", **options)
    assert again.class_names == run.class_names
    assert again.metadata["settings"]["layer_decay"] == 0.8
    checkpoint, _ = open_checkpoint(tmp_path / "again", "tokens")
    assert checkpoint.groups == {"encoder", "token classifier"}


# Tokenizers whose pieces carry the spaces before them


def make_checkpoint(directory, family, name):
    """A checkpoint of a small classifier of tokens with random weights."""
    tokenizer = open_tokenizer(FIXTURES / "tokenizers" / name)
    sizes = {"vocabulary_size": len(tokenizer.vocabulary), "max_sequence_length": 64}
    arguments = Checkpoint(FIXTURES / "families" / family).arguments | sizes
    directory.mkdir()
    save_checkpoint(TokenClassifier(num_classes=len(NAMES), **arguments), directory, NAMES)
    tokenizer.save(directory, 64)
    return directory


def test_an_entity_may_end_before_punctuation_that_follows_without_a_space():
    """Of byte pairs a comma goes on with the word before, and is no part of the name."""
    tokenizer = open_tokenizer(FIXTURES / "tokenizers" / "roberta-json")
    text = "In Rome, Ada's (Bo)."
    entities = [[(3, 7, "LOC"), (9, 12, "PER"), (16, 18, "PER")]]
    targets, _, _ = targets_of(tokenizer, [text], entities, max_sequence_length=64)
    assert targets.num_unfit == 0
    assert targets.entities == entities
    located = tokenizer.locate(tf.constant([text]))
    starts = located.starts.flat_values.numpy()
    pairs = zip(starts, targets.classes, strict=True)
    said = {text[start : start + 2]: NAMES[number] for start, number in pairs if number}
    assert said == {"Ro": "B-LOC", "Ad": "B-PER", "Bo": "B-PER"}
    assert targets.weights.sum() == 10  # words, of which six are punctuation


@pytest.mark.parametrize(
    ("family", "name"),
    [
        ("roberta", "roberta-json"),
        pytest.param("deberta-v2", "deberta-v2-json", marks=pytest.mark.slow),
        pytest.param("modernbert", "modernbert-json", marks=pytest.mark.slow),
        pytest.param("xlm-roberta", "xlm-roberta-json", marks=pytest.mark.slow),
    ],
)
def test_a_training_from_other_families(family, name, tmp_path):
    checkpoint = make_checkpoint(tmp_path / "checkpoint", family, name)
    options = {"epochs": 1, "checkpoint": str(checkpoint), "output": tmp_path / "run"}
    with small_runs.blank_pictures():
        run = fit_tokens(small_runs.letters(40, 7), small_runs.letters(10, 8), **options)
    again = TokenRun.load(tmp_path / "run")
    text = "Ada Byron met Bo, in Rome."
    assert again.predict([text]) == run.predict([text])
    classes, _, starts, ends, _ = again.tag([text])[0]
    words = [text[start:end] for start, end in zip(starts, ends, strict=True)]
    assert "".join(words) == text.replace(" ", "") and len(classes) == len(words)
    if name == "roberta-json":
        assert words == ["Ada", "Byron", "met", "Bo", ",", "in", "Rome", "."]
