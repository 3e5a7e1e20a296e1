"""Finds the images that a table names: by paths or ids, from a folder on, with labels."""

import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import Any, NamedTuple

from ..data.columns import INDEX_COLUMNS, choose_columns
from ..data.label_kinds import label_kind, with_flags
from ..data.rows import Table, names_of, read_rows
from ..data.sources import list_tables, open_together
from ..data.spelled_lists import with_spelled_lists
from ..errors import UserError
from .embedded import with_embedded
from .named_files import Files, folder_of, guess_image_column
from .settings import ImageQuestions, ImageReading

MOST_FOLDERS = 1000  # in which a lost image is looked for

logger = logging.getLogger("regard")


class Found(NamedTuple):
    """Holds what a table says of images: their files and labels.

    Attributes:
        files: The files.
        labels: One label per image: a string, or by the problem's type a tuple or a number.
        contents: The encoded images, where they lie in the table; else None.
        columns: The columns of paths and labels.
        num_skipped: Rows that were left out.
        problem_type: What the labels are, by `transformers`' word.
    """

    files: list[str]
    labels: list[Any]
    contents: list[bytes] | None
    columns: tuple[str, ...]
    num_skipped: int
    problem_type: str


def read_tables(source: str, reading: ImageReading, *splits: str) -> Found:
    """Reads the images and labels of a table, or of those of a split in a folder, as one.

    Raises:
        UserError: If a row is bad or its image is not there, and such are not to be skipped; or if
            the columns cannot be told.
    """
    first, *others = list_tables(source, splits)
    found = _read_table(first, reading)
    image_column, *labels = found.columns
    if reading.label_columns is None:
        reading = replace(reading, label_column=labels[0])
    reading = replace(reading, image_column=image_column, problem_type=found.problem_type)
    for name in others:
        found = _joined(found, _read_table(name, reading))
    return found


def _joined(first: Found, second: Found) -> Found:
    both = (first.contents, second.contents)
    if any(each is None for each in both) and any(both):
        raise UserError("Tables that are read together must all hold images, or all paths.")
    contents = None if first.contents is None else [*first.contents, *second.contents]
    files, labels = [*first.files, *second.files], [*first.labels, *second.labels]
    skipped = first.num_skipped + second.num_skipped
    return first._replace(files=files, labels=labels, contents=contents, num_skipped=skipped)


def _read_table(source: str, reading: ImageReading) -> Found:
    plain, _ = with_embedded(open_together(source, reading))
    table, flags = with_flags(source, plain, reading.label_columns)
    table = _with_ids(table)
    files = Files(folder_of(source, table, reading.image_column, reading.image_folder))
    guessed = _guessed(source, (reading.image_column, flags or reading.label_column), files, table)
    columns = choose_columns(source, table, guessed)
    table = with_spelled_lists(source, table, columns["label"], reading)
    kind = label_kind(source, table, columns["label"], reading)
    cells, num_skipped = read_rows(
        source, table, columns, reading.skip_bad_files, "--skip-bad-files", kind
    )
    used = (columns["image"], *names_of(reading.label_columns or columns["label"]))
    if any(isinstance(cell, bytes) for cell in cells["image"]):
        found = Found([], [], None, used, num_skipped, kind.problem_type)
        return _contents(source, files, cells, found)
    found = [files.find(path) for path in cells["image"]]
    missing = [row for row, file in enumerate(found) if file is None]
    if missing:
        _leave_out(source, files, [cells["image"][row] for row in missing], len(found), reading)
    kept = [(file, label) for file, label in zip(found, cells["label"], strict=True) if file]
    names, labels = map(list, zip(*kept, strict=True))
    skipped = num_skipped + len(missing)
    return Found(names, labels, None, used, skipped, kind.problem_type)


def _contents(source: str, files: Files, cells: dict, found: Found) -> Found:
    """Returns the images that a table holds, with what else is known of them."""
    names, contents = [], []
    for number, cell in enumerate(cells["image"], start=1):
        if isinstance(cell, bytes):
            name, content = getattr(cell, "name", ""), cell
        else:
            name, content = files.find(cell) or cell, files.read(cell)
        names.append(name or f"{source}, image {number}")
        contents.append(content)
    return found._replace(files=names, labels=cells["label"], contents=contents)


def open_with_ids(source: str, reading: ImageQuestions) -> tuple[Table, Table | None]:
    """Opens a table of images or of their ids; those that are whole numbers become strings.

    It comes twice, as from `with_embedded`.
    """
    table, with_paths = with_embedded(open_together(source, reading))
    return _with_ids(table), with_paths


def _with_ids(table: Table) -> Table:
    def read(columns: Sequence[str]):
        for row, problem, cells in table.read(columns):
            is_number = cells and isinstance(cells[0], int) and not isinstance(cells[0], bool)
            yield row, problem, [str(cells[0]), *cells[1:]] if is_number else cells

    return table._replace(read=read)


def _guessed(
    source: str, named: tuple[str | None, str | None], files: Files, table: Table
) -> dict[str, str | None]:
    """Returns the columns that are named, of images and labels, and those that can be told."""
    columns = table.plain_columns
    given = dict(zip(("image", "label"), named, strict=True))
    free = [name for name in columns if name not in given.values() and columns.count(name) == 1]
    guessed = dict(given)
    if given["image"] is None:
        guessed["image"] = guess_image_column(table, free, files)
    left = [name for name in free if name != guessed["image"] and name.lower() not in INDEX_COLUMNS]
    if given["label"] is None and guessed["image"] is not None and len(left) == 1:
        guessed["label"] = left[0]
    for role, name in guessed.items():
        if name != given[role]:
            message = "%s: column %r taken as the %s (--%s-column names another)"
            logger.info(message, source, name, role, role)
    return guessed


def _leave_out(
    source: str, files: Files, paths: list[str], count: int, reading: ImageReading
) -> None:
    """Says that some of so many paths lead to no file, or refuses them."""
    first = os.path.join(files.folder, paths[0])
    doubtful = [path for path in paths if files.several(path)]
    if reading.skip_bad_files and len(paths) < count:
        message = "%s: rows whose image is not there, left out: %d, first %s"
        logger.warning(message, source, len(paths), first)
        if doubtful:
            message = "%s: of these, ids that several files have: %d, first %s"
            logger.warning(message, source, len(doubtful), doubtful[0])
        return
    others = "" if reading.skip_bad_files else ", or pass --skip-bad-files to leave such rows out"
    if doubtful:
        raise UserError(
            f"{source}: ids that several files have: {len(doubtful)} of {count}, first "
            f"{doubtful[0]!r}: {' and '.join(files.several(doubtful[0]))}. Give the suffix in the "
            f"table{others}."
        )
    raise UserError(
        f"{source}: images that are not there: {len(paths)} of {count}. The first, {first}: it "
        "cannot be read (No such file or directory), nor is there one image of that name with a "
        f"suffix. Name the folder that paths begin from with --image-folder "
        f"{_folder_of(source, paths[0])}{others}."
    )


def _folder_of(source: str, path: str) -> str:
    """Returns a folder near a table from which a path leads to a file; "DIR" if there is none."""
    own = os.path.dirname(source) or os.curdir
    below = (folder for folder, _, _ in islice(os.walk(own), MOST_FOLDERS))
    near = chain([own, os.path.join(own, os.pardir), os.curdir], below)
    return next((folder for folder in near if Files(folder).find(path)), "DIR")
