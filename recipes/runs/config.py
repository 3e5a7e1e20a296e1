"""Keeps what a training was asked for in its run, `config.yaml`, and reads it to train again."""

import difflib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import yaml

from ...models import disk
from ...models.digests import check_file
from ...models.json_files import CheckpointError
from ..errors import UserError
from ..tasks import TASKS

CONFIG = "config.yaml"
LONGEST = 2**20  # characters: some ten thousand names of files
DEEPEST = 10  # lists in each other: no setting has one in another

_named: ContextVar[Mapping[str, Any] | None] = ContextVar("named", default=None)


@contextmanager
def named(asked: Mapping[str, Any]) -> Iterator[None]:
    """Says what the trainings meanwhile were asked for by name, where they are handed tables."""
    token = _named.set(asked)
    try:
        yield
    finally:
        _named.reset(token)


def asked_for(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Returns sources and settings as they were named, or else as they were handed over."""
    named_ones = _named.get()
    return dict(asked if named_ones is None else named_ones)


def write_config(path: Path, task: str, asked: Mapping[str, Any], settings: Mapping) -> None:
    """Writes the sources that were asked for, and the settings that the training came to have.

    Sources that are no names, such as tables in memory, are left out, and the file says so.
    """
    values = {name: as_typed(value) for name, value in {**asked, **settings}.items()}
    lacking = unnamed(values)
    kept = {n: v for n, v in values.items() if v is not None and n not in lacking}
    lines = [
        f"# Trains the same again: regard {TASKS[task].command} --config {CONFIG} --output RUN"
    ]
    lines += [f"# {name}: was in memory; name a file" for name in lacking]
    text = yaml.safe_dump(kept, sort_keys=False, allow_unicode=True, width=float("inf"))
    disk.write_text(path, "\n".join([*lines, text]))


def unnamed(asked: Mapping[str, Any]) -> list[str]:
    """Returns which of some sources and settings are no names, such as tables in memory."""
    return sorted(name for name, value in asked.items() if not _is_plain(as_typed(value)))


def as_typed(value: Any) -> Any:
    """Returns a value as the command line takes it: several, or height x width, or one."""
    if isinstance(value, list | tuple):
        if value and all(isinstance(each, int) for each in value):
            return "x".join(map(str, value))
        return [as_typed(each) for each in value]
    if isinstance(value, str | Path):
        return str(value)
    return float(value) if isinstance(value, float) else value  # not NumPy's, which YAML lacks


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):  # of files; texts with their labels are lists in a list
        return all(isinstance(each, str) for each in value)
    return value is None or isinstance(value, str | int | float)


def read_config(path: Path, known: Collection[str]) -> dict[str, Any]:
    """Reads a YAML file with a name and a value a line; dashes in names are underscores.

    Raises:
        UserError: If it is not such a file, or is a run's and not as it was written; or if a name
            is not known or comes twice, the message names the nearest.
    """
    try:
        check_file(path)
    except CheckpointError as error:
        raise UserError(f"{error} Or copy it out of the run, and change that.") from error
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(LONGEST)
        if len(text) == LONGEST:
            raise ValueError(f"it must have fewer than {LONGEST:,} characters")
        _check_events(text)
        node = yaml.compose(text, yaml.SafeLoader)
        values = yaml.safe_load(text)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise UserError(f"{path} cannot be read as YAML: {reason}") from error
    if not isinstance(values, dict):
        raise UserError(
            f"{path} must have a setting a line, such as `epochs: 3`. Received: {text.strip():.50}"
        )
    names = [str(key.value).replace("-", "_") for key, _ in node.value]
    _check_names(path, names, known)
    return dict(zip(names, values.values(), strict=True))


def _check_events(text: str) -> None:
    """Raises `ValueError` for YAML that takes long to read, or stands for more than it is."""
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise ValueError(f"lists may lie {DEEPEST} deep in each other, not deeper")
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("it must have no aliases (*name): write each value out")


def _check_names(path: Path, names: list[str], known: Collection[str]) -> None:
    for name, count in Counter(names).items():
        if name not in known:
            nearest = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean `{nearest[0]}`?" if nearest else ""
            raise UserError(f"{path}: there is no setting `{name}`.{hint}")
        if count > 1:
            raise UserError(f"{path}: `{name}` must be there once. Received: {count} times")
