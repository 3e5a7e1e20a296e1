"""Bounds what tables of Apache Arrow ask for, by what they say before anything is unpacked.

What is compressed may become many times its size, one text may stand for those of all rows, and a
list of nothing may have any length. So a part is refused that becomes much more than it is. What
is read is cut into pieces, see `arrow_weights`.
"""

import mmap
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pyarrow as pa
from pyarrow.parquet import ColumnChunkMetaData, ParquetFile, RowGroupMetaData

from ..errors import UserError
from .arrow_messages import messages
from .arrow_weights import BYTES_AT_ONCE, ROWS_AT_ONCE
from .bounds import LONGEST_TEXT
from .parquet_pages import NO_PAGE, Page, longest_text, pages

MOST_UNPACKED, MOST_TIMES = 2**28, 8  # bytes of one part; or as a multiple of its size
MOST_KEPT, MOST_TIMES_KEPT = 2**27, 250  # bytes of all cells, which may stay in memory; likewise
MOST_ROWS = 2**22  # that may take less than a byte each


class Reading(NamedTuple):
    """Holds how a Parquet file is to be read.

    Attributes:
        rows_at_once: Rows that are some megabytes.
        dictionaries: Columns of texts that refer to others: each text is to be in memory once.
    """

    rows_at_once: int
    dictionaries: list[str]


def parquet_reading(source: str, file: ParquetFile, content: bytes | None = None) -> Reading:
    """Returns how to read a Parquet file, whose content is given where it was packed.

    Raises:
        UserError: If it asks for more memory than its size allows.
        ValueError: If it is not sound.
    """
    metadata = file.metadata
    _check_rows(source, metadata.num_rows)
    with _bytes_of(source, content) as at:
        groups = map(metadata.row_group, range(metadata.num_row_groups))
        chunks = [_chunks(source, at, group) for group in groups if group.num_rows]
    mixed = {each.path for group in chunks for each in group if not each.refers}
    known = [path for path in _texts(file) if path not in mixed]
    heaviest = max((sum(each.row(known) for each in group) for group in chunks), default=1)
    return Reading(max(1, min(ROWS_AT_ONCE, int(BYTES_AT_ONCE / max(1, heaviest)))), known)


@contextmanager
def _bytes_of(source: str, content: bytes | None) -> Iterator[bytes | mmap.mmap]:
    if content is not None:
        yield content
        return
    with open(source, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        yield mapped


def _texts(file: ParquetFile) -> Iterator[str]:
    """Yields the columns that may be read as references to their texts."""
    roots = {field.name: str(field.type) for field in file.schema_arrow}
    for column in map(file.schema.column, range(len(file.schema.names))):
        has_views = "_view" in roots.get(column.path.partition(".")[0], "")  # not made of those
        if column.physical_type == "BYTE_ARRAY" and not has_views:
            yield column.path


class Chunk:
    """Tells of a column in a group of rows how heavy it is at most, by its pages.

    Attributes:
        path: The column.
        refers: Whether all of its values are in a dictionary.
    """

    def __init__(
        self, file: bytes | mmap.mmap, about: ColumnChunkMetaData, num_rows: int, known: list[Page]
    ):
        self.path, self.each_row = about.path_in_schema, about.num_values / num_rows
        own = [page for page in known if not page.is_dictionary]
        self.refers = all(page.refers for page in own)
        self._own = max((page.heaviest for page in own), default=0)
        dictionaries = [page for page in known if page.is_dictionary]
        self._referred = max((page.heaviest for page in dictionaries), default=0)
        if about.physical_type == "BYTE_ARRAY":
            lengths = (longest_text(file, page) for page in dictionaries)
            self._referred = max(lengths, default=0)

    def row(self, known: Collection[str]) -> float:
        """Returns the bytes of a row where they are most, if some columns are `known` to refer."""
        return self.each_row * (self._own + (0 if self.path in known else self._referred))


def _chunks(source: str, file: bytes | mmap.mmap, group: RowGroupMetaData) -> list[Chunk]:
    """Returns what each column in a group of rows is like."""
    columns = [group.column(index) for index in range(group.num_columns)]
    known = [list(pages(file, about)) for about in columns]
    for about, found in zip(columns, known, strict=True):
        _check_column(source, about, found)
    largest = [max(each, key=lambda page: page.unpacked, default=NO_PAGE) for each in known]
    packed, unpacked = (sum(getattr(each, n) for each in largest) for n in ("packed", "unpacked"))
    _check_unpacked(source, "pages of all columns", packed, unpacked)
    both = zip(columns, known, strict=True)
    return [Chunk(file, about, group.num_rows, found) for about, found in both]


def _check_column(source: str, about: ColumnChunkMetaData, found: list[Page]) -> None:
    size = sum(page.unpacked for page in found) / max(1, about.num_values)
    if size > LONGEST_TEXT:
        raise UserError(
            f"{source}: a text must have {LONGEST_TEXT:,} bytes at most. Received, in the mean "
            f"of column {about.path_in_schema!r}: {size:,.0f}."
        )
    packed = sum(page.packed for page in found)
    if about.num_values > max(LONGEST_TEXT, packed * 8):  # at least a bit each
        raise UserError(
            f"{source}: a column must have {LONGEST_TEXT:,} values at most, or one a bit. "
            f"Received, in column {about.path_in_schema!r}: {about.num_values:,} values in "
            f"{packed:,} bytes."
        )


def check_messages(source: str, file: pa.NativeFile) -> None:
    """Makes sure that an Arrow file asks for no more memory than its size allows.

    Raises:
        UserError: If it asks for more.
        ValueError: If it is not sound.
    """
    num_rows = packed = unpacked = 0
    for message in messages(file):
        if message.is_dictionary:
            packed, unpacked = packed + message.packed, unpacked + message.unpacked
            _check_unpacked(source, "dictionaries", packed, unpacked)
        else:
            num_rows += message.num_rows
            _check_unpacked(source, "rows in one piece", message.packed, message.unpacked)
    _check_rows(source, num_rows)


def _check_unpacked(source: str, what: str, packed: int, unpacked: int) -> None:
    if unpacked > max(MOST_UNPACKED, MOST_TIMES * packed):
        raise UserError(
            f"{source}: {what} must become {MOST_UNPACKED:,} bytes at most, or {MOST_TIMES} times "
            f"theirs. Received: {packed:,} bytes that become {unpacked:,}. Write the table with "
            "fewer rows in one piece, or as .csv."
        )


def check_total(source: str, total: int) -> None:
    """Makes sure that the cells of a file become no more than its size allows."""
    size = os.path.getsize(source)
    if total > max(MOST_KEPT, MOST_TIMES_KEPT * size):
        raise UserError(
            f"{source}: what is read must become {MOST_KEPT:,} bytes at most, or {MOST_TIMES_KEPT} "
            f"times the file's. Received: {size:,} bytes that become more than {total:,}."
        )


def _check_rows(source: str, num_rows: int) -> None:
    size = os.path.getsize(source)
    if num_rows > max(MOST_ROWS, size):
        raise UserError(
            f"{source}: a table must have {MOST_ROWS:,} rows at most, or as many as its bytes. "
            f"Received: {num_rows:,} rows in {size:,} bytes."
        )
