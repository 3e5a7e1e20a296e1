"""Three pictures of a training run, as PNG: how it learned, what it confuses, how sure it is.

Drawn with Matplotlib's objects alone: no pyplot, so no display, no global state, no open figures.
Colours are Okabe and Ito's, which colour-blind readers can tell apart; markers differ as well.
"""

import logging
from collections.abc import Sequence
from math import ceil, isfinite
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator

from ..names import display_name, display_width
from .evaluation import calibration_bins

DOTS_PER_INCH = 150
BLUE, SKY, VERMILION, GREEN = "#0072B2", "#56B4E9", "#D55E00", "#009E73"
INK, FAINT = "#333333", "#DDDDDD"
MISTAKES_SHOWN = 16
MAX_CLASSES_WITH_COUNTS = 15
MAX_CLASSES_NAMED = 60  # of more classes, every second, third, … is named

# History key, name in the legend, colour, marker.
LOSSES = (
    ("loss", "training", BLUE, "o"),
    ("val_loss", "validation", VERMILION, "s"),
)
SCORES = (
    ("accuracy", "training accuracy", BLUE, "o"),
    ("val_accuracy", "validation accuracy", VERMILION, "s"),
    ("val_macro_f1", "validation macro-F1", GREEN, "^"),
)
BLEU = (("val_bleu", "validation", GREEN, "^"),)

logger = logging.getLogger("regard")


def write_report(
    directory: Path,
    history: Sequence[dict[str, Any]],
    metrics: dict[str, Any],
    labels: np.ndarray,
    probabilities: np.ndarray,
) -> None:
    """Writes `learning_curves.png`, `confusion_matrix.png` and `reliability.png`.

    Args:
        directory: The folder to write into; made if it is not there.
        history: One dictionary per epoch, in order: `epoch` (from 1) and any of `loss`, `val_loss`,
            `accuracy`, `val_accuracy` and `val_macro_f1`. What is missing is not drawn.
        metrics: What `classification_metrics` returns for the validation data, and `best_epoch`
            (from 1), where known: the epoch whose weights were kept.
        labels: Integers of shape (B,), each in [0, C): the true classes.
        probabilities: Floats of shape (B, C), rows summing to 1.

    Raises:
        ValueError: If `labels` or `probabilities` are not as described.
        OSError: If the folder cannot be written.
    """
    figures = {
        "confusion_matrix.png": _confusion_matrix(metrics),
        "reliability.png": _reliability(metrics, labels, probabilities),
    }
    write_learning_curves(directory, history, metrics.get("best_epoch"))
    for name, figure in figures.items():
        figure.savefig(directory / name, dpi=DOTS_PER_INCH)


def write_learning_curves(
    directory: Path, history: Sequence[dict[str, Any]], best_epoch: int | None = None
) -> None:
    """Writes `learning_curves.png` alone; the arguments are those of `write_report`."""
    directory.mkdir(parents=True, exist_ok=True)
    figure = _learning_curves(history, best_epoch)
    figure.savefig(directory / "learning_curves.png", dpi=DOTS_PER_INCH)


def confident_mistakes(labels: np.ndarray, probabilities: np.ndarray) -> list[int]:
    """The places of the wrong answers that were surest, the surest first: as many as are shown."""
    score, predicted = probabilities.max(axis=1), probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    return wrong[np.argsort(-score[wrong], kind="stable")][:MISTAKES_SHOWN].tolist()


def write_mistakes(
    directory: Path,
    images: Sequence[np.ndarray],
    names: Sequence[str],
    labels: np.ndarray,
    probabilities: np.ndarray,
    class_names: Sequence[str],
) -> None:
    """Writes `mistakes.png`, a sheet of images with what they were taken for; nothing if none.

    Args:
        directory: The folder to write into.
        images: uint8, (H, W, 3) each.
        names: Their files.
        labels: Integers (B,): the true classes.
        probabilities: Floats (B, C).
        class_names: The names of the C classes.
    """
    if not len(images):
        return
    columns = min(4, len(images))
    rows = ceil(len(images) / columns)
    figure = _figure(2.6 * columns, 3.1 * rows)
    figure.suptitle("Most confident mistakes", x=0.02, ha="left", fontweight="bold", color=INK)
    shown, families, _ = _drawable_names(class_names)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.axis("off")
    for axes, image, name, label, row in zip(
        grid, images, names, labels, probabilities, strict=False
    ):
        axes.imshow(image, interpolation="nearest")
        taken, share = shown[int(row.argmax())], row.max()
        title = f"{taken} {share:.0%}\ntruly {shown[label]} {row[label]:.0%}"
        font = FontProperties(family=families, size=9)
        axes.set_title(title, loc="left", color=INK, font=font, parse_math=False)
        file = Path(name).name
        axes.text(0, -0.02, file[-30:], transform=axes.transAxes, va="top", size=7, color=INK)
    figure.savefig(directory / "mistakes.png", dpi=DOTS_PER_INCH)


class Alignment(NamedTuple):
    """How much each piece of a translation reads of each piece of its source.

    Attributes:
        source_pieces: The S pieces of the source, with the end.
        target_pieces: The T pieces of the translation, with the end.
        weights: (T, S), float32, each row with a sum of 1.
    """

    source_pieces: list[str]
    target_pieces: list[str]
    weights: np.ndarray


def write_alignment(path: Path, alignment: Alignment) -> None:
    """Draws an alignment as a PNG file, into a folder that is made if it is not there."""
    source_pieces, target_pieces, weights = alignment
    figure = _figure(2 + 0.4 * len(source_pieces), 1.5 + 0.35 * len(target_pieces))
    axes = figure.subplots()
    _style(axes, "Attention to the source", grid=False)
    axes.imshow(weights, cmap="Blues", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
    axes.spines[:].set_visible(False)
    families, drawable = _fonts_for(set().union(*source_pieces, *target_pieces))
    source_pieces, target_pieces = (
        [_with_codes(piece, drawable) for piece in pieces]
        for pieces in (source_pieces, target_pieces)
    )
    style = {"font": FontProperties(family=families, size=9), "parse_math": False}
    axes.set_xticks(range(len(source_pieces)), source_pieces, **style, rotation=60, ha="right")
    axes.set_yticks(range(len(target_pieces)), target_pieces, **style)
    axes.set_xlabel("source", color=INK)
    axes.set_ylabel("translation", color=INK)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DOTS_PER_INCH)


def _with_codes(piece: str, drawable: set[str]) -> str:
    """A piece whose characters that no font here can draw are given by their codes."""
    return "".join(each if each in drawable else f"<{ord(each):X}>" for each in piece)


def _figure(width: float, height: float) -> Figure:
    """An empty figure of the given size in inches."""
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12)
    return figure


def _style(axes: Axes, title: str, grid: bool = True) -> None:
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK)
    axes.tick_params(colors=INK, length=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(axis="y", color=FAINT, linewidth=0.8)


def _learning_curves(history: Sequence[dict[str, Any]], best_epoch: int | None) -> Figure:
    figure = _figure(10, 4)
    loss_axes, score_axes = figure.subplots(1, 2)
    is_translator = any("val_bleu" in row for row in history)
    scores = ("BLEU", BLEU) if is_translator else ("Score", SCORES)
    for axes, (title, series) in ((loss_axes, ("Loss", LOSSES)), (score_axes, scores)):
        _style(axes, title)
        for key, name, color, marker in series:
            _curve(axes, history, key, label=name, color=color, marker=marker)
        _epoch_axis(axes, [row["epoch"] for row in history])
        if best_epoch is not None:
            axes.axvline(best_epoch, color=INK, linewidth=1, linestyle=":", label="best epoch")
        if axes.get_legend_handles_labels()[1]:
            axes.legend(edgecolor="none", fontsize=9, labelcolor=INK)
    return figure


def _curve(axes: Axes, history: Sequence[dict[str, Any]], key: str, **style: str) -> None:
    points = [(row["epoch"], row[key]) for row in history if row.get(key) is not None]
    points = [(epoch, value) for epoch, value in points if isfinite(value)]
    if points:
        # About 20 markers at most, or a long run is all markers.
        axes.plot(*zip(*points, strict=True), markevery=ceil(len(points) / 20), ms=5, **style)


def _epoch_axis(axes: Axes, epochs: Sequence[int]) -> None:
    axes.set_xlabel("epoch", color=INK)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if epochs:
        axes.set_xlim(min(epochs) - 0.5, max(epochs) + 0.5)


def _confusion_matrix(metrics: dict[str, Any]) -> Figure:
    counts = np.array(metrics["confusion_matrix"])
    num_classes = len(counts)
    # Classes without examples have an empty row, not a division by zero.
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 2.5 + min(max(0.75 * num_classes, 2.0), 7.5)
    figure = _figure(side + 1, side)
    axes = figure.subplots()
    _style(axes, "Confusion matrix", grid=False)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    axes.spines[:].set_visible(False)
    _color_bar(figure, axes, image)
    _class_axes(figure, axes, metrics["class_names"])
    if num_classes <= MAX_CLASSES_WITH_COUNTS:
        _draw_cells(axes, counts, shares)
    return figure


def _color_bar(figure: Figure, axes: Axes, image: AxesImage) -> None:
    bar = figure.colorbar(image, ax=axes, shrink=0.6, aspect=25)
    bar.set_label("share of the true class", color=INK)
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=INK, length=0)


def _draw_cells(axes: Axes, counts: np.ndarray, shares: np.ndarray) -> None:
    for edge in np.arange(0.5, len(counts) - 1):
        axes.axhline(edge, color="white", linewidth=1.5)
        axes.axvline(edge, color="white", linewidth=1.5)
    for (row, column), count in np.ndenumerate(counts):
        color = "white" if shares[row, column] > 0.5 else INK
        axes.text(column, row, f"{count:,}", ha="center", va="center", color=color, fontsize=9)


def _class_axes(figure: Figure, axes: Axes, class_names: Sequence[str]) -> None:
    names, families, note = _drawable_names(class_names)
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


def _drawable_names(class_names: Sequence[str]) -> tuple[list[str], list[str], str]:
    """Class names as they can be drawn, font families for them, a note on those that cannot be."""
    names = [display_name(name) for name in class_names]
    families, drawable = _fonts_for(set().union(*names))
    shown = [
        name if drawable.issuperset(name) else f"class {number}"
        for number, name in enumerate(names)
    ]
    if shown == names:
        return names, families, ""
    logger.info(
        "confusion_matrix.png shows some classes by number: no installed font has the "
        "characters of their names. Install one that does, such as Noto Sans CJK."
    )
    note = "No font here can draw every name: class N is number N, from 0, in metrics.json"
    return shown, families, note


def _fonts_for(characters: set[str]) -> tuple[list[str], set[str]]:
    """Matplotlib's own font and, if that lacks some characters, the font with most of the rest."""
    own = "DejaVu Sans"
    drawable = _characters_in(font_manager.findfont(own))
    missing = characters - drawable
    if not missing:
        return [own], drawable
    fonts = {
        entry.name: entry.fname
        for entry in sorted(font_manager.fontManager.ttflist, key=lambda entry: entry.fname)
        # "Last Resort" fonts have a box for every character there is.
        if entry.style == "normal" and not entry.name.lstrip(".").startswith("Last")
    }
    covered = {name: missing & _characters_in(path) for name, path in sorted(fonts.items())}
    best = max(covered, key=lambda name: len(covered[name]))
    return [own, best], drawable | covered[best]


def _characters_in(font_file: str) -> set[str]:
    try:
        return set(map(chr, font_manager.get_font(font_file).get_charmap()))
    except OSError:  # Matplotlib's list of fonts is a cached one: the file may be gone.
        return set()


def _reliability(metrics: dict[str, Any], labels: np.ndarray, probabilities: np.ndarray) -> Figure:
    bins = calibration_bins(labels, probabilities)
    edges = np.linspace(0.0, 1.0, len(bins.count) + 1)
    bars = {"x": edges[:-1], "width": np.diff(edges), "align": "edge", "edgecolor": "white"}
    figure = _figure(6, 6.5)
    axes, histogram = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    error = metrics["expected_calibration_error"]
    _style(axes, f"Reliability: expected calibration error {error:.3f}")
    accuracy = axes.bar(height=bins.accuracy, color=SKY, label="accuracy", **bars)
    ends = (bins.accuracy, bins.confidence)
    gap = axes.vlines(
        bins.confidence, *ends, color=VERMILION, linewidth=2, label="calibration error"
    )
    (ideal,) = axes.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle="--", label="ideal")
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.set_ylabel("accuracy", color=INK)
    below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.02), "ncols": 3}
    axes.legend(handles=[accuracy, gap, ideal], frameon=False, fontsize=9, labelcolor=INK, **below)
    _style(histogram, "")
    histogram.bar(height=bins.count, color=SKY, **bars)
    histogram.set_xlabel("confidence (probability of the predicted class)", color=INK)
    histogram.set_ylabel("examples", color=INK)
    return figure
