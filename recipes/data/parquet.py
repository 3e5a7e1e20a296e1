"""Opens tables in Parquet files.

Importing this module takes time: only `formats` imports it, when a source is a Parquet file.
"""

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

import pyarrow as pa
from pyarrow.parquet import ParquetFile

from ..errors import UserError
from .rows import Table

ROWS_AT_ONCE = 8192
# Else all of a column's pages in a group of rows, often a million, are in memory at once.
STREAMING = {"pre_buffer": False, "buffer_size": 2**16}

logger = logging.getLogger("regard")


def open_parquet(source: str) -> Table:
    """Opens a Parquet file, to be read some rows at a time.

    If Hugging Face's `datasets` wrote into the file what the numbers in a column are called, the
    names are its cells. A number without a name, such as the -1 of a row without a label, becomes
    None.

    Raises:
        UserError: If it is not a Parquet file.
    """
    with _errors(source), ParquetFile(source) as file:
        schema = file.schema_arrow

    def batches(columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        with _errors(source), ParquetFile(source, **STREAMING) as file:
            if not file.metadata.num_rows:
                yield pa.RecordBatch.from_pylist([], schema=schema)
            yield from file.iter_batches(ROWS_AT_ONCE, columns=columns, use_threads=False)

    def read(columns: Sequence[str]) -> Iterator[tuple[int, str, Sequence[Any]]]:
        names = {column: _class_names(schema, column) for column in columns}
        for column in filter(names.get, names):
            message = "%s: column %r holds numbers; their names in the file's metadata are used"
            logger.info(message, source, column)
        numbers = count(1)
        for batch in batches(list(columns)):
            cells = [_cells(batch.column(column), names[column]) for column in columns]
            for values in zip(*cells, strict=True):
                yield next(numbers), "", values

    return Table(schema.names, read, batches=batches)


def _cells(column: pa.Array, names: dict[int, str] | None) -> list[Any]:
    """Returns the cells of a column, numbers by their names, if they have any."""
    if getattr(column.type, "unit", "") == "ns":  # Python's times have no nanoseconds
        column = column.cast(pa.string())
    values = column.to_pylist()
    return values if names is None else [names.get(value) for value in values]


def _class_names(schema: pa.Schema, column: str) -> dict[int, str] | None:
    """Returns the names for the numbers in a column, if the file holds any."""
    if not pa.types.is_integer(schema.field(column).type):
        return None
    try:
        feature = json.loads(schema.metadata[b"huggingface"])["info"]["features"][column]
        return dict(enumerate(feature["names"])) if feature["_type"] == "ClassLabel" else None
    except (KeyError, TypeError, ValueError):  # no such metadata, or nothing of use in it
        return None


@contextmanager
def _errors(source: str) -> Iterator[None]:
    """Turns errors of reading a file into one for the user."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        problem = " ".join(str(error).split())[:200]
        raise UserError(f"{source} is not a sound Parquet file ({problem}).") from error
