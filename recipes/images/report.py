"""Draws the mistakes that a classifier of images was surest of, beside what every report has."""

import os
from collections.abc import Sequence
from functools import partial
from math import ceil
from pathlib import Path

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from PIL import Image

from ..names import display_name
from ..report.classifier import Examined, Parts, write_classifier_page
from ..report.data import sizes
from ..report.going_on import evaluation, example_of, go_on, words
from ..report.markup import name, picture
from ..report.problems import view_of
from ..report.samples import MISTAKES_SHOWN, Sample
from ..runs.drawing import (
    INK,
    drawable_names,
    fonts_for,
    new_figure,
    save_figure,
    with_codes,
)
from ..runs.report import write_pictures
from ..runs.session import Session
from ..tasks import TASKS
from ..training.token_budget import mapped
from .batches import user_of
from .data import LabelledImages
from .looking import Look
from .run import ImageRun

SMALL, LARGEST = 200, 500  # pixels: enlarged without smoothing; drawn smaller, for memory
PATH_WIDTH, PATH_LINES = 42, 3  # characters
THUMBNAIL = 240  # pixels: the longer side of a picture on the page


def write_image_report(
    directory: Path, current: Session, examined: Examined, validation: LabelledImages, look: Look
) -> None:
    """Writes what every classifier's report has, and a sheet of the most confident mistakes."""
    run, history, labels, probabilities, _ = examined
    view = view_of(run.metadata)
    write_pictures(directory, history, run.metrics, labels, probabilities)
    worst = [int(row) for row in view.worst(run.metrics, labels, probabilities)[:MISTAKES_SHOWN]]
    mistakes = validation.take(worst)
    pictures = originals(mistakes) if worst else []
    if worst and labels.ndim == 1:  # what several labels or a number should be stands on the page
        figure = _mistakes(mistakes, pictures, labels[worst], probabilities[worst], run.class_names)
        save_figure(figure, directory / "mistakes.png")

    def samples(rows: list[int]) -> list[Sample]:
        return [
            Sample(
                view.verdict(run.metrics, labels[row], probabilities[row])
                + _thumbnail(picture, validation.files[row]),
                validation.read(row),
            )
            for row, picture in zip(rows, pictures, strict=False)
        ]

    parts = Parts(
        samples,
        partial(_sizes, run, look),
        partial(_steps, current, validation),
        validation.is_held_out,
    )
    write_classifier_page(directory, current, examined, parts)


def _thumbnail(pixels: np.ndarray, file: str) -> str:
    """Returns a small picture with the name of its file."""
    small = Image.fromarray(pixels)
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    kind = "PNG" if max(pixels.shape) <= THUMBNAIL else "JPEG"
    shown = picture(small, os.path.basename(file), kind)
    return f'{shown}<p class="path">{name(file)}</p>'


def _sizes(run: ImageRun, look: Look) -> str:
    read_as = run.preprocessor.height, run.preprocessor.width
    return sizes("Sizes of the images to learn from", look.sides, look.number, read_as)


def _steps(current: Session, validation: LabelledImages) -> str:
    files = [] if validation.contents is not None else validation.files
    named = None if validation.is_held_out else current.asked.get("validation")
    question = words(example_of(files, "IMAGE"))
    measure = evaluation(current.output, named, "test-images")
    return go_on(TASKS["images"], current.output, current.asked, question, [measure])


def _mistakes(
    mistakes: LabelledImages,
    pictures: Sequence[np.ndarray],
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
    drawn = zip(pictures, paths, labels, probabilities, strict=True)
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
