"""Finds the tables that a user names: a file, several, a pattern, a folder, or data in memory."""

import glob
import logging
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..names import counted
from ..settings import TableLayout
from .formats import TABLE_SUFFIXES, is_table, open_table
from .memory import table_of
from .rows import Table
from .suffixes import suffix_of
from .text_folders import open_text_folder
from .together import together

# What splits are called in the names of files and folders, the one to read first.
SPLITS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev", "development"),
    "test": ("test", "testing"),
}

COLUMNAR = {".parquet", ".pq", ".arrow"}
NOTES = {".json", ".md", ".yaml", ".yml", ".lock", ".gitattributes", ""}  # beside a data set

logger = logging.getLogger("regard")


def is_named(source: Any) -> bool:
    """Returns whether data is named, by one string or several, and not in memory."""
    if isinstance(source, str | os.PathLike):
        return True
    return (
        isinstance(source, list | tuple)
        and bool(source)
        and all(isinstance(each, str | os.PathLike) for each in source)
    )


def names_in(source: Any) -> list[str]:
    """Returns the names that data is named by; none where it is in memory."""
    if not is_named(source):
        return []
    return [str(each) for each in ([source] if isinstance(source, str | os.PathLike) else source)]


def name_of(source: Any) -> str:
    """Returns what a run is named for: the first name of the data, or "data"."""
    return next(iter(names_in(source)), getattr(source, "source", "data"))


def open_tables(source: Any, layout: TableLayout, *splits: str) -> list[tuple[str, Table]]:
    """Opens all tables of a source, each with what to call it.

    Args:
        source: The name of a file, of a folder of tables, or of `tfds:NAME`; a pattern, such as
            `data/*.csv`; a list of these; or data in memory, as for `memory.table_of`.
        layout: How their rows are told apart.
        *splits: Which split to read of a folder with splits: the first of these that it has.

    Raises:
        UserError: If one cannot be opened, or there is none.
    """
    if not is_named(source):
        return [table_of(source)]
    splits = splits or ("train",)
    return [each for name in names_in(source) for each in _open_all(name, layout, splits)]


def _open_all(source: str, layout: TableLayout, splits: Sequence[str]) -> list[tuple[str, Table]]:
    """Opens the tables that a name stands for; a folder of texts by label is one."""
    if os.path.isdir(source) and not any(map(is_table, _files_below(source))):
        texts = open_text_folder(source, splits, _split_of, layout.encoding)
        if texts is not None:
            return [(source, texts)]
    return [(name, open_table(name, layout)) for name in list_tables(source, splits)]


def _files_below(folder: str) -> Iterator[str]:
    return (name for _, _, names in os.walk(folder) for name in names)


def open_together(source: str, layout: TableLayout) -> Table:
    """Opens what a name stands for as one table: several have their rows one after the other.

    Raises:
        UserError: If one cannot be opened, there is none, or they have other columns.
    """
    opened = _open_all(source, layout, ())
    (first, table), *others = opened
    if not others:
        return table
    for name, other in others:
        if sorted(other.columns) != sorted(table.columns):
            raise UserError(
                f"Tables that are read together must have the same columns: {first} has "
                f"{', '.join(table.columns)}; {name} has {', '.join(other.columns)}."
            )

    return together(opened)


def is_pattern(source: str) -> bool:
    """Returns whether a name is a pattern, and not that of a file."""
    return glob.has_magic(source) and not os.path.lexists(source)


def list_tables(source: str, splits: Sequence[str], also: tuple[str, ...] = ()) -> list[str]:
    """Returns the files that a name stands for; itself, unless it is a folder or a pattern.

    In a folder tables count, and files with a suffix of `also`; where it has splits, those of one,
    or all if none is asked for.
    """
    if source.startswith("tfds:"):
        return [source]
    if os.path.isdir(source):
        return _in_folder(Path(source), splits, also)
    if is_pattern(source):
        found = sorted(name for name in glob.glob(source, recursive=True) if os.path.isfile(name))
        if not found:
            raise UserError(f"{source}: no file has such a name.")
        logger.info("%s: %s", source, counted(len(found), "file"))
        return found
    return [source]


def _in_folder(folder: Path, splits: Sequence[str], also: tuple[str, ...]) -> list[str]:
    """Returns the tables in a folder, those of one split where it has splits."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    found = [path for path in files if _counts(path, also)]
    split_of = {path: _split_of(path, folder) for path in found}
    groups = {split: [path for path in found if split_of[path] == split] for split in SPLITS}
    chosen = next((split for split in splits if groups[split]), None)
    if not found:
        raise UserError(f"{folder} holds no table: a file that ends in {TABLE_SUFFIXES}.")
    if splits and any(groups.values()):
        if chosen is None:
            there = ", ".join(split for split in groups if groups[split])
            raise UserError(f"{folder} has no split {splits[0]!r}, but {there}. Name a file in it.")
        taken = groups[chosen]
    else:
        taken = found
    passed_over = [split_of[path] for path in found if chosen and split_of[path] != chosen]
    num_unnamed = passed_over.count(None)
    what = f"split {chosen}" if chosen else _kinds(found)
    counts = {"other splits": len(passed_over) - num_unnamed, "no split": num_unnamed}
    others = "".join(f"; of {kind}, passed over: {n}" for kind, n in counts.items() if n)
    if rest := _kinds(path for path in files if path not in split_of and _is_seen(path)):
        others += f"; no tables, passed over: {rest}"
    logger.info("%s: files read: %d (%s)%s", folder, len(taken), what, others)
    return list(map(str, taken))


def is_saved(source: str) -> bool:
    """Returns whether a folder is a data set in Parquet or Arrow, with nothing but notes beside."""
    files = (path for path in Path(source).rglob("*") if path.is_file() and _is_seen(path))
    kinds = {path.suffix.lower() for path in files} - NOTES
    return os.path.isdir(source) and bool(kinds) and kinds <= COLUMNAR


def splits_in(folder: str) -> set[str]:
    """Returns the splits that the names of the tables in a folder tell."""
    files = (path for path in Path(folder).rglob("*") if path.is_file() and _counts(path, ()))
    return {split for split in (_split_of(path, Path(folder)) for path in files) if split}


def _counts(path: Path, also: tuple[str, ...]) -> bool:
    """Returns whether a file in a folder is a table; hidden ones and those of a cache are none."""
    return (is_table(str(path)) or suffix_of(str(path)) in also) and _is_seen(path)


def _is_seen(path: Path) -> bool:
    return not path.name.startswith((".", "cache-", "state.", "dataset_"))


def _kinds(files: Iterable[Path]) -> str:
    """Says how many files there are of each suffix."""
    kinds = Counter(path.suffix.lower() or path.name for path in files)
    return ", ".join(f"{count} {kind}" for kind, count in kinds.items())


def _split_of(path: Path, folder: Path) -> str | None:
    """Returns the split that the name of a file begins or ends with, or a folder's above it."""
    for part in reversed(path.relative_to(folder).parts):
        words = [word.casefold() for word in re.split(r"[\W_]+", part) if word]
        for split, names in SPLITS.items():
            if words and not set(names).isdisjoint((words[0], *words[-2:])):
                return split
    return None
