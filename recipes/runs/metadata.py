"""Reads what `run.json` says of a run."""

import json
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..tasks import TASKS


def read_metadata(directory: Path, *tasks: str) -> dict[str, Any]:
    """Reads `run.json` of a run directory, which must be of one of some tasks, by default of any.

    Raises:
        UserError: If the directory is not a run, or is a run of another task.
    """
    path = directory / "run.json"
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
        task = TASKS[metadata["task"]]
        needed = {"settings": dict, **task.needs}
        found = {name: reduce(getitem, name.split("."), metadata) for name in needed}
        is_whole = all(isinstance(found[name], kind) for name, kind in needed.items())
    except OSError as error:
        raise UserError(
            f"{directory} is not a run: there is no run.json in it. "
            "Name a directory that `regard fit` or `regard pretrain` wrote."
        ) from error
    except (ValueError, KeyError, TypeError):
        is_whole = False
    if not is_whole:
        raise UserError(f"{path} does not describe a run as `regard` writes it.")
    if tasks and task.name not in tasks:
        wanted = [TASKS[name] for name in tasks]
        commands = " or ".join(f"`regard {each.command}`" for each in wanted)
        raise UserError(
            f"{directory} is a run of {task.noun}, but this needs "
            f"{' or '.join(each.noun for each in wanted)}. Name one that {commands} wrote."
        )
    return metadata


def takes_pairs(metadata: dict[str, Any]) -> bool:
    """Returns whether a run, by what its `run.json` holds, classifies pairs of texts."""
    return metadata["task"] == "text" and metadata["data"]["train"].get("pair_column") is not None
