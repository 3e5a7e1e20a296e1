"""The recipe and the run it leaves, on a few generated reviews."""

import csv
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

import regard
from regard.recipes.errors import UserError
from regard.recipes.runs.directories import default_output
from regard.recipes.text.data import LabelledTexts
from regard.recipes.text.reviews import generate_reviews

AWKWARD = [
    "",
    " ",
    "好",
    "a" * 500,
    "very " * 2000 + "good",
    "😀",
    "\udcff\udc80",
    "\x00\x01",
    "q z",
]


def table(num_reviews, seed, held_out=False):
    texts, labels = generate_reviews(num_reviews, seed, held_out=held_out)
    return LabelledTexts(f"reviews {seed}", texts, labels, "review", "sentiment")


@pytest.fixture(scope="module")
def run_directory(tmp_path_factory):
    directory = tmp_path_factory.mktemp("text") / "run"
    regard.fit_text(table(240, seed=0), epochs=2, output=directory)
    return directory


@pytest.fixture(scope="module")
def run(run_directory):
    return regard.TextRun.load(run_directory)


def test_run_directory_can_be_read(run_directory):
    files = sorted(str(path.relative_to(run_directory)) for path in run_directory.rglob("*.*"))
    assert files == [
        "history.csv",
        "metrics.json",
        "model/config.json",
        "model/model.safetensors",
        "model/special_tokens_map.json",
        "model/tokenizer.json",
        "model/tokenizer_config.json",
        "model/vocab.txt",
        "report/confusion_matrix.png",
        "report/learning_curves.png",
        "report/reliability.png",
        "run.json",
    ]
    metadata = json.loads((run_directory / "run.json").read_text())
    assert metadata["task"] == "text"
    assert metadata["settings"]["seed"] == 0
    assert metadata["data"]["train"]["num_examples"] == 216
    assert metadata["data"]["validation"]["num_examples"] == 24
    assert len(metadata["data"]["train"]["sha256"]) == 64
    assert metadata["versions"]["regard"] == regard.__version__
    with open(run_directory / "history.csv", newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2"]


@pytest.mark.parametrize("teacher", [False, True])
def test_weights_kept_are_the_best_or_with_a_teacher_the_last(tmp_path, teacher):
    regard.fit_text(table(120, seed=3), epochs=3, teacher=teacher, output=tmp_path / "run")
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    with open(tmp_path / "run" / "history.csv", newline="") as file:
        scores = [float(row["val_macro_f1"]) for row in csv.DictReader(file)]
    kept = 3 if teacher else metrics["best_epoch"]
    assert metrics["best_epoch"] == kept
    assert teacher or scores[kept - 1] == max(scores)
    assert metrics["macro_f1"] == pytest.approx(scores[kept - 1], abs=1e-6)


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
    texts = [*table(60, seed=5).texts, *AWKWARD]
    together = run.predict_probabilities(texts)
    alone = np.concatenate([run.predict_probabilities([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)


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


def test_export_answers_as_the_run_does(run, tmp_path):
    version = run.export(tmp_path / "served")
    assert version == tmp_path / "served" / "1"
    texts = [*table(40, seed=6).texts, *AWKWARD]
    served = tf.saved_model.load(str(version)).signatures["serving_default"]
    answer = served(texts=tf.constant([text.encode("utf-8", "surrogateescape") for text in texts]))
    predictions = run.predict(texts)
    assert [label.decode() for label in answer["label"].numpy()] == [p.label for p in predictions]
    np.testing.assert_allclose(answer["score"], [p.score for p in predictions], atol=1e-5)


def test_same_seed_same_weights(tmp_path):
    for name in ("first", "second"):
        regard.fit_text(table(60, seed=1), epochs=1, seed=4, output=tmp_path / name)
    regard.fit_text(table(60, seed=1), epochs=1, seed=5, output=tmp_path / "other")
    first, second, other = (
        (tmp_path / name / "model" / "model.safetensors").read_bytes()
        for name in ("first", "second", "other")
    )
    assert first == second
    assert first != other


def test_three_unbalanced_classes(tmp_path):
    words = {"0": "red", "1": "green", "10": "blue"}
    labels = ["0"] * 80 + ["1"] * 30 + ["10"] * 10
    texts = [f"{words[label]} {index % 7}" for index, label in enumerate(labels)]
    data = LabelledTexts("colours", texts, labels, "text", "label")
    run = regard.fit_text(data, 0.2, epochs=10, output=tmp_path / "run")
    assert run.class_names == ["0", "1", "10"]
    assert run.metrics["macro_f1"] == 1.0  # the rare class too


def test_existing_run_is_kept(run_directory):
    before = (run_directory / "run.json").read_bytes()
    with pytest.raises(UserError, match="run exists"):
        regard.fit_text(table(50, seed=0), output=run_directory)
    assert (run_directory / "run.json").read_bytes() == before


def test_label_that_training_never_saw(run, tmp_path):
    strange = LabelledTexts("test.csv", ["fine"], ["so-so"], "review", "sentiment")
    with pytest.raises(UserError, match=r"test\.csv.*so-so"):
        run.evaluate(strange)
    with pytest.raises(UserError, match=r"test\.csv.*so-so"):
        regard.fit_text(table(50, seed=0), strange, output=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model/model.safetensors", None),
        ("model/model.safetensors", b"\x10\0\0\0\0\0\0\0{}"),
        ("model/config.json", b"[]"),
        ("model/tokenizer.json", b"{"),
        ("metrics.json", b"{"),
    ],
)
def test_damaged_run_is_said(run_directory, tmp_path, name, content):
    damaged = tmp_path / "run"
    shutil.copytree(run_directory, damaged)
    if content is None:
        (damaged / name).unlink()
    else:
        (damaged / name).write_bytes(content)
    with pytest.raises(UserError, match="run is damaged, it cannot be read"):
        regard.TextRun.load(damaged)


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


def test_one_string_is_not_a_list(run):
    with pytest.raises(TypeError, match="must be a list of strings"):
        run.predict("The room was clean.")


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


def test_a_run_must_name_every_class(run_directory, tmp_path):
    torn = shutil.copytree(run_directory, tmp_path / "torn")
    metadata = json.loads((torn / "run.json").read_text("utf-8"))
    for changes in ({"class_names": metadata["class_names"][:-1]}, {"class_names": None}):
        (torn / "run.json").write_text(json.dumps({**metadata, **changes}), "utf-8")
        with pytest.raises(UserError, match="torn is damaged, it cannot be read"):
            regard.TextRun.load(torn)
