"""What a classifier's answer is: several labels, or a number; one label is tested everywhere."""

import csv
import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import f1_score

import regard
import small_runs
from commands import mistake, regard_here
from regard.recipes.errors import UserError
from regard.recipes.problem_types import MULTI_LABEL, REGRESSION
from regard.recipes.runs.problems import kind_of

KINDS = ("several", "values")
TYPES = {"several": MULTI_LABEL, "values": REGRESSION}


# Runs


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def directory(kind, small_run):
    return small_run(kind, drawn=True)


@pytest.fixture(scope="module")
def run(directory):
    return regard.TextRun.load(directory)


@pytest.fixture(scope="module")
def held_out(kind):
    return getattr(small_runs, f"sources_of_{kind}")(60, seed=1)


def test_its_files_say_the_problem(directory, kind, run):
    metadata = json.loads((directory / "run.json").read_text("utf-8"))
    config = json.loads((directory / "model/config.json").read_text("utf-8"))
    assert metadata["problem_type"] == config["problem_type"] == TYPES[kind]
    names = {"several": ["long", "negative", "positive"], "values": ["value"]}[kind]
    assert list(config["id2label"].values()) == metadata["class_names"] == names
    if kind == "several":
        assert list(metadata["thresholds"]) == names
    assert regard.TextRun.load(directory).problem.described() == run.problem.described()


def test_it_learns_and_measures_what_it_says(kind, run, held_out):
    """The figures of a file are those of the answers; a number is told on its own scale."""
    measured = run.evaluate(held_out)
    for name in run.problem.figures:
        assert measured[name] == pytest.approx(run.metrics[name], abs=1e-6)
    answers = run.predict(held_out.texts)
    if kind == "several":
        assert run.metrics["macro_f1"] > 0.75
        encoded = [run.problem.encode([each], "x")[0] for each in held_out.labels]
        told = [run.problem.encode([each.labels], "x")[0] for each in answers]
        assert measured["macro_f1"] == pytest.approx(f1_score(encoded, told, average="macro"))
        assert all((each.label, each.value) == (None, None) for each in answers)
    else:
        assert run.metrics["spearman"] > 0.15
        assert all(850 < each.value < 1150 for each in answers)
        errors = np.array([each.value for each in answers]) - held_out.labels
        assert measured["mean_squared_error"] == pytest.approx(np.mean(errors**2), rel=1e-4)
    assert all("val_loss" in row for row in run.history)


def test_what_it_prints(directory, kind, run, held_out, tmp_path):
    shown = run.format_metrics(run.metrics)
    wanted = {"several": ("macro-F1", "threshold", "long"), "values": ("Spearman", "Pearson")}
    assert all(word in shown for word in wanted[kind])
    assert wanted[kind][0] in repr(run)
    texts = held_out.texts[:5]
    table = tmp_path / "texts.jsonl"
    table.write_text("".join(json.dumps({"review": text}) + "\n" for text in texts))
    flags = ["--scores"] if kind == "several" else []
    done = regard_here(
        *("predict", directory, "--input", table, "--output", tmp_path / "out.csv", *flags)
    )
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path / "out.csv").read_text("utf-8").splitlines()))
    answers = run.predict(texts)
    if kind == "several":
        assert [row["labels"] for row in rows] == ["|".join(each.labels) for each in answers]
        assert float(rows[0]["score_long"]) == pytest.approx(answers[0].scores["long"], abs=1e-5)
    else:
        assert [float(row["value"]) for row in rows] == pytest.approx(
            [each.value for each in answers], rel=1e-5
        )
        said = mistake("predict", directory, "--input", table, "--output", "x.csv", "--scores")
        assert "a run that tells numbers has none" in said
    assert answers[0].to_line().endswith(f"\t{' '.join(texts[0].split())}")
    assert (
        set(json.loads(answers[0].to_json()))
        == {
            "several": {"text", "labels", "scores"},
            "values": {"text", "value"},
        }[kind]
    )


def test_its_report(directory, kind):
    page = (directory / "report/index.html").read_text("utf-8")
    titles = {"several": ("Classes", "Calibration", "Surest mistakes"), "values": ("Values",)}
    for title in (*titles[kind], "Result", "Curves", "How to go on"):
        assert f'title">{title}</h2>' in page
    assert 'title">Confusion</h2>' not in page
    assert "could not be drawn" not in page
    if kind == "several":
        assert "The threshold of each class was chosen" in page and "Threshold" in page
    else:
        assert page.count("<title>truly ") == 60  # a point each


def test_its_attention(kind, run, held_out):
    attention = run.attention(held_out.texts[0])
    (answer,) = run.predict(held_out.texts[:1])
    assert attention.title == answer.title
    assert attention.is_value == (kind == "values")
    assert len(attention.outcomes) == len(run.class_names)


def test_its_export_answers_as_it_does(kind, run, held_out, tmp_path, unverified):
    export = run.export(tmp_path / "served")
    served = tf.saved_model.load(str(export))
    found = served.signatures["serving_default"](texts=tf.constant(held_out.texts))
    answers = run.predict(held_out.texts)
    if kind == "values":
        assert set(found) == {"value"} and set(served.signatures) == {"serving_default"}
        expected = [each.value for each in answers]
        np.testing.assert_allclose(found["value"].numpy(), expected, rtol=1e-5)
        return
    assert set(found) == {"chosen", "classes", "scores"}
    expected = [list(each.scores.values()) for each in answers]
    np.testing.assert_allclose(found["scores"].numpy(), expected, atol=1e-5)
    bounds = np.array(list(run.metadata["thresholds"].values()))
    is_clear = np.abs(found["scores"].numpy() - bounds).min(axis=1) > 1e-4
    for row, answer in enumerate(answers):
        names = found["classes"][row].numpy()[found["chosen"][row].numpy()]
        if is_clear[row]:
            assert {name.decode() for name in names} == set(answer.labels)


def test_data_of_another_kind_is_refused(directory, run, kind):
    other = small_runs.reviews(9)
    with pytest.raises(UserError, match=f"problem type, {TYPES[kind]}. Received: single_label"):
        run.evaluate(other)


def test_a_config_of_another_problem_is_refused(directory, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(directory, copy)
    config = json.loads((copy / "model/config.json").read_text("utf-8"))
    del config["problem_type"]
    (copy / "model/config.json").write_text(json.dumps(config))
    said = mistake("verify", copy, "--renew")
    assert "`problem_type` must be the same in run.json and model/config.json" in said


def test_a_run_goes_on_from_its_own_kind(directory, kind, run, tmp_path, caplog):
    """Its head is kept, on the scale of what it learns now: with no learning it says the same."""
    parts = [getattr(small_runs, f"sources_of_{kind}")(40, seed) for seed in (2, 3)]
    caplog.set_level(logging.INFO, "regard")
    settings = {"learning_rate": 1e-12, "epochs": 1, "adversarial": 0.0}
    again = regard.fit_text(*parts, output=tmp_path / "run", checkpoint=str(directory), **settings)
    texts = parts[1].texts
    np.testing.assert_allclose(
        again.predict_probabilities(texts), run.predict_probabilities(texts), rtol=1e-3, atol=1e-3
    )


def test_no_teacher_for_several_labels_or_numbers(kind, caplog):
    from regard.recipes.text.distillation import can_teach

    caplog.set_level(logging.INFO, "regard")
    assert not can_teach(getattr(small_runs, f"sources_of_{kind}")(20))
    assert "No teacher: the linear model of n-grams tells one label a text." in caplog.text
    assert kind_of(TYPES[kind]).adjusted == {"label_smoothing": 0.0}


# Images


@pytest.mark.slow
def test_images_have_several_labels(small_run, tmp_path, unverified):
    """From a table to an export."""
    directory = small_run("several_images", drawn=True)
    run = regard.ImageRun.load(directory)
    assert run.metadata["problem_type"] == MULTI_LABEL
    assert run.metadata["data"]["train"]["num_without_label"] > 0
    assert run.metrics["macro_f1"] > 0.9
    table = directory.parent / "bright/table.jsonl"
    assert run.evaluate(table)["macro_f1"] > 0.9
    files = [str(table.parent / f"{number}.png") for number in (0, 1, 6, 7)]
    answers = run.predict(files)
    assert [sorted(each.labels) for each in answers[:2]] == [[], ["red"]]
    served = tf.saved_model.load(str(run.export(tmp_path / "served")))
    contents = tf.constant([Path(file).read_bytes() for file in files])
    found = served.signatures["serving_default"](image_bytes=contents)
    expected = [list(each.scores.values()) for each in answers]
    np.testing.assert_allclose(found["scores"].numpy(), expected, atol=1e-5)
    assert set(served.signatures["images"].structured_outputs) == {"chosen", "classes", "scores"}
    page = (directory / "report/index.html").read_text("utf-8")
    assert "could not be drawn" not in page and "The threshold of each class" in page
    with pytest.raises(UserError, match="folders give an image one label"):
        regard.fit_images(table.parent, problem_type=MULTI_LABEL, output=tmp_path / "run")


def test_classes_of_images_weigh_as_those_of_texts_do():
    """By their share; where all are as many, there are no weights."""
    from regard.recipes.images.targets import targets_of
    from regard.recipes.training.losses import class_weights

    labels = np.array([0, 0, 0, 0, 1])
    targets, weights = targets_of(labels, 2, 0.1)
    np.testing.assert_allclose(weights, class_weights(labels, 2))
    assert weights[1] == pytest.approx(2 * weights[0])
    np.testing.assert_allclose(targets[0], [0.95, 0.05], rtol=1e-6)
    assert targets_of(np.array([0, 1, 0, 1]), 2)[1] is None
    several = np.array([[1, 0], [0, 0]], "float32")
    assert targets_of(several, 2)[1] is None
    np.testing.assert_allclose(targets_of(several, 2, 0.1)[0], [[0.95, 0.05], [0.05, 0.05]])
