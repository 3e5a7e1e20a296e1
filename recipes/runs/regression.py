"""Answers with a number."""

from collections.abc import Iterator, Mapping, Sequence
from math import sqrt
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from scipy.stats import pearsonr, spearmanr

from ..problem_types import REGRESSION
from .display import aligned, of_seeds
from .evaluation import check_finite
from .problem import NOT_SMOOTHED, Problem

HEADLINES = (
    ("Spearman's correlation", "spearman"),
    ("Pearson's correlation", "pearson"),
    ("mean squared error", "mean_squared_error"),
    ("mean absolute error", "mean_absolute_error"),
)


class Regression(Problem):
    """One number: the logit is its value, and labels (B, 1) are the values to tell."""

    problem_type = REGRESSION
    figures = ("spearman", "pearson")
    adjusted = NOT_SMOOTHED
    _scale: "Scale"  # of the values to learn from

    @property
    def outputs(self) -> str:
        return "a number to tell"

    def encode(self, labels: Sequence[float], source: str) -> np.ndarray:
        return np.array(labels, "float32")[:, np.newaxis]

    def for_training(self, labels: np.ndarray) -> "Regression":
        problem = Regression(self.class_names)
        problem._scale = Scale(labels)
        return problem

    def targets(self, labels: np.ndarray) -> np.ndarray:
        return self._scale.apply(labels)

    def begin(self, head: keras.layers.Layer) -> None:
        self._scale.take_out(head)

    def end(self, head: keras.layers.Layer) -> None:
        self._scale.take_in(head)

    def scores(self, logits: tf.Tensor) -> tf.Tensor:
        return tf.identity(logits)

    def answers(self, scores: np.ndarray) -> Iterator[dict[str, Any]]:
        for (value,) in scores.tolist():
            yield {"value": value}

    def measure(self, labels: np.ndarray, scores: np.ndarray) -> dict[str, Any]:
        return regression_metrics(labels, scores)

    def layout(self, metrics: Mapping[str, Any]) -> str:
        rows = [("examples", f"{metrics['num_examples']:,}")]
        rows += [(name, f"{metrics[key]:.4f}") for name, key in HEADLINES]
        if "examples_per_second" in metrics:
            rows.append(("examples per second", f"{metrics['examples_per_second']:,.1f}"))
        return aligned([*rows, *of_seeds(metrics, HEADLINES[:2])])

    def goodness(self, metrics: Mapping[str, Any]) -> float:
        return -metrics["mean_squared_error"]

    def has_learned(self, metrics: Mapping[str, Any]) -> bool:
        return metrics["spearman"] > 1 / sqrt(max(1, metrics["num_examples"] - 1))


class Scale:
    """Turns values into what a new model tells best, of mean 0 and deviation 1, and back.

    A model learns on that scale. Its last layer then takes the scale in, so that what is kept tells
    the values themselves, wherever it is opened.

    Args:
        values: The values of the training data, (B, 1).
    """

    def __init__(self, values: np.ndarray):
        self.mean, self.deviation = float(values.mean()), float(values.std())

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Returns values (B, 1) on the scale of the training."""
        return ((values - self.mean) / self.deviation).astype("float32")

    def take_in(self, head: keras.layers.Layer) -> None:
        """Makes a last layer that gives values on that scale give the values themselves."""
        for each in _layers_of(head):
            each.kernel.assign(each.kernel * self.deviation)
            each.bias.assign(each.bias * self.deviation + self.mean)

    def take_out(self, head: keras.layers.Layer) -> None:
        """Undoes `take_in`, of a model that has learned such values before."""
        for each in _layers_of(head):
            each.kernel.assign(each.kernel / self.deviation)
            each.bias.assign((each.bias - self.mean) / self.deviation)


def _layers_of(head: keras.layers.Layer) -> list[keras.layers.Dense]:
    """Returns the layers whose mean a last layer gives: itself, or the two of a `TwinHead`."""
    return getattr(head, "heads", [head])


def regression_metrics(values: np.ndarray, found: np.ndarray) -> dict[str, Any]:
    """Scores values that a model has found, (B, 1), against the true ones, (B, 1).

    A correlation with a constant is not defined, and counts as 0.

    Returns:
        Plain Python values, ready for JSON: `num_examples`, `spearman`, `pearson`,
        `mean_squared_error` and `mean_absolute_error`.

    Raises:
        ValueError: If shapes are not as described.
        UserError: If a value is NaN or infinite, as after training that diverged.
    """
    values, found = np.asarray(values, "float64"), np.asarray(found, "float64")
    if values.shape != found.shape or values.ndim != 2 or values.shape[1] != 1 or not len(values):
        raise ValueError(
            "Values must have shape (B, 1), both the true ones and those found. Received: "
            f"{values.shape} and {found.shape}"
        )
    check_finite(found)
    true, told = values[:, 0], found[:, 0]
    is_defined = len(true) > 1 and np.ptp(true) > 0 and np.ptp(told) > 0
    return {
        "num_examples": len(true),
        "spearman": float(spearmanr(true, told).statistic) if is_defined else 0.0,
        "pearson": float(pearsonr(true, told).statistic) if is_defined else 0.0,
        "mean_squared_error": float(np.mean((told - true) ** 2)),
        "mean_absolute_error": float(np.mean(np.abs(told - true))),
    }
