"""Reads cells with tabs between, whose lines are rows, and whose quotes may be part of the text."""

import csv
from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain

from .bounds import LONGEST_TEXT

NextLine = Callable[[], str | None]


def tabbed_records(lines: Iterator[str]) -> Iterator[tuple[str, list[str]]]:
    """Yields the fields of each row, or what is wrong with it.

    Every line is a row, and a field that is quoted as a whole loses these quotes. But where all
    fields are in quotes, or where the line alone has not as many fields as the first row, they may
    hold tabs and ends of lines, as in RFC 4180.
    """
    waiting: deque[str] = deque()
    width = None

    def next_line() -> str | None:
        return waiting.popleft() if waiting else next(lines, None)

    while (line := next_line()) is not None:
        fields = line.rstrip("\r\n").split("\t") if line.strip("\r\n") else []
        has_width = width in (None, len(fields))
        record = None
        if line.startswith('"') or (not has_width and '\t"' in line):
            record, taken = _quoted_record(line, next_line, None if has_width else width)
            waiting.extendleft(reversed(taken))
        fields = record or list(map(_unquoted, fields))
        width = width or len(fields)
        is_long = any(len(field) > LONGEST_TEXT for field in fields)
        yield f"a field must have {LONGEST_TEXT:,} characters at most" if is_long else "", fields


def _quoted_record(
    first: str, next_line: NextLine, width: int | None
) -> tuple[list[str] | None, list[str]]:
    """Returns the fields of a row in quotes that begins with a line; None if it is none.

    It is one if all are in quotes, or if there are as many as the `width`. With None come the lines
    that were taken to see it.
    """
    taken: list[str] = []

    def others() -> Iterator[str]:
        while (line := next_line()) is not None:
            taken.append(line)
            yield line

    try:
        record = next(csv.reader(chain([first], others()), delimiter="\t", strict=True), [])
    except csv.Error:
        return None, taken
    whole = "".join([first, *taken]).rstrip("\r\n")
    if len(record) == width or "\t".join(map(in_quotes, record)) == whole:
        return record, []
    return None, taken


def in_quotes(text: str) -> str:
    """Returns a text in quotes, with those in it doubled."""
    return '"' + text.replace('"', '""') + '"'


def _unquoted(field: str) -> str:
    """Turns `"a ""b"" c"` into `a "b" c`; a field not quoted as a whole stays as it is."""
    inner = field[1:-1].replace('""', "")
    if len(field) >= 2 and field[0] == field[-1] == '"' and '"' not in inner:
        return field[1:-1].replace('""', '"')
    return field
