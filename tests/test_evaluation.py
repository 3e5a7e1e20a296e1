import json
import math

import numpy as np
import pytest

from regard.recipes.errors import UserError
from regard.recipes.names import display_name, display_width
from regard.recipes.runs.display import format_metrics
from regard.recipes.runs.evaluation import (
    calibration_bins,
    classification_metrics,
    encode_labels,
    expected_calibration_error,
)


def random_predictions(num_examples, num_classes, seed=0):
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.full(num_classes, 0.3), num_examples)
    return random.integers(0, num_classes, num_examples), probabilities


def random_metrics(class_names, num_examples=997):
    labels, probabilities = random_predictions(num_examples, len(class_names))
    return classification_metrics(labels, probabilities, class_names)


def test_metrics_by_hand_with_a_class_that_never_occurs():
    """Macro-F1 leaves it out."""
    labels = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.3, 0.6, 0.1], [0.4, 0.5, 0.1]])
    metrics = classification_metrics(labels, probabilities, ["bad", "good", "odd"])
    assert metrics["num_examples"] == 4
    assert metrics["accuracy"] == 0.75
    assert metrics["confusion_matrix"] == [[1, 1, 0], [0, 2, 0], [0, 0, 0]]
    assert metrics["classes"]["bad"] == {
        "precision": 1.0,
        "recall": 0.5,
        "f1": pytest.approx(2 / 3),
        "support": 2,
    }
    assert metrics["classes"]["good"]["precision"] == pytest.approx(2 / 3)
    assert metrics["classes"]["odd"] == {"precision": 0, "recall": 0, "f1": 0, "support": 0}
    assert metrics["macro_f1"] == pytest.approx((2 / 3 + 4 / 5) / 2)
    expected_loss = -(math.log(0.8) + math.log(0.2) + math.log(0.6) + math.log(0.5)) / 4
    assert metrics["log_loss"] == pytest.approx(expected_loss)


def test_a_class_that_is_only_predicted_counts_in_the_recall_of_others():
    probabilities = np.eye(3)[[0, 0, 2, 1]]
    metrics = classification_metrics(np.array([0, 0, 0, 1]), probabilities, ["a", "b", "odd"])
    assert metrics["macro_f1"] == pytest.approx((4 / 5 + 1) / 2)
    text = format_metrics(metrics)
    assert "\nmacro-F1 leaves out 1 class without examples, first odd\n" in text


@pytest.mark.parametrize("num_present", [5, 4, 1])
def test_macro_f1_while_training_is_the_same(num_present):
    from regard.recipes.training.losses import classifier_metrics

    labels, probabilities = random_predictions(101, 5)
    labels %= num_present
    metric = classifier_metrics(5)[1]
    for rows in (slice(0, 60), slice(60, 101)):
        one_hot = np.eye(5, dtype="float32")[labels[rows]]
        metric.update_state(one_hot, np.log(probabilities[rows]).astype("float32"))
    expected = classification_metrics(labels, probabilities, list("abcde"))["macro_f1"]
    assert float(metric.result()) == pytest.approx(expected, abs=1e-6)


def test_nothing_is_said_of_macro_f1_where_all_classes_have_examples():
    assert "leaves out" not in format_metrics(random_metrics(["bad", "good"]))


def test_rows_of_the_confusion_matrix_are_true_classes():
    always_second = np.tile([0.1, 0.9], (3, 1))
    metrics = classification_metrics(np.zeros(3, np.int32), always_second, ["a", "b"])
    assert metrics["confusion_matrix"] == [[0, 3], [0, 0]]


def test_metrics_survive_json_and_keep_their_values():
    metrics = random_metrics(["负面", "neutral", "positive"])
    assert json.loads(json.dumps(metrics)) == metrics


def test_float32_probabilities_give_the_metrics_of_float64_without_warnings(recwarn):
    labels, probabilities = random_predictions(211, 5)
    names = list("abcde")
    exact = classification_metrics(labels, probabilities, names)
    rounded = classification_metrics(labels, probabilities.astype(np.float32), names)
    assert rounded["log_loss"] == pytest.approx(exact["log_loss"], rel=1e-5)
    assert rounded["macro_f1"] == exact["macro_f1"]
    assert not recwarn.list


def test_a_certain_mistake_has_a_finite_loss():
    metrics = classification_metrics(np.array([0]), np.array([[0.0, 1.0]]), ["a", "b"])
    assert metrics["log_loss"] == pytest.approx(-math.log(np.finfo(np.float64).eps))


def test_calibration_error_by_hand():
    confidence = np.array([0.95, 0.94, 0.70, 0.55])
    labels = np.array([0, 1, 0, 1])  # right, wrong, right, wrong: the prediction is always 0
    probabilities = np.stack([confidence, 1 - confidence], axis=1)
    # Bins: {0.95, 0.94}: |1/2 - 0.945|; {0.70}: |1 - 0.70|; {0.55}: |0 - 0.55|.
    expected = 2 / 4 * 0.445 + 1 / 4 * 0.30 + 1 / 4 * 0.55
    assert expected_calibration_error(labels, probabilities) == pytest.approx(expected)


@pytest.mark.parametrize("num_bins", [1, 7, 15])
def test_calibration_error_against_a_loop_over_the_bins(num_bins):
    labels, probabilities = random_predictions(1009, 3)
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    expected = 0.0
    for number in range(num_bins):
        inside = (confidence > number / num_bins) & (confidence <= (number + 1) / num_bins)
        if inside.any():
            gap = correct[inside].mean() - confidence[inside].mean()
            expected += inside.mean() * abs(gap)
    measured = expected_calibration_error(labels, probabilities, num_bins)
    assert measured == pytest.approx(expected, abs=1e-12)


def test_a_bin_holds_its_upper_edge_and_an_empty_bin_is_nan():
    probabilities = np.array([[0.5, 0.5], [1.0, 0.0]])
    bins = calibration_bins(np.array([0, 0]), probabilities, num_bins=4)
    assert bins.count.tolist() == [0, 1, 0, 1]
    np.testing.assert_equal(bins.confidence, [np.nan, 0.5, np.nan, 1.0])


@pytest.mark.parametrize(
    ("labels", "probabilities", "message"),
    [
        ([0, 1, 0], [[0.5, 0.5]], r"shape \(3,\).*shape \(1, 2\)"),
        ([0], [0.5], r"shape \(1,\)"),
        ([], np.zeros((0, 2)), r"shape \(0, 2\)"),
        ([0], [[1.0]], r"two classes.*shape \(1, 1\)"),
        ([0.0], [[0.5, 0.5]], "float64"),
        ([2], [[0.5, 0.5]], r"\[0, 2\).*2"),
        ([-1], [[0.5, 0.5]], r"\[0, 2\).*-1"),
        ([0, 0], [[0.5, 0.5], [3.0, -1.0]], "row 1 with minimum -1 and sum 2"),
        ([0, 0], [[0.5, 0.5], [3.0, 1.0]], "softmax.*row 1 with minimum 1 and sum 4"),
    ],
)
def test_wrong_arrays_are_refused(labels, probabilities, message):
    labels = np.array(labels, dtype=None if labels else np.int32)
    with pytest.raises(ValueError, match=message):
        classification_metrics(labels, np.array(probabilities), ["a", "b"])


def test_wrong_number_of_names_or_bins_is_refused():
    labels, probabilities = random_predictions(5, 3)
    with pytest.raises(ValueError, match=r"2 names.*\(5, 3\)"):
        classification_metrics(labels, probabilities, ["a", "b"])
    with pytest.raises(ValueError, match="num_bins=0"):
        expected_calibration_error(labels, probabilities, num_bins=0)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_probabilities_of_a_diverged_model_are_the_users_to_mend(value):
    probabilities = np.array([[0.5, 0.5], [value, 0.5]])
    with pytest.raises(UserError, match=r"1 of 2 examples.*--learning-rate"):
        classification_metrics(np.array([0, 1]), probabilities, ["a", "b"])


def test_labels_become_numbers():
    numbers = encode_labels(["好", "差", "好"], ["差", "好"], "test.csv")
    assert numbers.dtype == np.int32
    assert numbers.tolist() == [1, 0, 1]


def test_unseen_labels_are_named_with_their_rows_and_what_training_saw():
    with pytest.raises(
        UserError,
        match=r"test\.csv: .*'mixed' \(2 rows\), 'odd' \(1 row\)\. Training saw: 'bad', 'good'\.",
    ):
        encode_labels(["good", "mixed", "odd", "mixed"], ["bad", "good"], "test.csv")


def test_many_long_unseen_labels_give_a_short_message():
    texts = [f"{number} is a whole sentence, not a label. " * 100 for number in range(500)]
    with pytest.raises(UserError, match="and 490 more") as error:
        encode_labels(texts, [f"class {number}" for number in range(30)], "test.csv")
    assert "and 20 more" in str(error.value)
    assert len(str(error.value)) < 1000


def test_headline_figures_and_speed_are_printed():
    metrics = random_metrics(["bad", "good"], num_examples=1234)
    metrics["accuracy"] = 0.98765
    assert "per second" not in format_metrics(metrics)
    text = format_metrics({**metrics, "examples_per_second": 4321.06})
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[:2] == ["examples 1,234", "accuracy 0.9877"]
    assert "examples per second 4,321.1" in lines


def test_columns_line_up_for_names_of_mixed_width():
    names = ["差评", "ok", "ｗｉｄｅ", "cafe\u0301", "🙂 fine"]
    sections = format_metrics(random_metrics(names)).split("\n\n")
    assert len(sections) == 3
    for section in sections:
        rows = [line for line in section.splitlines() if not line.startswith("confusion matrix")]
        assert len({display_width(row) for row in rows}) == 1


@pytest.mark.parametrize(
    ("text", "width"), [("abc", 3), ("差评", 4), ("ｗ", 2), ("e\u0301", 1), ("", 0)]
)
def test_display_width(text, width):
    assert display_width(text) == width


def test_confusion_matrix_is_headed_by_names_then_by_numbers_then_left_out():
    few = format_metrics(random_metrics(["bad", "good"])).splitlines()
    assert few[-3].split() == ["bad", "good"]
    some = format_metrics(random_metrics([f"category {letter}" for letter in "abcdefgh"]))
    assert some.splitlines()[-9].split() == list("01234567")
    assert some.splitlines()[-1].startswith("7 category h")
    many = format_metrics(random_metrics([f"category {number}" for number in range(40)]))
    assert "category 39" in many
    assert many.splitlines()[-1].startswith("confusion matrix: 40 classes")
    assert "--json" in many.splitlines()[-1]
    assert max(map(display_width, (few + some.splitlines() + many.splitlines()))) <= 80


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain", "plain"),
        ("line\nbreak\x1b[31m", "line\\nbreak\\x1b[31m"),
        ("a" * 25, "a" * 23 + "…"),
        ("评" * 12, "评" * 12),
        ("评" * 13, "评" * 11 + "…"),
    ],
)
def test_names_are_made_fit_to_show(name, shown):
    assert display_name(name) == shown
