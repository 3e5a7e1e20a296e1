"""Writes answers as JSON, without TensorFlow.

As in TensorFlow Serving's `tensorflow_serving/util/json_tensor.cc`; but for white space and the
order of keys the text is the same.
"""

import base64
import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from .status import Refused

_BYTES = "_bytes"  # an output of strings whose name ends so is bytes, and written in base64
_DIGITS = {np.dtype(np.float32): 9, np.dtype(np.float64): 17}  # enough for any value to come back


def write_rows(tensors: Mapping[str, np.ndarray]) -> str:
    """Writes {"predictions": [...]}, a row for each element of the first axis of every tensor.

    Raises:
        Refused: If a tensor has no axis, or not as many elements on the first as another.
    """
    count = _batch_size(tensors)
    columns = {name: list(map(_writer(name), tensor)) for name, tensor in tensors.items()}
    if len(columns) == 1:
        (rows,) = columns.values()
    else:
        rows = [
            _object({name: each[row] for name, each in columns.items()}) for row in range(count)
        ]
    return _object({"predictions": _list(rows)})


def write_columns(tensors: Mapping[str, np.ndarray]) -> str:
    """Writes {"outputs": ...}, whole tensors by their names, or the only one."""
    columns = {name: _writer(name)(tensor) for name, tensor in tensors.items()}
    (only, *others) = columns.values()
    return _object({"outputs": _object(columns) if others else only})


def write_classes(labels: np.ndarray | None, scores: np.ndarray | None) -> str:
    """Writes {"results": [...]}, of labels and scores (B, C) of which one may not be given."""
    shape = next(each.shape for each in (labels, scores) if each is not None)
    labels = np.full(shape, b"", object) if labels is None else labels
    scores = np.zeros(shape, np.float32) if scores is None else scores
    rows = (
        _list(_list([_string(label), _real(score)]) for label, score in zip(*row, strict=True))
        for row in zip(labels, scores, strict=True)
    )
    return _object({"results": _list(rows)})


def write_values(values: np.ndarray) -> str:
    """Writes {"results": [...]}, of the values of a regression, (B,)."""
    return _object({"results": _list(map(_real, values))})


def write_error(message: str) -> str:
    """Writes {"error": ...}."""
    return _object({"error": json.dumps(message, ensure_ascii=False)})


def _batch_size(tensors: Mapping[str, np.ndarray]) -> int:
    sizes: dict[str, int] = {}
    for name, tensor in tensors.items():
        if not tensor.ndim:
            raise Refused(f"Tensor name: {name} has no shape information ")
        sizes[name] = len(tensor)
        first = next(iter(sizes.values()))
        if len(tensor) != first:
            raise Refused(
                f"Tensor name: {name} has inconsistent batch size: {len(tensor)} expecting: {first}"
            )
    return first


def _writer(name: str) -> Callable[[Any], str]:
    """Returns the function that writes an array, or an element, of an output."""

    def write(value: Any) -> str:
        if getattr(value, "ndim", 0):
            return _list(map(write, value))
        if isinstance(value, np.ndarray):  # without an axis
            value = value[()]
        if isinstance(value, bytes):
            return _base64(value) if name.endswith(_BYTES) else _string(value)
        if isinstance(value, bool | np.bool_):
            return "true" if value else "false"
        return str(int(value)) if isinstance(value, np.integer) else _real(value)

    return write


def _real(value: Any) -> str:
    """Writes a float: six digits if they say it all, else as many as it takes."""
    if not isinstance(value, np.float32 | np.float64):
        name = getattr(value, "dtype", type(value).__name__)
        raise Refused(f"Failed to write JSON value for tensor type: {name}")
    number = float(value)
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
    text = f"{number:.6g}"
    if type(value)(text) != value:
        text = f"{number:.{_DIGITS[value.dtype]}g}"
    return text if "." in text or "e" in text else f"{text}.0"


def _string(value: bytes) -> str:
    return json.dumps(value.decode("utf-8", "surrogateescape"), ensure_ascii=False)


def _base64(value: bytes) -> str:
    return _object({"b64": f'"{base64.b64encode(value).decode()}"'})


def _list(texts: Iterable[str]) -> str:
    return f"[{', '.join(texts)}]"


def _object(texts: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in texts.items()) + "}"
