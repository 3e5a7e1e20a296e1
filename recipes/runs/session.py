"""Where a training writes: its run, and with several workers its state, to go on from."""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..devices.worker_checks import begin_alike, gather
from .directories import RUN_CONTENTS, state_directory, written_aside
from ..devices.strategy import is_chief, resolve, strategy
from ..errors import UserError, WorkerLost
from ..training.resuming import Resume
from .run import code_fingerprint, fingerprint, versions
from ..settings import Settings


class Places(NamedTuple):
    """Where a training may write.

    Attributes:
        run: The new run directory; None on all workers but the chief.
        state: The directory of its state, to go on from; None where nothing is interrupted.
    """

    run: Path | None
    state: Path | None


@contextmanager
def run_directory(output: Path, overwrite: bool, settings: Settings) -> Iterator[Places]:
    """Where a training may write: what the chief writes appears when all is written.

    With several workers, the state of the training is kept beside it, on a disk that all of them
    see, until then.
    """
    if resolve(settings.strategy) != "multiworker":
        with written_aside(output, RUN_CONTENTS, overwrite) as directory:
            yield Places(directory, None)
        return
    state = state_directory(output)
    with strategy("multiworker"):
        writes = is_chief()
    if writes:
        with (
            written_aside(output, RUN_CONTENTS, overwrite, aside=state) as directory,
            _locked(state),
        ):
            yield Places(directory, state)
        shutil.rmtree(state, ignore_errors=True)
    else:
        yield Places(None, state)
    try:
        with strategy("multiworker"):
            gather(np.zeros(1, "int64"))  # so that they leave together
    except WorkerLost:
        if not writes:  # else the run is there, whatever has become of the others
            raise


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Keeps other trainings out of a directory; where its disk has no locks, it does not."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        with suppress(OSError):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UserError(
                    f"{directory} is in use: another training writes the same run. Wait for it, or "
                    "name another directory with --output."
                ) from error
        yield
    finally:
        os.close(handle)


def resume_in(state: Path | None, settings: Settings, data: Mapping[str, Any]) -> Resume | None:
    """Where to keep the state of one training, once all workers are seen to begin alike.

    Args:
        state: As in `Places`.
        settings: Complete settings; the seed tells trainings of one run apart.
        data: What the data is, with its fingerprint.

    Raises:
        UserError: If the workers do not have the same of these, of the code, or of the state.
    """
    if state is None:
        return None
    facts = {
        **asdict(settings),
        "checkpoint": fingerprint(settings.checkpoint),
        "data": _fingerprints(data),
        "versions": versions(),
        "code": code_fingerprint(),
    }
    resume = Resume(state / f"seed-{settings.seed}.safetensors", facts, writes=is_chief())
    begin_alike({**facts, "interrupted training": resume.fingerprint()})
    return resume


def _fingerprints(data: Mapping[str, Any]) -> dict[str, str]:
    """The fingerprints of data, wherever a machine has it."""
    parts = data if "sha256" not in data else {"train": data}
    return {name: part["sha256"] for name, part in parts.items()}
