"""Makes tables of what is in memory: data frames, columns and rows, of whatever library."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..errors import UserError
from .rows import Row, Table, with_joined

PAIR = ("text", "label")  # the columns of rows, and of two lists, without names


def table_of(data: Any) -> tuple[str, Table]:
    """Returns what to call data in memory, and the data as a table, its rows counted from 0.

    Args:
        data: A data frame or table (pandas, Polars, Arrow, `datasets`), a dict of columns, texts
            and labels as a tuple of two lists, arrays or series, or rows: dicts, or pairs of text
            and label; also a generator of them.

    Raises:
        UserError: If it is none of these, or its columns differ in length.
    """
    name = f"the {type(data).__name__}"
    if isinstance(data, Mapping):
        return name, _of_columns(name, {str(k): values_of(each) for k, each in data.items()})
    names = _column_names(data)
    if names is not None:
        return name, _of_columns(name, {str(each): values_of(data[each]) for each in names})
    if isinstance(data, tuple) and len(data) == 2 and all(map(_is_column, data)):
        return name, _of_columns(name, dict(zip(PAIR, map(values_of, data), strict=True)))
    return name, _of_rows(name, data)


def has_columns(data: Any) -> bool:
    """Returns whether data in memory is a table, not a list of texts or of rows."""
    return isinstance(data, Mapping) or _column_names(data) is not None


def _column_names(data: Any) -> Sequence[Any] | None:
    """Returns the names of the columns of a data frame or a table; None if it is none."""
    names = getattr(data, "column_names", None)  # of Arrow and `datasets`
    return getattr(data, "columns", None) if names is None else names


def values_of(column: Iterable[Any], decode: bool = True) -> list[Any]:
    """Returns the values of an array, a series or any column; None where one is missing.

    Unless `decode` is False, bytes become strings, in which what is not UTF-8 is a surrogate.
    """
    if hasattr(column, "isna"):  # pandas has several marks of what is missing
        column = column.astype(object).where(column.notna(), None)
    elif hasattr(column, "numpy") and not hasattr(column, "to_list"):  # a tensor
        column = column.numpy()
    if getattr(getattr(column, "dtype", None), "kind", "") == "M":  # else times become numbers
        column = column.astype("datetime64[us]")
    for method in ("to_pylist", "to_list", "tolist"):
        if hasattr(column, method):
            column = getattr(column, method)()
    return list(map(_decoded, column)) if decode else list(column)


def _decoded(value: Any) -> Any:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def _is_column(value: Any) -> bool:
    """Returns whether it is a list, an array or a series; not a row, which is a tuple."""
    return not isinstance(value, str | bytes | tuple | Mapping) and isinstance(value, Iterable)


def _of_columns(source: str, columns: dict[str, list[Any]]) -> Table:
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name!r} {length}" for name, length in lengths.items())
        raise UserError(f"{source}: its columns must be of one length. Received: {listed}")

    def read(names: Sequence[str]) -> Iterator[Row]:
        for row, cells in enumerate(zip(*(columns[name] for name in names), strict=True)):
            yield row, "", cells

    return Table(list(columns), read, is_strict=True)


def _of_rows(source: str, rows: Any) -> Table:
    if isinstance(rows, str | bytes) or not isinstance(rows, Iterable):
        raise UserError(
            f"{source} is no data: give a file's name, a data frame, columns or rows. Received: "
            f"{rows!r:.50}"
        )
    rows = values_of(rows)
    if rows and all(map(_is_record, rows)):
        names = dict.fromkeys(str(name) for row in rows for name in row)
        return _of_columns(source, {name: [row.get(name) for row in rows] for name in names})
    if rows and all(map(_is_pair, rows)):
        columns = map(values_of, zip(*rows, strict=True))
        return _of_columns(source, dict(zip(PAIR, columns, strict=True)))
    if not rows:
        raise UserError(f"{source} holds no rows.")
    is_good = next((each for each in (_is_record, _is_pair) if each(rows[0])), _is_pair)
    position = next(position for position, row in enumerate(rows) if not is_good(row))
    raise UserError(
        f"{source}: the rows must all be dicts, or all pairs of {' and '.join(PAIR)}. Received, at "
        f"position {position}: {rows[position]!r:.60}"
    )


def _is_record(row: Any) -> bool:
    return isinstance(row, Mapping)


def _is_pair(row: Any) -> bool:
    return isinstance(row, list | tuple) and len(row) == len(PAIR)


def texts_of(data: Any, columns: Sequence[str | Sequence[str]] = ()) -> list[Any]:
    """Returns the texts in a list, an array, a series or a generator; of a data frame, in columns.

    Args:
        data: The texts, or the pairs of texts.
        columns: Of a data frame, what to take: the column of the texts, or those whose cells make
            up a text together; and that of the second texts, where there are such.

    Raises:
        TypeError: If given one string.
        UserError: If a column is not there, or a text is missing or is none; the message has its
            position, counted from 0.
    """
    if isinstance(data, str | bytes) or not (has_columns(data) or isinstance(data, Iterable)):
        raise TypeError(
            "`texts` must be a list, a generator, a series or an array of strings, or a data frame "
            f"with the columns of the training data. Received: texts={data!r:.50}"
        )
    if has_columns(data):
        texts = _texts_of_table(*table_of(data), columns)
    else:
        texts = [
            tuple(map(_decoded, each)) if isinstance(each, tuple) else each
            for each in values_of(data)
        ]
    for position, text in enumerate(texts):
        for part in text if isinstance(text, tuple) else (text,):
            if not isinstance(part, str | bytes):
                what = "is missing" if part is None else f"must be a string, not {part!r:.50}"
                raise UserError(f"The text at position {position} {what}.")
    return texts


def _texts_of_table(source: str, table: Table, columns: Sequence[str | Sequence[str]]) -> list[Any]:
    if not columns:
        raise UserError(f"{source} has columns: give one of them, not all.")
    for names in columns:
        table, name = with_joined(table, names)
        if name not in table.columns:
            listed = ", ".join(map(repr, table.columns))
            raise UserError(f"{source} must have a column {name!r}. Its columns: {listed}.")
        columns = [name if each is names else each for each in columns]
    rows = (cells for _, _, cells in table.read(columns))
    return [cells[0] if len(cells) == 1 else tuple(cells) for cells in rows]
