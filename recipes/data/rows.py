"""Reads the rows of a table, cell by cell: a bad row stops the reading or is left out."""

import logging
import math
import re
import reprlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from ..errors import UserError
from .bounds import LONGEST_TEXT
from .labels import Labels
from .spelled import is_value, spelled

logger = logging.getLogger("regard")

TEXTS = ("text", "second text", "source", "target")  # what people read
NOT_TEXT = re.compile(r"[\0\ud800-\udfff]")


class Passed(str):
    """Says why a row is no example, though nothing is wrong with it: such rows are passed over."""


Row = tuple[int | str, str, Sequence[Any]]  # its number, a problem or "", and its cells


class Table(NamedTuple):
    """Holds an opened source: its columns, and a function that reads some of them.

    `read(columns)` gives (row number, problem, cells) for every row, each time from the first on;
    asked for all columns it gives all cells, also of columns of one name. The cells are unchecked.
    If the row itself is bad, the problem says why, and the cells mean nothing.

    A source that has more to its rows than `read` gives has them whole, too, in the same order:
    `batches()` are Arrow's, at least one, with types; `objects()` are those of JSON, one a row;
    `typed()` are all cells of each row, where those that `read` gives are strings of them.

    `decimal` is what numbers in strings have before their fraction, `has_header` says whether the
    columns are named by what the first row was taken for, `has_gaps` that rows without a cell
    are as good as none, as in a translation memory, `is_strict` that texts are strings alone, as in
    memory, and `num_made` how many of the columns, the last ones, are made of others: fields of
    records, texts that are joined.
    """

    columns: list[str]
    read: Callable[[Sequence[str]], Iterable[Row]]
    batches: Callable[[], Iterable[Any]] | None = None
    objects: Callable[[], Iterable[dict[str, Any]]] | None = None
    typed: Callable[[], Iterable[Sequence[Any]]] | None = None
    decimal: str = "."
    has_header: bool = False
    has_gaps: bool = False
    is_strict: bool = False
    num_made: int = 0

    def spelled(self, cell: Any) -> Any:
        """Returns a cell that may be a text: numbers and times in files are spelled."""
        return cell if self.is_strict else spelled(cell)

    @property
    def own_columns(self) -> list[str]:
        """Returns the columns that the source has."""
        return self.columns[: len(self.columns) - self.num_made]

    @property
    def plain_columns(self) -> list[str]:
        """Returns the columns without those of records, whose fields are columns as well."""
        made = self.columns[len(self.own_columns) :]
        records = {name.partition(".")[0] for name in made} - set(made)
        return [name for name in self.columns if name not in records]


GAP = Passed("units without one of the languages")


def read_rows(
    source: str,
    table: Table,
    columns: dict[str, str],
    skip_bad_rows: bool,
    flag: str = "--skip-bad-rows",
    labels: Labels | None = None,
) -> tuple[dict[str, list[Any]], int]:
    """Returns the cells of the good rows by what they hold, and the number of bad rows.

    `columns` has the name of each column by what it holds: "text", "second text" and "label", or
    "source" and "target". Where columns have no names, it is "". The `flag` is what people pass to
    leave bad rows out. The `labels` give labels their form, by default one string each.

    Raises:
        UserError: If a row is bad, or none is good.
    """
    good: dict[str, list[Any]] = {what: [] for what in columns}
    bad_rows, labels = [], labels or Labels(table.decimal)
    passed: dict[str, list[int | str]] = defaultdict(list)
    for row, problem, cells in table.read(list(columns.values())):
        if table.has_gaps and not problem and any(cell is None for cell in cells):
            problem = GAP
        if isinstance(problem, Passed):
            passed[problem].append(row)
            continue
        if not problem:
            cells, problem = _normal(table, columns, cells, labels)
        if problem:
            bad_rows.append(f"row {row}: {problem}")
            continue
        for kept, cell in zip(good.values(), cells, strict=True):
            kept.append(cell)
    if bad_rows and not skip_bad_rows:
        raise _bad(source, bad_rows, flag)
    labels.say_merged(source)
    _say_values(source, columns, good)
    for why, rows in passed.items():
        logger.info("%s: %s, passed over: %d, first row %s", source, why, len(rows), rows[0])
    if not next(iter(good.values())):
        raise _nothing_good(source, columns, bad_rows)
    _say_bad(source, bad_rows)
    return good, len(bad_rows) + sum(map(len, passed.values()))


def _say_values(source: str, columns: dict[str, str], good: dict[str, list[Any]]) -> None:
    """Says how many texts of a column are nothing but numbers or times."""
    for what, column in columns.items():
        values = [cell for cell in good[what] if column and what in TEXTS and is_value(cell)]
        if values:
            message = (
                "%s: cells of column %r that are numbers or times, taken as texts: %d, first %s"
            )
            logger.info(message, source, column, len(values), values[0].strip())


def _say_bad(source: str, bad_rows: Sequence[str]) -> None:
    if bad_rows:
        logger.warning("%s: bad rows left out: %d, first %s", source, len(bad_rows), bad_rows[0])


def _bad(source: str, bad_rows: Sequence[str], flag: str) -> UserError:
    others = f" Bad rows in all: {len(bad_rows):,}." if len(bad_rows) > 1 else ""
    return UserError(
        f"{source}, {bad_rows[0]}. Correct it, or pass {flag} to leave such rows out.{others}"
    )


def _normal(
    table: Table, columns: dict[str, str], cells: Sequence[Any], labels: Labels
) -> tuple[Sequence[Any], str]:
    """Returns the cells of a row with its label in one form, and what is wrong with them."""
    named = zip(columns, cells, strict=True)
    try:
        cells = [
            labels.normal(cell) if what == "label" else table.spelled(cell) for what, cell in named
        ]
    except ValueError as error:
        return cells, f"the label in column {columns['label']!r} {error}"
    return cells, first_problem(columns, cells)


def _nothing_good(source: str, columns: dict[str, str], bad_rows: Sequence[str]) -> UserError:
    what = "label" if "label" in columns else "translation"
    wanted = f"one text with its {what}" if len(columns) > 1 else "one text"
    found = f"only bad rows, first {bad_rows[0]}" if bad_rows else "no rows"
    return UserError(f"{source} must hold at least {wanted}, but has {found}.")


def first_problem(columns: dict[str, str], cells: Sequence[Any]) -> str:
    """Says in words what is wrong with a row's cells; empty if nothing is."""
    for (what, column), value in zip(columns.items(), cells, strict=True):
        problem = _problem(what, value)
        if problem:
            return f"the {what}{f' in column {column!r}' if column else ''} {problem}"
    return ""


def _problem(what: str, value: Any) -> str:
    """Says in words what is wrong with a cell; empty if nothing is."""
    if isinstance(value, bytes) and what == "image":
        return "" if value else "is empty"
    if isinstance(value, str):
        if is_missing(value):
            return "is empty"
        if len(value) > LONGEST_TEXT:
            return f"must have {LONGEST_TEXT:,} characters at most, not {len(value):,}"
        found = NOT_TEXT.search(value)
        if not found:
            return ""
        return "holds a NUL byte" if found[0] == "\0" else "holds half a character (a surrogate)"
    if is_missing(value):
        return "is missing"
    if what == "label" and _is_normal(value):
        return ""
    return f"must be a string, a number or a boolean, not {reprlib.repr(value)}"


def _is_normal(value: Any) -> bool:
    """Returns whether it is a tuple of labels, or a finite number."""
    return isinstance(value, tuple) or (isinstance(value, float) and math.isfinite(value))


def flattened(record: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns a record without records in it: the name of a cell has a dot for each level."""
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            flat |= flattened(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def with_joined(table: Table, names: str | Sequence[str] | None) -> tuple[Table, str | None]:
    """Returns the table with a column that joins the texts of others, and its name.

    What is empty or missing is left out; each of the rest begins a line. One name by itself is that
    of a column already.
    """
    if names is None:
        return table, None
    names = names_of(names)
    if twice := [name for name in names if names.count(name) > 1]:
        raise UserError(f"Each text column must be named once. Received twice: {twice[0]!r}.")
    unknown = [name for name in names if name not in table.columns]
    if len(names) == 1 or unknown:
        return table, [*unknown, *names][0]  # one that is not there is reported when it is read
    joined = " + ".join(names)

    def read(columns: Sequence[str]) -> Iterator[Row]:
        plain = [name for name in columns if name != joined]
        for row, problem, cells in table.read([*names, *plain]):
            if problem:
                yield row, problem, cells
                continue
            parts, rest = [*map(table.spelled, cells[: len(names)])], iter(cells[len(names) :])
            wrong = [part for part in parts if not (is_missing(part) or isinstance(part, str))]
            text = wrong[0] if wrong else "\n".join(part for part in parts if not is_missing(part))
            yield row, problem, [text if name == joined else next(rest) for name in columns]

    columns = [*table.columns, joined]
    return table._replace(columns=columns, read=read, num_made=table.num_made + 1), joined


def names_of(columns: str | Sequence[str]) -> tuple[str, ...]:
    """Returns the names of one column or of several."""
    return (columns,) if isinstance(columns, str) else tuple(columns)


def is_missing(value: Any) -> bool:
    """Returns whether a cell is missing or empty."""
    if isinstance(value, str):
        return not value or value.isspace()
    return value is None or (isinstance(value, float) and math.isnan(value))
