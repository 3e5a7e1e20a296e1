"""Checks the entries of a `config.json`, and finds arguments by their names."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns values by dotted names as dicts within dicts."""
    outer: dict[str, Any] = {}
    for name, value in values.items():
        *parts, last = name.split(".")
        inner = outer
        for part in parts:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return outer


def look_up(arguments: Mapping[str, Any], name: str) -> Any:
    """Returns the value of a dotted name in dicts within dicts."""
    for part in name.split("."):
        arguments = arguments[part]
    return arguments


def positive_problems(config: Mapping[str, Any], *names: str) -> Iterator[str]:
    """Yields which entries of a config are not positive integers, in words."""
    for name in names:
        if type(config.get(name)) is not int or config[name] < 1:
            yield f"{name} must be a positive integer, not {config.get(name)!r:.40}"


def id_problems(config: Mapping[str, Any], size_name: str = "vocab_size") -> Iterator[str]:
    """Yields what is wrong with a translator's ids of the end and of padding, in words."""
    ids = size, end_id, pad_id = [
        config.get(name) for name in (size_name, "eos_token_id", "pad_token_id")
    ]
    are_ids = all(type(value) is int for value in ids)
    if are_ids and (end_id == pad_id or max(end_id, pad_id) >= size):
        yield (
            f"eos_token_id and pad_token_id must be two ids below {size_name}, not "
            f"{end_id} and {pad_id} of {size}"
        )


def one_of(values: Iterable) -> str:
    """Returns values in words, but for None."""
    names = [repr(value) for value in values if value is not None]
    return names[0] if len(names) == 1 else f"one of {', '.join(names)}"
