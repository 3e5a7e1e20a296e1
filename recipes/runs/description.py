"""Tells what a run is from the files in its directory, without TensorFlow."""

import csv
import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...models import disk
from ...models.digests import check_file, check_run
from ...models.json_files import CheckpointError, read_json
from ..errors import UserError
from ..tasks import TASKS
from .metadata import read_metadata

MATRIX = "confusion_matrix"
MOST_IN_MATRIX = 1000  # classes


def data_name(metadata: Mapping[str, Any]) -> str:
    """Returns the name of the data that a run was trained on; of several files, of the first."""
    data = metadata.get("data", {})
    trained = data.get("train", data)
    names = [str(each) for each in trained.get("sources", [trained.get("source")])]
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def shown_scores(task: str, metrics: Mapping[str, Any]) -> str:
    """Returns the main figures of a run of a task, as far as they were measured."""
    shown = TASKS[task].scores.items()
    return ", ".join(form.format(metrics[name]) for name, form in shown if name in metrics)


def read_history(directory: Path) -> list[dict[str, float]]:
    """Reads the figures of each epoch from a run's `history.csv`.

    Raises:
        UserError: If it is not there, or not as `regard` wrote it.
    """
    path = directory / "history.csv"
    try:
        check_file(path)
        with open(path, encoding="utf-8", newline="") as file:
            return [_numbers(row) for row in csv.DictReader(file)]
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read as the figures of epochs: {error}") from error


def _numbers(row: Mapping[str, str]) -> dict[str, float]:
    found = {name: float(value) for name, value in row.items() if value != ""}
    return {**found, "epoch": int(row["epoch"])}


def read_metrics(directory: Path) -> dict[str, Any]:
    """Reads a run's `metrics.json`.

    Raises:
        UserError: If it is not there, or not as `regard` wrote it.
    """
    path = directory / "metrics.json"
    try:
        check_file(path)
        metrics = read_json(path)
    except CheckpointError as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    for name in {name for task in TASKS.values() for name in task.scores} & metrics.keys():
        value = metrics[name]
        if type(value) is not float and not (type(value) is int and abs(value) < 2**63):
            raise UserError(
                f"{path} cannot be read: `{name}` must be a number. Received: {value!r:.40}"
            )
    return metrics


def write_metrics(directory: Path, metrics: Mapping[str, Any]) -> None:
    """Writes a run's `metrics.json`, each row of the confusion matrix on a line.

    Of more classes than `MOST_IN_MATRIX` the matrix is left out, for its file would be too long to
    be read again.
    """
    matrix = metrics.get(MATRIX, ())
    is_kept = 0 < len(matrix) <= MOST_IN_MATRIX
    others = {name: value for name, value in metrics.items() if name != MATRIX}
    kept = {**metrics, MATRIX: []} if is_kept else others
    text = json.dumps(kept, indent=2, ensure_ascii=False)
    rows = ",\n".join(f"    {json.dumps(row)}" for row in matrix) if is_kept else ""
    text = text.replace(f'"{MATRIX}": []', f'"{MATRIX}": [\n{rows}\n  ]')
    disk.write_text(directory / "metrics.json", text + "\n")


def finished(directory: Path, metadata: Mapping[str, Any]) -> datetime:
    """Returns when a run was done, in local time; of older runs, when their file was written."""
    said = metadata.get("finished")
    seconds = (directory / "run.json").stat().st_mtime
    date = datetime.fromisoformat(said) if said else datetime.fromtimestamp(seconds, UTC)
    return date.astimezone()


def file_sizes(directory: Path) -> dict[str, int]:
    """Returns the size of each file of a run, in bytes, by its path within the directory."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): path.stat().st_size for path in files}


def changed_settings(task: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns those settings of a task that are not the defaults of their class."""
    own = fields(TASKS[task].load("settings", TASKS[task].settings))
    defaults = {each.name: each.default for each in own}
    return {
        name: value
        for name, value in settings.items()
        if name in defaults and value is not None and value != defaults[name]
    }


def describe_run(directory: Path) -> dict[str, Any]:
    """Returns all that `regard info` tells of a run, as plain values.

    The settings that were `given` are those that differed from the defaults when the training
    began; older runs do not say, and have all that differ in the end.

    Raises:
        UserError: If the directory is not a run, or damaged.
    """
    metadata = read_metadata(directory)
    try:
        has_digests = check_run(directory).digests is not None
    except CheckpointError as error:
        raise UserError(f"{directory} is damaged, it cannot be read: {error}") from error
    task, settings, files = metadata["task"], metadata["settings"], file_sizes(directory)
    return {
        "run": str(directory),
        "task": task,
        "data": metadata.get("data", {}),
        "class_names": metadata.get("class_names"),
        "problem_type": metadata.get("problem_type"),
        "given": metadata.get("given", changed_settings(task, settings)),
        "settings": settings,
        "metrics": read_metrics(directory),
        "epochs": len(read_history(directory)),
        "seconds": metadata.get("seconds"),
        "finished": finished(directory, metadata).isoformat(timespec="seconds"),
        "versions": metadata.get("versions", {}),
        "size": sum(files.values()),
        "files": files,
        "has_digests": has_digests,
    }
