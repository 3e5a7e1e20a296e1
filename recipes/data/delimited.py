"""Opens CSV and TSV files, as spreadsheets and databases of any country write them."""

import csv
import logging
import re
from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import NamedTuple

from ..errors import UserError
from ..settings import TableLayout
from .bounds import LONGEST_TEXT, lines_of
from .files import open_text
from .header_rows import count_header_rows, has_header_of, numbers, title_rows
from .rows import Table
from .tabbed import tabbed_records

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
SAMPLE = 200  # rows that tell the delimiter, and whether there is a header
MOST_TITLES = 10  # lines above a header
SEPARATOR = re.compile(r'^"?sep=(.)"?$', re.IGNORECASE)  # in the first line, for Excel

logger = logging.getLogger("regard")


class Dialect(NamedTuple):
    """Says how the fields of a file are told apart.

    Attributes:
        delimiter: What stands between them.
        is_quoted: Whether quotes around a field are those of RFC 4180, else part of the text.
        skipped: Lines before the first row.
    """

    delimiter: str
    is_quoted: bool
    skipped: int = 0


def open_delimited(source: str, layout: TableLayout, usual: str, has_names: bool = True) -> Table:
    """Opens a file of fields, `usual` between them unless the file looks otherwise.

    Its first row is the header, unless the row looks like the others: then columns are called 1, 2
    and so on. Unless such files have `has_names` as a rule, it takes the name of a known column.

    In a file with tabs that is named for them every line is a row, whatever quotes it holds, but
    for rows whose fields are all in quotes: these may hold tabs and ends of lines. A field that is
    quoted as a whole, as spreadsheets and pandas write it, loses these quotes.

    Raises:
        UserError: If the file cannot be read, or has no row.
    """
    dialect = _dialect(source, layout, usual)
    rows = partial(_rows, source, layout.encoding, dialect)
    sample = list(islice(rows(), SAMPLE))
    if not sample:
        raise UserError(f"{source}: the file is empty.")
    place = title_rows(source, [(row, cells) for row, _, cells in sample], layout)
    (row, problem, first), *others = sample[place:]
    if problem:
        raise UserError(f"{source}, row {row}: {problem}.")
    below = [cells for *_, cells in others]
    has_header = has_header_of(source, first, below, layout, has_names)
    described = count_header_rows(source, first, below, others[0][0]) if has_header and below else 0
    names = [cell.strip() for cell in first] if has_header else numbers(len(first))
    if any("\0" in name for name in names):
        raise UserError(
            f"{source}, row 1: a column name holds a NUL byte. Save the file as UTF-8, or name its "
            "encoding with --encoding, such as utf-16-le."
        )
    above = place + has_header + described
    read = partial(_read, rows, names, above, DELIMITERS.get(dialect.delimiter))
    decimal = "." if dialect.delimiter == "," else ","
    return Table(names, read, decimal=decimal, has_header=has_header)


def _read(rows, names, skipped, delimiter, wanted: Sequence[str]):
    """Yields the cells of some columns, and what is wrong with rows of another width."""
    is_whole = list(wanted) == names  # then those of one name are told apart
    indices = range(len(names)) if is_whole else [names.index(name) for name in wanted]
    for row, problem, cells in islice(rows(blank_is_row=len(names) == 1), skipped, None):
        if not problem and len(cells) != len(names):
            begins = "comma outside quotes" if delimiter == "comma" else delimiter or "delimiter"
            problem = f"its fields number {len(cells)}, not {len(names)} as in the first row"
            problem = f"{problem} (each {begins} begins a new one)"
        yield row, problem, [] if problem else [cells[index] for index in indices]


def _rows(
    source: str, encoding: str | None, dialect: Dialect, blank_is_row: bool = False
) -> Iterator[tuple[int, str, list[str]]]:
    """Yields the rows that are not blank, with their numbers and what is wrong with them.

    Of one column a blank line is a row with an empty cell, unless it is before or after all others.
    """
    blank: list[int] | None = None
    csv.field_size_limit(LONGEST_TEXT)  # the default refuses texts above 128 kB
    with open_text(source, encoding) as file:
        lines = islice(lines_of(file, source), dialect.skipped, None)
        for row, (problem, cells) in enumerate(_records(lines, dialect), dialect.skipped + 1):
            if problem or cells:
                yield from ((number, "", [""]) for number in blank or [])
                yield row, problem, cells
                blank = [] if blank_is_row else None
            elif blank is not None:
                blank.append(row)


def _records(lines: Iterator[str], dialect: Dialect) -> Iterator[tuple[str, list[str]]]:
    """Yields the fields of each record, or what is wrong with its quotes.

    A record whose quotes do not match ends with its first line: what follows is read anew.
    """
    if not dialect.is_quoted:
        yield from tabbed_records(lines)
        return
    waiting, taken = deque(), []

    def feed() -> Iterator[str]:
        while waiting or (line := next(lines, None)) is not None:
            taken.append(waiting.popleft() if waiting else line)
            yield taken[-1]

    while True:
        taken.clear()
        try:
            for record in csv.reader(feed(), delimiter=dialect.delimiter, strict=True):
                yield "", record
                taken.clear()
            return
        except csv.Error as error:
            waiting.extendleft(reversed(taken[1:]))
            yield _problem_of_quotes(error), []


def _problem_of_quotes(error: csv.Error) -> str:
    if "limit" in str(error):
        return (
            f"a field must have {LONGEST_TEXT:,} characters at most: split it, or close the quotes "
            "that it opens"
        )
    return (
        f"the quotes do not match ({error}): a field that holds quotes must be in quotes, "
        'and each quote within it doubled ("")'
    )


def _dialect(source: str, layout: TableLayout, usual: str) -> Dialect:
    """Returns the dialect of a file: what is given, or what its first lines say."""
    with open_text(source, layout.encoding) as file:
        lines = list(islice(lines_of(file, source), SAMPLE))
    said = SEPARATOR.match(lines[0].rstrip("\r\n")) if lines else None
    delimiter = layout.delimiter or (said and said[1])
    if delimiter is None:
        delimiter = _most_regular(lines, usual)
        if delimiter != usual:
            message = "%s: fields end at a %s (--delimiter names another)"
            logger.info(message, source, DELIMITERS[delimiter])
    is_quoted = delimiter != "\t" or usual != "\t"
    return Dialect(delimiter, is_quoted, skipped=1 if said else 0)


def _most_regular(lines: list[str], usual: str) -> str:
    """Returns what divides most rows into as many fields as the first, at least two."""

    def share(delimiter: str) -> float:
        dialect = Dialect(delimiter, is_quoted=delimiter != "\t" or usual != "\t")
        widths = [len(cells) for _, cells in _records(iter(lines), dialect) if cells]
        if not widths or widths[0] < 2:
            return 0.0
        return sum(width == widths[0] for width in widths) / len(widths)

    lines = _below_titles(lines)
    return max([usual, *DELIMITERS], key=share)  # of equals the first


def _below_titles(lines: list[str]) -> list[str]:
    """Returns the lines below the first blank one, if what is above holds no field but one."""
    for index, line in enumerate(lines[:MOST_TITLES]):
        if index and not line.strip("\r\n \t;,|"):
            return lines[index + 1 :] or lines
        if re.search(r"\S[\t;,|]+\S", line.strip()):
            break
    return lines


def fields_of(lines: list[str]) -> list[list[str]]:
    """Returns the fields of some lines, divided at what divides them evenly; no blank lines."""
    dialect = Dialect(_most_regular(lines, ","), is_quoted=True)
    return [cells for problem, cells in _records(iter(lines), dialect) if cells and not problem]
