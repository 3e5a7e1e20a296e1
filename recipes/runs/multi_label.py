"""Answers with any number of classes, each decided by itself."""

from collections.abc import Iterator, Mapping, Sequence
from math import sqrt
from statistics import mean
from typing import Any

import numpy as np
import tensorflow as tf

from ..names import display_name
from ..problem_types import MULTI_LABEL
from .display import aligned, of_seeds
from .evaluation import encode_labels
from .multi_label_metrics import HALF, best_thresholds, multi_label_metrics
from .problem import NOT_SMOOTHED, Choosing, Problem

HEADLINES = (
    ("macro-F1", "macro_f1"),
    ("micro-F1", "micro_f1"),
    ("mean average precision", "mean_average_precision"),
    ("all labels right", "subset_accuracy"),
    ("log loss of a label", "log_loss"),
    ("expected calibration error", "expected_calibration_error"),
)


class MultiLabel(Problem):
    """Classes of which an example has any number, or none: probabilities by sigmoid.

    Labels are (B, C), of 0 and 1. A class is answered from its threshold on.
    """

    problem_type = MULTI_LABEL
    figures = ("macro_f1", "micro_f1")
    adjusted = NOT_SMOOTHED

    def __init__(self, class_names: Sequence[str], thresholds: Mapping[str, float] | None = None):
        super().__init__(class_names)
        self.thresholds = {name: (thresholds or {}).get(name, HALF) for name in self.class_names}

    @property
    def bounds(self) -> np.ndarray:
        """Returns the thresholds in the order of the classes, (C,), float32 as the scores are."""
        return np.array([*self.thresholds.values()], "float32")

    @property
    def outputs(self) -> str:
        return f"any number of {super().outputs}"

    def described(self) -> dict[str, Any]:
        return {**super().described(), "thresholds": self.thresholds}

    def encode(self, labels: Sequence[Sequence[str]], source: str) -> np.ndarray:
        rows = np.repeat(np.arange(len(labels)), [len(each) for each in labels])
        numbers = encode_labels([n for each in labels for n in each], self.class_names, source)
        encoded = np.zeros((len(labels), len(self.class_names)), "float32")
        encoded[rows, numbers] = 1.0
        return encoded

    def scores(self, logits: tf.Tensor) -> tf.Tensor:
        return tf.sigmoid(logits)

    def chosen(self, scores: Any) -> Any:
        """Returns which classes are answered, for scores (B, C), in a graph or out of it."""
        return scores >= self.bounds

    def answers(self, scores: np.ndarray) -> Iterator[dict[str, Any]]:
        for row, is_chosen in zip(scores.tolist(), self.chosen(scores).tolist(), strict=True):
            named = dict(zip(self.class_names, row, strict=True))
            labels = [name for name, is_one in zip(named, is_chosen, strict=True) if is_one]
            yield {"labels": sorted(labels, key=lambda name: -named[name]), "scores": named}

    def measure(self, labels: np.ndarray, scores: np.ndarray) -> dict[str, Any]:
        return multi_label_metrics(labels, scores, self.class_names, self.bounds)

    def layout(self, metrics: Mapping[str, Any]) -> str:
        return f"{_headline(metrics)}\n\n{_class_table(metrics)}"

    def goodness(self, metrics: Mapping[str, Any]) -> float:
        return metrics["macro_f1"]

    def has_learned(self, metrics: Mapping[str, Any]) -> bool:
        known = [each for each in metrics["classes"].values() if each["roc_auc"] is not None]
        if not known:
            return True  # nothing is known of it
        total = metrics["num_examples"]
        # Of Mann and Whitney: the variance of the area where scores say nothing.
        variance = sum(
            (total + 1) / (12 * each["support"] * (total - each["support"])) for each in known
        )
        return mean(each["roc_auc"] for each in known) > HALF + sqrt(variance) / len(known)

    def tuned(self, labels: np.ndarray, scores: np.ndarray, choosing: Choosing) -> "MultiLabel":
        found = best_thresholds(labels, scores)
        return MultiLabel(self.class_names, dict(zip(self.class_names, found, strict=True)))


def _headline(metrics: Mapping[str, Any]) -> str:
    rows = [("examples", f"{metrics['num_examples']:,}")]
    rows += [(name, f"{metrics[key]:.4f}") for name, key in HEADLINES]
    if "examples_per_second" in metrics:
        rows.append(("examples per second", f"{metrics['examples_per_second']:,.1f}"))
    rows += of_seeds(metrics, HEADLINES[:2])
    missing = [name for name, each in metrics["classes"].items() if not each["support"]]
    if not missing:
        return aligned(rows)
    said = f"means leave out {len(missing)} without examples, first {display_name(missing[0])}"
    return f"{aligned(rows)}\n{said}"


def _class_table(metrics: Mapping[str, Any]) -> str:
    head = ("class", "precision", "recall", "F1", "average precision", "threshold", "support")
    rows = [head]
    keys = ("precision", "recall", "f1", "average_precision", "threshold")
    for name, each in metrics["classes"].items():
        figures = ("–" if each[key] is None else f"{each[key]:.4f}" for key in keys)
        rows.append((display_name(name), *figures, f"{each['support']:,}"))
    return aligned(rows)
