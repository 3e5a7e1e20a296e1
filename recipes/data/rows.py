"""Reads the rows of a table, cell by cell: a bad row stops the reading or is left out."""

import logging
import math
import re
import reprlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from ..errors import UserError

logger = logging.getLogger("regard")

NOT_TEXT = re.compile(r"[\0\ud800-\udfff]")


class Table(NamedTuple):
    """Holds an opened source: its columns, and a function that reads some of them.

    `read(columns)` gives (row number, problem, cells) for every row, each time from the first on;
    asked for all columns it gives all cells, also of columns of one name. The cells are unchecked.
    If the row itself is bad, the problem says why, and the cells mean nothing.

    A source that has more to its rows than `read` gives has them whole, too, in the same order:
    `batches()` are Arrow's, at least one, with types; `objects()` are those of JSON, one a row.
    """

    columns: list[str]
    read: Callable[[Sequence[str]], Iterable[tuple[int, str, Sequence[Any]]]]
    batches: Callable[[], Iterable[Any]] | None = None
    objects: Callable[[], Iterable[dict[str, Any]]] | None = None


def read_rows(
    source: str, table: Table, columns: dict[str, str], skip_bad_rows: bool
) -> tuple[dict[str, list[str]], int]:
    """Returns the cells of the good rows by what they hold, and the number of bad rows.

    `columns` has the name of each column by what it holds: "text", "second text" and "label", or
    "source" and "target". Where columns have no names, it is "".

    Raises:
        UserError: If a row is bad, or none is good.
    """
    good: dict[str, list[str]] = {what: [] for what in columns}
    bad_rows = []
    for row, problem, cells in table.read(list(columns.values())):
        cells = [_clean(what, cell) for what, cell in zip(columns, cells, strict=False)]
        problem = problem or first_problem(columns, cells)
        if not problem:
            for kept, cell in zip(good.values(), cells, strict=True):
                kept.append(cell)
        elif skip_bad_rows:
            bad_rows.append(f"row {row}: {problem}")
        else:
            raise UserError(
                f"{source}, row {row}: {problem}. "
                "Correct it, or pass --skip-bad-rows to leave such rows out."
            )
    if not next(iter(good.values())):
        what = "label" if "label" in columns else "translation"
        wanted = f"one text with its {what}" if len(columns) > 1 else "one text"
        found = f"only bad rows, first {bad_rows[0]}" if bad_rows else "no rows"
        raise UserError(f"{source} must hold at least {wanted}, but has {found}.")
    if bad_rows:
        logger.warning("%s: bad rows left out: %d, first %s", source, len(bad_rows), bad_rows[0])
    return good, len(bad_rows)


def _clean(what: str, value: Any) -> Any:
    """Turns a label that is a boolean or a whole number into a string; keeps other values."""
    if what != "label":
        return value
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return str(int(value))
    return value


def first_problem(columns: dict[str, str], cells: Sequence[Any]) -> str:
    """Says in words what is wrong with a row's cells; empty if nothing is."""
    for (what, column), value in zip(columns.items(), cells, strict=True):
        problem = _problem(what, value)
        if problem:
            return f"the {what}{f' in column {column!r}' if column else ''} {problem}"
    return ""


def _problem(what: str, value: Any) -> str:
    """Says in words what is wrong with a cell; empty if nothing is."""
    if isinstance(value, str):
        if not value or value.isspace():
            return "is empty"
        found = NOT_TEXT.search(value)
        if not found:
            return ""
        return "holds a NUL byte" if found[0] == "\0" else "holds half a character (a surrogate)"
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "is missing"
    allowed = "a string, an integer or a boolean" if what == "label" else "a string"
    return f"must be {allowed}, not {reprlib.repr(value)}"
