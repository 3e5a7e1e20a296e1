"""Draws a training run: how it learned, what it confuses, how sure it is."""

from collections.abc import Mapping, Sequence
from math import ceil, isfinite
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from ..names import display_width
from .display import PAIRS_LISTED, most_confused
from .drawing import (
    BLUE,
    GREEN,
    INK,
    SKY,
    VERMILION,
    drawable_names,
    new_figure,
    save_figure,
    set_style,
)
from .evaluation import calibration_bins

MAX_CLASSES_WITH_COUNTS = 15
MAX_CLASSES_NAMED = 60  # of more classes, every second, third, … is named
PAIRS_HEIGHT = 1.5  # inches: a list of what is confused most, under a matrix without counts

# History key, name in the legend, colour, marker.
LOSSES = (("loss", "training", BLUE, "o"), ("val_loss", "validation", VERMILION, "s"))
SCORES = (
    ("accuracy", "training accuracy", BLUE, "o"),
    ("val_accuracy", "validation accuracy", VERMILION, "s"),
    ("val_macro_f1", "validation macro-F1", GREEN, "^"),
    ("val_micro_f1", "validation micro-F1", SKY, "D"),
    ("val_f1", "validation F1 of entities", GREEN, "^"),
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

    Bins of few examples are faint in the last.

    The history has a dictionary an epoch, with its number `epoch` (from 1) and any of `loss`,
    `val_loss`, `accuracy`, `val_accuracy` and `val_macro_f1`; what is missing is not drawn. The
    metrics, labels and probabilities are those of `classification_metrics`, with the epoch whose
    weights were kept (from 1), where known: `best_epoch` or `last_epoch`.
    """
    confusion = _confusion_matrix(metrics)
    reliability = _reliability(metrics, labels, probabilities)
    write_learning_curves(directory, history, metrics)
    save_figure(confusion, directory / "confusion_matrix.png")
    save_figure(reliability, directory / "reliability.png")


def write_pictures(
    directory: Path,
    history: Sequence[dict[str, Any]],
    metrics: dict[str, Any],
    labels: np.ndarray,
    scores: np.ndarray,
) -> None:
    """Writes what `write_report` does where an example has one label, else what there is of it.

    Of several labels (B, C) that is the reliability of every decision; of values (B, 1) only the
    curves.
    """
    if labels.ndim == 1:
        write_report(directory, history, metrics, labels, scores)
        return
    write_learning_curves(directory, history, metrics)
    if "classes" in metrics:
        sides = np.stack([1 - scores.ravel(), scores.ravel()], axis=1)
        reliability = _reliability(metrics, labels.ravel().astype(int), sides)
        save_figure(reliability, directory / "reliability.png")


def write_learning_curves(
    directory: Path, history: Sequence[dict[str, Any]], metrics: Mapping[str, Any]
) -> None:
    """Writes `learning_curves.png` alone; the arguments are those of `write_report`."""
    directory.mkdir(parents=True, exist_ok=True)
    figure = _learning_curves(history, metrics)
    save_figure(figure, directory / "learning_curves.png")


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
    num_classes, supports = len(counts), counts.sum(axis=1)
    # Classes without examples have an empty row, not a division by zero.
    shares = counts / np.maximum(supports[:, np.newaxis], 1)
    side = 2.5 + min(max(0.75 * num_classes, 2.0), 7.5)
    is_large = num_classes > MAX_CLASSES_WITH_COUNTS
    heights = [side, PAIRS_HEIGHT] if is_large else [side]
    figure = new_figure(side + 1, sum(heights))
    axes, *below = figure.subplots(len(heights), height_ratios=heights, squeeze=False).ravel()
    set_style(axes, "Confusion matrix", grid=False)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, shrink=0.6, aspect=25)
    bar.set_label("share of the true class", color=INK)
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=INK, length=0)
    names, families, note = drawable_names(metrics["class_names"])
    _class_axes(axes, names, families, supports)
    if note:
        figure.supxlabel(note, fontsize=8, color=INK)
    if is_large:
        _draw_pairs(*below, metrics, names, families)
    else:
        _draw_cells(axes, counts, shares)
    return figure


def _draw_pairs(
    axes: Axes, metrics: dict[str, Any], names: Sequence[str], families: Sequence[str]
) -> None:
    """Lists the pairs of classes that are confused most, in two columns."""
    axes.axis("off")
    pairs = most_confused(metrics)
    title = "Most confused: true → predicted" if pairs else "No class is confused with another"
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    font = FontProperties(family=families, size=8)
    for number, (true, predicted, confused) in enumerate(pairs):
        column, row = divmod(number, ceil(PAIRS_LISTED / 2))
        place = (column / 2, 1 - row / ceil(PAIRS_LISTED / 2))
        text = f"{names[true]} → {names[predicted]}:  {confused}"
        style = {"font": font, "color": INK, "va": "top", "parse_math": False}
        axes.text(*place, text, transform=axes.transAxes, **style)


def _draw_cells(axes: Axes, counts: np.ndarray, shares: np.ndarray) -> None:
    for edge in np.arange(0.5, len(counts) - 1):
        axes.axhline(edge, color="white", linewidth=1.5)
        axes.axvline(edge, color="white", linewidth=1.5)
    for (row, column), count in np.ndenumerate(counts):
        color = "white" if shares[row, column] > 0.5 else INK
        axes.text(column, row, f"{count:,}", ha="center", va="center", color=color, fontsize=9)


def _class_axes(
    axes: Axes, names: Sequence[str], families: Sequence[str], supports: np.ndarray
) -> None:
    """Names the classes at both sides, the true ones with the number of their examples."""
    ticks = range(0, len(names), ceil(len(names) / MAX_CLASSES_NAMED))
    size = 9 if len(names) <= MAX_CLASSES_WITH_COUNTS else 7
    # Class names are text, not mathematics: "$" stands for itself.
    style = {"font": FontProperties(family=families, size=size), "parse_math": False}
    fits = len(names) <= 10 and max(map(display_width, names)) <= 9  # under a cell, side by side
    slant = {} if fits else {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    axes.set_xticks(ticks, [names[tick] for tick in ticks], **style, **slant)
    axes.set_yticks(ticks, [f"{names[tick]} ({supports[tick]:,})" for tick in ticks], **style)
    axes.set_xlabel("predicted", color=INK)
    axes.set_ylabel("true (examples)", color=INK)


def _reliability(metrics: dict[str, Any], labels: np.ndarray, probabilities: np.ndarray) -> Figure:
    bins = calibration_bins(labels, probabilities)
    weights = _certainty(bins.count)
    edges = np.linspace(0.0, 1.0, len(bins.count) + 1)
    bars = {"x": edges[:-1], "width": np.diff(edges), "align": "edge", "edgecolor": "white"}
    figure = new_figure(6, 6.5)
    axes, histogram = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    error = metrics["expected_calibration_error"]
    set_style(axes, f"Reliability: expected calibration error {error:.3f}")
    faded = [[to_rgba(color, weight) for weight in weights] for color in (SKY, VERMILION)]
    axes.bar(height=bins.accuracy, color=faded[0], **bars)
    axes.vlines(bins.confidence, bins.accuracy, bins.confidence, colors=faded[1], linewidth=2)
    accuracy = Patch(color=SKY, label="accuracy (faint: few examples)")
    gap = Line2D([], [], color=VERMILION, linewidth=2, label="calibration error")
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


def _certainty(count: np.ndarray) -> np.ndarray:
    """Returns how strongly bins of so many examples are drawn, in [0.1, 1).

    The standard error of an accuracy is at most 0.5 / √count; what is drawn is one less two of it.
    """
    return np.maximum(0.1, 1 - 1 / np.sqrt(np.maximum(count, 1)))
