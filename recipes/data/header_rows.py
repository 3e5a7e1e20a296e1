"""Finds the header of a table, titles above it, and rows below it that describe its columns.

The last are what surveys and databases export.
"""

import json
import logging
import re
from collections.abc import Sequence

from ..settings import TableLayout
from .columns import is_known

logger = logging.getLogger("regard")

MOST_ROWS = 3  # below the header
FEWEST = 8  # rows of data, below which no kind of a column is told
LONGEST_NAME = 100  # characters; of a cell that is longer the first row is no header
LONGEST_WORD = 60  # characters of a cell that describes a column
# What tools call the kinds of answers, values or columns.
# fmt: off
KINDS = frozenset([
    "response", "open-ended response", "other (please specify)", "string", "str", "text", "object",
    "varchar", "int", "int64", "integer", "float", "float64", "double", "number", "numeric", "real",
    "date", "datetime", "timestamp", "time", "bool", "boolean", "category", "categorical",
    "continuous", "discrete", "nominal", "ordinal", "meta", "class", "ignore",
])
# fmt: on
_IMAGE = re.compile(r".*\w\.(jpe?g|png|gif|bmp|webp|tiff?|heic|avif)\s*", re.IGNORECASE)
_NUMBER = re.compile(r"\s*[-+]?\d+([.,]\d+)?\s*")
_VALUE = re.compile(r"[-+]?\d+([.,]\d+)*")
_TIME = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ,].*)?", re.DOTALL)

Cells = Sequence[str]


def has_header_of(
    source: str,
    first: list[str],
    others: list[list[str]],
    layout: TableLayout,
    has_names: bool = True,
) -> bool:
    """Returns whether the first row of a table names its columns."""
    if layout.header is not None:
        return layout.header
    if any(map(is_known, first)) or _count(first, _stripped(others)):
        return True
    if has_names and _is_header(first, others):
        return True
    message = "%s: the first row is no header (--header says otherwise): columns 1 to %d"
    logger.info(message, source, len(first))
    return False


def _is_header(first: list[str], others: list[list[str]]) -> bool:
    """Returns whether a row has names of columns, not cells like those of the other rows.

    It has none if a cell is a number, the name of an image, or too long, or comes again among the
    few values of its column.
    """
    for index, cell in enumerate(first):
        if len(cell) > LONGEST_NAME or _NUMBER.fullmatch(cell) or _IMAGE.fullmatch(cell):
            return False
        below = [cells[index] for cells in others if index < len(cells)]
        if cell.strip() and below.count(cell) > 1:
            return False
    return True


def title_rows(source: str, rows: list[tuple[int, list[str]]], layout: TableLayout) -> int:
    """Returns how many rows are above the header: of one cell each, as titles are; and says so.

    There are none if the cell has the name of a known column, or if there is no header.
    """
    filled = [sum(bool(cell.strip()) for cell in cells) for _, cells in rows]
    usual = max(filled, key=filled.count)
    place = next((index for index, count in enumerate(filled) if count >= usual), 0)
    above = rows[:place]
    titles = [cell.strip() for _, cells in above for cell in cells if cell.strip()]
    if usual < 2 or not titles or max(filled[:place]) > 1 or layout.header is False:
        return 0
    if any(map(is_known, titles)):
        return 0
    message = "%s: rows above the header, passed over: %d, first row %d, %.60r"
    logger.info(message, source, len(titles), above[0][0], titles[0])
    return place


def numbers(count: int) -> list[str]:
    """Returns the names of columns without a header: 1, 2 and so on."""
    return [str(number) for number in range(1, count + 1)]


def count_header_rows(source: str, header: Cells, below: Sequence[Cells], row: int) -> int:
    """Returns how many rows right below a header describe its columns, and says so.

    They do if one is all objects of JSON, as in no other row; if cells are all words for kinds of
    values; or if a row has no number or time where all others have, in two columns or more, and
    something else where the others' values come again and again. In doubt they do not.

    Args:
        source: The name of the table, for the message.
        header: The cells of its header.
        below: Those of the rows below, as many as are looked at.
        row: The number of the first of these.
    """
    below = _stripped(below)
    count = _count(header, below)
    if count:
        message = "%s: rows below the header that describe its columns, left out: %d, row %s: %.60s"
        shown = next(filter(None, below[0]), "")
        logger.info(message, source, count, row, shown)
    return count


def _stripped(rows: Sequence[Cells]) -> list[list[str]]:
    return [[cell.strip() for cell in cells] for cells in rows]


def _count(header: Cells, below: Sequence[Cells]) -> int:
    count = _last_of_objects(below)
    while count < min(MOST_ROWS, len(below)) and _describes(header, below[count:]):
        count += 1
    return count


def _last_of_objects(below: Sequence[Cells]) -> int:
    """Returns how many rows there are up to one that is all objects of JSON; 0 if there is none."""
    for index, cells in enumerate(below[:MOST_ROWS]):
        filled = [place for place, cell in enumerate(cells) if cell.strip()]
        if len(filled) > 1 and all(_is_object(cells[place]) for place in filled):
            rest = (cell for each in below[index + 1 :] for cell in each)
            return 0 if any(map(_is_object, rest)) else index + 1
    return 0


def _is_object(cell: str) -> bool:
    try:
        return cell.strip()[:1] == "{" and isinstance(json.loads(cell), dict)
    except (ValueError, RecursionError):
        return False


def _describes(header: Cells, rows: Sequence[Cells]) -> bool:
    """Returns whether the first of some rows describes the columns of the others."""
    first, *others = rows
    filled = {place: cell for place, cell in enumerate(first) if cell}
    if not filled or not others or len(first) > len(header):
        return False
    places = range(len(header))
    columns = [[cells[at] for cells in others if at < len(cells)] for at in places]
    if any(
        len(cell) > LONGEST_WORD or _is_one_of(cell, columns[at]) for at, cell in filled.items()
    ):
        return False
    if len(filled) > 1 and all(cell.casefold() in KINDS for cell in filled.values()):
        return True
    values = [at for at, cells in enumerate(columns) if cells and all(map(_is_value, cells))]
    has_value = any(_is_value(filled.get(at, "")) or _is_value(header[at]) for at in values)
    is_unlike = len(others) >= FEWEST and len(values) > 1 and not has_value
    return is_unlike and any(_repeats(columns[at]) for at in filled)


def _is_one_of(cell: str, cells: Cells) -> bool:
    """Returns whether a cell comes again beside others, and not as the tick of a box."""
    return cell in cells and len({*cells, ""}) > 2


def _is_value(cell: str) -> bool:
    """Returns whether a cell is a number or a time."""
    return bool(_VALUE.fullmatch(cell) or _TIME.fullmatch(cell))


def _repeats(cells: Cells) -> bool:
    """Returns whether values come again and again, as those of answers to choose from do."""
    filled = [cell for cell in cells if cell]
    return len(filled) >= FEWEST and len(set(filled)) <= len(filled) / 2
