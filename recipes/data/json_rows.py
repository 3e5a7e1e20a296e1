"""Opens JSON: a line an object, or one array of objects."""

import json
import re
import reprlib
from collections.abc import Iterator, Sequence
from functools import partial
from operator import itemgetter
from typing import Any

from ..errors import UserError
from .bounds import LONGEST_ARRAY, depth_problem, lines_of
from .files import HEAD, open_text
from .rows import Row, Table, flattened

_ARRAY = re.compile(r"\s*\[\s*[{\]]")  # of objects; a line of another array is a mistake


def open_json(source: str, encoding: str | None) -> Table:
    """Opens a file of objects; its columns are the names in all of them, an array's or each line's.

    Lines are read as they are asked for, an array at once.

    Raises:
        UserError: If the file cannot be read, or holds no object.
    """
    with open_text(source, encoding) as file:
        is_array = _ARRAY.match(file.read(HEAD)) is not None
    objects = partial(_elements if is_array else _lines, source, encoding)
    columns: dict[str, None] = {}
    nested: dict[str, None] = {}
    problems = []
    for row, problem, record in objects():
        columns |= dict.fromkeys(record)
        nested |= dict.fromkeys(name for name in flattened(record) if name not in record)
        if problem and not problems:
            problems.append(f"{source}, row {row}: {problem}.")
    if not columns and problems:
        raise UserError(problems[0])
    return Table(
        [*columns, *nested],
        partial(_read, objects),
        objects=lambda: map(itemgetter(2), objects()),
        num_made=len(nested),
    )


def _read(objects, names: Sequence[str]) -> Iterator[Row]:
    for row, problem, record in objects():
        cells = record if record.keys() >= set(names) else flattened(record) | record
        yield row, problem, [cells.get(name) for name in names]


def _lines(source: str, encoding: str | None) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Yields the number, a problem and the object of each line that is not blank."""
    with open_text(source, encoding) as file:
        for row, line in enumerate(lines_of(file, source), start=1):
            if line.isspace():
                continue
            try:
                value = _JSON.decode(line)
            except (ValueError, RecursionError) as error:
                yield row, f"the line is not valid JSON ({error})", {}
            else:
                yield row, *_checked(value, "the line")


def _elements(source: str, encoding: str | None) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Yields the number, a problem and the object of each element of an array."""
    with open_text(source, encoding) as file:
        try:
            text = file.read(LONGEST_ARRAY)
            if len(text) == LONGEST_ARRAY:
                raise UserError(
                    f"{source}: an array must have fewer than {LONGEST_ARRAY:,} characters. "
                    "Received: at least as many. Write an object a line, as `jq -c '.[]'` does."
                )
            values = _JSON.decode(text)
            del text
        except UserError:
            raise
        except (ValueError, RecursionError) as error:
            raise UserError(f"{source} is not a sound JSON array ({error}).") from error
    for row, value in enumerate(values, start=1):
        yield row, *_checked(value, "the element")


def _checked(value: Any, what: str) -> tuple[str, dict[str, Any]]:
    """Returns a problem and an object; one of the two is empty."""
    if not isinstance(value, dict):
        return f"{what} must be a JSON object, not {reprlib.repr(value)}", {}
    problem = depth_problem(value)
    return problem, {} if problem else value


def _object_of_distinct_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return value


_JSON = json.JSONDecoder(object_pairs_hook=_object_of_distinct_names)
