"""Decodes every image before training: a bad file is named at once, not in the third epoch."""

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import tensorflow as tf

from ..data.doubts import warn_of_labels
from ..data.splitting import with_validation
from ..errors import UserError
from .batches import DECODERS_AT_ONCE, read_served
from .data import LabelledImages, find_images, with_digests
from .decoding import decode_image
from .other_formats import as_bmp
from .splits import has_validation

HELD_OUT = 0.1  # of the training images, where there is nothing else to validate on
MANY = 5000  # images, which take so long that it is said
ROWS_AT_ONCE = 1024  # as many are waited for, that memory does not grow with their number

logger = logging.getLogger("regard")


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
        UserError: As `read_labelled_images` and `split`, or if there are fewer than two classes.
    """
    if validation is None:
        has_own = not isinstance(train, LabelledImages) and has_validation(train)
        validation = train if has_own else HELD_OUT
    if not isinstance(train, LabelledImages):
        train = read_labelled_images(train, "train", **reading)
    if len(train.class_names()) < 2:
        raise UserError(
            f"{train.source}: a classifier needs at least two classes to tell apart, but there is "
            f"only {train.labels[0]!r}."
        )
    read = partial(read_labelled_images, which="validation", **reading)
    return with_validation(train, validation, seed, read)


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
    """Returns the same with those that Pillow reads, and what is wrong with others, by index."""
    undecoded = _find_bad(images)
    if not undecoded:
        return images, {}
    with ThreadPoolExecutor() as pool:
        looks = dict(zip(undecoded, pool.map(partial(_look, images), undecoded), strict=True))
    known = images.others or [""] * len(images)
    others = [looks[row][0] if row in looks else name for row, name in enumerate(known)]
    images = replace(images, others=others if any(others) else None)
    bad = {row: problem for row, (name, problem) in looks.items() if not name}
    return images, bad


def _without(images: LabelledImages, bad: dict[int, str], skip_bad_files: bool) -> LabelledImages:
    """Returns the same without the bad images, whose problems are given by index."""
    first = images.files[next(iter(bad))]
    problem = problem_of(images, *next(iter(bad.items())))
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


def _look(images: LabelledImages, index: int) -> tuple[str, str]:
    """Returns the format of an image that Pillow reads, or what is wrong, if it can tell."""
    try:
        return as_bmp(images.read(index))[0], ""
    except OSError:
        return "", ""
    except ValueError as error:
        return "", str(error)


def _find_bad(images: LabelledImages) -> list[int]:
    """Returns the indices of the images that cannot be decoded."""
    bad = []
    with ThreadPoolExecutor(DECODERS_AT_ONCE) as pool:
        for start in range(0, len(images), ROWS_AT_ONCE):
            rows = range(len(images))[start:][:ROWS_AT_ONCE]
            good = pool.map(partial(_is_good, images), rows)
            bad += [row for row, is_good in zip(rows, good, strict=True) if not is_good]
    return bad


def _is_good(images: LabelledImages, row: int) -> bool:
    try:
        decode_image(read_served(images, row))
    except tf.errors.ResourceExhaustedError:
        raise  # that says nothing about the image
    except (OSError, ValueError, tf.errors.OpError):
        return False
    return True


def problem_of(images: LabelledImages, index: int, said: str) -> str:
    """Says what is wrong with an image; what Pillow has `said`, if it has."""
    if said:
        return said
    try:
        decode_image(images.read(index))
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    except tf.errors.InvalidArgumentError as error:
        _, found, said = error.message.partition("assertion failed: ")
        words = said.split("\n")[0].strip("[]").replace("] [", " ") if found else ""
        return words.rstrip(".") or "it is damaged or cut short"
    return "it cannot be decoded"
