"""Writes tables as Parquet files.

Importing this module takes time: only `writing` imports it, when a Parquet file is to be written.
"""

import pickle
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
from pyarrow.parquet import ParquetWriter

from ...models import disk
from .text_writing import as_text

ROWS_IN_GROUP = 8192  # that lie in memory until they are written
# A list is of what is found in a text, with its place: `regard predict` of a token classifier.
_FOUND = pa.struct(
    {
        **{name: pa.int64() for name in ("start", "end")},
        "label": pa.string(),
        "score": pa.float64(),
        "text": pa.string(),
    }
)
_TYPES = {str: pa.string(), float: pa.float64(), list: pa.list_(_FOUND)}


class ParquetRows:
    """Writes rows, and Arrow's batches with the types that they have.

    Types of rows are those of all their values together, so rows wait in a file until the last has
    come. Values of a column that have no type in common become texts.

    Args:
        path: The file.
        columns: The names of the columns that are kept.
        added: Those of the new ones, with their types.
    """

    keeps = "batches"

    def __init__(self, path: Path, columns: Sequence[str], added: dict[str, type]):
        self.path, self.columns = path, list(columns)
        self.added = pa.schema([(name, _TYPES[kind]) for name, kind in added.items()])
        self.types: list[pa.DataType | None] = [pa.null()] * len(self.columns)
        self.group: list[pa.RecordBatch] = []
        self.writer = None

    def __enter__(self) -> Self:
        self.stack = ExitStack()
        self.place = self.path.with_name(f".{self.path.stem[:40]}.waiting")
        self.stack.callback(self.place.unlink)
        self.waiting = self.stack.enter_context(disk.create(self.place))
        return self

    def __exit__(self, kind, *_) -> None:
        with self.stack:
            if kind is None:
                self._finish()

    def write(
        self, rows: Sequence[Sequence[Any]] | pa.RecordBatch, answers: Sequence[Sequence[Any]]
    ) -> None:
        """Writes rows, or a batch, each row with its new cells at the end."""
        if isinstance(rows, pa.RecordBatch):
            self._write_batch(rows, answers)
            return
        for index, column in enumerate(zip(*rows, strict=True)):
            self.types[index] = _common_type(self.types[index], column)
        pickle.dump((rows, answers), self.waiting)

    def _write_batch(self, batch: pa.RecordBatch, answers: Sequence[Sequence[Any]]) -> None:
        schema = pa.unify_schemas([batch.schema, self.added])
        arrays = [*batch.columns, *_batch(answers, self.added).columns]
        self.group.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
        if sum(each.num_rows for each in self.group) >= ROWS_IN_GROUP:
            self._write_group()

    def _write_group(self) -> None:
        table = pa.Table.from_batches(self.group)
        if self.writer is None:
            file = self.stack.enter_context(disk.create(self.path))
            self.writer = self.stack.enter_context(ParquetWriter(file, table.schema))
        self.writer.write_table(table)
        self.group = []

    def _finish(self) -> None:
        """Writes what waits, now that all types are known."""
        types = [pa.string() if each in (None, pa.null()) else each for each in self.types]
        schema = pa.schema(list(zip(self.columns, types, strict=True)))
        for rows, answers in self._waiting_rows():
            self._write_batch(_batch(rows, schema), answers)
        if self.writer is None and not self.group:
            self._write_batch(_batch([], schema), [])
        if self.group:
            self._write_group()

    def _waiting_rows(self) -> Iterator[tuple[list, list]]:
        self.waiting.close()
        with open(self.place, "rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            while file.tell() < size:
                yield pickle.load(file)


def _common_type(known: pa.DataType | None, values: Sequence[Any]) -> pa.DataType | None:
    """Returns the type of values like those known and of some more; None if they have none."""
    if known is None:
        return None
    try:
        schemas = [pa.schema([("", kind)]) for kind in (known, pa.array(values).type)]
        return pa.unify_schemas(schemas, promote_options="permissive").types[0]
    except (pa.ArrowException, UnicodeError, OverflowError):
        return None


def _batch(rows: Sequence[Sequence[Any]], schema: pa.Schema) -> pa.RecordBatch:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [_array(each, kind) for each, kind in zip(columns, schema.types, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if kind == pa.string():
        texts = (None if each is None else as_text(each) for each in values)
        values = [each and each.encode("utf-8", "backslashreplace") for each in texts]
        return pa.array(values, pa.binary()).cast(pa.string())
    try:
        return pa.array(values, kind)
    except pa.ArrowInvalid:  # an integer that no float is, in a column with floats
        return pa.array(values).cast(kind, safe=False)
