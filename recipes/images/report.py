"""Draws the mistakes that a classifier of images was surest of, beside what every report has."""

from collections.abc import Sequence
from math import ceil
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from ..runs.drawing import DOTS_PER_INCH, INK, drawable_names, new_figure
from ..runs.report import write_report
from .batches import decoded
from .data import LabelledImages
from .run import ImageRun

MISTAKES_SHOWN = 16


def write_image_report(
    directory: Path,
    run: ImageRun,
    history: Sequence[dict[str, float]],
    validation: LabelledImages,
    labels: np.ndarray,
    probabilities: np.ndarray,
) -> None:
    """Writes what every classifier's report has, and a sheet of the most confident mistakes.

    The arguments are those of `write_report`, with the run and the validation images.
    """
    write_report(directory, history, run.metrics, labels, probabilities)
    worst = confident_mistakes(labels, probabilities)
    if worst:
        mistakes = validation.take(worst)
        images = decoded(mistakes, run.preprocessor)
        figure = _mistakes(
            images, mistakes.files, labels[worst], probabilities[worst], run.class_names
        )
        figure.savefig(directory / "mistakes.png", dpi=DOTS_PER_INCH)


def confident_mistakes(labels: np.ndarray, probabilities: np.ndarray) -> list[int]:
    """Returns the indices of the most confident mistakes, most confident first."""
    score, predicted = probabilities.max(axis=1), probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    return wrong[np.argsort(-score[wrong], kind="stable")][:MISTAKES_SHOWN].tolist()


def _mistakes(
    images: np.ndarray,
    files: Sequence[str],
    labels: np.ndarray,
    probabilities: np.ndarray,
    class_names: Sequence[str],
) -> Figure:
    """Draws a sheet of images, uint8 (B, H, W, 3), with what each was taken for."""
    columns = min(4, len(images))
    rows = ceil(len(images) / columns)
    figure = new_figure(2.6 * columns, 3.1 * rows)
    figure.suptitle("Most confident mistakes", x=0.02, ha="left", fontweight="bold", color=INK)
    shown, families, _ = drawable_names(class_names)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.axis("off")
    mistakes = zip(images, files, labels, probabilities, strict=True)
    for axes, (image, file, label, row) in zip(grid, mistakes, strict=False):
        axes.imshow(image, interpolation="nearest")
        taken, share = shown[int(row.argmax())], row.max()
        title = f"{taken} {share:.0%}\ntruly {shown[label]} {row[label]:.0%}"
        font = FontProperties(family=families, size=9)
        axes.set_title(title, loc="left", color=INK, font=font, parse_math=False)
        name = Path(file).name[-30:]
        axes.text(0, -0.02, name, transform=axes.transAxes, va="top", size=7, color=INK)
    return figure
