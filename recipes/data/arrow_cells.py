"""Makes values of Python of what is in the columns of Apache Arrow."""

import json
from typing import Any

import numpy as np
import pyarrow as pa


class Cells:
    """Makes the cells of a column, of one array after another.

    Args:
        names: What numbers in it are called, if they are called anything.

    Attributes:
        weight: The bytes of all values that rows have referred to.
    """

    def __init__(self, names: dict[int, str] | None):
        self.names = names
        self.dictionary: pa.Array | None = None
        self.known: list[Any] = []  # its values, each once, whatever the number of rows
        self.weight = 0

    def of(self, array: pa.Array) -> list[Any]:
        """Returns the values of an array; a float of 32 bits as the shortest number that it is."""
        if isinstance(array, pa.DictionaryArray):
            if self.dictionary is None or not array.dictionary.equals(self.dictionary):
                self.dictionary = array.dictionary
                self.known = [*_values(self.dictionary), None]
                self.weight += self.dictionary.nbytes
            return [self.known[-1 if at is None else at] for at in array.indices.to_pylist()]
        values = _values(array)
        return values if self.names is None else [_named(value, self.names) for value in values]


def plain(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Returns a batch with the types of a schema, where texts were read as references to some."""
    if batch.schema.types == schema.types:
        return batch
    columns = zip(batch.columns, schema.types, strict=True)
    return pa.RecordBatch.from_arrays([each.cast(kind) for each, kind in columns], schema=schema)


def _values(array: pa.Array) -> list[Any]:
    if getattr(array.type, "unit", "") == "ns":
        array = _without_nanoseconds(array)
    values = array.to_pylist()
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


def class_names(schema: pa.Schema, column: str, kind: pa.DataType) -> dict[int, str] | None:
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
