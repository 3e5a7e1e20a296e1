"""Shows how near a model comes to the numbers that it tells."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from .charts import across, axes, number, spread, svg, up
from .markup import figure
from .page import Section

FIGURES = {
    "spearman": "Spearman's correlation",
    "pearson": "Pearson's correlation",
    "mean_squared_error": "Mean squared error",
    "mean_absolute_error": "Mean absolute error",
}
MOST_POINTS = 2000


def sections(examined: Any, learned: Mapping[str, int]) -> list[Section]:
    """Returns the parts of the page between the curves and the examples."""
    return [Section("Values", partial(scatter, examined.labels, examined.probabilities))]


def notes(metrics: Mapping[str, Any]) -> list[str]:
    """Returns what is to be said of the main figures."""
    return ["The losses of the curves are of values whose deviation in the training data is 1."]


def scatter(labels: np.ndarray, values: np.ndarray) -> str:
    """Draws the values that are told, (B, 1), over the true ones, (B, 1)."""
    true, told = labels[:, 0].astype(float), values[:, 0].astype(float)
    rows = np.unique(np.linspace(0, len(true) - 1, min(len(true), MOST_POINTS)).astype(int))
    low, high, ticks = spread([*true.tolist(), *told.tolist()])
    x, y = across(low, high), up(low, high)
    parts = [axes(x, y, ticks, ticks, "true value")]
    parts.append(f'<path class="ideal" d="M{x(low)} {y(low)}L{x(high)} {y(high)}"/>')
    for row in rows:
        title = f"truly {number(true[row])}, told {number(told[row])}"
        dot = f'<circle class="a" fill-opacity="0.5" cx="{x(true[row])}" cy="{y(told[row])}" r="3">'
        parts.append(f"{dot}<title>{title}</title></circle>")
    few = f" {len(rows):,} of {len(true):,} examples are drawn." if len(rows) < len(true) else ""
    note = f"On the dashed line a value is told exactly.{few}"
    alt = "What is told over the true values; the correlations are above"
    return figure("What is told, by what is true", svg(alt, "".join(parts)), note)


def worst(metrics: Mapping[str, Any], labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Returns all rows, those that are told worst first."""
    return np.argsort(-np.abs(scores - labels)[:, 0], kind="stable")


def verdict(metrics: Mapping[str, Any], label: np.ndarray, scores: np.ndarray) -> str:
    """Returns what was told of an example, and what is true."""
    return (
        f'<p class="verdict"><span class="wrong">{number(float(scores[0]))}</span> '
        f"<span>truly {number(float(label[0]))}</span></p>"
    )
