"""Draws a training run: how it learned, what it confuses, how sure it is."""

from collections.abc import Mapping, Sequence
from math import ceil, isfinite
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import MaxNLocator

from ..names import display_width
from .drawing import (
    BLUE,
    DOTS_PER_INCH,
    GREEN,
    INK,
    SKY,
    VERMILION,
    drawable_names,
    new_figure,
    set_style,
)
from .evaluation import calibration_bins

MAX_CLASSES_WITH_COUNTS = 15
MAX_CLASSES_NAMED = 60  # of more classes, every second, third, … is named

# History key, name in the legend, colour, marker.
LOSSES = (("loss", "training", BLUE, "o"), ("val_loss", "validation", VERMILION, "s"))
SCORES = (
    ("accuracy", "training accuracy", BLUE, "o"),
    ("val_accuracy", "validation accuracy", VERMILION, "s"),
    ("val_macro_f1", "validation macro-F1", GREEN, "^"),
)
BLEU = (("val_bleu", "validation", GREEN, "^"),)
KEPT = {"best_epoch": "best epoch, kept", "last_epoch": "last epoch, kept"}


def write_report(
    directory: Path,
    history: Sequence[dict[str, Any]],
    metrics: dict[str, Any],
    labels: np.ndarray,
    probabilities: np.ndarray,
) -> None:
    """Writes `learning_curves.png`, `confusion_matrix.png` and `reliability.png`.

    The history has a dictionary an epoch, with its number `epoch` (from 1) and any of `loss`,
    `val_loss`, `accuracy`, `val_accuracy` and `val_macro_f1`; what is missing is not drawn. The
    metrics, labels and probabilities are those of `classification_metrics`, with the epoch whose
    weights were kept (from 1), where known: `best_epoch` or `last_epoch`.
    """
    confusion = _confusion_matrix(metrics)
    reliability = _reliability(metrics, labels, probabilities)
    write_learning_curves(directory, history, metrics)
    confusion.savefig(directory / "confusion_matrix.png", dpi=DOTS_PER_INCH)
    reliability.savefig(directory / "reliability.png", dpi=DOTS_PER_INCH)


def write_learning_curves(
    directory: Path, history: Sequence[dict[str, Any]], metrics: Mapping[str, Any]
) -> None:
    """Writes `learning_curves.png` alone; the arguments are those of `write_report`."""
    directory.mkdir(parents=True, exist_ok=True)
    figure = _learning_curves(history, metrics)
    figure.savefig(directory / "learning_curves.png", dpi=DOTS_PER_INCH)


def _learning_curves(history: Sequence[dict[str, Any]], metrics: Mapping[str, Any]) -> Figure:
    figure = new_figure(10, 4)
    loss_axes, score_axes = figure.subplots(1, 2)
    is_translator = any("val_bleu" in row for row in history)
    scores = ("BLEU", BLEU) if is_translator else ("Score", SCORES)
    for axes, (title, series) in ((loss_axes, ("Loss", LOSSES)), (score_axes, scores)):
        set_style(axes, title)
        for key, name, color, marker in series:
            _curve(axes, history, key, label=name, color=color, marker=marker)
        axes.set_xlabel("epoch", color=INK)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        if history:
            axes.set_xlim(history[0]["epoch"] - 0.5, history[-1]["epoch"] + 0.5)
        for key in KEPT.keys() & metrics.keys():
            axes.axvline(metrics[key], color=INK, linewidth=1, linestyle=":", label=KEPT[key])
        if axes.get_legend_handles_labels()[1]:
            axes.legend(edgecolor="none", fontsize=9, labelcolor=INK)
    return figure


def _curve(axes: Axes, history: Sequence[dict[str, Any]], key: str, **style: str) -> None:
    points = [(row["epoch"], row[key]) for row in history if row.get(key) is not None]
    points = [(epoch, value) for epoch, value in points if isfinite(value)]
    if points:
        # About 20 markers at most, or a long run is all markers.
        axes.plot(*zip(*points, strict=True), markevery=ceil(len(points) / 20), ms=5, **style)


def _confusion_matrix(metrics: dict[str, Any]) -> Figure:
    counts = np.array(metrics["confusion_matrix"])
    num_classes = len(counts)
    # Classes without examples have an empty row, not a division by zero.
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 2.5 + min(max(0.75 * num_classes, 2.0), 7.5)
    figure = new_figure(side + 1, side)
    axes = figure.subplots()
    set_style(axes, "Confusion matrix", grid=False)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, shrink=0.6, aspect=25)
    bar.set_label("share of the true class", color=INK)
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=INK, length=0)
    _class_axes(figure, axes, metrics["class_names"])
    if num_classes <= MAX_CLASSES_WITH_COUNTS:
        _draw_cells(axes, counts, shares)
    return figure


def _draw_cells(axes: Axes, counts: np.ndarray, shares: np.ndarray) -> None:
    for edge in np.arange(0.5, len(counts) - 1):
        axes.axhline(edge, color="white", linewidth=1.5)
        axes.axvline(edge, color="white", linewidth=1.5)
    for (row, column), count in np.ndenumerate(counts):
        color = "white" if shares[row, column] > 0.5 else INK
        axes.text(column, row, f"{count:,}", ha="center", va="center", color=color, fontsize=9)


def _class_axes(figure: Figure, axes: Axes, class_names: Sequence[str]) -> None:
    names, families, note = drawable_names(class_names)
    ticks = range(0, len(names), ceil(len(names) / MAX_CLASSES_NAMED))
    shown = [names[tick] for tick in ticks]
    size = 9 if len(names) <= MAX_CLASSES_WITH_COUNTS else 7
    # Class names are text, not mathematics: "$" stands for itself.
    style = {"font": FontProperties(family=families, size=size), "parse_math": False}
    fits = len(names) <= 10 and max(map(display_width, names)) <= 9  # under a cell, side by side
    slant = {} if fits else {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    axes.set_xticks(ticks, shown, **style, **slant)
    axes.set_yticks(ticks, shown, **style)
    axes.set_xlabel("predicted", color=INK)
    axes.set_ylabel("true", color=INK)
    if note:
        figure.supxlabel(note, fontsize=8, color=INK)


def _reliability(metrics: dict[str, Any], labels: np.ndarray, probabilities: np.ndarray) -> Figure:
    bins = calibration_bins(labels, probabilities)
    edges = np.linspace(0.0, 1.0, len(bins.count) + 1)
    bars = {"x": edges[:-1], "width": np.diff(edges), "align": "edge", "edgecolor": "white"}
    figure = new_figure(6, 6.5)
    axes, histogram = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    error = metrics["expected_calibration_error"]
    set_style(axes, f"Reliability: expected calibration error {error:.3f}")
    accuracy = axes.bar(height=bins.accuracy, color=SKY, label="accuracy", **bars)
    ends = (bins.accuracy, bins.confidence)
    line = {"color": VERMILION, "linewidth": 2, "label": "calibration error"}
    gap = axes.vlines(bins.confidence, *ends, **line)
    (ideal,) = axes.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle="--", label="ideal")
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.set_ylabel("accuracy", color=INK)
    below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.02), "ncols": 3}
    axes.legend(handles=[accuracy, gap, ideal], frameon=False, fontsize=9, labelcolor=INK, **below)
    set_style(histogram, "")
    histogram.bar(height=bins.count, color=SKY, **bars)
    histogram.set_xlabel("confidence (probability of the predicted class)", color=INK)
    histogram.set_ylabel("examples", color=INK)
    return figure
