"""Reads what a cell says of an example: one label, any number of labels, or a number."""

import logging
import math
import re
import reprlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from ..errors import UserError
from ..problem_types import MULTI_LABEL, REGRESSION, SINGLE_LABEL
from .bounds import LONGEST_TEXT
from .label_reading import LabelReading
from .labels import Labels, is_list
from .rows import NOT_TEXT, Row, Table, is_missing, names_of

SAMPLE = 1000  # cells that are looked at
FEWEST = 8  # cells, below which no column is taken for numbers
MOST_VALUES = 20  # that are different: with more, or with half of the cells, they are no labels
YES, NO = ("1", "true"), ("0", "false")

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")

logger = logging.getLogger("regard")


class LabelSets(Labels):
    """Gives the labels of a cell one form: a tuple of distinct strings, empty for an empty cell.

    Args:
        decimal: As of `Labels`.
        separator: What stands between labels in a string; None where it is one label.
    """

    problem_type = MULTI_LABEL

    def __init__(self, decimal: str = ".", separator: str | None = None):
        super().__init__(decimal)
        self.separator = separator

    def normal(self, value: Any) -> tuple[str, ...]:
        if is_list(value):
            parts = list(value)
        elif isinstance(value, str) and self.separator is not None:
            parts = value.split(self.separator)
        else:
            parts = [value]
        labels = [self._form(part) for part in parts if not is_missing(part)]
        for label in labels:
            if not isinstance(label, str):
                raise ValueError(
                    f"must hold strings, numbers or booleans, not {reprlib.repr(label)}"
                )
            if len(label) > LONGEST_TEXT or NOT_TEXT.search(label):
                raise ValueError(f"holds what is no text: {reprlib.repr(label)}")
        return tuple(dict.fromkeys(labels))

    def accepts(self, value: Any) -> bool:
        """Returns whether a cell holds labels, and so decides what the others hold."""
        try:
            self.normal(value)
        except ValueError:
            return False
        return True


class LabelFlags(LabelSets):
    """Makes of cells of 0 and 1, one for each of some names, those names that have a 1."""

    def __init__(self, names: Sequence[str]):
        super().__init__()
        self.names = names

    def normal(self, value: Any) -> tuple[str, ...]:
        flags = [None if is_missing(cell) else self._form(cell) for cell in value]
        for name, flag in zip(self.names, flags, strict=True):
            if flag is not None and flag not in YES + NO:
                raise ValueError(f"must be 0 or 1 in column {name!r}, not {reprlib.repr(flag)}")
        return tuple(name for name, flag in zip(self.names, flags, strict=True) if flag in YES)

    def say_merged(self, source: str) -> None:
        """Says nothing: 1 and 1.0 are the same flag."""


class Values(Labels):
    """Makes a number of a cell: of a string, too, if it has nothing else."""

    problem_type = REGRESSION

    def normal(self, value: Any) -> float | None:
        if is_missing(value):
            return None
        number = as_number(value, self.decimal)
        if number is None or not math.isfinite(number):
            raise ValueError(f"must be a finite number, not {reprlib.repr(value)}")
        return number


def as_number(value: Any, decimal: str = ".") -> float | None:
    """Returns the number that a cell holds, or spells; None if it is none."""
    if isinstance(value, str):
        spelled = value.strip()
        if decimal != "." and "." in spelled:
            return None  # it may stand between thousands
        spelled = spelled.replace(decimal, ".")
        return float(spelled) if _NUMBER.fullmatch(spelled) else None
    if isinstance(value, bool | np.bool_) or is_list(value):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def with_flags(
    source: str, table: Table, columns: str | Sequence[str] | None
) -> tuple[Table, str | None]:
    """Returns the table with a column that holds the cells of several, and its name.

    Raises:
        UserError: If one of them is not there, or only one is named.
    """
    if columns is None:
        return table, None
    names = names_of(columns)
    for name in names:
        if table.columns.count(name) != 1:
            raise UserError(
                f"{source}: there must be one column {name!r} for --label-columns. Its columns: "
                f"{', '.join(map(reprlib.repr, table.columns))}."
            )
    joined = " + ".join(names)
    if len(set(names)) < 2 or joined in table.columns:
        raise UserError(
            f"{source}: --label-columns names two columns or more, each once. "
            f"Received: {', '.join(names)}. One alone is a --label-column."
        )

    def read(wanted: Sequence[str]) -> Iterator[Row]:
        plain = [name for name in wanted if name != joined]
        for row, problem, cells in table.read([*names, *plain]):
            rest = iter(cells[len(names) :])
            flags = list(cells[: len(names)])
            yield row, problem, [flags if name == joined else next(rest, None) for name in wanted]

    columns = [*table.columns, joined]
    return table._replace(columns=columns, read=read, num_made=table.num_made + 1), joined


def label_kind(source: str, table: Table, column: str, reading: LabelReading) -> Labels:
    """Returns what reads the labels of a column: as is asked for, else as its cells look."""
    if reading.label_columns is not None:
        return LabelFlags(names_of(reading.label_columns))
    if reading.label_separator is not None:
        return LabelSets(table.decimal, reading.label_separator)
    kind = reading.problem_type
    if kind == SINGLE_LABEL:
        return Labels(table.decimal)
    if kind == REGRESSION:
        return Values(table.decimal)
    sample = islice(_cells(table, column), SAMPLE)
    cells = [cell for cell in sample if is_list(cell) or not is_missing(cell)]
    sets = LabelSets(table.decimal)
    has_lists = any(is_list(cell) and sets.accepts(cell) for cell in cells)
    if kind == MULTI_LABEL:
        if cells and not has_lists:
            message = "%s: column %r holds no lists, so each cell is one label (--label-separator "
            logger.warning(message + "says what stands between several)", source, column)
        return sets
    if has_lists:
        if all(is_list(cell) and len(cell) == 1 for cell in _cells(table, column)):
            _say(source, column, "lists of one label each, so an example has one label")
            return Labels(table.decimal)
        _say(source, column, "lists, so an example may have several labels")
        return sets
    if are_values(cells, table.decimal):
        _say(source, column, "fractions of many values, so a number is to be told")
        return Values(table.decimal)
    return Labels(table.decimal)


def _cells(table: Table, column: str) -> Iterator[Any]:
    """Yields the cells of a column, but for those of bad rows."""
    return (cells[0] for _, problem, cells in table.read([column]) if not problem)


def _say(source: str, column: str, what: str) -> None:
    message = "%s: column %r holds %s (--problem-type decides otherwise)"
    logger.info(message, source, column, what)


def are_values(cells: Iterable[Any], decimal: str = ".") -> bool:
    """Returns whether cells are numbers of many values, with fractions, and so no labels."""
    numbers = [as_number(cell, decimal) for cell in cells]
    if len(numbers) < FEWEST or not all(each is not None for each in numbers):
        return False
    distinct = len(set(numbers))
    has_fractions = sum(not each.is_integer() for each in numbers) >= len(numbers) / 10
    return has_fractions and distinct > min(MOST_VALUES, len(numbers) / 2)
