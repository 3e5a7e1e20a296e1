"""Tells how good a classifier is: metrics from its class probabilities.

The same figures come from a model in memory, from an export, or from a server's answers.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support

from ..errors import UserError
from ..names import counted, display_name

LISTED_NAMES = 10  # names an error message lists before it says "and N more"


def classification_metrics(
    labels: np.ndarray, probabilities: np.ndarray, class_names: Sequence[str]
) -> dict[str, Any]:
    """Scores class probabilities against the true labels.

    The predicted class is the most probable one (the first of equals). A class that is never
    predicted has precision 0, and one with no examples has recall 0. Macro-F1 is the plain mean of
    F1 over the classes with examples: that is scikit-learn with `labels=unique(labels),
    zero_division=0`. By itself scikit-learn would count a class that is only predicted as 0, and
    the mean would be over other classes for every model; such a prediction is a mistake in its true
    class already. Log loss is in nats per example; a probability of 0 for the true class counts as
    2.2e-16.

    Args:
        labels: Integers of shape (B,), each in [0, C): the true classes.
        probabilities: Floats of shape (B, C), rows summing to 1.
        class_names: C distinct names, in the order of the columns of `probabilities`.

    Returns:
        Plain Python values, ready for JSON: `num_examples`, `accuracy`, `macro_f1`, `log_loss`,
        `expected_calibration_error`, `class_names`, `classes` (name to `precision`, `recall`, `f1`
        and `support`) and `confusion_matrix` (C lists of C counts; rows are true classes, columns
        predicted ones).

    Raises:
        ValueError: If shapes or values are not as described.
        UserError: If a probability is NaN or infinite, as after training that diverged.
    """
    labels, probabilities = _checked(labels, probabilities)
    if len(class_names) != probabilities.shape[1]:
        raise ValueError(
            "class_names must name each column of probabilities. Received: "
            f"{len(class_names)} names, probabilities of shape {probabilities.shape}"
        )
    all_classes = np.arange(len(class_names))
    predicted = probabilities.argmax(axis=1)
    per_class = precision_recall_fscore_support(
        labels, predicted, labels=all_classes, zero_division=0
    )
    # scikit-learn warns unless rows sum to 1 within float64 precision; float32 softmax does not.
    normalized = probabilities / probabilities.sum(axis=1, keepdims=True)
    return {
        "num_examples": len(labels),
        "accuracy": float(np.mean(predicted == labels)),
        "macro_f1": float(np.mean(per_class[2][np.unique(labels)])),
        "log_loss": float(log_loss(labels, normalized, labels=all_classes)),
        "expected_calibration_error": expected_calibration_error(labels, probabilities),
        "class_names": list(class_names),
        "classes": {
            name: dict(zip(("precision", "recall", "f1", "support"), scores, strict=True))
            for name, *scores in zip(class_names, *map(np.ndarray.tolist, per_class), strict=True)
        },
        "confusion_matrix": confusion_matrix(labels, predicted, labels=all_classes).tolist(),
    }


class CalibrationBins(NamedTuple):
    """Groups examples by the confidence of their prediction; one entry per bin in each array."""

    count: np.ndarray  # examples in the bin
    accuracy: np.ndarray  # share of them predicted correctly; NaN in an empty bin
    confidence: np.ndarray  # their mean confidence; NaN in an empty bin


def calibration_bins(
    labels: np.ndarray, probabilities: np.ndarray, num_bins: int = 15
) -> CalibrationBins:
    """Groups examples into equal-width bins of confidence, the probability of the predicted class.

    Bin m of M holds confidences in ((m - 1) / M, m / M]. `sklearn.calibration.calibration_curve`
    bins likewise but drops the counts, which the calibration error needs.

    Labels, probabilities and errors are those of `classification_metrics`.
    """
    if num_bins < 1:
        raise ValueError(f"num_bins must be at least 1. Received: num_bins={num_bins}")
    labels, probabilities = _checked(labels, probabilities)
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    inner_edges = np.linspace(0.0, 1.0, num_bins + 1)[1:-1]
    bins = np.searchsorted(inner_edges, confidence)
    count, total_correct, total_confidence = (
        np.bincount(bins, weights=weights, minlength=num_bins)
        for weights in (None, correct, confidence)
    )
    size = np.where(count > 0, count, np.nan)
    return CalibrationBins(count, total_correct / size, total_confidence / size)


def expected_calibration_error(
    labels: np.ndarray, probabilities: np.ndarray, num_bins: int = 15
) -> float:
    """Returns the mean distance between how sure the model is and how often it is right, in [0, 1].

    That is the mean over `calibration_bins` of |accuracy - mean confidence|, each bin weighted by
    its number of examples; 0 is perfectly calibrated.

    References:
        Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3.
        https://arxiv.org/abs/1706.04599
    """
    bins = calibration_bins(labels, probabilities, num_bins)
    gaps = np.abs(bins.accuracy - bins.confidence)
    return float(np.nansum(bins.count * gaps) / bins.count.sum())


def _checked(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    labels = np.asarray(labels)
    probabilities = np.asarray(probabilities, dtype=np.float64)
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1]:
        raise ValueError(
            "labels must have shape (B,) and probabilities (B, C). Received: "
            f"labels of shape {labels.shape}, probabilities of shape {probabilities.shape}"
        )
    num_examples, num_classes = probabilities.shape
    if num_examples < 1 or num_classes < 2:
        raise ValueError(
            "There must be at least one example and two classes. Received: "
            f"probabilities of shape {probabilities.shape}"
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels must be integers. Received: labels of dtype {labels.dtype}")
    if labels.min() < 0 or labels.max() >= num_classes:
        wrong = labels[(labels < 0) | (labels >= num_classes)][0]
        raise ValueError(f"labels must be in [0, {num_classes}). Received: {wrong}")
    _check_probabilities(probabilities)
    return labels, probabilities


def check_finite(scores: np.ndarray, what: str = "scores") -> None:
    """Raises `UserError` if a score is none, as after training that diverged."""
    broken = int(np.sum(~np.isfinite(scores).all(axis=1)))
    if broken:
        raise UserError(
            f"The model's {what} must be finite. Received: NaN or infinity for {broken:,} "
            f"of {len(scores):,} examples, so its weights have diverged. "
            "Train again with a lower --learning-rate."
        )


def _check_probabilities(probabilities: np.ndarray) -> None:
    check_finite(probabilities, "probabilities")
    sums = probabilities.sum(axis=1)
    # 1e-3 is far above what a float32 softmax is off by and far below what logits would be.
    if probabilities.min() < 0 or np.abs(sums - 1).max() > 1e-3:
        row = int(np.argmax((probabilities.min(axis=1) < 0) | (np.abs(sums - 1) > 1e-3)))
        raise ValueError(
            "Each row of probabilities must be non-negative and sum to 1; apply softmax to logits "
            f"first. Received: row {row} with minimum {probabilities[row].min():.6g} "
            f"and sum {sums[row]:.6g}"
        )


def encode_labels(labels: Sequence[str], class_names: Sequence[str], source: str) -> np.ndarray:
    """Turns label names into class numbers: int32, (B,), the index of each in `class_names`.

    Raises:
        UserError: If a label is not among `class_names`; the message names `source`.
    """
    index = {name: number for number, name in enumerate(class_names)}
    unseen = Counter(label for label in labels if label not in index)
    if unseen:
        found = [f"{_quoted(name)} ({counted(count, 'row')})" for name, count in unseen.items()]
        raise UserError(
            f"{source}: every label must be one that training saw. "
            f"Received: {_first_few(found)}. "
            f"Training saw: {_first_few(list(map(_quoted, class_names)))}. "
            f"Correct or remove the {counted(unseen.total(), 'row')}, or train with data that has "
            "the label."
        )
    return np.array([index[label] for label in labels], dtype=np.int32)


def _quoted(name: str) -> str:
    return f"'{display_name(name)}'"


def _first_few(items: Sequence[str]) -> str:
    shown = ", ".join(items[:LISTED_NAMES])
    more = len(items) - LISTED_NAMES
    return f"{shown} and {more:,} more" if more > 0 else shown
