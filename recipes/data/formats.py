"""Opens the formats that texts come in, and reads them column by column.

Rows are numbered as a spreadsheet shows them: in CSV and TSV the header is row 1, blank lines
count, and a quoted field with line breaks in it stays in one row. A row of JSON Lines or of a text
file is a line. Parquet and TensorFlow Datasets have no header: the first example is row 1.
"""

import codecs
import csv
import json
import reprlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from ..errors import UserError
from .rows import Table

TABLE_FORMATS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".pq")
TABLE_SUFFIXES = f"{', '.join(TABLE_FORMATS[:-1])} or {TABLE_FORMATS[-1]}"


def is_table(source: str) -> bool:
    """Returns whether the name of a file says that it is a table."""
    return Path(source).suffix.lower() in TABLE_FORMATS


def open_table(source: str, encoding: str) -> Table:
    """Opens a file that has columns, or `tfds:NAME[/CONFIG][:SPLIT]`.

    Raises:
        UserError: If the source cannot be read, or is of another format.
    """
    if source.startswith("tfds:"):
        from .tfds import open_tfds  # here, because TensorFlow takes seconds to import

        return open_tfds(source)
    _check_file(source)
    match Path(source).suffix.lower():
        case ".csv" | ".tsv" as suffix:
            return _open_delimited(source, encoding, is_tsv=suffix == ".tsv")
        case ".jsonl" | ".ndjson":
            return _open_jsonl(source, encoding)
        case ".parquet" | ".pq":
            from .parquet import open_parquet

            return open_parquet(source)
        case ".txt":
            raise UserError(
                f"{source}: a .txt file holds texts without labels. Formats that hold labels: "
                f"{TABLE_SUFFIXES}."
            )
        case suffix:
            raise UserError(
                f"{source}: the suffix must say what the file is: {TABLE_SUFFIXES}, or .txt for "
                f"texts without labels. Received: {suffix!r}."
            )


def open_lines(source: str, encoding: str, skip_blank: bool = True) -> Table:
    """Opens a text file: every line is a row with one cell, in a column named "".

    Raises:
        UserError: If the file cannot be read.
    """
    _check_file(source)

    def read(_: Sequence[str]) -> Iterator[tuple[int, str, Sequence[Any]]]:
        with _open_text(source, encoding, newline="\n") as file:
            for row, line in enumerate(file, start=1):
                if not (skip_blank and line.isspace()):
                    yield row, "", [line.rstrip("\r\n")]

    return Table([""], read)


def _check_file(source: str) -> None:
    """Refuses what is no file, or an empty one."""
    path = Path(source)
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise UserError(f"{source}: no such file. Check the name and the folder.") from None
    except (OSError, ValueError) as error:  # a name too long, a folder that is closed, a NUL
        raise UserError(f"{source} cannot be read: {error}.") from error
    if path.is_dir():
        raise UserError(f"{source} is a directory. Name a file in it.")
    if size == 0:
        raise UserError(f"{source}: the file is empty.")


@contextmanager
def _open_text(source: str, encoding: str, newline: str = "") -> Iterator[TextIO]:
    """Opens a text file, and turns errors within the `with` block into the user's."""
    try:
        "".encode(encoding)
    except LookupError:
        raise UserError(
            f"{encoding!r} is not a text encoding. Name one with --encoding, such as utf-8, "
            "gb18030, cp1252 or utf-16."
        ) from None
    codec = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
    try:
        with open(source, encoding=codec, newline=newline) as file:
            yield file
    except UnicodeError as error:
        raise _decoding_error(source, encoding) from error
    except OSError as error:
        raise UserError(f"{source} cannot be read: {error.strerror}.") from error


def _decoding_error(source: str, encoding: str) -> UserError:
    """Makes an error that names the line; a stream's own error knows only its last chunk."""
    data = Path(source).read_bytes()
    position, fit = "", "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "gb18030 or cp1252"
    try:
        data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].decode(encoding, "replace").count("\n") + 1
        position = f", line {line}: byte 0x{data[error.start]:02X}"
    return UserError(
        f"{source}{position} is not {encoding}. Save the file as UTF-8, or name its encoding with "
        f"--encoding, such as {fit}."
    )


def _open_delimited(source: str, encoding: str, is_tsv: bool) -> Table:
    """Opens a CSV or TSV file, whose first record is the header."""
    clean = _unquote if is_tsv else str
    _, header = next(_records(source, encoding, is_tsv), (1, None))
    if header is None:
        raise UserError(f"{source}: the file is empty.")
    columns = [clean(name).strip() for name in header]
    if any("\0" in name for name in columns):
        raise UserError(
            f"{source}, row 1: a column name holds a NUL byte. Save the file as UTF-8, or name its "
            "encoding with --encoding, such as utf-16-le."
        )
    delimiter = "tab" if is_tsv else "comma outside quotes"

    def read(names: Sequence[str]) -> Iterator[tuple[int, str, Sequence[Any]]]:
        is_whole = list(names) == columns  # then those of one name are told apart
        indices = range(len(columns)) if is_whole else [columns.index(name) for name in names]
        for row, record in islice(_records(source, encoding, is_tsv), 1, None):
            if len(record) == len(columns):
                yield row, "", [clean(record[index]) for index in indices]
            else:
                problem = f"its fields number {len(record)}, not {len(columns)} as in the header"
                yield row, f"{problem} (each {delimiter} begins a new one)", []

    return Table(columns, read)


def _records(source: str, encoding: str, is_tsv: bool) -> Iterator[tuple[int, list[str]]]:
    """Yields the rows that are not blank, with their numbers."""
    csv.field_size_limit(2**31 - 1)  # the default refuses texts above 128 kB
    dialect = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if is_tsv else {"strict": True}
    row = 0
    with _open_text(source, encoding) as file:
        try:
            for row, record in enumerate(csv.reader(file, **dialect), start=1):
                if record:
                    yield row, record
        except csv.Error as error:
            raise UserError(
                f"{source}, row {row + 1}: the quotes do not match ({error}). A field that holds "
                'quotes must be in quotes, and each quote within it doubled ("").'
            ) from error


def _unquote(field: str) -> str:
    """Turns `"a ""b"" c"` into `a "b" c`; a field not quoted as a whole stays as it is."""
    inner = field[1:-1].replace('""', "")
    if len(field) >= 2 and field[0] == field[-1] == '"' and '"' not in inner:
        return field[1:-1].replace('""', '"')
    return field


def _open_jsonl(source: str, encoding: str) -> Table:
    """Opens a file of JSON Lines; its columns are the names in all of its objects."""

    def records() -> Iterator[tuple[int, str, dict[str, Any]]]:
        with _open_text(source, encoding) as file:
            lines = enumerate(file, start=1)
            yield from ((row, *_parse_object(line)) for row, line in lines if not line.isspace())

    columns = list(dict.fromkeys(name for _, _, record in records() for name in record))
    if not columns and (first := next(records(), None)):
        row, problem, _ = first
        raise UserError(f"{source}, row {row}: {problem or 'the object is empty'}.")

    def read(names: Sequence[str]) -> Iterator[tuple[int, str, Sequence[Any]]]:
        for row, problem, record in records():
            yield row, problem, [record.get(name) for name in names]

    return Table(columns, read, objects=lambda: (record for _, _, record in records()))


def _parse_object(line: str) -> tuple[str, dict[str, Any]]:
    """Returns a problem and the object of a line; one of the two is empty."""
    try:
        value = _JSON.decode(line)
    except (ValueError, RecursionError) as error:
        return f"the line is not valid JSON ({error})", {}
    if not isinstance(value, dict):
        return f"the line must be a JSON object, not {reprlib.repr(value)}", {}
    return "", value


def _object_of_distinct_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return value


_JSON = json.JSONDecoder(object_pairs_hook=_object_of_distinct_names)
