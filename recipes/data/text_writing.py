"""Writes tables as text: CSV, cells with tabs between, or JSON Lines."""

import base64
import csv
import json
import re
from collections.abc import Callable, Iterable, Sequence
from math import isfinite
from typing import Any, TextIO

from .tabbed import in_quotes

_IN_QUOTES = frozenset(',\n"')  # what the standard library quotes in CSV


# What a spreadsheet takes for a formula, at the beginning of a cell that is no number.
# OWASP, "CSV Injection", https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?")

Text = Callable[[Any], str]  # makes the text of a cell


class CommaSeparated:
    """Writes CSV, as RFC 4180 has it but for the ends of lines."""

    keeps = "rows"

    def __init__(self, file: TextIO, columns: Sequence[str], added: Sequence[str], text: Text):
        self.text = text
        self.writer = csv.writer(file, lineterminator="\n")
        # Before Python 3.13 a carriage return alone is no reason for quotes.
        self.all_quoted = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        self.write([columns], [added])

    def write(self, rows: Iterable[Sequence[Any]], answers: Iterable[Sequence[Any]]) -> None:
        """Writes rows, each with its new cells at the end."""
        for row, answer in zip(rows, answers, strict=True):
            cells = [self.text(cell) for cell in (*row, *answer)]
            is_bare = any("\r" in cell and _IN_QUOTES.isdisjoint(cell) for cell in cells)
            (self.all_quoted if is_bare else self.writer).writerow(cells)


class TabSeparated:
    """Writes cells with tabs between, in quotes where nothing else will do.

    Quotes within a text stay as they came, for many programs know none in such a file. A row with a
    tab or the end of a line in a cell is all in quotes, by which `delimited` knows it.
    """

    keeps = "rows"

    def __init__(self, file: TextIO, columns: Sequence[str], added: Sequence[str], text: Text):
        self.file, self.text = file, text
        self.write([columns], [added])

    def write(self, rows: Iterable[Sequence[Any]], answers: Iterable[Sequence[Any]]) -> None:
        """Writes rows, each with its new cells at the end."""
        for row, answer in zip(rows, answers, strict=True):
            cells = [self.text(cell) for cell in (*row, *answer)]
            is_quoted = any(mark in cell for cell in cells for mark in "\t\r\n")
            cells = (in_quotes(cell) if is_quoted or cell[:1] == '"' else cell for cell in cells)
            self.file.write("\t".join(cells) + "\n")


class JsonLines:
    """Writes an object a line."""

    keeps = "objects"

    def __init__(self, file: TextIO, columns: Sequence[str], added: Sequence[str]):
        self.file, self.columns, self.added = file, columns, added

    def write(
        self, rows: Iterable[Sequence[Any] | dict[str, Any]], answers: Iterable[Sequence[Any]]
    ) -> None:
        """Writes rows, or objects, each with its new cells at the end."""
        for row, answer in zip(rows, answers, strict=True):
            kept = row if isinstance(row, dict) else self._object(row)
            record = kept | dict(zip(self.added, answer, strict=True))
            self.file.write(_json(record) + "\n")

    def _object(self, row: Sequence[Any]) -> dict[str, Any]:
        """Makes an object of a row."""
        return dict(zip(self.columns, map(_finite, row), strict=True))


def as_text(value: Any) -> str:
    """Returns a cell as a file without types has it: as JSON does, but text bare and None empty."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool | list | dict):
        return _json(value)
    return str(value) if isinstance(value, int | float) else as_text(_plain(value))


def as_plain_text(value: Any) -> str:
    """Returns a cell as `as_text` does, with a quote before what would be a formula."""
    text = as_text(value)
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def _finite(value: Any) -> Any:
    """Returns a cell without numbers that JSON has not: NaN and the infinities."""
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list) else value


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    """Returns what JSON can hold of another value: bytes in base64, arrays as lists, else text."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.tolist() if hasattr(value, "tolist") else str(value)
