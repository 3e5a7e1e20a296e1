"""Reads lists of labels that a file without types spells: ["good", "cheap"], as JSON or Python."""

import ast
import json
import logging
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from ..problem_types import REGRESSION, SINGLE_LABEL
from .label_reading import LabelReading
from .rows import Row, Table, is_missing

SAMPLE = 1000  # cells that are looked at
LONGEST = 10_000  # characters of a cell
_PARTS = (str, int, float)
_NEIGHBOURS = re.compile(r"""['"]\s+['"]""")  # NumPy's strings, which Python would make one

logger = logging.getLogger("regard")


def with_spelled_lists(source: str, table: Table, column: str, reading: LabelReading) -> Table:
    """Returns the table with lists in a column whose cells all spell some; else as it is.

    So it is if something else was asked for. Where one label was, lists are of one each. Where a
    later cell spells none, it stays what it is.
    """
    has_other_form = reading.label_columns is not None or reading.label_separator is not None
    if has_other_form or reading.problem_type == REGRESSION:
        return table
    cells = (cells[0] for _, problem, cells in table.read([column]) if not problem)
    sample = [read_list(cell) for cell in islice(cells, SAMPLE) if not is_missing(cell)]
    if not sample or None in sample:
        return table
    if reading.problem_type == SINGLE_LABEL and any(len(each) != 1 for each in sample):
        return table
    logger.info("%s: column %r spells lists, which are read as such", source, column)

    def read(names: Sequence[str]) -> Iterator[Row]:
        places = [place for place, name in enumerate(names) if name == column]
        for row, problem, found in table.read(names):
            cells = list(found)
            for place in places if not problem else ():
                spelled = read_list(cells[place])
                cells[place] = cells[place] if spelled is None else spelled
            yield row, problem, cells

    return table._replace(read=read)


def read_list(cell: Any) -> list[Any] | None:
    """Returns the list of strings and numbers that a string spells; None if it spells none."""
    found = read_spelled(cell) if isinstance(cell, str) and len(cell) <= LONGEST else None
    if isinstance(found, list) and all(isinstance(each, _PARTS) for each in found):
        return found
    return None


def read_spelled(cell: str) -> list[Any] | dict[str, Any] | None:
    """Returns the list or record that a string spells, as JSON or Python; None if it is none."""
    cell = cell.strip()
    if cell[:1] + cell[-1:] not in ("[]", "{}") or _NEIGHBOURS.search(cell):
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            return read(cell)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return None
