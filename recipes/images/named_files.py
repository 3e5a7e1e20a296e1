"""Finds the files that the cells of a table name, and the column and the folder of images."""

import logging
import os
import re
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from ..data.rows import Table
from ..errors import UserError
from .other_formats import suffixes

LOOKED_AT = 100  # rows
MOST_BESIDE = 50  # folders beside a table, in which its images are looked for

# What columns of images are called, in lower case and without what is between the words.
_IMAGE_COLUMN = re.compile(
    r"(image|img|picture|pic|photo|file|path)s?((file|path|name|id|code|jpe?g|png)s?)*|idcode|图片"
)

logger = logging.getLogger("regard")


class Files:
    """Finds the files that paths mean: from a folder on, with either slash, or without suffix."""

    def __init__(self, folder: str):
        self.folder = folder
        self._by_stem = cache(_by_stem)

    def find(self, path: str) -> str | None:
        """Returns the file of a path; None if there is none, or several of other suffixes."""
        path = path.strip()
        for spelled in (path, path.replace("\\", "/")):
            file = os.path.join(self.folder, spelled)
            if os.path.isfile(file):
                return file
        folder, name = os.path.split(file)
        found = self._by_stem(folder).get(name, [])
        return os.path.join(folder, found[0]) if len(found) == 1 else None

    def read(self, path: str) -> bytes:
        """Returns the bytes of the file of a path.

        Raises:
            UserError: If it is not there.
        """
        try:
            return Path(self.find(path) or os.path.join(self.folder, path)).read_bytes()
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror}.") from error

    def several(self, path: str) -> list[str]:
        """Returns the files that an id without suffix may mean, if there are several."""
        folder, name = os.path.split(os.path.join(self.folder, path.strip().replace("\\", "/")))
        found = self._by_stem(folder).get(name, [])
        return found if len(found) > 1 else []


def _by_stem(folder: str) -> dict[str, list[str]]:
    """Returns the names of the images in a folder by those without suffix."""
    stems = defaultdict(list)
    if os.path.isdir(folder):
        for name in sorted(os.listdir(folder)):
            stem, suffix = os.path.splitext(name)
            if suffix.lower() in suffixes():
                stems[stem].append(name)
    return stems


def folder_of(source: str, table: Table, column: str | None, given: str | None) -> str:
    """Returns the folder where paths begin: the one given, else that of the table.

    Where no file is there, it is the one folder beside the table that has some: rather that of the
    table's name, as `train.csv` is beside `train/`. `column` may name the images.
    """
    own = os.path.dirname(source)
    columns = table.plain_columns if column is None else [column]
    if given is not None or not set(columns) <= set(table.columns):
        return own if given is None else given
    if _with_files(table, Files(own), columns):
        return own
    stem = os.path.basename(source).partition(".")[0]
    beside = sorted(entry.path for entry in os.scandir(own or ".") if entry.is_dir())
    found = [each for each in beside[:MOST_BESIDE] if _with_files(table, Files(each), columns)]
    chosen = [each for each in found if os.path.basename(each) == stem] or found
    if len(chosen) != 1:
        return own
    logger.info("%s: its images are in %s (--image-folder names another)", source, chosen[0])
    return chosen[0]


def guess_image_column(table: Table, columns: list[str], files: Files) -> str | None:
    """Returns the one of some columns that names images, by its name, else by the files."""
    named = [name for name in columns if _IMAGE_COLUMN.fullmatch(_plain(name))]
    best = named
    if len(named) != 1:
        best = _with_files(table, files, named or columns) or named[:1]
    return best[0] if len(best) == 1 else None


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()


def _with_files(table: Table, files: Files, columns: list[str]) -> list[str]:
    """Returns the columns whose cells name most files, and most different ones; none if no file.

    Of columns that name the same files, such as ids and paths, it is the first.
    """
    rows = [row for _, problem, row in islice(table.read(columns), LOOKED_AT) if not problem]
    cells = [*zip(*rows, strict=True)]
    if held := [n for n, column in zip(columns, cells, strict=False) if _are_images(column)]:
        return held
    found = {}
    for name, column in zip(columns, cells, strict=False):
        named = tuple(files.find(str(cell)) for cell in column)
        found.setdefault(named, name)
    counts = {each: (len(set(each) - {None}), len(each) - each.count(None)) for each in found}
    most = max(counts.values(), default=(0, 0))
    return [name for each, name in found.items() if counts[each] == most > (0, 0)]


def _are_images(cells: Sequence[Any]) -> bool:
    """Returns whether cells hold images themselves."""
    return any(isinstance(cell, bytes) for cell in cells)
