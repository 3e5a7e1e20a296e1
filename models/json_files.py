"""Reads the JSON files of a checkpoint, or of a run, and the header of its weights."""

import json
import math
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

_LARGEST_JSON = 2**23  # bytes, in a header or a file: a hundred times what a large BERT has
_DEEPEST_JSON = 50  # levels: what handles a value level by level never comes near Python's limit


class CheckpointError(ValueError):
    """Says why a checkpoint cannot be used."""


def read_json(path: Path, finite: bool = False) -> dict[str, Any]:
    """Reads the JSON object in a file, as `parse_json` does.

    Raises:
        CheckpointError: If there is none.
    """
    check_is_file(path)
    check_length(path, path.stat().st_size)
    try:
        value = parse_json(path.read_bytes(), finite)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise CheckpointError(f"{path} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} must hold a JSON object. Received: {value!r:.40}")
    return value


def parse_json(data: bytes, finite: bool = False) -> Any:
    """Returns the value of JSON in UTF-8, which must mean one thing and be safe to handle.

    A name is there once in an object, levels are few, text is text, without half a surrogate pair,
    and numbers, if they must be `finite`, are neither NaN nor infinite.

    Raises:
        ValueError: If it is not such.
    """
    numbers = {"parse_constant": _finite, "parse_float": _finite} if finite else {}
    try:
        value = json.loads(data.decode(), object_pairs_hook=_each_once, **numbers)
    except RecursionError as error:
        raise ValueError(f"it has more than {_DEEPEST_JSON} levels") from error
    level = [value]
    for _ in range(_DEEPEST_JSON):
        level = [each for parent in level for each in _children(parent)]
    if level:
        raise ValueError(f"it has more than {_DEEPEST_JSON} levels")
    json.dumps(value, ensure_ascii=False).encode()  # refuses half a surrogate pair: no text
    return value


def _children(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = [repr(name) for name, count in counts.items() if count > 1]
        raise ValueError(f"there must be one of each name. Received several of: {listed(twice)}")
    return value


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"numbers must be finite. Received: {number:.40}")
    return value


def check_is_file(path: Path) -> None:
    """Raises `CheckpointError` for what is no file."""
    if not os.path.isfile(path):  # not a pipe or a device either, which might never end
        raise CheckpointError(f"{path} must be a file. Received: none of that name.")


def check_length(path: Path, length: int) -> None:
    """Raises `CheckpointError` for more bytes of JSON in a file than anybody needs."""
    if length > _LARGEST_JSON:
        raise CheckpointError(
            f"{path} must have at most {_LARGEST_JSON} bytes of JSON. Received: {length} bytes. "
            "Copy or download it again."
        )


def listed(items: Sequence[str]) -> str:
    """Lists the first twenty items in one line that is safe to print."""
    more = f"; and {len(items) - 20} more" if len(items) > 20 else ""
    shown = (item if len(item) < 300 else f"{item[:200]}...{item[-90:]}" for item in items[:20])
    return "; ".join(item if item.isprintable() else ascii(item) for item in shown) + more
