"""The figures of several labels and of numbers: by hand, and beside other libraries."""

import json

import keras
import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

from regard.recipes.errors import UserError
from regard.recipes.problem_types import MULTI_LABEL
from regard.recipes.runs.multi_label import MultiLabel
from regard.recipes.runs.multi_label_metrics import best_thresholds, multi_label_metrics
from regard.recipes.runs.regression import Regression, Scale, regression_metrics
from regard.recipes.training.losses import compile_classifier

NAMES = ["a", "b", "c"]


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
