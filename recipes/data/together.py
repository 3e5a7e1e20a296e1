"""Makes one table of several that have the same columns, the rows of one after another's."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from .rows import Row, Table


def together(opened: Sequence[tuple[str, Table]]) -> Table:
    """Returns a table of the rows of all, each with the name of its table in its number.

    What all have whole is so in it, too: objects of JSON, Arrow's batches of one schema, and cells
    with types. The columns are in the order of the first.
    """
    tables = [table for _, table in opened]
    own = tables[0].own_columns

    def read(columns: Sequence[str]) -> Iterator[Row]:
        for name, each in opened:
            for row, problem, cells in each.read(columns):
                yield f"{row} of {name}", problem, cells

    def typed() -> Iterator[Sequence[Any]]:
        for each in tables:
            order = [each.own_columns.index(name) for name in own]
            for cells in each.typed() if each.typed else _cells(each):
                yield [cells[index] for index in order] if cells else cells

    def batches() -> Iterator[Any]:
        return (batch.select(own) for each in tables for batch in each.batches())

    have_objects = all(each.objects for each in tables)
    have_types = any(each.typed for each in tables) and len(set(own)) == len(own)
    return tables[0]._replace(
        read=read,
        objects=(lambda: chain.from_iterable(each.objects() for each in tables))
        if have_objects
        else None,
        batches=batches if _are_of_one_schema(tables, own) else None,
        typed=typed if have_types else None,
    )


def _cells(table: Table) -> Iterator[Sequence[Any]]:
    return (cells for _, _, cells in table.read(table.own_columns))


def _are_of_one_schema(tables: Sequence[Table], own: Sequence[str]) -> bool:
    if not all(each.batches for each in tables):
        return False
    first, *others = (next(iter(each.batches())).select(own).schema for each in tables)
    return all(first.equals(each) for each in others)
