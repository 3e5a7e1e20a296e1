"""Holds one training, from its first second to the run that it leaves behind.

    with session("text", output, settings) as run:
        ...  # read the data
        with run.training(settings, data) as (settings, resume):
            ...  # make a model, compile it and fit it
        run.write(trained, history, report)

The session has what all trainings have: devices, hardware defaults, the seed, the clock, the state
to resume from, the agreement of workers, and the run directory, which appears whole or not at all.
"""

import csv
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ...models import disk
from ..devices.strategy import (
    is_chief,
    num_replicas,
    open_devices,
    resolve,
    strategy,
    with_hardware_defaults,
)
from ..devices.worker_checks import begin_alike, gather
from ..errors import WorkerLost
from ..log import heard
from ..settings import Settings
from ..training.fit import set_seed
from ..training.resuming import Resume
from ..training.states import StateFiles
from ..training.stopping import Stopping
from .config import CONFIG, as_typed, asked_for, write_config
from .description import changed_settings
from .directories import REPORT, RUN_CONTENTS, check_output, state_directory, written_aside
from .interrupted import (
    forget_written,
    kept_until_written,
    note_written,
    saying_how_to_go_on,
)
from .provenance import checkpoint_fingerprint, code_fingerprint, file_fingerprint, versions

SomeSettings = TypeVar("SomeSettings", bound=Settings)


class Session:
    """Holds a training under way.

    Args:
        task: Its name in `run.json`.
        output: Where the run will be.
        asked: The sources and settings that were asked for.
        stopping: Takes the signals that end a process.

    Attributes:
        directory: The new run directory; None on all workers but the chief.
        state: The directory of the training's states.
        is_trained: Whether the last training that it has begun has come to its end.
        said: What was said of the data, to the end of the last training.
        heard: The same, up to now.
    """

    def __init__(self, task: str, output: Path, asked: Mapping[str, Any], stopping: Stopping):
        self.task = task
        self.output = output
        self.asked = asked
        self.stopping = stopping
        self.directory: Path | None = None
        self.state = state_directory(output)
        self.is_trained = False
        self.said: list[str] = []
        self.heard: list[str] = []
        self._trainings = 0

    @contextmanager
    def training(
        self,
        settings: SomeSettings,
        data: Mapping[str, Any],
        one_shape: bool = False,
    ) -> Iterator[tuple[SomeSettings, Resume]]:
        """Opens the scope in which a model is made, compiled and fitted.

        Args:
            settings: Complete settings, but for what the hardware decides.
            data: What `describe` of the data gives, by what the data is for.
            one_shape: Whether all batches are of one shape, which XLA compiles once.

        Yields:
            Complete settings, and what keeps the state of the training.

        Raises:
            UserError: If the workers do not have the same settings, data, code or state, or an
                interrupted training of the run had others.
        """
        self.data = data
        self.is_trained = False
        self._began = time.perf_counter()
        with strategy(settings.strategy):
            settings = with_hardware_defaults(settings, one_shape)
            set_seed(settings.seed)
            yield settings, self._resume(settings)
        self.is_trained = True
        self.said = self.heard[:]

    def _resume(self, settings: Settings) -> Resume:
        """Makes what keeps the state, once all workers are seen to begin alike."""
        parts = self.data if "sha256" not in self.data else {"train": self.data}
        facts = {
            **asdict(replace(settings, tensorboard=None)),  # wherever its logs go
            "checkpoint": checkpoint_fingerprint(settings.checkpoint),
            "embeddings": file_fingerprint(getattr(settings, "embeddings", None)),
            "data": {name: part["sha256"] for name, part in parts.items()},  # wherever it lies
            "devices": num_replicas(),
            "versions": versions(),
            "code": code_fingerprint(),
        }
        files = StateFiles(self.state, f"training-{self._trainings}")  # of one run, in their order
        self._trainings += 1
        resume = Resume(files, facts, is_chief(), self.stopping)
        begin_alike({**facts, "interrupted training": resume.digest})
        return resume

    def metadata(self, settings: Settings, **more: Any) -> dict[str, Any]:
        """Returns the content of `run.json`, once a model is trained."""
        given = changed_settings(self.task, self.asked)
        return {
            "task": self.task,
            "settings": asdict(settings),
            "given": {name: as_typed(value) for name, value in given.items()},
            "seconds": round(time.perf_counter() - self._began, 1),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            **more,
            "data": self.data,
            "versions": versions(),
        }

    def write(
        self, run, history: Sequence[dict[str, float]], report: Callable[[Path], None]
    ) -> None:
        """Writes the run directory, on the worker that writes; `report` draws into its folder."""
        run.directory, run.history = self.output, list(history)
        if self.directory is None:
            return
        settings = run.metadata["settings"]
        seed = self.asked.get("seed", Settings.seed)  # the first of several
        settings = {**settings, "seed": seed, "tensorboard": None}  # logs are not to be mixed
        write_config(self.directory / CONFIG, self.task, self.asked, settings)
        with disk.create(self.directory / "history.csv", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(history[0]))
            writer.writeheader()
            writer.writerows(history)
        report(self.directory / REPORT)
        run.save(self.directory)  # last, for `run.json` has digests of all files


@contextmanager
def session(
    task: str,
    output: Path,
    settings: Settings,
    overwrite: bool = False,
    asked: Mapping[str, Any] | None = None,
) -> Iterator[Session]:
    """Opens a training that writes a run directory, `output`.

    Args:
        task: Its name in `run.json`.
        output: The run directory.
        settings: Settings of the training.
        overwrite: Whether to replace a run that stands there already. Defaults to False.
        asked: The sources and settings that were asked for, by name, for `config.yaml`.

    Raises:
        UserError: If the directory may not be written, or there are no such devices.
        WorkerLost: If another worker does not come, or does not answer any more.
    """
    forget_written(output)
    check_output(output, RUN_CONTENTS, overwrite)
    open_devices(settings.strategy)  # before the data is read, for that may use TensorFlow
    asked = asked or {}
    # After that, for TensorFlow takes SIGTERM for itself.
    with Stopping() as stopping, heard() as said:
        said += (line for each in asked.values() for line in getattr(each, "said", ()))
        current = Session(task, output, asked_for(asked), stopping)
        current.heard = said
        with (
            saying_how_to_go_on(current),
            _directory(output, overwrite, settings.strategy) as current.directory,
        ):
            yield current


@contextmanager
def _directory(output: Path, overwrite: bool, kind: str) -> Iterator[Path | None]:
    """Makes the `directory` of a session: what the chief writes into it appears when whole.

    Until then it is with the states of the training beside the run, on a disk that all workers see.
    """
    with strategy(kind):
        writes = is_chief()
    if writes:
        with (
            kept_until_written(output) as state,
            written_aside(output, RUN_CONTENTS, overwrite, state) as directory,
        ):
            yield directory
            note_written(state, directory)
    else:
        yield None
    if resolve(kind) != "multiworker":
        return
    try:
        with strategy(kind):
            gather(np.zeros(1, "int64"))  # so that they leave together
    except WorkerLost:
        if not writes:  # else the run is there, whatever has become of the others
            raise
