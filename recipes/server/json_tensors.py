"""Reads the inputs of a request for predictions from JSON, without TensorFlow.

What is taken, what is refused and the words of the refusals are those of TensorFlow Serving's
`tensorflow_serving/util/json_tensor.cc`.
"""

import base64
from collections.abc import Mapping
from itertools import chain
from typing import Any

import numpy as np

from .json_text import encoded, shown, type_name, wrong
from .status import Code, Refused

# NumPy's by the names of TensorFlow's DataTypeString.
DTYPES = {
    "float": np.float32,
    "double": np.float64,
    "int8": np.int8,
    "int16": np.int16,
    "int32": np.int32,
    "int64": np.int64,
    "uint8": np.uint8,
    "uint32": np.uint32,
    "uint64": np.uint64,
    "bool": np.bool_,
    "string": np.object_,
}
_TYPES = {"string": {bytes}, "bool": {bool}, "float": {int, float}, "double": {int, float}}
MOST_DIMENSIONS = 32  # of NumPy 1, which has the fewest: TensorFlow's tensors may have 254

Tensors = dict[str, np.ndarray]


def read_tensors(document: dict[str, Any], inputs: Mapping[str, str]) -> tuple[Tensors, bool]:
    """Returns the tensors of a signature's inputs, and whether they came as rows.

    Args:
        document: The request. It has the key "instances", a list with an element for each row, or
            "inputs", whole tensors.
        inputs: The dtypes of the inputs, by their names.

    Raises:
        Refused: If the request does not have just these inputs.
    """
    is_row = "instances" in document
    if is_row and "inputs" in document:
        raise wrong(
            document,
            "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist",
        )
    if is_row:
        return _read_rows(document, inputs), True
    if "inputs" in document:
        return _read_columns(document["inputs"], inputs), False
    raise Refused("Missing 'inputs' or 'instances' key")


def _read_rows(document: dict[str, Any], inputs: Mapping[str, str]) -> Tensors:
    rows = document["instances"]
    if not isinstance(rows, list):
        raise wrong(document, "Expecting 'instances' to be an list/array")
    if not rows:
        raise wrong(document, "No values in 'instances' array")
    if not isinstance(rows[0], dict) and len(inputs) > 1:
        raise Refused(
            "instances is a plain list, but expecting list of objects as multiple input tensors "
            f"required as per tensorinfo_map: {','.join(sorted(inputs))}"
        )
    are_named = _is_object(rows[0])
    columns: dict[str, list[np.ndarray]] = {name: [] for name in inputs}
    for number, row in enumerate(rows):
        if _is_object(row) != are_named:
            kinds = ("object", "list") if are_named else ("value/list", "object")
            raise Refused("Expecting {} but got {} at item {} of input list".format(*kinds, number))
        _add_row(columns, row if are_named else {next(iter(inputs)): row}, inputs, number)
    return {name: np.stack(arrays) for name, arrays in columns.items()}


def _add_row(
    columns: dict[str, list[np.ndarray]], row: dict, inputs: Mapping[str, str], number: int
) -> None:
    """Adds a row to the columns; its shapes must be those of the rows before."""
    for name, value in row.items():
        try:
            if name not in inputs:
                raise Refused(f"JSON object: does not have named input: {name}")
            columns[name].append(read_array(value, inputs[name]))
            first, last = (list(columns[name][index].shape) for index in (0, -1))
            if first != last:
                raise Refused(f"Expecting shape {first} but got: {last}")
        except Refused as error:
            raise Refused(
                f"Failed to process element: {number} key: {name} of 'instances' list. "
                f"Error: {error.code.name}: {error}",
            ) from error
    if row.keys() != inputs.keys():
        raise Refused(
            f"Failed to process element: {number} of 'instances' list. JSON object: {shown(row)} "
            f"keys must be equal to: {','.join(sorted(inputs))}"
        )


def _read_columns(value: Any, inputs: Mapping[str, str]) -> Tensors:
    if not _is_object(value):
        if len(inputs) > 1:
            raise Refused(
                "inputs is a plain value/list, but expecting an object as multiple input tensors "
                f"required as per tensorinfo_map: {','.join(sorted(inputs))}"
            )
        value = {next(iter(inputs)): value}
    for name in inputs:
        if name not in value:
            raise Refused(f"Missing named input: {name} in 'inputs' object.")
    return {name: read_array(value[name], dtype) for name, dtype in inputs.items()}


def read_array(value: Any, dtype: str) -> np.ndarray:
    """Makes an array of nested lists, of the shape that their first elements have.

    Raises:
        Refused: If they are not all as deep and as long as these, or hold what is not of the dtype.
    """
    shape, leaves = _shape(value), [value]
    if len(shape) > MOST_DIMENSIONS:
        raise Refused(f"A tensor may have {MOST_DIMENSIONS} dimensions. Received: {len(shape)}")
    for level, size in enumerate(shape):
        _check_level(leaves, level, size, len(shape))
        leaves = list(chain.from_iterable(leaves))
    if dtype not in DTYPES:
        raise Refused(
            f"Conversion of JSON Value: {shown(value)} to type: {dtype}", Code.UNIMPLEMENTED
        )
    if dtype == "string":
        leaves = [_string(each) for each in leaves]
    _check_leaves(leaves, dtype, len(shape))
    array = np.empty(len(leaves), DTYPES[dtype])
    with np.errstate(over="ignore"):  # 1e39 is infinite as a float
        array[:] = leaves
    return array.reshape(shape)


def _shape(value: Any) -> list[int]:
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        value = value[0] if value else None
    return shape


def _check_level(values: list, level: int, size: int, rank: int) -> None:
    for value in values:
        if not isinstance(value, list):
            raise wrong(
                value,
                f"found at incorrect level: {level + 1} in the JSON DOM. Expected at level: {rank}",
            )
        if len(value) != size:
            raise Refused(
                f"Encountered list at unexpected size: {len(value)} at level: {level} "
                f"expected size: {size}"
            )


def _check_leaves(leaves: list, dtype: str, rank: int) -> None:
    types = _TYPES.get(dtype, {int})
    odd = [each for each in leaves if type(each) not in types][:1]
    if not odd and types == {int}:
        limits = np.iinfo(DTYPES[dtype])
        odd = [each for each in leaves if not limits.min <= each <= limits.max][:1]
    if odd and isinstance(odd[0], list):
        raise Refused(f"Encountered list at unexpected level: {rank} expected < {rank}")
    if odd:
        raise wrong(odd[0], f"Type: {type_name(odd[0])} is not of expected type: {dtype}")


def _string(value: Any) -> Any:
    """Returns the bytes of a string, or of {"b64": ...}; what is neither stays as it is."""
    if isinstance(value, dict):
        if not is_base64(value):
            raise wrong(value, "not formatted correctly for base64 data")
        return decode_base64(value)
    return encoded(value) if isinstance(value, str) else value


def is_base64(value: Any) -> bool:
    """Returns whether a value is {"b64": ...}, bytes as text."""
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def _is_object(value: Any) -> bool:
    """Returns whether a value names tensors: an object, but not one of bytes."""
    return isinstance(value, dict) and not is_base64(value)


def decode_base64(value: dict[str, str]) -> bytes:
    """Returns the bytes of {"b64": ...}; padding may be left out, and white space is passed over.

    Raises:
        Refused: If it is not base64.
    """
    packed = "".join(value["b64"].split()).rstrip("=")
    try:
        return base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
    except ValueError as error:
        raise Refused("Unable to base64 decode") from error
