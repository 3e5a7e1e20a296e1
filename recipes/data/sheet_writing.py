"""Writes tables as Excel workbooks of one sheet.

Importing this module takes time: only `writing` imports it, when a workbook is to be written.
"""

import logging
import re
from collections.abc import Iterable, Sequence
from math import isfinite
from pathlib import Path
from typing import Any, Self

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, KNOWN_TYPES

from ...models import disk
from ..errors import UserError
from .text_writing import as_text

# Of Excel 2007 and later: "Excel specifications and limits", support.microsoft.com
MOST_ROWS, LONGEST_CELL = 2**20, 32_767  # the first with the row of names, the second characters
MOST_EXACT = 10**15  # numbers have 15 digits there
FIRST_YEAR = 1900
_NOT_XML = re.compile(rf"{ILLEGAL_CHARACTERS_RE.pattern}|[\ufffe\uffff]")

logger = logging.getLogger("regard")


class SheetRows:
    """Writes rows into the sheet of a new workbook; texts stay texts, whatever they begin with.

    Args:
        path: The file.
        columns: The names of the columns that are kept.
        added: Those of the new ones.
    """

    keeps = "rows"

    def __init__(self, path: Path, columns: Sequence[str], added: Iterable[str]):
        self.path = path
        self.book = Workbook(write_only=True)
        self.sheet = self.book.create_sheet("Sheet1")
        self.count = 0
        self.escaped: list[int] = []  # rows of cells with characters that a workbook cannot hold
        self.write([columns], [list(added)])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind, *_) -> None:
        self.sheet.close()
        if kind is None:
            with disk.create(self.path) as file:
                self.book.save(file)
            if self.escaped:
                message = "cells with control characters, spelled as _x0001_: %d, first row %d"
                logger.warning(message, len(self.escaped), self.escaped[0])

    def write(self, rows: Iterable[Sequence[Any]], answers: Iterable[Sequence[Any]]) -> None:
        """Writes rows, each with its new cells at the end.

        Raises:
            UserError: If a workbook has no room for so many rows, or for so long a text.
        """
        for row, answer in zip(rows, answers, strict=True):
            self.count += 1
            if self.count > MOST_ROWS:
                raise UserError(
                    f"A sheet of Excel has {MOST_ROWS:,} rows at most, and there are more: write "
                    ".csv or .parquet."
                )
            self.sheet.append([self._cell(value) for value in (*row, *answer)])

    def _cell(self, value: Any) -> Any:
        if value is None or _is_excels(value):
            is_rounded = isinstance(value, float) and float(f"{value:.16g}") != value
            return self._of_type("n", repr(value)) if is_rounded else value
        text = as_text(value).encode("utf-8", "backslashreplace").decode()
        text, count = _NOT_XML.subn(_escaped, text)
        if count:
            self.escaped.append(self.count - 1)
        if len(text) > LONGEST_CELL:
            raise UserError(
                f"A cell of Excel has {LONGEST_CELL:,} characters at most. Received: {len(text):,} "
                f"in row {self.count - 1}. Write .csv or .parquet."
            )
        return self._of_type("s", text)  # else what begins with = is a formula

    def _of_type(self, data_type: str, value: str) -> WriteOnlyCell:
        cell = WriteOnlyCell(self.sheet, value)
        cell.data_type = data_type
        return cell


def _is_excels(value: Any) -> bool:
    """Returns whether Excel has a type for it: finite numbers, truths, times from 1900 on."""
    if isinstance(value, str | bytes) or not isinstance(value, KNOWN_TYPES):
        return False
    if isinstance(value, int) and abs(value) > MOST_EXACT:
        return False  # Excel would change its last digits
    if isinstance(value, float):
        return isfinite(value)
    return not getattr(value, "tzinfo", None) and getattr(value, "year", FIRST_YEAR) >= FIRST_YEAR


def _escaped(match) -> str:
    """Returns a control character as Office Open XML spells it."""
    return f"_x{ord(match[0]):04X}_"
