"""Opens tables in Parquet files.

Importing this module takes time: only `formats` imports it, when a source is a Parquet file.
"""

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from pyarrow.parquet import ParquetFile

from ..errors import UserError
from .rows import Table

logger = logging.getLogger("regard")


def open_parquet(source: str) -> Table:
    """Opens a Parquet file.

    If Hugging Face's `datasets` wrote into the file what the numbers in a column are called, the
    names are its cells. A number without a name, such as the -1 of a row without a label, becomes
    None.

    Raises:
        UserError: If it is not a Parquet file.
    """
    with _errors(source):
        file = ParquetFile(source)
        schema = file.schema_arrow

    def read(columns: Sequence[str]) -> Iterator[tuple[int, str, Sequence[Any]]]:
        with _errors(source):
            data = file.read(columns=list(columns))
            cells = [data.column(column).to_pylist() for column in columns]
        for i, column in enumerate(columns):
            names = _class_names(schema, column)
            if names is not None:
                message = "%s: column %r holds numbers; their names in the file's metadata are used"
                logger.info(message, source, column)
                cells[i] = [names.get(number) for number in cells[i]]
        for row, values in enumerate(zip(*cells, strict=True), start=1):
            yield row, "", values

    return Table(schema.names, read)


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
