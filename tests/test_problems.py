"""What a classifier's answer is: several labels, or a number; one label is tested everywhere."""

import csv
import json
import logging
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import average_precision_score, f1_score

import regard
import small_runs
from commands import mistake, regard_here
from regard.recipes.errors import UserError
from regard.recipes.problem_types import MULTI_LABEL, REGRESSION
from regard.recipes.runs.multi_label import MultiLabel
from regard.recipes.runs.multi_label_metrics import best_thresholds, multi_label_metrics
from regard.recipes.runs.problems import kind_of
from regard.recipes.runs.regression import Regression, Scale, regression_metrics
from regard.recipes.training.losses import compile_classifier

NAMES = ["a", "b", "c"]
KINDS = ("several", "values")
TYPES = {"several": MULTI_LABEL, "values": REGRESSION}


def random_labels(count=97, seed=0):
    random = np.random.default_rng(seed)
    labels = (random.random((count, 3)) < (0.5, 0.2, 0.1)).astype("float32")
    scores = np.clip(0.4 * labels + 0.6 * random.random((count, 3)), 0, 1)
    return labels, scores.astype("float32")


# Several labels


def test_several_labels_by_hand():
    labels = np.array([[1, 0], [1, 1], [0, 0], [0, 1]])
    scores = np.array([[0.9, 0.2], [0.4, 0.3], [0.6, 0.1], [0.1, 0.8]])
    metrics = multi_label_metrics(labels, scores, ["x", "y"], np.array([0.5, 0.25]))
    x, y = metrics["classes"]["x"], metrics["classes"]["y"]
    assert (x["precision"], x["recall"], x["f1"], x["support"]) == (0.5, 0.5, 0.5, 2)
    assert (y["precision"], y["recall"], y["f1"]) == (1, 1, 1)
    assert metrics["macro_f1"] == 0.75
    assert metrics["micro_f1"] == pytest.approx(2 * 3 / (4 + 4))
    assert metrics["subset_accuracy"] == 0.5
    assert metrics["mean_average_precision"] == pytest.approx(((1 + 2 / 3) / 2 + 1) / 2)
    assert metrics["macro_f1_at_half"] == pytest.approx((0.5 + 2 / 3) / 2)
    right = [0.9, 0.8, 0.4, 0.7, 0.4, 0.9, 0.9, 0.8]  # probabilities of what is true
    right[3], right[7] = 0.3, 0.8
    assert metrics["log_loss"] == pytest.approx(-np.log(right).mean())
    json.dumps(metrics, allow_nan=False)


def test_several_labels_as_scikit_learn_and_keras_have_them():
    labels, scores = random_labels()
    metrics = multi_label_metrics(labels, scores, NAMES, np.full(3, 0.5))
    assert metrics["macro_f1"] == pytest.approx(f1_score(labels, scores >= 0.5, average="macro"))
    assert metrics["micro_f1"] == pytest.approx(f1_score(labels, scores >= 0.5, average="micro"))
    expected = average_precision_score(labels, scores, average="macro")
    assert metrics["mean_average_precision"] == pytest.approx(expected)
    logits = np.log(scores / (1 - scores) + 1e-9).astype("float32")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Identity()])
    compile_classifier(model, keras.optimizers.SGD(), problem_type=MULTI_LABEL)
    found = model.evaluate(logits, labels, verbose=0, return_dict=True)
    for name in ("macro_f1", "micro_f1"):
        assert found[name] == pytest.approx(metrics[name], abs=1e-6)
    assert found["loss"] == pytest.approx(metrics["log_loss"], abs=1e-3)


def test_a_class_without_examples_is_left_out_of_means():
    labels, scores = random_labels()
    labels[:, 2] = 0
    metrics = multi_label_metrics(labels, scores, NAMES, np.full(3, 0.5))
    two = multi_label_metrics(labels[:, :2], scores[:, :2], NAMES[:2], np.full(2, 0.5))
    for name in ("macro_f1", "mean_average_precision"):
        assert metrics[name] == pytest.approx(two[name])
    assert metrics["classes"]["c"]["average_precision"] is None
    assert "leave out 1 without examples, first c" in MultiLabel(NAMES).layout(metrics)


@pytest.mark.parametrize(
    ("labels", "scores", "error", "said"),
    [
        ([[1, 0]], [[0.5]], ValueError, "one shape"),
        ([[2, 0]], [[0.5, 0.5]], ValueError, "must be 0 or 1"),
        ([[1, 0]], [[1.5, 0.5]], ValueError, r"in \[0, 1\]"),
        ([[1, 0]], [[np.nan, 0.5]], UserError, "diverged"),
    ],
)
def test_what_are_no_probabilities_of_labels(labels, scores, error, said):
    with pytest.raises(error, match=said):
        multi_label_metrics(np.array(labels), np.array(scores), ["a", "b"], np.full(2, 0.5))


def test_thresholds_are_those_of_the_best_f1():
    """As trying all of them finds; few examples take the threshold of all classes together."""
    labels, scores = random_labels(300)
    labels[:, 2] = 0
    labels[:4, 2] = 1
    found = best_thresholds(labels, scores)

    def best(own, told):
        return max(f1_score(own, told >= each) for each in np.unique(told))

    for number in (0, 1):
        own, told = labels[:, number], scores[:, number]
        assert f1_score(own, told >= found[number]) == pytest.approx(best(own, told))
    together = f1_score(labels.ravel(), scores.ravel() >= found[2])
    assert together == pytest.approx(best(labels.ravel(), scores.ravel()))
    assert best_thresholds(np.zeros((9, 2)), np.full((9, 2), 0.3)) == [0.5, 0.5]


def test_a_threshold_lies_midway_and_equal_scores_stay_together():
    labels = np.array([[1], [1], [1], [1], [1], [0], [0], [0], [0], [0]])
    scores = np.array([[0.9]] * 4 + [[0.7], [0.5], [0.1], [0.1], [0.1], [0.1]], "float32")
    assert best_thresholds(labels, scores) == [pytest.approx(0.6)]
    tied = np.where(np.arange(10)[:, np.newaxis] < 6, 0.7, 0.1).astype("float32")
    assert best_thresholds(labels, tied) == [pytest.approx(0.4)]


def test_answers_have_the_classes_from_their_thresholds_on():
    problem = MultiLabel(NAMES, {"a": 0.5, "b": 0.25, "c": 0.75})
    scores = np.array([[0.5, 0.9, 0.7], [0.1, 0.2, 0.3]], "float32")
    first, second = problem.answers(scores)
    assert (first["labels"], second["labels"]) == (["b", "a"], [])
    assert list(first["scores"]) == NAMES
    assert problem.encode([("b", "a"), ()], "x").tolist() == [[1, 1, 0], [0, 0, 0]]
    with pytest.raises(UserError, match=r"x: every label.*'new' \(1 row\)"):
        problem.encode([("a", "new")], "x")


def test_what_is_learned_shows_beyond_chance():
    labels, scores = random_labels(400)
    random = np.random.default_rng(1).random(labels.shape)
    problem = MultiLabel(NAMES)
    assert problem.has_learned(problem.measure(labels, scores))
    assert not problem.has_learned(problem.measure(labels, random))
    values = Regression(["value"])
    told = labels[:, :1] + random[:, :1]
    assert values.has_learned(values.measure(labels[:, :1], told))
    assert not values.has_learned(values.measure(labels[:, :1], -told))


# Numbers


def test_values_by_hand():
    metrics = regression_metrics(np.array([[1.0], [2], [4]]), np.array([[1.0], [3], [2]]))
    assert metrics["mean_squared_error"] == pytest.approx((0 + 1 + 4) / 3)
    assert metrics["mean_absolute_error"] == pytest.approx(1)
    assert metrics["spearman"] == pytest.approx(0.5)
    true, told = np.array([1, 2, 4]), np.array([1, 3, 2])
    assert metrics["pearson"] == pytest.approx(np.corrcoef(true, told)[0, 1])
    constant = regression_metrics(np.array([[1.0], [2]]), np.array([[3.0], [3]]))
    assert (constant["spearman"], constant["pearson"]) == (0.0, 0.0)
    with pytest.raises(UserError, match="diverged"):
        regression_metrics(np.array([[1.0]]), np.array([[np.inf]]))


def test_the_last_layer_takes_the_scale_in_and_out():
    values = np.array([[995.0], [1005], [1010]], "float32")
    scale = Scale(values)
    assert scale.apply(values).mean() == pytest.approx(0, abs=1e-4)
    assert scale.apply(values).std() == pytest.approx(1, abs=1e-4)
    head = keras.layers.Dense(1)
    inputs = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    before = head(inputs).numpy()
    scale.take_in(head)
    np.testing.assert_allclose(scale.apply(head(inputs).numpy()), before, atol=1e-4)
    scale.take_out(head)
    np.testing.assert_allclose(head(inputs).numpy(), before, atol=1e-4)


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
