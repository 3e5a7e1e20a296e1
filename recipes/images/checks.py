"""Decodes every image before training: a bad file is named at once, not in the third epoch."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import tensorflow as tf

from ..data.checks import check_labels
from ..data.doubts import warn_of_labels
from ..data.examples import noting
from ..data.label_reading import labels_like
from ..data.splitting import with_validation
from ..errors import UserError
from .batches import DECODERS_AT_ONCE
from .data import LabelledImages, find_images, with_digests
from .decoding import decoder
from .other_formats import as_bmp, large_alone
from .settings import ImageReading
from .splits import has_validation

HELD_OUT = 0.1  # of the training images, where there is nothing else to validate on
MANY = 5000  # images, which take so long that it is said
ROWS_AT_ONCE = 1024  # as many are waited for, that memory does not grow with their number

logger = logging.getLogger("regard")


@noting
def read_labelled_images(
    source: str | Path, which: str = "train", **reading: Any
) -> LabelledImages:
    """Finds labelled images, decodes each once, and leaves out or refuses what is none.

    Args:
        source, **reading: As for `find_images`.
        which: The split to take where a folder has splits. Defaults to "train".

    Raises:
        UserError: As `find_images`, or if an image cannot be decoded; the message names it.
    """
    found = find_images(source, which, **reading)
    images = with_digests(read_images(found, reading.get("skip_bad_files", False)))
    warn_of_labels(images)
    return images


@noting
def read_train_and_validation(
    train: str | Path | LabelledImages,
    validation: str | Path | LabelledImages | float | None,
    seed: int,
    **reading: Any,
) -> tuple[LabelledImages, LabelledImages]:
    """Reads the images to learn from and those to validate on, or holds out a part for that.

    Either is a source for `read_labelled_images`, or images already read. `validation` may also be
    the share of the training images to hold out, in (0, 1), or None for the folder's own, if it has
    splits, else a tenth. The seed decides what is held out.

    Raises:
        UserError: As `read_labelled_images` and `split`, or if there are fewer than two labels.
    """
    if validation is None:
        has_own = not isinstance(train, LabelledImages) and has_validation(train)
        validation = train if has_own else HELD_OUT
    if not isinstance(train, LabelledImages):
        train = read_labelled_images(train, "train", **reading)
    check_labels(train)
    like = labels_like(_flags(train.describe()), ImageReading(**reading))
    reading = asdict(ImageReading(**reading).with_defaults(**like))
    read = partial(read_labelled_images, which="validation", **reading)
    return with_validation(train, validation, seed, read)


def read_like(trained: dict[str, Any], source: str | Path, **reading: Any) -> LabelledImages:
    """Reads images to test on, with labels that are read as those of the training data.

    `trained` has what `describe` gives of that; the rest are attributes of `ImageReading`.
    """
    reading = ImageReading(**reading)
    reading = reading.with_defaults(**labels_like(_flags(trained), reading))
    return read_labelled_images(source, "test", **asdict(reading))


def _flags(trained: dict[str, Any]) -> dict[str, Any]:
    """Returns what is known of labels, with their columns where they stood in several.

    One column is looked for anew in each table, as that of the images is.
    """
    _, *labels = trained.get("columns") or [None]
    return {**trained, "label_column": labels if len(labels) > 1 else None}


def read_images(images: LabelledImages, skip_bad_files: bool) -> LabelledImages:
    """Returns the same without the images that cannot be read, and with those that Pillow reads.

    Raises:
        UserError: If an image cannot be read and is not to be skipped, or all are such.
    """
    if len(images) > MANY:
        logger.info("%s: looking at %d images.", images.source, len(images))
    images, bad = look_at(images)
    return _without(images, bad, skip_bad_files) if bad else images


def look_at(images: LabelledImages) -> tuple[LabelledImages, dict[int, str]]:
    """Returns the same with those that Pillow reads, and what is wrong with others, by index.

    Raises:
        MemoryError, tf.errors.ResourceExhaustedError: If there is no memory, which is not the fault
            of an image.
    """
    formats, bad, decode = [], {}, decoder(tf.shape)
    with ThreadPoolExecutor(DECODERS_AT_ONCE) as pool:
        for start in range(0, len(images), ROWS_AT_ONCE):
            rows = range(len(images))[start:][:ROWS_AT_ONCE]
            for row, (name, problem) in zip(
                rows, pool.map(partial(_look, images, decode), rows), strict=True
            ):
                formats.append(name)
                bad |= {row: problem} if problem else {}
    return replace(images, others=formats if any(formats) else None), bad


def _without(images: LabelledImages, bad: dict[int, str], skip_bad_files: bool) -> LabelledImages:
    """Returns the same without the bad images, whose problems are given by index."""
    first = images.files[next(iter(bad))]
    problem = next(iter(bad.values()))
    if not skip_bad_files:
        others = f" There are {len(bad)} of them." if len(bad) > 1 else ""
        raise UserError(
            f"{first}: {problem}. Mend or remove it, or pass --skip-bad-files to leave such files "
            f"out.{others}"
        )
    if len(bad) == len(images):
        raise UserError(f"{images.source} holds no image that can be decoded.")
    message = "%s: bad files left out: %d, first %s: %s"
    logger.warning(message, images.source, len(bad), first, problem)
    rest = [row for row in range(len(images)) if row not in bad]
    return replace(images.take(rest), num_skipped=images.num_skipped + len(bad))


def _look(images: LabelledImages, decode: Callable, row: int) -> tuple[str, str]:
    """Returns the format of an image that Pillow has to read, and what is wrong with a bad one."""
    try:
        contents = images.read(row)
        decode(contents)
        return "", ""
    except OSError as error:
        return "", f"it cannot be read ({error.strerror})"
    except tf.errors.ResourceExhaustedError:
        raise  # that says nothing about the image
    except tf.errors.OpError as error:
        of_graph = error
    except ValueError as error:
        return "", str(error)
    try:
        with large_alone(contents):
            return as_bmp(contents)[0], ""
    except ValueError as error:
        return "", str(error) or _said_by(of_graph)


def _said_by(error: tf.errors.OpError) -> str:
    """Returns what the graph says of an image that it does not decode."""
    _, found, said = error.message.partition("assertion failed: ")
    words = said.split("\n")[0].strip("[]").replace("] [", " ") if found else ""
    return words.rstrip(".") or "it is damaged or cut short"
