"""Opens tables of Apache Arrow: Parquet, and Arrow's own files, such as `datasets` saves.

Importing this module takes time: only `formats` imports it, when a source is such a file.
"""

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import ipc
from pyarrow.parquet import FileMetaData, ParquetFile

from ..errors import UserError
from .bounds import LONGEST_TEXT
from .rows import Row, Table

ROWS_AT_ONCE, BYTES_AT_ONCE = 8192, 2**25
FEW_TEXTS = 2**20  # bytes of a column in a group of rows: what writers let its distinct texts take
# Else all of a column's pages in a group of rows, often a million, are in memory at once.
STREAMING = {"pre_buffer": False, "buffer_size": 2**16}

logger = logging.getLogger("regard")


def open_parquet(source: str, content: bytes | None = None) -> Table:
    """Opens a Parquet file, to be read some rows at a time.

    If Hugging Face's `datasets` wrote into the file what the numbers in a column are called, the
    names are its cells. A number without a name, such as the -1 of a row without a label, becomes
    None. A record in a cell is a column for each of its fields, with a dot in its name. Of a packed
    file, the `content` is given.

    Raises:
        UserError: If it is not a Parquet file.
    """
    with _errors(source, "Parquet"), ParquetFile(_place(source, content)) as file:
        schema, rows_at_once = file.schema_arrow, _rows_at_once(source, file.metadata)
        few = _with_few_texts(schema, file.metadata)

    def batches(columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        roots = None if columns is None else sorted(set(_roots(schema, columns)))
        known = [name for name in few if name in (roots or [])]
        with (
            _errors(source, "Parquet"),
            ParquetFile(_place(source, content), read_dictionary=known, **STREAMING) as file,
        ):
            if not file.metadata.num_rows:
                yield pa.RecordBatch.from_pylist([], schema=schema)
            parts = file.iter_batches(rows_at_once, columns=roots, use_threads=False)
            yield from map(_sound, parts)

    with _errors(source, "Parquet"):
        return _table(source, schema, batches)


def _rows_at_once(source: str, metadata: FileMetaData) -> int:
    """Returns how many rows are some megabytes, by what the file says of their sizes.

    Raises:
        UserError: If the texts of a column are too long in the mean.
    """
    largest = 1.0
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        chunks = [group.column(index) for index in range(group.num_columns)]
        sizes = [each.total_uncompressed_size / max(1, each.num_values) for each in chunks]
        for chunk, size in zip(chunks, sizes, strict=True):
            if size > LONGEST_TEXT:
                raise UserError(
                    f"{source}: a text must have {LONGEST_TEXT:,} bytes at most. Received, in the "
                    f"mean of column {chunk.path_in_schema!r}: {size:,.0f}."
                )
        largest = max(largest, group.total_byte_size / max(1, group.num_rows))
    return max(1, min(ROWS_AT_ONCE, int(BYTES_AT_ONCE / largest)))


def _with_few_texts(schema: pa.Schema, metadata: FileMetaData) -> list[str]:
    """Returns the columns that take so little that many rows may have the same long text.

    These are read so that each text is in memory once.
    """
    groups = map(metadata.row_group, range(metadata.num_row_groups))
    chunks = [group.column(index) for group in groups for index in range(group.num_columns)]
    large = {each.path_in_schema for each in chunks if each.total_uncompressed_size > FEW_TEXTS}
    return [
        each.name for each in schema if pa.types.is_string(each.type) and each.name not in large
    ]


def _place(source: str, content: bytes | None) -> str | pa.NativeFile:
    return source if content is None else pa.BufferReader(content)


def open_arrow(source: str, content: bytes | None = None) -> Table:
    """Opens a file or a stream of Arrow batches, such as Feather, as `open_parquet` does.

    Raises:
        UserError: If it is neither.
    """
    with _errors(source, "Arrow"), _reader(source, content) as reader:
        schema = reader.schema

    def batches(_: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        with _errors(source, "Arrow"), _reader(source, content) as reader:
            if isinstance(reader, ipc.RecordBatchFileReader):
                parts = map(reader.get_batch, range(reader.num_record_batches))
            else:
                parts = reader
            yield from map(_sound, parts)

    with _errors(source, "Arrow"):
        return _table(source, schema, batches)


def _sound(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Returns a batch whose cells may be read: Arrow trusts what a file says of their places."""
    batch.validate(full=True)
    return batch


@contextmanager
def _reader(source: str, content: bytes | None):
    with pa.memory_map(source) if content is None else pa.BufferReader(content) as file:
        is_file = file.read(6) == b"ARROW1"
        file.seek(0)
        with ipc.open_file(file) if is_file else ipc.open_stream(file) as reader:
            yield reader


def _table(source: str, schema: pa.Schema, batches) -> Table:
    """Makes a table of batches, with what `datasets` wrote into the schema."""
    nested = dict(_nested_fields(schema))
    fields = {field.name: field.type for field in schema} | nested
    said = set()

    def read(columns: Sequence[str]) -> Iterator[Row]:
        names = {column: _class_names(schema, column, fields[column]) for column in columns}
        for column in columns:
            if names[column] is not None and column not in said:
                said.add(column)
                message = "%s: column %r holds numbers; their names in the file's metadata are used"
                logger.info(message, source, column)
        row = 1
        for batch in batches(columns):
            cells = [_cells(_column(batch, column), names[column]) for column in columns]
            for values in zip(*cells, strict=True):
                yield row, "", values
                row += 1

    return Table([*schema.names, *nested], read, batches=batches, num_made=len(nested))


def _nested_fields(
    fields: Iterable[pa.Field], within: str = ""
) -> Iterator[tuple[str, pa.DataType]]:
    """Yields the name and the type of each field of a record, with a dot for each level."""
    for field in fields:
        if pa.types.is_struct(field.type):
            yield from _nested_fields(field.type.fields, f"{within}{field.name}.")
        elif within:
            yield within + field.name, field.type


def _roots(schema: pa.Schema, columns: Iterable[str]) -> Iterator[str]:
    """Yields the column of the schema that each flat column is in."""
    for column in columns:
        while column not in schema.names:
            column = column.rpartition(".")[0]
        yield column


def _column(batch: pa.RecordBatch, column: str) -> pa.Array:
    [root] = _roots(batch.schema, [column])
    array = batch.column(root)
    for name in filter(None, column.removeprefix(root).split(".")):
        array = array.field(name) if array.null_count == 0 else array.flatten()[_index(array, name)]
    return array


def _index(array: pa.StructArray, name: str) -> int:
    return [field.name for field in array.type.fields].index(name)


def _cells(array: pa.Array, names: dict[int, str] | None) -> list[Any]:
    """Returns the values of a column; a float of 32 bits as the shortest number that it is."""
    if getattr(array.type, "unit", "") == "ns":
        array = _without_nanoseconds(array)
    if pa.types.is_dictionary(array.type):
        known = [*_cells(array.dictionary, None), None]  # each once, whatever the number of rows
        return [known[-1 if index is None else index] for index in array.indices.to_pylist()]
    values = array.to_pylist()
    if names is not None:
        return [_named(value, names) for value in values]
    if pa.types.is_float32(array.type):
        return [None if value is None else float(str(np.float32(value))) for value in values]
    return values


def _without_nanoseconds(array: pa.Array) -> pa.Array:
    """Returns times as Python has them, to the microsecond, or as strings if they have more."""
    kind = array.type
    coarser = {pa.types.is_time: pa.time64("us"), pa.types.is_duration: pa.duration("us")}
    found = (other for is_of, other in coarser.items() if is_of(kind))
    try:
        return array.cast(next(found, None) or pa.timestamp("us", kind.tz))
    except pa.ArrowInvalid:
        return array.cast(pa.string())


def _named(value: Any, names: dict[int, str]) -> Any:
    """Returns the name of a number, or the names of those in a list."""
    return [_named(each, names) for each in value] if isinstance(value, list) else names.get(value)


def _class_names(schema: pa.Schema, column: str, kind: pa.DataType) -> dict[int, str] | None:
    """Returns the names for the numbers in a column, or in its lists, if the file holds any."""
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    if not pa.types.is_integer(kind.value_type if is_list else kind):
        return None
    try:
        feature = json.loads(schema.metadata[b"huggingface"])["info"]["features"][column]
        if is_list:  # a list of its own, or one that says so
            feature = feature[0] if isinstance(feature, list) else feature["feature"]
        return dict(enumerate(feature["names"])) if feature["_type"] == "ClassLabel" else None
    except (KeyError, TypeError, ValueError):  # no such metadata, or nothing of use in it
        return None


@contextmanager
def _errors(source: str, kind: str) -> Iterator[None]:
    """Turns errors of reading a file into one for the user."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        problem = " ".join(str(error).split())[:200]
        raise UserError(f"{source} is not a sound {kind} file ({problem}).") from error
