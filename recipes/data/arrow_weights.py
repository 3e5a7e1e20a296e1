"""Cuts batches of Apache Arrow into pieces, by what their rows weigh as values of Python.

In Arrow one text may stand for those of many rows, lists may overlap, and a list of nothing has any
length, so a batch of few bytes may become many values.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import UserError

ROWS_AT_ONCE, BYTES_AT_ONCE = 8192, 2**25
HEAVIEST_ROW = 2**27  # bytes
_VALUE = 32  # bytes of a value of Python, about

Weights = np.ndarray | int  # of each value, in bytes; one number if all weigh the same


def pieces(
    source: str, batch: pa.RecordBatch, arrays_of: Callable[[pa.RecordBatch], Sequence[pa.Array]]
) -> Iterator[tuple[pa.RecordBatch, int]]:
    """Yields a batch in pieces of some thousand rows and some megabytes at most, and their weights.

    Args:
        source: What it was read from.
        batch: The batch.
        arrays_of: Returns those of its arrays that become values, which refer to others or not.

    Raises:
        UserError: If a row by itself is too heavy.
        ValueError: If a row refers to what is not there.
    """
    for start in range(0, batch.num_rows, ROWS_AT_ONCE):
        part = batch.slice(start, ROWS_AT_ONCE)
        weights = np.zeros(part.num_rows, np.int64)
        try:
            for array in arrays_of(part):
                weights += _weights(array)
        except IndexError as error:
            raise ValueError("a cell has a place that is not there") from error
        if (heaviest := weights.max()) > HEAVIEST_ROW:
            part.slice(int(weights.argmax()), 1).validate(full=True)  # else it is not sound
            raise UserError(
                f"{source}: a row must have {HEAVIEST_ROW:,} bytes at most. Received, in row "
                f"{start + int(weights.argmax()) + 1:,} of a batch: about {heaviest:,}."
            )
        ends = np.flatnonzero(np.diff(weights.cumsum() // BYTES_AT_ONCE)) + 1
        for first, last in zip([0, *ends], [*ends, part.num_rows], strict=True):
            yield part.slice(first, last - first), int(weights[first:last].sum())


def _weights(array: pa.Array) -> Weights:
    kind = array.type
    if isinstance(array, pa.ExtensionArray):
        return _weights(array.storage)
    if isinstance(array, pa.StructArray):
        fields = (array.field(index) for index in range(kind.num_fields))
        return sum(map(_weights, fields), start=_VALUE)
    if isinstance(array, pa.DictionaryArray):
        weights = _weights(array.dictionary)
        indices = array.indices.fill_null(0).to_numpy(zero_copy_only=False)
        return weights[indices] if isinstance(weights, np.ndarray) and weights.size else _VALUE
    if isinstance(array, pa.RunEndEncodedArray):
        return int(np.max(_weights(array.values), initial=_VALUE))
    if isinstance(array, pa.FixedSizeListArray):
        starts = (np.arange(len(array)) + array.offset) * kind.list_size
        return _of_lists(starts, kind.list_size, _weights(array.values))
    if pa.types.is_map(kind):
        return _of_lists(*_places(array), _weights(array.keys) + _weights(array.items))
    if hasattr(array, "offsets") and hasattr(array, "values"):  # lists of all other kinds
        return _of_lists(*_places(array), _weights(array.values))
    if pa.types.is_union(kind):
        return _VALUE + array.nbytes  # as if each row had all there is
    return _lengths(array) + _VALUE


def _places(array: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Returns where the values of each list begin, and how many they are."""
    offsets = array.offsets.to_numpy().astype(np.int64)
    if not hasattr(array, "sizes"):
        return offsets[:-1], np.diff(offsets)
    sizes = array.sizes.to_numpy().astype(np.int64)
    return offsets, np.where(array.is_valid().to_numpy(zero_copy_only=False), sizes, 0)


def _of_lists(starts: np.ndarray, sizes: np.ndarray | int, weights: Weights) -> Weights:
    if not isinstance(weights, np.ndarray):
        return sizes * weights + _VALUE
    ends = np.append(0, np.cumsum(weights, dtype=np.int64))
    return ends[starts + sizes] - ends[starts] + _VALUE


def _lengths(array: pa.Array) -> Weights:
    """Returns the bytes of strings and the like."""
    match str(array.type):
        case "string" | "binary" | "large_string" | "large_binary":
            found = pc.fill_null(pc.binary_length(array), 0)
            return found.to_numpy(zero_copy_only=False).astype(np.int64)
        case "string_view" | "binary_view":
            views = np.frombuffer(array.buffers()[1], np.int32).reshape(-1, 4)  # a length, a place
            found = views[array.offset : array.offset + len(array), 0].astype(np.int64)
            return np.where(array.is_valid().to_numpy(zero_copy_only=False), found, 0)
    return array.type.byte_width if pa.types.is_fixed_size_binary(array.type) else 0
