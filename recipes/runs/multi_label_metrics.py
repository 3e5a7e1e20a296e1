"""Tells how good decisions on several labels are, and chooses their thresholds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_fscore_support, roc_auc_score

from .evaluation import check_finite, expected_calibration_error

FEWEST_TO_CHOOSE = 5  # examples of a class, and others, to choose a threshold of its own by
HALF = 0.5  # the threshold where nothing chooses another


def best_thresholds(labels: np.ndarray, scores: np.ndarray) -> list[float]:
    """Returns the threshold of each class that gives the best F1 on some examples.

    A class with too few examples to tell, or too few others, takes the one that is best for all
    classes together. Thresholds lie midway between scores; of equals the one nearest to a half.

    Args:
        labels: (B, C), of 0 and 1.
        scores: Probabilities, (B, C).
    """
    common = _best_threshold(labels.ravel(), scores.ravel())
    supports = labels.sum(axis=0)
    can_choose = np.minimum(supports, len(labels) - supports) >= FEWEST_TO_CHOOSE
    return [
        _best_threshold(labels[:, number], scores[:, number]) if can_choose[number] else common
        for number in range(labels.shape[1])
    ]


def _best_threshold(labels: np.ndarray, scores: np.ndarray) -> float:
    if not labels.any():
        return HALF
    order = np.argsort(-scores, kind="stable")
    ranked, right = scores[order].astype("float64"), np.cumsum(labels[order])
    f1 = 2 * right / (np.arange(1, len(ranked) + 1) + labels.sum())  # of the first so many
    between = (ranked + np.append(ranked[1:], 0.0)) / 2
    is_cut = np.append(ranked[1:] < ranked[:-1], True)  # equal scores are on one side
    best = np.flatnonzero(is_cut & (f1 >= f1[is_cut].max() - 1e-9))
    nearest = best[np.argmin(np.abs(between[best] - HALF))]
    return float(np.float32(between[nearest]))


def multi_label_metrics(
    labels: np.ndarray, scores: np.ndarray, class_names: Sequence[str], thresholds: np.ndarray
) -> dict[str, Any]:
    """Scores the probabilities of classes, each decided by itself, against the true labels.

    Macro-F1 and mean average precision are means over the classes with examples. Micro-F1 is that
    of all decisions together. Log loss is in nats a decision, and the calibration error is that of
    the decisions, each as sure as its likelier side.

    Args:
        labels: (B, C), of 0 and 1.
        scores: Probabilities, (B, C).
        class_names: C distinct names.
        thresholds: Those from which on a class is answered, (C,).

    Returns:
        Plain Python values, ready for JSON: `num_examples`, `macro_f1`, `micro_f1`,
        `mean_average_precision`, `subset_accuracy` (all labels of an example right), `log_loss`,
        `expected_calibration_error`, `macro_f1_at_half` (with 0.5 for all classes), `class_names`
        and `classes` (name to `precision`, `recall`, `f1`, `average_precision`, `roc_auc`,
        `threshold` and `support`; None where examples, or others, are missing).

    Raises:
        ValueError: If shapes or values are not as described.
        UserError: If a probability is NaN or infinite, as after training that diverged.
    """
    labels, scores = _checked(labels, scores, len(class_names))
    predicted = scores >= thresholds
    present = labels.any(axis=0)
    _, _, micro_f1, _ = precision_recall_fscore_support(
        labels.ravel(), predicted.ravel(), average="binary", zero_division=0
    )
    clipped = np.clip(scores, 1e-7, 1 - 1e-7)
    log_loss = -np.mean(np.where(labels, np.log(clipped), np.log1p(-clipped)))
    sides = np.stack([1 - scores.ravel(), scores.ravel()], axis=1)
    classes = _each_class(labels, scores, predicted, thresholds)
    return {
        "num_examples": len(labels),
        "macro_f1": _mean(classes, "f1", present),
        "micro_f1": float(micro_f1),
        "mean_average_precision": _mean(classes, "average_precision", present),
        "subset_accuracy": float(np.mean((predicted == labels).all(axis=1))),
        "log_loss": float(log_loss),
        "expected_calibration_error": expected_calibration_error(labels.ravel().astype(int), sides),
        "macro_f1_at_half": _mean(
            _each_class(labels, scores, scores >= HALF, thresholds), "f1", present
        ),
        "class_names": list(class_names),
        "classes": dict(zip(class_names, classes, strict=True)),
    }


def _each_class(
    labels: np.ndarray, scores: np.ndarray, predicted: np.ndarray, thresholds: np.ndarray
) -> list[dict[str, Any]]:
    """Returns the figures of each class."""
    found = []
    for number, threshold in enumerate(thresholds.tolist()):
        own, told = labels[:, number], scores[:, number]
        precision, recall, f1, _ = precision_recall_fscore_support(
            own, predicted[:, number], average="binary", zero_division=0
        )
        has_both = own.any() and not own.all()
        found.append(
            {
                "precision": float(precision),
                "recall": float(recall),
                "f1": float(f1),
                "average_precision": float(average_precision_score(own, told))
                if own.any()
                else None,
                "roc_auc": float(roc_auc_score(own, told)) if has_both else None,
                "threshold": threshold,
                "support": int(own.sum()),
            }
        )
    return found


def _mean(classes: Sequence[Mapping[str, Any]], key: str, present: np.ndarray) -> float:
    values = [each[key] for each, is_there in zip(classes, present, strict=True) if is_there]
    return float(np.mean(values)) if values else 0.0


def _checked(
    labels: np.ndarray, scores: np.ndarray, num_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    labels, scores = np.asarray(labels), np.asarray(scores, "float64")
    if labels.shape != scores.shape or labels.ndim != 2 or not labels.size:
        raise ValueError(
            "labels and probabilities must have one shape, (B, C). Received: "
            f"{labels.shape} and {scores.shape}"
        )
    if labels.shape[1] != num_classes:
        raise ValueError(
            "class_names must name each column of probabilities. Received: "
            f"{num_classes} names, probabilities of shape {scores.shape}"
        )
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("labels must be 0 or 1. Received: others")
    check_finite(scores)
    if scores.min() < 0 or scores.max() > 1:
        raise ValueError(
            "Probabilities must be in [0, 1]; apply a sigmoid to logits first. Received: from "
            f"{scores.min():.6g} to {scores.max():.6g}"
        )
    return labels.astype(bool), scores
