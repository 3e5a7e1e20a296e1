"""Opens Excel workbooks: the first sheet, its first row the header.

Importing this module takes time: only `formats` imports it, when a source is a workbook.
"""

import io
import logging
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, time
from functools import partial
from itertools import islice
from typing import Any, BinaryIO

import openpyxl
from openpyxl.cell.cell import ERROR_CODES
from openpyxl.styles.numbers import is_datetime

from ..errors import UserError
from ..settings import TableLayout
from .archives import LISTED, MOST_TIMES, MOST_UNPACKED, unpacking
from .bounds import LONGEST_STRINGS, BoundedXml
from .delimited import SAMPLE
from .header_rows import count_header_rows, has_header_of, numbers, title_rows
from .rows import Row, Table
from .spelled import spelled

logger = logging.getLogger("regard")


MARKED = {
    "ranges of merged cells, of which the first cell alone has a value": re.compile(
        rb"<(?:\w+:)?mergeCell\s"
    ),
    "hidden rows, read as the others": re.compile(
        rb"<(?:\w+:)?row\s[^>]*\bhidden=[\"'](?:1|true)[\"']"
    ),
}


def open_sheet(source: str, layout: TableLayout, content: bytes | None = None) -> Table:
    """Opens the first sheet of a workbook that is not empty; what formulas last gave are its cells.

    Numbers and dates become strings, but for those who ask for what is `typed`; an error, such as
    #N/A, is no value. Whether the first row is a header is told as in CSV. Of a packed file, the
    `content` is given.

    Raises:
        UserError: If it is not a workbook, or all of it is empty.
    """
    marks: Counter[str] = Counter()
    opened = partial(_workbook, source, content)
    with opened(marks) as book:
        name = _choose_sheet(source, book, layout)
        sample = list(islice(_rows(book[name]), SAMPLE))
    (top, first), *others = sample[title_rows(source, sample, layout) :]
    for what, count in marks.items():
        logger.warning("%s: %s: %d", source, what, count)
    below = [cells for _, cells in others]
    has_header = has_header_of(source, first, below, layout)
    described = (
        count_header_rows(source, first, below, others[0][0]) if has_header and others else 0
    )
    width = len(first) if has_header else max(map(len, (first, *below)))
    columns = [name.strip() for name in first] if has_header else numbers(width)
    skipped = others[described - 1][0] if described else top - (not has_header)
    sheet = _Sheet(source, opened, name, columns, skipped)
    return Table(columns, sheet.read, typed=sheet.typed, has_header=has_header)


class _Sheet:
    """Reads the rows of a sheet, each time from the first on.

    Args:
        source: The workbook, for messages.
        opened: Opens it.
        name: The name of the sheet.
        columns: The names of its columns.
        skipped: Rows before the first that is read.
    """

    def __init__(self, source: str, opened: Callable, name: str, columns: list[str], skipped: int):
        self.source, self.opened, self.name = source, opened, name
        self.columns, self.skipped = columns, skipped
        self.beside: dict[int, None] = {}  # rows with more cells, however often they are read

    def read(self, wanted: Sequence[str]) -> Iterator[Row]:
        indices = [self.columns.index(name) for name in wanted]
        known = len(self.beside)
        for row, cells in self._rows():
            yield row, "", [_as_text(cells[index]) for index in indices]
        if len(self.beside) > known:
            message = "%s: rows with cells beside the named columns, passed over: %d, first row %d"
            logger.warning(message, self.source, len(self.beside), next(iter(self.beside)))

    def typed(self) -> Iterator[list[Any]]:
        for _, cells in self._rows(values_only=False):
            yield [_value(cell) for cell in cells[: len(self.columns)]]

    def _rows(self, values_only: bool = True) -> Iterator[tuple[int, list[Any]]]:
        width = len(self.columns)
        with self.opened() as book:
            found = enumerate(book[self.name].iter_rows(values_only=values_only), start=1)
            for row, cells in islice(found, self.skipped, None):
                values = cells if values_only else [cell.value for cell in cells]
                if any(value is not None for value in values[width:]):
                    self.beside[row] = None
                if any(value is not None for value in values):
                    yield row, [*cells, *[None] * (width - len(cells))]


def _choose_sheet(source: str, book: openpyxl.Workbook, layout: TableLayout) -> str:
    """Returns the name of the sheet to read, and says which are passed over."""
    titles = [sheet.title for sheet in book.worksheets]
    filled = [sheet for sheet in book.worksheets if next(_rows(sheet), None)]
    if layout.sheet is not None:
        if layout.sheet in (sheet.title for sheet in filled):
            return layout.sheet
        problem = "is empty" if layout.sheet in titles else "is not there"
        raise UserError(
            f"{source}: the sheet {layout.sheet!r} {problem}. Its sheets: "
            f"{', '.join(map(repr, titles))}."
        )
    if not filled:
        raise UserError(f"{source}: the file is empty.")
    chosen = next((sheet for sheet in filled if sheet.sheet_state == "visible"), filled[0]).title
    if others := [sheet.title for sheet in filled if sheet.title != chosen]:
        message = "%s: of %d sheets %r is read (--sheet names another); passed over: %s"
        logger.info(message, source, len(titles), chosen, ", ".join(map(repr, others)))
    return chosen


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
    return value if value is None else str(spelled(value))


@contextmanager
def _workbook(source: str, content: bytes | None, marks: Counter | None = None):
    """Opens a workbook; the libraries below raise all there is for a damaged one, late as well."""
    # Opened here, for its suffix may be another.
    with open(source, "rb") if content is None else io.BytesIO(content) as file:
        try:
            _check_parts(source, file, marks)
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


def _marked(xml: bytes) -> Iterator[tuple[str, int]]:
    """Yields how often each of what is `MARKED` is in a part of a sheet."""
    for what, pattern in MARKED.items():
        yield what, len(pattern.findall(xml))


def _check_parts(source: str, file: BinaryIO, marks: Counter | None) -> None:
    """Refuses a workbook whose parts ask for more memory, once unpacked, than texts do.

    What is `MARKED` in its sheets is counted in `marks`, if they are given.

    Raises:
        UserError: If it does.
    """
    with zipfile.ZipFile(file) as archive:
        if "[Content_Types].xml" not in archive.namelist():
            held = ", ".join(archive.namelist()[:LISTED])
            raise UserError(
                f"{source} holds an archive, with {held}, and no workbook. {unpacking(source)}"
            )
        for part in archive.infolist():
            is_sheet = part.filename.startswith("xl/worksheets/")  # read some rows at a time
            if part.file_size > LONGEST_STRINGS and not is_sheet:
                raise UserError(
                    f"{source}: {part.filename} must have {LONGEST_STRINGS:,} bytes at most, "
                    f"unpacked. Received: {part.file_size:,}. Save the sheet as .csv."
                )
            if part.file_size > max(MOST_UNPACKED, MOST_TIMES * part.compress_size):
                raise UserError(
                    f"{source}: {part.filename} must become {MOST_UNPACKED:,} bytes at most, or "
                    f"{MOST_TIMES} times its size. Received: {part.compress_size:,} bytes that "
                    f"become {part.file_size:,}. Save the sheet as .csv."
                )
            if part.filename.endswith((".xml", ".rels")):
                with archive.open(part) as opened:
                    xml, rest = BoundedXml(opened, source), b""
                    while piece := xml.read():
                        if is_sheet and marks is not None:
                            whole, _, rest = (rest + piece).rpartition(b">")
                            marks.update({what: n for what, n in _marked(whole) if n})
    file.seek(0)
