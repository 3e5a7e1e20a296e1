"""Lays out what runs are, one or all below a folder, for a terminal."""

import logging
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from tabulate import tabulate
from tqdm import tqdm

from ...models.digests import renewal
from ..errors import UserError
from ..names import counted, display_name
from ..problem_types import IN_WORDS
from ..tasks import TASKS
from .description import data_name, file_sizes, finished, read_metrics, shown_scores
from .metadata import read_metadata

logger = logging.getLogger("regard")

NAMES_SHOWN = 10  # classes
DATA_WIDTH = 30  # terminal columns
DATE = "%Y-%m-%d %H:%M"


class ListedRun(NamedTuple):
    """Holds a run as a row of the table."""

    name: str
    task: str
    data: str
    score: str
    date: datetime
    size: int


def find_runs(folder: Path) -> list[ListedRun]:
    """Finds the runs below a folder, the newest first; logs what cannot be read.

    Raises:
        UserError: If there is no such folder.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder. Name one with runs in it, or below it.")
    found = []
    for directory in _directories(folder):
        try:
            found.append(_listed(directory))
        except UserError as error:
            logger.warning("Left out: %s", error)
    return sorted(found, key=lambda run: run.date, reverse=True)


def _directories(folder: Path) -> Iterator[Path]:
    """Yields the directories with a `run.json`, but for hidden ones: those are unfinished."""
    walk = os.walk(folder, onerror=lambda error: logger.warning("Left out: %s", error))
    for directory, names, files in walk:
        names[:] = sorted(name for name in names if not name.startswith("."))
        if "run.json" in files:
            names.clear()  # there is no run within a run
            yield Path(directory)


def _listed(directory: Path) -> ListedRun:
    metadata = read_metadata(directory)
    return ListedRun(
        str(directory),
        metadata["task"],
        display_name(data_name(metadata), DATA_WIDTH),
        shown_scores(metadata["task"], read_metrics(directory)).partition(",")[0],
        finished(directory, metadata),
        sum(file_sizes(directory).values()),
    )


def format_runs(runs: list[ListedRun]) -> str:
    """Lays runs out as a table."""
    rows = [
        (
            run.name,
            run.task,
            run.data,
            run.score,
            f"{run.date:%Y-%m-%d %H:%M}",
            tqdm.format_sizeof(run.size, "B"),
        )
        for run in runs
    ]
    headers = ("run", "task", "data", "score", "date", "size")
    sides = ("left",) * 5 + ("right",)
    return tabulate(rows, headers, tablefmt="plain", colalign=sides, disable_numparse=True)


def format_description(described: dict[str, Any]) -> str:
    """Lays out what `describe_run` returns."""
    task, data, metrics = described["task"], described["data"], described["metrics"]
    files = described["files"].items()
    kept = metrics.get("best_epoch", metrics.get("last_epoch"))
    count = described["epochs"]
    of_epochs = counted(count, "epoch") + (f", epoch {kept} kept" if kept else "")
    seconds = f", in {described['seconds']:,.0f} s" if described["seconds"] is not None else ""
    date, renew = datetime.fromisoformat(described["finished"]), renewal(described["run"])
    rows = [
        ("run", described["run"]),
        ("task", f"{task}: {TASKS[task].noun}"),
        ("data", f"{data_name(described)}: {_counts(data)}"),
        ("classes", _classes(described["class_names"])),
        ("answers", IN_WORDS.get(described["problem_type"], "")),
        ("settings", _pairs(described["given"]) or "the defaults"),
        ("scores", shown_scores(task, metrics)),
        ("training", f"{of_epochs}{seconds}, {date:{DATE}}"),
        ("versions", ", ".join(f"{name} {each}" for name, each in described["versions"].items())),
        ("size", tqdm.format_sizeof(described["size"], "B")),
        ("digests", "" if described["has_digests"] else f"none; `{renew}` adds them"),
        *(("", f"{name}  {tqdm.format_sizeof(size, 'B')}") for name, size in files),
    ]
    return tabulate([row for row in rows if row[1]], tablefmt="plain", disable_numparse=True)


def _counts(data: dict[str, Any]) -> str:
    parts = [data["train"], data.get("validation", {})] if "train" in data else [data]
    counts = [part.get("num_examples") for part in parts]
    learned, *held_out = ("?" if count is None else f"{count:,}" for count in counts)
    return f"{learned} to learn from" + "".join(f", {each} to validate on" for each in held_out)


def _classes(names: list[str] | None) -> str:
    if names is None:
        return ""
    shown = ", ".join(display_name(name) for name in names[:NAMES_SHOWN])
    return f"{len(names)}: {shown}{', ...' if len(names) > NAMES_SHOWN else ''}"


def _pairs(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in settings.items())
