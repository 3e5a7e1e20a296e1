"""Reads what `run.json` says of a run, once that is found to be as it was written, and sensible."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import reduce
from operator import getitem
from pathlib import Path
from types import NoneType
from typing import Any

from ...models.digests import RUN_RECORD, DigestError, Record
from ...models.json_files import CheckpointError
from ..declarations import check_stored
from ..errors import UserError
from ..problem_types import PROBLEM_TYPES, SINGLE_LABEL
from ..tasks import TASKS, Task
from .directories import holds_run

# What may be there, with its types, beside what a task needs; runs of before have less of it.
KNOWN: Mapping[str, Any] = {
    "data": dict,
    "class_names": list | NoneType,
    "problem_type": str,
    "thresholds": dict,
    "temperature": float,
    "abstention": dict,
    "abstention.threshold": float,
    "abstention.error": float,
    "given": dict,
    "seconds": int | float | NoneType,
    "finished": str,
    "versions": dict,
}
# Likewise of the data, or of that to learn from and that to validate on.
KNOWN_OF_DATA: Mapping[str, Any] = {
    "source": str | NoneType,
    "sources": list,
    "columns": list | NoneType,
    "pair_column": str | NoneType,
    "num_examples": int,
    "other_formats": dict,
}
NOTHING = object()


def read_metadata(directory: Path, *tasks: str) -> dict[str, Any]:
    """Reads `run.json` of a run directory, which must be of one of some tasks, by default of any.

    Raises:
        UserError: If the directory is not a run, is a run of another task, or is damaged.
    """
    path = directory / RUN_RECORD
    if not holds_run(directory):  # which brings it back
        raise UserError(
            f"{directory} is not a run: there is no run.json in it. "
            "Name a directory that `regard fit` or `regard pretrain` wrote."
        )
    try:
        record = Record(directory, RUN_RECORD)
        record.check()
    except DigestError as error:
        raise UserError(f"{directory} is damaged, it cannot be read: {error}") from error
    except CheckpointError as error:
        raise UserError(_none(path, str(error))) from error
    metadata = record.content
    task = check_metadata(path, metadata)
    if tasks and task.name not in tasks:
        wanted = [TASKS[name] for name in tasks]
        commands = " or ".join(f"`regard {each.command}`" for each in wanted)
        raise UserError(
            f"{directory} is a run of {task.noun}, but this needs "
            f"{' or '.join(each.noun for each in wanted)}. Name one that {commands} wrote."
        )
    return metadata


def check_metadata(path: Path, metadata: Mapping[str, Any]) -> Task:
    """Returns the task of a run, once what its `run.json` holds is found to be sensible.

    Raises:
        UserError: If a needed entry is missing, or one is of another type or out of its range.
    """
    name = metadata.get("task")
    task = TASKS.get(name) if isinstance(name, str) else None
    if task is None:
        raise UserError(_none(path, f"`task` must be one of {', '.join(TASKS)}, not {name!r:.40}"))
    for problem in _problems(metadata, task):
        raise UserError(_none(path, problem))
    try:
        check_stored(task.load("settings", task.settings), metadata["settings"])
    except UserError as error:
        raise UserError(_none(path, f"of the settings {error}")) from error
    return task


def _none(path: Path, reason: str) -> str:
    return (
        f"{path} does not describe a run as `regard` writes it: {reason}. Copy the run again from "
        "where it is whole."
    )


def _problems(metadata: Mapping[str, Any], task: Task) -> Iterator[str]:
    """Yields, in words, what is missing or is of another type."""
    needed = {"settings": dict, **task.needs}
    parts = [
        f"data{part}.{name}" for part in ("", ".train", ".validation") for name in KNOWN_OF_DATA
    ]
    kinds = {**KNOWN, "data.train": dict, "data.validation": dict}
    kinds |= {name: KNOWN_OF_DATA[name.rpartition(".")[2]] for name in parts} | needed
    for name, kind in kinds.items():
        value = _at(metadata, name)
        if value is NOTHING:
            if name in needed:
                yield f"there must be `{name}`"
        elif not isinstance(value, kind) or isinstance(value, bool):
            kind = getattr(kind, "__name__", kind)
            yield f"`{name}` must be {kind}. Received: {value!r:.80}"
    for name in ("class_names", "data.sources", "data.train.sources"):
        if not _are_names(_at(metadata, name), name == "class_names"):
            yield f"`{name}` must be names. Received: {_at(metadata, name)!r:.80}"
    problem_type = metadata.get("problem_type", SINGLE_LABEL)
    if problem_type not in PROBLEM_TYPES:
        known = ", ".join(PROBLEM_TYPES)
        yield f"`problem_type` must be one of {known}. Received: {problem_type!r:.80}"
    thresholds = metadata.get("thresholds", {})
    if not all(type(each) is float and 0 <= each <= 1 for each in thresholds.values()):
        yield f"`thresholds` must be probabilities. Received: {thresholds!r:.200}"
    if not _is_date(metadata.get("finished")):
        yield f"`finished` must be a date and time. Received: {metadata['finished']!r:.80}"


def _at(metadata: Mapping[str, Any], name: str) -> Any:
    """Returns what is there by a name with dots, or `NOTHING`."""
    with suppress(KeyError, TypeError):
        return reduce(getitem, name.split("."), metadata)
    return NOTHING


def _are_names(names: Any, are_distinct: bool) -> bool:
    if names is NOTHING or names is None:
        return True
    is_text = all(isinstance(name, str) for name in names)
    return is_text and len(names) > 0 and not (are_distinct and len(set(names)) < len(names))


def _is_date(text: str | None) -> bool:
    with suppress(ValueError, OverflowError):
        return text is None or bool(datetime.fromisoformat(text).astimezone())
    return False


def check_class_names(metadata: Mapping[str, Any], names: Sequence[str]) -> None:
    """Makes sure that the classes of a run are those of its checkpoint, in their order.

    Raises:
        UserError: If they are not.
    """
    said = metadata.get("class_names") or []
    if list(names) != said:
        raise UserError(
            "`class_names` in run.json and `id2label` in model/config.json must name the same "
            f"classes in the same order. Received: {said!r:.200}, and {list(names)!r:.200}"
        )


def check_problem_type(metadata: Mapping[str, Any], problem_type: str | None) -> None:
    """Makes sure that a run's problem is that of its checkpoint, where that says one.

    Raises:
        UserError: If it is not.
    """
    said = metadata.get("problem_type", SINGLE_LABEL)
    if (problem_type or SINGLE_LABEL) != said:
        raise UserError(
            "`problem_type` must be the same in run.json and model/config.json. "
            f"Received: {said!r:.80}, and {problem_type!r:.80}"
        )


def takes_pairs(metadata: dict[str, Any]) -> bool:
    """Returns whether a run, by what its `run.json` holds, classifies pairs of texts."""
    return metadata["task"] == "text" and metadata["data"]["train"].get("pair_column") is not None
