"""Pairs of texts, from a CSV file to an export: does the second review contradict the first?"""

import csv
import json

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

import regard
from regard.models import TextClassifier
from regard.recipes.cli import commands as cli
from regard.recipes.cli import run_command
from regard.recipes.errors import UserError
from regard.recipes.serving.export import AWKWARD_TEXTS
from regard.recipes.text.data import LabelledTexts
from regard.recipes.text.reviews import generate_reviews
from regard.recipes.tokenizers.pieces import SPECIAL_TOKENS
from regard.recipes.tokenizers.wordpiece import WordPieceTokenizer

SETTINGS = (
    "--validation 0.25 --text-column first --pair-column second --preset tiny --epochs 1 --no-refit"
)
PAIRS = [
    ("The room was clean.", "The room was dirty, and the bed was lumpy."),
    ("The room was dirty, and the bed was lumpy.", "The room was clean."),
    ("", "房间很干净。"),
    ("very " * 500, "good"),
    ("", ""),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("pairs") / "pairs.csv"
    texts, labels = generate_reviews(96, seed=0, held_out=False)
    with open(path, "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["first", "second", "label"])
        for i in range(0, len(texts), 2):
            verdict = "agrees" if labels[i] == labels[i + 1] else "contradicts"
            rows.writerow([texts[i], texts[i + 1], verdict])
    return path


@pytest.fixture(scope="module")
def run_directory(data):
    directory = data.parent / "run"
    assert (
        run_command(["fit", "text", str(data), *SETTINGS.split(), "--output", str(directory)]) == 0
    )
    return directory


@pytest.fixture(scope="module")
def run(run_directory):
    return regard.TextRun.load(run_directory)


@pytest.fixture(scope="module")
def single_directory(tmp_path_factory):
    """A run of single texts, of random weights."""
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, "good"])
    model = TextClassifier(6, 2, 4, 1, 1, 4, max_sequence_length=8)
    metadata = {
        "task": "text",
        "settings": {"max_sequence_length": 8},
        "class_names": ["no", "yes"],
        "data": {"train": {"text_column": "text", "label_column": "label"}},
    }
    directory = tmp_path_factory.mktemp("single")
    regard.TextRun(model, tokenizer, metadata, {}).save(directory)
    return directory


def ask(capsys, *arguments):
    """Runs a command in this process; returns its exit status and what it says."""
    status = run_command([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.fixture
def loaded(run, monkeypatch):
    """Spares the commands that only predict the seconds of opening the run."""
    monkeypatch.setattr(cli, "load_run", lambda directory: run)


def scores_of(predictions):
    return np.array([list(prediction.scores.values()) for prediction in predictions])


def test_a_run_says_that_it_takes_pairs(run):
    assert run.is_pair
    assert run.class_names == ["agrees", "contradicts"]
    assert run.metadata["data"]["train"]["pair_column"] == "second"
    assert run.metrics["num_examples"] == 12


def test_predictions_of_pairs(run):
    predictions = run.predict(PAIRS)
    assert [(each.text, each.pair) for each in predictions] == PAIRS
    assert set(json.loads(predictions[0].to_json())) == {"text", "pair", "label", "score", "scores"}
    np.testing.assert_allclose(scores_of(predictions).sum(axis=1), 1, atol=1e-6)
    alone = [run.predict([pair])[0] for pair in PAIRS]
    np.testing.assert_allclose(scores_of(predictions), scores_of(alone), rtol=0, atol=1e-5)
    assert run.predict([]) == []


def test_which_text_is_first_matters(run):
    one_way, the_other = scores_of(run.predict(PAIRS[:2]))
    assert np.abs(one_way - the_other).max() > 1e-5


def test_segment_ids_matter(run):
    token_ids = run.tokenizer.encode_all(PAIRS[:1], run.max_sequence_length)
    inputs = run.tokenizer.pack(token_ids)
    as_one = {**inputs, "segment_ids": tf.zeros_like(inputs["segment_ids"])}
    assert np.abs(run.model(inputs) - run.model(as_one)).max() > 1e-4


def test_a_saved_run_predicts_the_same(run, tmp_path):
    run.save(tmp_path)
    again = regard.TextRun.load(tmp_path)
    np.testing.assert_array_equal(scores_of(again.predict(PAIRS)), scores_of(run.predict(PAIRS)))


def test_evaluate_remembers_the_columns(run_directory, data, capsys):
    status, out, _ = ask(capsys, "evaluate", run_directory, data, "--json")
    assert status == 0
    assert json.loads(out)["num_examples"] == 48


def test_evaluating_single_texts_is_a_mistake(run):
    table = LabelledTexts("singles.csv", ["a", "b"], ["agrees", "contradicts"], "text", "label")
    with pytest.raises(UserError, match=r"singles\.csv must hold pairs of texts.*--pair-column"):
        run.evaluate(table)


def test_predict_commands(run_directory, run, loaded, tmp_path, capsys):
    first, second = PAIRS[0]
    expected = run.predict([PAIRS[0]])[0]
    line = f"{expected.label}\t{expected.score:.4f}\t{first}\t{second}\n"
    assert ask(capsys, "predict", run_directory, first, "--pair", second)[:2] == (0, line)
    assert ask(capsys, "predict", run_directory, f"{first}\t{second}")[:2] == (0, line)
    lines = tmp_path / "lines.txt"
    lines.write_text(f"{first}\t{second}\n\t\n", encoding="utf-8")
    out = ask(capsys, "predict", run_directory, "--input", lines, "--json")[1]
    answers = [json.loads(answer) for answer in out.splitlines()]
    assert (answers[0]["text"], answers[0]["pair"]) == PAIRS[0]
    assert set(answers[1].values()) == {None}  # a blank line has no answer
    assert answers[0]["scores"] == pytest.approx(expected.scores, abs=1e-5)


def test_a_missing_tab_is_named(run_directory, loaded, tmp_path, capsys):
    (tmp_path / "lines.txt").write_text("one\ttwo\nonly one\n")
    status, out, err = ask(capsys, "predict", run_directory, "--input", tmp_path / "lines.txt")
    assert (status, out) == (2, "")
    assert "lines.txt, line 2: " in err and "a tab" in err and "Received: only one" in err
    status, out, err = ask(capsys, "predict", run_directory, "only one")
    assert (status, out) == (2, "") and "text 1: " in err and "--pair" in err


def test_single_texts_where_pairs_are_wanted(run):
    with pytest.raises(UserError, match=r"pairs of texts, each a tuple of two\. Received: 'one'"):
        run.predict([PAIRS[0], "one"])


def test_pairs_where_single_texts_are_wanted(single_directory, capsys):
    single = regard.TextRun.load(single_directory)
    assert single.predict(["good"])[0].pair is None
    with pytest.raises(UserError, match=r"single texts\. Received: \('one', 'two'\)"):
        single.predict([("one", "two")])
    status, out, err = ask(capsys, "predict", single_directory, "one", "--pair", "two")
    assert (status, out) == (2, "") and "leave out --pair" in err


@pytest.mark.slow
def test_an_export_takes_pairs(run, tmp_path):
    path = run.export(tmp_path)  # and is tried in another process
    signatures = tf.saved_model.load(str(path)).signatures
    pairs = [*PAIRS, *zip(AWKWARD_TEXTS, reversed(AWKWARD_TEXTS), strict=True)]
    first, second = (tf.constant(texts) for texts in zip(*pairs, strict=True))
    answer = signatures["serving_default"](texts=first, pairs=second)
    expected = run.predict_probabilities(pairs)
    np.testing.assert_allclose(answer["scores"], expected, rtol=0, atol=1e-5)
    assert (
        answer["label"].numpy() == np.array([b"agrees", b"contradicts"])[expected.argmax(1)]
    ).all()

    examples = [example(text=one, pair=two) for one, two in zip(first, second, strict=True)]
    classified = signatures["classify"](inputs=tf.constant(examples))
    np.testing.assert_allclose(classified["scores"], expected, rtol=0, atol=1e-5)
    with pytest.raises(tf.errors.InvalidArgumentError, match="pair"):
        signatures["classify"](inputs=tf.constant([example(text=first[0])]))

    nothing = tf.constant([], tf.string)
    assert signatures["serving_default"](texts=nothing, pairs=nothing)["scores"].shape == (0, 2)
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match=r"texts and pairs must be as many\. Received:\] \[2\] \[texts\] \[1\] \[pairs\]",
    ):
        signatures["serving_default"](texts=first[:2], pairs=second[:1])
    check_warmup_requests(path / "assets.extra" / "tf_serving_warmup_requests")


def example(**texts: tf.Tensor) -> bytes:
    features = {
        name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[text.numpy()]))
        for name, text in texts.items()
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def check_warmup_requests(path):
    records = [
        PredictionLog.FromString(record.numpy()) for record in tf.data.TFRecordDataset(str(path))
    ]
    requests = [log.predict_log.request for log in records if log.HasField("predict_log")]
    shapes = [{n: tf.make_ndarray(v).shape for n, v in each.inputs.items()} for each in requests]
    assert shapes == [{"texts": (size,), "pairs": (size,)} for size in (1, 1, 8, 8)]
    classified = [log.classify_log.request for log in records if log.HasField("classify_log")]
    for each in classified[0].input.example_list.examples:
        assert set(each.features.feature) == {"text", "pair"}
