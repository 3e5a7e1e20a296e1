"""Draws the mistakes that a classifier of images was surest of, beside what every report has."""

from collections.abc import Sequence
from math import ceil
from pathlib import Path

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from PIL import Image

from ..names import display_name
from ..runs.drawing import (
    INK,
    drawable_names,
    fonts_for,
    new_figure,
    save_figure,
    with_codes,
)
from ..runs.report import write_report
from ..training.token_budget import mapped
from .batches import user_of
from .data import LabelledImages
from .run import ImageRun

MISTAKES_SHOWN = 16
SMALL, LARGEST = 200, 500  # pixels: enlarged without smoothing; drawn smaller, for memory
PATH_WIDTH, PATH_LINES = 42, 3  # characters


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
        figure = _mistakes(mistakes, labels[worst], probabilities[worst], run.class_names)
        save_figure(figure, directory / "mistakes.png")


def confident_mistakes(labels: np.ndarray, probabilities: np.ndarray) -> list[int]:
    """Returns the indices of the most confident mistakes, most confident first."""
    score, predicted = probabilities.max(axis=1), probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    return wrong[np.argsort(-score[wrong], kind="stable")][:MISTAKES_SHOWN].tolist()


def _mistakes(
    mistakes: LabelledImages,
    labels: np.ndarray,
    probabilities: np.ndarray,
    class_names: Sequence[str],
) -> Figure:
    """Draws a sheet of images as they are, each with its path and what it was taken for."""
    columns = min(4, len(mistakes))
    rows = ceil(len(mistakes) / columns)
    figure = new_figure(2.6 * columns, 3.3 * rows)
    figure.suptitle("Most confident mistakes", x=0.02, ha="left", fontweight="bold", color=INK)
    shown, families, _ = drawable_names(class_names)
    paths, path_families = drawable_paths(mistakes.files)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.axis("off")
    drawn = zip(originals(mistakes), paths, labels, probabilities, strict=True)
    for axes, (image, path, label, row) in zip(grid, drawn, strict=False):
        axes.imshow(image, interpolation="nearest" if max(image.shape) < SMALL else "antialiased")
        taken, share = shown[int(row.argmax())], row.max()
        title = f"{taken} {share:.0%}\ntruly {shown[label]} {row[label]:.0%}"
        font = FontProperties(family=families, size=9)
        axes.set_title(title, loc="left", color=INK, font=font, parse_math=False)
        style = {"font": FontProperties(family=path_families, size=6.5), "parse_math": False}
        axes.text(0, -0.02, path, transform=axes.transAxes, va="top", color=INK, **style)
    return figure


def originals(images: LabelledImages) -> list[np.ndarray]:
    """Decodes images as they are, but for those too large to be drawn: uint8 (H, W, 3) each."""
    use, found = user_of(images), []
    indices = tf.data.Dataset.range(len(images))
    for pixels in mapped(indices, lambda at: use(at, tf.identity)).as_numpy_iterator():
        picture = Image.fromarray(pixels)
        picture.thumbnail((LARGEST, LARGEST))
        found.append(np.asarray(picture))
    return found


def drawable_paths(files: Sequence[str]) -> tuple[list[str], list[str]]:
    """Returns paths as they can be drawn, in lines, the end if they are long; and their fonts."""
    paths = [display_name(file, 2**16) for file in files]  # without control characters
    longest = PATH_WIDTH * PATH_LINES
    paths = [path if len(path) <= longest else "…" + path[1 - longest :] for path in paths]
    families, drawable = fonts_for(set().union(*paths))
    shown = [with_codes(path, drawable) for path in paths]
    parts = [
        [path[at : at + PATH_WIDTH] for at in range(0, len(path), PATH_WIDTH)] for path in shown
    ]
    return ["\n".join(each) for each in parts], families
