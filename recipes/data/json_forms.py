"""Finds the records in one JSON value, in the forms that pandas and others give a table."""

from collections.abc import Callable
from typing import Any

from .columns import is_known

FORMS = (
    "an object a line; an array of objects; an object with one such array in it, such as "
    '{"data": [...]}; an object of columns; or any `orient` of pandas\' `to_json`'
)
_DEEPEST = 3  # objects in each other in which an array is sought

Records = list[Any]


def records_of(value: Any) -> tuple[str, Records] | None:
    """Returns what the form of a table is called, and its records; None if it is none.

    One object may be a record itself, so this is for a file that has nothing else in it.
    """
    finders: list[tuple[str, Callable[[Any], Records | None]]] = [
        ("an array", _of_array),
        ("columns and rows (`split`)", _split),
        ("an array in an object", _array_within),
        ("columns", _of_columns),
        ("objects by their index (`columns` or `index`)", _by_index),
    ]
    for name, find in finders:
        found = find(value)
        if found is not None:
            return name, found
    return None


def _of_array(value: Any) -> Records | None:
    """Returns the objects of an array; of rows without names the columns are numbers."""
    if not isinstance(value, list):
        return None
    if value and all(isinstance(row, list) for row in value):
        return [{str(number): cell for number, cell in enumerate(row, start=1)} for row in value]
    if value and all(isinstance(row, str) for row in value):
        return [{"text": row} for row in value]
    return value


def _split(value: Any) -> Records | None:
    if not (isinstance(value, dict) and {"columns", "data"} <= value.keys()):
        return None
    columns, rows = value["columns"], value["data"]
    if not isinstance(rows, list) or not all(isinstance(e, list) for e in (columns, *rows)):
        return None
    if any(len(row) != len(columns) for row in rows):
        return None
    return [dict(zip(map(str, columns), row, strict=True)) for row in rows]


def _array_within(value: Any) -> Records | None:
    """Returns the one array of objects in an object, or in objects in it."""
    level = [value]
    for _ in range(_DEEPEST):
        values = [each for part in level if isinstance(part, dict) for each in part.values()]
        arrays = [each for each in values if _is_array_of(each, dict)]
        if arrays:
            return arrays[0] if len(arrays) == 1 else None
        level = values
    return None


def _of_columns(value: Any) -> Records | None:
    """Returns the rows of an object whose values are arrays of one length, one a column."""
    if not (isinstance(value, dict) and all(isinstance(each, list) for each in value.values())):
        return None
    if len({len(each) for each in value.values()}) != 1 or not any(value.values()):
        return None
    cells = zip(*value.values(), strict=True)
    return [dict(zip(value, row, strict=True)) for row in cells]


def _by_index(value: Any) -> Records | None:
    """Returns the rows of objects by their index, within columns or the other way round."""
    if not (isinstance(value, dict) and _is_array_of([*value.values()], dict)):
        return None
    first = next(iter(value.values()))
    if not first or any(each.keys() != first.keys() for each in value.values()):
        return None
    return [*value.values()] if _are_rows([*value], [*first]) else _turned(value, [*first])


def _turned(value: dict[str, dict], index: list[str]) -> Records:
    return [{name: cells[row] for name, cells in value.items()} for row in index]


def _are_rows(outer: list[str], inner: list[str]) -> bool:
    """Returns whether the names within name columns, and those around them rows."""
    is_outer, is_inner = any(map(is_known, outer)), any(map(is_known, inner))
    if is_outer != is_inner:
        return is_inner
    if all(map(str.isdecimal, outer)) != all(map(str.isdecimal, inner)):
        return all(map(str.isdecimal, outer))
    return len(outer) > len(inner)


def _is_array_of(value: Any, kind: type) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, kind) for each in value)
