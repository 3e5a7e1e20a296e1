"""The recipe of texts, on a few generated reviews; `test_runs` has what all tasks have."""

import csv
import json
from unittest import mock

import numpy as np
import pytest

import regard
import small_runs
from regard.models import TEXT_PRESETS
from regard.recipes.errors import UserError
from regard.recipes.runs.directories import default_output
from regard.recipes.text.data import LabelledTexts
from regard.recipes.text.reviews import generate_reviews
from small_runs import AWKWARD


@pytest.fixture(scope="module", autouse=True)
def small():
    """A preset small enough for tests, and no pictures, which take a second."""
    with small_runs.blank_pictures(), mock.patch.dict(TEXT_PRESETS, small_run=small_runs.TEXT):
        yield


def table(num_reviews, seed, held_out=False):
    texts, labels = generate_reviews(num_reviews, seed, held_out=held_out)
    return LabelledTexts(f"reviews {seed}", texts, labels, "review", "sentiment")


@pytest.fixture(scope="module")
def run(plain_run):
    return regard.TextRun.load(plain_run("text"))


def test_with_a_teacher_the_weights_kept_are_the_last(tmp_path, monkeypatch):
    """Without one they are the best: `test_runs`."""
    monkeypatch.setattr("regard.recipes.text.distillation.FEWEST_STEPS", 20)
    settings = {"preset": "small_run", "epochs": 3, "teacher": True, "refit": False}
    regard.fit_text(table(120, seed=3), output=tmp_path / "run", **settings)
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    with open(tmp_path / "run" / "history.csv", newline="") as file:
        scores = [float(row["val_macro_f1"]) for row in csv.DictReader(file)]
    assert metrics["last_epoch"] == 3 and "best_epoch" not in metrics
    assert metrics["macro_f1"] == pytest.approx(scores[-1], abs=1e-6)


def test_predictions_are_whole(run):
    prediction = run.predict(["The room was not clean."])[0]
    assert prediction.label == max(prediction.scores, key=prediction.scores.get)
    assert prediction.score == prediction.scores[prediction.label]
    assert sum(prediction.scores.values()) == pytest.approx(1.0)
    assert json.loads(prediction.to_json()) == {
        "text": "The room was not clean.",
        "label": prediction.label,
        "score": prediction.score,
        "scores": prediction.scores,
    }


def test_any_string_is_taken_and_none_gives_none(run):
    assert len(run.predict(AWKWARD)) == len(AWKWARD)
    assert run.predict([]) == []


def test_company_changes_nothing(run):
    texts = [*table(25, seed=5).texts, *AWKWARD]
    together = run.predict_probabilities(texts)
    alone = np.concatenate([run.predict_probabilities([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_many_texts_are_answered_as_a_few_are(run):
    texts = [f"text {number} " + "good room " * (number % 23) for number in range(301)]
    parts = [texts[start : start + 50] for start in range(0, len(texts), 50)]
    for ask in (run.predict_probabilities, run.embed):
        expected = np.concatenate([ask(part) for part in parts])
        np.testing.assert_allclose(ask(texts), expected, rtol=0, atol=1e-5)


def test_evaluate_from_a_file(run, tmp_path):
    reviews = table(50, seed=9)
    with open(tmp_path / "test.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [("sentiment", "review"), *zip(reviews.labels, reviews.texts, strict=True)]
        )
    metrics = run.evaluate(tmp_path / "test.csv")
    predicted = [prediction.label for prediction in run.predict(reviews.texts)]
    expected = np.mean([a == b for a, b in zip(predicted, reviews.labels, strict=True)])
    assert metrics["accuracy"] == pytest.approx(expected)
    assert metrics["examples_per_second"] > 0


def test_of_little_data_nothing_is_left_out(tmp_path, caplog):
    """The figures are of texts that the model had not seen; then it learns from them, too."""
    caplog.set_level("INFO", "regard")
    small = {"preset": "small_run", "epochs": 1, "vocabulary_size": 300, "teacher": False}
    data = table(60, seed=4)
    given = {"default": {}, "off": {"refit": False}}
    runs = {
        name: regard.fit_text(data, 0.2, output=tmp_path / name, **small, **each)
        for name, each in given.items()
    }
    assert caplog.text.count("Now it learns once more, from all 60 texts") == 1
    assert runs["default"].metrics == runs["off"].metrics
    assert runs["default"].metrics["num_examples"] == 12
    counts = {name: run.metadata["data"]["train"]["num_examples"] for name, run in runs.items()}
    assert counts == {"default": 60, "off": 48}
    kernels = {name: np.array(run.model.head.kernel) for name, run in runs.items()}
    assert runs["default"].metadata["settings"]["refit"] is True
    assert not np.array_equal(kernels["default"], kernels["off"])
    again = regard.TextRun.load(tmp_path / "default")
    np.testing.assert_array_equal(np.array(again.model.head.kernel), kernels["default"])
    with open(tmp_path / "default" / "metrics.json") as file:
        assert json.load(file)["num_examples"] == 12


def test_three_unbalanced_classes(tmp_path, monkeypatch):
    monkeypatch.setattr("regard.recipes.text.distillation.FEWEST_STEPS", 100)
    words = {"0": "red", "1": "green", "10": "blue"}
    labels = ["0"] * 80 + ["1"] * 30 + ["10"] * 10
    texts = [f"{words[label]} {index % 7}" for index, label in enumerate(labels)]
    data = LabelledTexts("colours", texts, labels, "text", "label")
    run = regard.fit_text(data, 0.2, epochs=10, refit=False, output=tmp_path / "run")
    assert run.class_names == ["0", "1", "10"]
    assert run.metrics["macro_f1"] == 1.0  # the rare class too


def test_label_that_training_never_saw(run, tmp_path):
    strange = LabelledTexts("test.csv", ["fine"], ["so-so"], "review", "sentiment")
    with pytest.raises(UserError, match=r"test\.csv.*so-so"):
        run.evaluate(strange)
    with pytest.raises(UserError, match=r"test\.csv.*so-so"):
        regard.fit_text(table(50, seed=0), strange, output=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("preset", "tinny"),
        ("epochs", 0),
        ("learning_rate", 0),
        ("learning_rate", float("nan")),
        ("batch_tokens", -1),
        ("dropout", 1.0),
        ("layer_decay", 0.0),
        ("max_sequence_length", 2),
        ("long_texts", "middle"),
        ("precision", "float64"),
        ("strategy", "both"),
        ("accumulate", 0),
        ("lora", 4),
        ("freeze", -1),
        ("seeds", 0),
        ("seed", -1),
    ],
)
def test_settings_are_checked_first(tmp_path, setting, value):
    with pytest.raises(UserError, match=str(value)):
        regard.fit_text(tmp_path / "none.csv", **{setting: value})


def test_column_of_identifiers_is_not_one_of_labels(tmp_path):
    texts, _ = generate_reviews(20, 0, held_out=False)
    data = LabelledTexts("reviews.csv", texts, [str(i) for i in range(20)], "review", "id")
    with pytest.raises(UserError, match="'id' holds 20 labels for 20 texts"):
        regard.fit_text(data, output=tmp_path / "run")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("some/where/reviews.csv", "runs/reviews"),
        ("tfds:imdb_reviews/plain_text:train", "runs/imdb_reviews-plain_text-train"),
    ],
)
def test_default_output(data, expected):
    assert str(default_output(data)) == expected
