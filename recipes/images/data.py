"""Finds labelled images: in a folder for each class, or by a table of paths and labels."""

import hashlib
import logging
import os
from collections import Counter
from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..data.columns import choose_columns
from ..data.examples import LabelledExamples
from ..data.formats import TABLE_SUFFIXES, holds_table
from ..data.label_kinds import label_kind
from ..data.sources import is_pattern, is_saved
from ..errors import UserError
from ..problem_types import SINGLE_LABEL
from .folders import read_folder
from .settings import ImageReading
from .splits import choose_folder
from .tables import read_tables

LARGEST_FILE = 2**28 + 2**16  # bytes: of the most pixels, with four bytes each, and a head

logger = logging.getLogger("regard")


@dataclass(frozen=True)
class LabelledImages(LabelledExamples):
    """Images with their labels, in the order of their names, or of their table.

    Attributes:
        source: What the user named, for messages.
        files: The files, or what to call the images in messages.
        labels: One label per image: a string, or by the problem's type a tuple or a number.
        digests: The SHA-256 of each file, in hexadecimal; empty before they are read.
        columns: The columns of paths and labels that they came from, if it was a table.
        num_skipped: Bad files, or rows of the table, that were left out.
        contents: The encoded images, where no files hold them, or else None for each of a file.
        others: The format, by Pillow's name, of each that Pillow has to read, and "" of those that
            the graph of a server decodes; None before they are read, or if it decodes all.
        problem_type: What the labels are, by `transformers`' word.
        label_separator: What stood between the labels of a cell; None if nothing did.
    """

    COLUMNS = ("files", "labels", "digests", "contents", "others")
    CONTENT = ("digests", "labels")
    ORIGIN = ("source", "columns")
    NOUN = "images"

    source: str
    files: list[str]
    labels: list[Any]
    digests: list[str]
    columns: tuple[str, ...] | None = None
    num_skipped: int = 0
    contents: list[bytes | None] | None = None
    others: list[str] | None = None
    problem_type: str = SINGLE_LABEL
    label_separator: str | None = None

    def describe(self) -> dict[str, Any]:
        counts = Counter(filter(None, self.others or ()))
        return {**super().describe(), **({"other_formats": dict(counts)} if counts else {})}

    def read(self, index: int) -> bytes:
        """Returns an image, encoded as it is.

        Raises:
            OSError, ValueError: If its file cannot be read, or is too large to be one.
        """
        if self.contents is not None and self.contents[index] is not None:
            return self.contents[index]
        path = Path(self.files[index])
        if (size := path.stat().st_size) > LARGEST_FILE:
            raise ValueError(f"its file must have {LARGEST_FILE:,} bytes at most, not {size:,}")
        return path.read_bytes()

    def keys(self) -> list[Hashable]:
        return self.digests or with_digests(self).digests

    def show(self, row: int) -> str:
        return self.files[row]


def find_images(source: str | Path, split: str = "train", **reading: Any) -> LabelledImages:
    """Finds labelled images; whether they can be decoded is not looked at yet.

    Args:
        source: A folder with a folder of images for each class, `DIR/<class>/*`, or with such a
            folder for each split, `DIR/{train,validation,test}/<class>/*`; or a table (`.csv`,
            `.tsv`, `.jsonl`, `.parquet`) of paths, from its own folder on, and labels; or a table,
            or a folder of them, with images in it, as `datasets` saves; or
            `tfds:NAME[/CONFIG][:SPLIT]`.
        split: Which split to take where the folder has splits: "train", "validation" or "test".
        **reading: Attributes of `ImageReading`. With `skip_bad_files`, empty class folders and bad
            rows of a table are left out, too.

    Raises:
        UserError: If there is no such folder, table or file, or no image in it.
    """
    name, reading = str(source), ImageReading(**reading)
    check_source(name, reading.image_folder)
    if name.startswith("tfds:"):
        return _read_tfds(name, reading)
    if _is_table(name):
        found = read_tables(name, reading, *{"test": ("test", "validation")}.get(split, (split,)))
        return LabelledImages(
            name,
            found.files,
            found.labels,
            [],
            found.columns,
            found.num_skipped,
            found.contents,
            problem_type=found.problem_type,
            label_separator=reading.label_separator,
        )
    if reading.image_folder is not None:
        logger.warning("%s is no table of paths: --image-folder changes nothing there.", name)
    if reading.problem_type not in (None, SINGLE_LABEL) or reading.label_columns:
        raise UserError(
            f"{name}: folders give an image one label. For several, or for numbers, name a table "
            f"of paths and labels ({TABLE_SUFFIXES})."
        )
    folder = choose_folder(name, split)
    return LabelledImages(str(folder), *read_folder(folder, reading.skip_bad_files), [])


def _is_table(name: str) -> bool:
    if os.path.isdir(name):
        return is_saved(name)
    return holds_table(name) or is_pattern(name)


def check_source(source: str | Path, image_folder: str | None = None) -> None:
    """Checks that a source is a folder, a table or a TFDS data set by its name.

    Raises:
        UserError: If it is none, or the folder of a table's images is none.
    """
    name = str(source)
    is_file = _is_table(name) and (os.path.exists(name) or is_pattern(name))
    if not (name.startswith("tfds:") or is_file or os.path.isdir(name)):
        problem = "it is a file" if os.path.lexists(name) else "it is not there"
        raise UserError(
            f"{name} must be a folder of images, DIR/<class>/*, a table of paths and labels "
            f"({TABLE_SUFFIXES}), or tfds:NAME: {problem}."
        )
    if image_folder is not None and not os.path.isdir(image_folder):
        raise UserError(f"--image-folder must be a folder. Received: {image_folder}")


def _read_tfds(source: str, reading: ImageReading) -> LabelledImages:
    """Reads the labelled images of a TFDS data set, still encoded."""
    from ..data.tfds import open_tfds  # here, because TensorFlow takes seconds to import

    table = open_tfds(source, as_encoded=True)
    given = {"image": reading.image_column, "label": reading.label_column}
    columns = tuple(choose_columns(source, table, given).values())
    kind = label_kind(source, table, columns[1], reading)
    rows = list(table.read(columns))
    for row, _, (image, label) in rows:
        if not isinstance(image, bytes) or label is None:
            raise UserError(f"{source}, row {row}: there must be an image and a label.")
    files = [f"{source}, row {row}" for row, _, _ in rows]
    images, labels = ([cells[i] for _, _, cells in rows] for i in (0, 1))
    normal = str if kind.problem_type == SINGLE_LABEL else kind.normal
    found = LabelledImages(source, files, list(map(normal, labels)), [], columns, 0, images)
    return replace(found, problem_type=kind.problem_type)


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
