"""Opens JSON: a line an object, or one value with all of them."""

import json
import logging
import re
import reprlib
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from operator import itemgetter
from typing import Any

from ..errors import UserError
from .annotations import Annotations, annotations_in
from .bounds import LONGEST_ARRAY, depth_problem, lines_of
from .files import HEAD, open_text
from .json_forms import FORMS, records_of
from .rows import Passed, Row, Table, flattened

_ARRAY = re.compile(r"\s*\[\s*[{\]]")  # of objects, which may be long

logger = logging.getLogger("regard")


def open_json(source: str, encoding: str | None, has_lines: bool = False) -> Table:
    """Opens a file of objects; its columns are the names in all of them.

    They are a line each, and then read as they are asked for, or all in one value, read at once.
    A file that `has_lines` by its name has no columns in an object of lists. Of what a tool for
    annotation wrote, the labels are columns, too.

    Raises:
        UserError: If the file cannot be read, or holds no object.
    """
    form = _form_of(source, encoding, has_lines)
    if form and form != "an array":
        logger.info("%s: a table as %s", source, form)
    objects = partial(_elements if form else _lines, source, encoding)
    columns: dict[str, None] = {}
    nested: dict[str, None] = {}
    problems, first = [], {}
    for row, problem, record in objects():
        first = first or record
        columns |= dict.fromkeys(record)
        nested |= dict.fromkeys(name for name in flattened(record) if name not in record)
        if problem and not problems:
            problems.append(f"{source}, row {row}: {problem}.")
    if not columns and problems:
        raise UserError(problems[0])

    def records() -> Iterator[dict[str, Any]]:
        return map(itemgetter(2), objects())

    annotations = annotations_in(first, records)
    if annotations is not None:
        message = "%s: annotations of %s; their labels are in column %s"
        logger.info(message, source, annotations.tool, " and ".join(map(repr, annotations.columns)))
        nested |= dict.fromkeys(name for name in annotations.columns if name not in columns)
    read = partial(_read, objects, annotations)
    return Table([*columns, *nested], read, objects=records, num_made=len(nested))


def _form_of(source: str, encoding: str | None, has_lines: bool) -> str:
    """Returns the form of a file that is one value with records in it; nothing if lines have them.

    Raises:
        UserError: If it is one value, but in none of the forms that are read.
    """
    with open_text(source, encoding) as file:
        if _ARRAY.match(file.read(HEAD)):
            return "an array"
    with open_text(source, encoding) as file:
        first, *others = islice((line for line in lines_of(file, source) if line.strip()), 2)
    try:
        value = _JSON.decode(first)
    except (ValueError, RecursionError):
        if not others:
            return ""  # the line is no JSON, and its number is said
        try:
            value = _whole(source, encoding)
        except (ValueError, RecursionError):
            return ""
        found = records_of(value)
        if found is None:
            raise UserError(f"{source}: the one value in it is no table. Forms: {FORMS}.") from None
        return found[0]
    found = None if others else records_of(value)
    if found and has_lines and isinstance(value, dict):
        message = "%s: its one line is a row, for so its suffix says; as .json it is a table as %s"
        logger.info(message, source, found[0])
        return ""
    return found[0] if found else ""


def _whole(source: str, encoding: str | None) -> Any:
    """Returns the one value in a file.

    Raises:
        ValueError, RecursionError: If it is not sound.
        UserError: If it is too long.
    """
    with open_text(source, encoding) as file:
        text = file.read(LONGEST_ARRAY)
    if len(text) == LONGEST_ARRAY:
        raise UserError(
            f"{source}: JSON in one piece must have fewer than {LONGEST_ARRAY:,} characters. "
            "Received: at least as many. Write an object a line, as `jq -c '.[]'` does."
        )
    return _JSON.decode(text)


def _read(objects, annotations: Annotations | None, names: Sequence[str]) -> Iterator[Row]:
    labels = [name for name in names if annotations and name in annotations.columns]
    for row, problem, record in objects():
        cells = record if record.keys() >= set(names) else flattened(record) | record
        if labels and not problem:
            found = {name: annotations.label(record, name) for name in labels}
            problem = next((each for each in found.values() if isinstance(each, Passed)), "")
            cells = cells | found
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
    """Yields the number, a problem and each of the records in one value."""
    try:
        _, values = records_of(_whole(source, encoding))
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
