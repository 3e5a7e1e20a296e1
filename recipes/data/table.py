"""Holds a source that was opened."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple


class Table(NamedTuple):
    """Holds an opened source: its columns, and a function that reads some of them.

    `read(columns)` gives (row number, problem, cells) for every row. The cells are unchecked. If
    the row itself is bad, the problem says why, and the cells mean nothing.
    """

    columns: list[str]
    read: Callable[[Sequence[str]], Iterable[tuple[int, str, Sequence[Any]]]]
