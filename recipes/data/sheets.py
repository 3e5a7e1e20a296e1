"""Opens Excel workbooks: the first sheet, its first row the header.

Importing this module takes time: only `formats` imports it, when a source is a workbook.
"""

import logging
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time
from itertools import islice
from typing import Any, BinaryIO

import openpyxl
from openpyxl.cell.cell import ERROR_CODES
from openpyxl.styles.numbers import is_datetime

from ..errors import UserError
from ..settings import TableLayout
from .bounds import LONGEST_STRINGS, BoundedXml
from .delimited import SAMPLE, has_header_of, numbers
from .labels import normal_label
from .rows import Row, Table

logger = logging.getLogger("regard")


def open_sheet(source: str, layout: TableLayout) -> Table:
    """Opens the first sheet of a workbook that is not empty; what formulas last gave are its cells.

    Numbers and dates become strings, but for those who ask for what is `typed`; an error, such as
    #N/A, is no value. Whether the first row is a header is told as in CSV.

    Raises:
        UserError: If it is not a workbook, or all of it is empty.
    """
    with _workbook(source) as book:
        names = [sheet.title for sheet in book.worksheets if next(_rows(sheet), None)]
        if not names:
            raise UserError(f"{source}: the file is empty.")
        if len(book.worksheets) > 1:
            message = "%s: of %d sheets the first, %r, is read"
            logger.info(message, source, len(book.worksheets), names[0])
        (skipped, first), *others = islice(_rows(book[names[0]]), SAMPLE)
    has_header = has_header_of(source, first, [cells for _, cells in others], layout)
    width = len(first) if has_header else max(len(cells) for _, cells in (((0, first), *others)))
    columns = [name.strip() for name in first] if has_header else numbers(width)
    skipped -= not has_header
    beside: dict[int, None] = {}  # rows, however often they are read

    def rows(values_only: bool = True) -> Iterator[tuple[int, list[Any]]]:
        with _workbook(source) as book:
            found = enumerate(book[names[0]].iter_rows(values_only=values_only), start=1)
            for row, cells in islice(found, skipped, None):
                values = cells if values_only else [cell.value for cell in cells]
                if any(value is not None for value in values[len(columns) :]):
                    beside[row] = None
                if any(value is not None for value in values):
                    yield row, [*cells, *[None] * (len(columns) - len(cells))]

    def read(wanted: Sequence[str]) -> Iterator[Row]:
        indices = [columns.index(name) for name in wanted]
        known = len(beside)
        for row, cells in rows():
            yield row, "", [_as_text(cells[index]) for index in indices]
        if len(beside) > known:
            message = "%s: rows with cells beside the named columns, passed over: %d, first row %d"
            logger.warning(message, source, len(beside), next(iter(beside)))

    def typed() -> Iterator[list[Any]]:
        for _, cells in rows(values_only=False):
            yield [_value(cell) for cell in cells[: len(columns)]]

    return Table(columns, read, typed=typed, has_header=has_header)


def _value(cell: Any) -> Any:
    """Returns what is in a cell: a date where no time of the day is shown, nothing for an error."""
    if cell is None or cell.data_type == "e":
        return None
    value = cell.value
    is_midnight = isinstance(value, datetime) and value.time() == time()
    if is_midnight and is_datetime(cell.number_format) == "date":
        return value.date()
    return value


def _rows(sheet) -> Iterator[tuple[int, list[str]]]:
    """Yields the number and the cells of each row that is not blank, up to its last cell."""
    for row, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
        texts = [_as_text(cell) or "" for cell in cells]
        while texts and not texts[-1]:
            texts.pop()
        if texts:
            yield row, texts


def _as_text(value: Any) -> str | None:
    if value in ERROR_CODES:
        return None
    if isinstance(value, date | time):
        return value.isoformat()
    return value if value is None or isinstance(value, str) else str(normal_label(value))


@contextmanager
def _workbook(source: str):
    """Opens a workbook; the libraries below raise all there is for a damaged one, late as well."""
    with open(source, "rb") as file:  # opened here, for its suffix may be another
        try:
            _check_parts(source, file)
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            for sheet in book.worksheets:
                sheet.reset_dimensions()  # one may say that it has 16,384 columns, and have one
            yield book
            book.close()
        except (MemoryError, UserError):
            raise
        except Exception as error:
            problem = " ".join(str(error).split())[:200]
            message = f"{source} is not a sound Excel workbook ({problem})."
            raise UserError(message) from error


def _check_parts(source: str, file: BinaryIO) -> None:
    """Refuses a workbook whose parts ask for more memory, once unpacked, than texts do.

    Raises:
        UserError: If it does.
    """
    with zipfile.ZipFile(file) as archive:
        for part in archive.infolist():
            is_sheet = part.filename.startswith("xl/worksheets/")  # read some rows at a time
            if part.file_size > LONGEST_STRINGS and not is_sheet:
                raise UserError(
                    f"{source}: {part.filename} must have {LONGEST_STRINGS:,} bytes at most, "
                    f"unpacked. Received: {part.file_size:,}. Save the sheet as .csv."
                )
            if part.filename.endswith((".xml", ".rels")):
                with archive.open(part) as opened:
                    xml = BoundedXml(opened, source)
                    while xml.read():
                        pass
    file.seek(0)
