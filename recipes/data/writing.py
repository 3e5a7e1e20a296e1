"""Writes tables with more columns than they came with, a few rows at a time.

A writer `keeps` rows as `Table.read` gives them ("rows"), or whole ("objects", "batches"), where
the source has them so; `write` takes some of them with the new cells of each.
"""

import gzip
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import zstandard

from ...models import disk
from ..errors import UserError
from .text_writing import CommaSeparated, JsonLines, TabSeparated, as_plain_text, as_text

SHEETS = {".csv": CommaSeparated, ".tsv": TabSeparated}  # that spreadsheets open
PACKED = (".parquet", ".pq", ".xlsx")  # by themselves
COMPRESSED = (".gz", ".zst")
FORMATS = (".csv", ".tsv", ".jsonl", ".ndjson", *PACKED)


def format_of(output: str | Path) -> str:
    """Returns the suffix that says how to write a table.

    Raises:
        UserError: If it says nothing that is known.
    """
    path = Path(output)
    is_compressed = path.suffix.lower() in COMPRESSED
    suffix = (Path(path.stem) if is_compressed else path).suffix.lower()
    if suffix not in FORMATS or (is_compressed and suffix in PACKED):
        raise UserError(
            f"{output}: the suffix must say what to write: .csv, .tsv or .jsonl, each also with "
            f".gz or .zst behind, .parquet or .xlsx. Received: {path.suffix!r}."
        )
    return suffix


@contextmanager
def open_writer(
    path: Path, columns: Sequence[str], added: dict[str, type], escape_formulas: bool = False
) -> Iterator[Any]:
    """Opens a new file to write a table into, in the format of its suffix.

    Args:
        path: The file.
        columns: The names of the columns that are kept.
        added: Those of the columns that are new, with their types: `str`, `float`, or `list` for
            records of what is found in a text.
        escape_formulas: Whether no cell may be a formula to a spreadsheet.

    Raises:
        UserError: If the format needs a name of its own for each column, and two have one.
    """
    suffix = format_of(path)
    if suffix not in (".csv", ".tsv", ".xlsx"):
        _check_distinct(columns, suffix)
    if suffix in (".parquet", ".pq"):
        from .parquet_writing import ParquetRows  # here, because pyarrow takes time to import

        with ParquetRows(path, columns, added) as writer:
            yield writer
        return
    if suffix == ".xlsx":
        from .sheet_writing import SheetRows  # likewise

        with SheetRows(path, columns, added) as writer:
            yield writer
        return
    with (
        disk.create(path) as content,
        _compressed(content, path) as packed,
        # Half characters, which only JSON can hold, stay as JSON's escapes.
        io.TextIOWrapper(packed, "utf-8", "backslashreplace", newline="") as file,
    ):
        if suffix in SHEETS:
            text = as_plain_text if escape_formulas else as_text
            yield SHEETS[suffix](file, columns, list(added), text)
        else:
            yield JsonLines(file, columns, list(added))


def _compressed(content: IO, path: Path) -> IO:
    """Returns a file to write bytes into, which end in another, compressed if the name says so."""
    suffix = path.suffix.lower()
    if suffix not in COMPRESSED:
        return content
    if suffix == ".zst":
        return zstandard.ZstdCompressor().stream_writer(content, closefd=False)
    return gzip.GzipFile(path.stem, "wb", fileobj=content, mtime=0)


def _check_distinct(columns: Sequence[str], suffix: str) -> None:
    for name in columns:
        if columns.count(name) > 1:
            raise UserError(
                f"{columns.count(name)} columns are named {name!r}, and {suffix} needs a name for "
                "each: give each its own, or write .csv."
            )
