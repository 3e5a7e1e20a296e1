"""Opens tables of Apache Arrow: Parquet, and Arrow's own files, such as `datasets` saves.

Importing this module takes time: only `formats` imports it, when a source is such a file.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
from pyarrow import ipc
from pyarrow.parquet import ParquetFile

from ..errors import UserError
from .arrow_bounds import check_messages, check_total, parquet_reading
from .arrow_cells import Cells, class_names, plain
from .arrow_messages import MAGIC
from .arrow_weights import pieces
from .rows import Row, Table

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
        schema, (rows_at_once, known) = file.schema_arrow, parquet_reading(source, file, content)

    def batches(columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        place = _place(source, content)
        with ParquetFile(place, read_dictionary=known, **STREAMING) as file:
            if not file.metadata.num_rows:
                yield pa.RecordBatch.from_pylist([], schema=schema)
            for group in range(file.num_row_groups):  # each has texts of its own to refer to
                yield from file.iter_batches(rows_at_once, [group], columns, use_threads=False)

    with _errors(source, "Parquet"):
        return _table(source, "Parquet", schema, batches)


def _place(source: str, content: bytes | None) -> str | pa.NativeFile:
    return source if content is None else pa.BufferReader(content)


def open_arrow(source: str, content: bytes | None = None) -> Table:
    """Opens a file or a stream of Arrow batches, such as Feather, as `open_parquet` does.

    Raises:
        UserError: If it is neither.
    """
    with _errors(source, "Arrow"):
        with _mapped(source, content) as file:
            check_messages(source, file)
        with _reader(source, content) as reader:
            schema = reader.schema

    def batches(columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        with _reader(source, content) as reader:
            if isinstance(reader, ipc.RecordBatchFileReader):
                parts = map(reader.get_batch, range(reader.num_record_batches))
            else:
                parts = reader
            yield from parts if columns is None else (each.select(columns) for each in parts)

    with _errors(source, "Arrow"):
        return _table(source, "Arrow", schema, batches)


def _mapped(source: str, content: bytes | None) -> pa.NativeFile:
    return pa.memory_map(source) if content is None else pa.BufferReader(content)


@contextmanager
def _reader(source: str, content: bytes | None):
    with _mapped(source, content) as file:
        is_file = file.read(len(MAGIC)) == MAGIC
        file.seek(0)
        with ipc.open_file(file) if is_file else ipc.open_stream(file) as reader:
            yield reader


def _table(source: str, kind: str, schema: pa.Schema, batches) -> Table:
    """Makes a table of batches, with what `datasets` wrote into the schema."""
    nested = dict(_nested_fields(schema))
    fields = {field.name: field.type for field in schema} | nested
    said = set()

    def sound(columns, arrays_of) -> Iterator[tuple[pa.RecordBatch, int]]:
        with _errors(source, kind):
            for batch in batches(columns):
                batch.validate()  # Arrow trusts what a file says of the places of its cells
                if not batch.num_rows:
                    yield batch, 0
                for piece, weight in pieces(source, batch, arrays_of):
                    piece.validate(full=True)
                    yield piece, weight

    def whole() -> Iterator[pa.RecordBatch]:
        return (plain(batch, schema) for batch, _ in sound(None, lambda batch: batch.columns))

    def read(columns: Sequence[str]) -> Iterator[Row]:
        names = {column: class_names(schema, column, fields[column]) for column in columns}
        for column in columns:
            if names[column] is not None and column not in said:
                said.add(column)
                message = "%s: column %r holds numbers; their names in the file's metadata are used"
                logger.info(message, source, column)
        made = [Cells(names[column]) for column in columns]
        roots = sorted(set(_roots(schema, columns)))
        row, total = 1, 0
        for batch, weight in sound(roots, lambda batch: [_own(batch, name) for name in columns]):
            arrays = [_column(batch, column) for column in columns]
            cells = [each.of(array) for each, array in zip(made, arrays, strict=True)]
            total += weight
            check_total(source, total + sum(each.weight for each in made))
            for values in zip(*cells, strict=True):
                yield row, "", values
                row += 1

    return Table([*schema.names, *nested], read, batches=whole, num_made=len(nested))


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


def _own(batch: pa.RecordBatch, column: str) -> pa.Array:
    """Returns what is a value of its own in each row of a column."""
    array = _column(batch, column)
    return array.indices if isinstance(array, pa.DictionaryArray) else array


def _index(array: pa.StructArray, name: str) -> int:
    return [field.name for field in array.type.fields].index(name)


@contextmanager
def _errors(source: str, kind: str) -> Iterator[None]:
    """Turns errors of reading a file into one for the user."""
    try:
        yield
    except UserError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        problem = " ".join(str(error).split())[:200]
        raise UserError(f"{source} is not a sound {kind} file ({problem}).") from error
