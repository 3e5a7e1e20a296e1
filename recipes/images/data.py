"""Finds labelled images: in a folder for each class, or by a table of paths and labels."""

import hashlib
import logging
import os
from collections.abc import Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..data.columns import choose_columns
from ..data.examples import LabelledExamples
from ..data.formats import TABLE_SUFFIXES, is_table, open_table
from ..data.rows import NOT_TEXT, read_rows
from ..errors import UserError
from .settings import ImageReading

SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp")
SPLITS = {"train": ("train",), "validation": ("validation", "val", "valid"), "test": ("test",)}

logger = logging.getLogger("regard")


@dataclass(frozen=True)
class LabelledImages(LabelledExamples):
    """Images with their labels, in the order of their names, or of their table.

    Attributes:
        source: What the user named, for messages.
        files: The files, or what to call the images in messages.
        labels: One label per image, always a string.
        digests: The SHA-256 of each file, in hexadecimal; empty before they are read.
        columns: The columns of paths and labels that they came from, if it was a table.
        num_skipped: Bad files, or rows of the table, that were left out.
        contents: The encoded images, where no files hold them.
    """

    COLUMNS = ("files", "labels", "digests", "contents")
    CONTENT = ("digests", "labels")
    ORIGIN = ("source", "columns")
    NOUN = "images"

    source: str
    files: list[str]
    labels: list[str]
    digests: list[str]
    columns: tuple[str, str] | None = None
    num_skipped: int = 0
    contents: list[bytes] | None = None

    def keys(self) -> list[Hashable]:
        return self.digests or with_digests(self).digests

    def show(self, row: int) -> str:
        return self.files[row]


def find_images(source: str | Path, split: str = "train", **reading: Any) -> LabelledImages:
    """Finds labelled images; whether they can be decoded is not looked at yet.

    Args:
        source: A folder with a folder of images for each class, `DIR/<class>/*`, or with such a
            folder for each split, `DIR/{train,validation,test}/<class>/*`; or a table (`.csv`,
            `.tsv`, `.jsonl`, `.parquet`) of paths, from its own folder, and labels; or
            `tfds:NAME[/CONFIG][:SPLIT]`.
        split: Which split to take where the folder has splits: "train", "validation" or "test".
        **reading: Attributes of `ImageReading`. With `skip_bad_files`, empty class folders and bad
            rows of a table are left out, too.

    Raises:
        UserError: If there is no such folder, table or file, or no image in it.
    """
    name, reading = str(source), ImageReading(**reading)
    columns = {"image": reading.image_column, "label": reading.label_column}
    if name.startswith("tfds:"):
        return _read_tfds(name, columns)
    if is_table(name) and not os.path.isdir(name):
        return _read_table(name, columns, reading)
    check_source(name)
    folder = find_splits(name).get(split, Path(name))
    return _read_folder(folder, reading.skip_bad_files)


def check_source(source: str | Path) -> None:
    """Raises `UserError` unless a source is a folder, a table or a TFDS data set by its name."""
    name = str(source)
    is_file = is_table(name) and os.path.exists(name)
    if not (name.startswith("tfds:") or is_file or os.path.isdir(name)):
        problem = "it is a file" if os.path.lexists(name) else "it is not there"
        raise UserError(
            f"{name} must be a folder of images, DIR/<class>/*, a table of paths and labels "
            f"({TABLE_SUFFIXES}), or tfds:NAME: {problem}."
        )


def find_splits(source: str | Path) -> dict[str, Path]:
    """Returns the folders of a data set's splits by name; none where it has no "train"."""
    found = {
        split: Path(source, name)
        for split, names in SPLITS.items()
        for name in reversed(names)
        if os.path.isdir(os.path.join(source, name))
    }
    return found if "train" in found else {}


def list_images(paths: Sequence[str | Path]) -> list[str]:
    """Lists image files, and those in folders and the folders in them.

    Raises:
        UserError: If a path is not there, or a folder holds no image.
    """
    files = []
    for path in map(str, paths):
        if not os.path.lexists(path):
            raise UserError(f"{path} is not there.")
        found = list(_walk(path)) if os.path.isdir(path) else [path]
        if not found:
            raise UserError(f"{path} holds no images: files ending in {', '.join(SUFFIXES)}.")
        files += found
    return files


def _read_folder(folder: Path, skip_bad_files: bool) -> LabelledImages:
    names = [entry.name for entry in os.scandir(folder) if entry.is_dir()]
    names = sorted(name for name in names if not name.startswith("."))
    loose = sum(_is_image(entry.name) for entry in os.scandir(folder) if entry.is_file())
    if not names:
        raise UserError(
            f"{folder} must hold a folder of images for each class: {folder}/<class>/*. "
            f"Received: no folders, {loose} images."
        )
    if loose:
        logger.warning("%s: images outside of class folders, passed over: %d", folder, loose)
    files, labels, empty = [], [], []
    for name in names:
        if NOT_TEXT.search(name):
            raise UserError(f"{folder}: the name of the class folder {name!r} is not UTF-8.")
        found = list(_walk(os.path.join(folder, name)))
        files += found
        labels += [name] * len(found)
        if not found:
            empty.append(name)
    if empty and not (skip_bad_files and files):
        raise UserError(
            f"{folder}/{empty[0]} holds no images: files ending in {', '.join(SUFFIXES)}. Remove "
            "it, or pass --skip-bad-files to leave such classes out."
        )
    if empty:
        logger.warning("%s: classes without images, left out: %s", folder, ", ".join(empty))
    return LabelledImages(str(folder), files, labels, [])


def _walk(folder: str) -> Iterator[str]:
    """Yields the images in a folder and those in it, by name; no folder twice, by whatever link."""
    seen = set()
    for current, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(current)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        yield from (os.path.join(current, name) for name in sorted(names) if _is_image(name))


def _is_image(name: str) -> bool:
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def _read_table(source: str, given: dict[str, str | None], reading: ImageReading) -> LabelledImages:
    table = open_table(source, reading)
    columns = choose_columns(source, table, given)
    cells, num_skipped = read_rows(source, table, columns, reading.skip_bad_files)
    files = [os.path.join(os.path.dirname(source), path) for path in cells["image"]]
    columns = tuple(columns.values())
    return LabelledImages(source, files, cells["label"], [], columns, num_skipped)


def _read_tfds(source: str, given: dict[str, str | None]) -> LabelledImages:
    """Reads the labelled images of a TFDS data set, still encoded."""
    from ..data.tfds import open_tfds  # here, because TensorFlow takes seconds to import

    table = open_tfds(source, as_encoded=True)
    columns = tuple(choose_columns(source, table, given).values())
    rows = list(table.read(columns))
    for row, _, (image, label) in rows:
        if not isinstance(image, bytes) or label is None:
            raise UserError(f"{source}, row {row}: there must be an image and a label.")
    files = [f"{source}, row {row}" for row, _, _ in rows]
    images, labels = ([cells[i] for _, _, cells in rows] for i in (0, 1))
    return LabelledImages(source, files, list(map(str, labels)), [], columns, 0, images)


def with_digests(images: LabelledImages) -> LabelledImages:
    """Returns the same with the digest of each file.

    Raises:
        UserError: If a file cannot be read; the message names it.
    """

    def digest(index: int) -> str:
        if images.contents is not None:
            return hashlib.sha256(images.contents[index]).hexdigest()
        try:
            with open(images.files[index], "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise UserError(f"{images.files[index]} cannot be read: {error.strerror}.") from error

    with ThreadPoolExecutor() as pool:
        return replace(images, digests=list(pool.map(digest, range(len(images)))))
