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
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import filelock
import numpy as np

from ..devices.strategy import is_chief, open_devices, resolve, strategy, with_hardware_defaults
from ..devices.worker_checks import begin_alike, gather
from ..errors import UserError, WorkerLost
from ..settings import Settings
from ..training.fit import set_seed
from ..training.resuming import Resume
from .config import CONFIG, as_typed, asked_for, write_config
from .description import changed_settings
from .directories import RUN_CONTENTS, check_output, state_directory, written_aside
from .provenance import checkpoint_fingerprint, code_fingerprint, versions

SomeSettings = TypeVar("SomeSettings", bound=Settings)


class Session:
    """Holds a training under way.

    Args:
        task: Its name in `run.json`.
        output: Where the run will be.
        asked: The sources and settings that were asked for.
        directory: The new run directory; None on all workers but the chief.
        state: The directory of the training's state; None where it is not kept.
    """

    def __init__(
        self,
        task: str,
        output: Path,
        asked: Mapping[str, Any],
        directory: Path | None,
        state: Path | None,
    ):
        self.task = task
        self.output = output
        self.asked = asked
        self.directory = directory
        self.state = state

    @contextmanager
    def training(
        self,
        settings: SomeSettings,
        data: Mapping[str, Any],
        one_shape: bool = False,
        again: bool = False,
    ) -> Iterator[tuple[SomeSettings, Resume | None]]:
        """Opens the scope in which a model is made, compiled and fitted.

        Args:
            settings: Complete settings, but for what the hardware decides.
            data: What `describe` of the data gives, by what the data is for.
            one_shape: Whether all batches are of one shape, which XLA compiles once.
            again: Whether the session has trained with this seed before.

        Yields:
            Complete settings, and where to keep the state of the training.

        Raises:
            UserError: If the workers do not have the same settings, data, code or state.
        """
        self.data = data
        self._began = time.perf_counter()
        with strategy(settings.strategy):
            settings = with_hardware_defaults(settings, one_shape)
            set_seed(settings.seed)
            yield settings, None if self.state is None else self._resume(settings, again)

    def _resume(self, settings: Settings, again: bool) -> Resume:
        """Makes what keeps the state, once all workers are seen to begin alike."""
        parts = self.data if "sha256" not in self.data else {"train": self.data}
        facts = {
            **asdict(replace(settings, tensorboard=None)),  # wherever its logs go
            "checkpoint": checkpoint_fingerprint(settings.checkpoint),
            "data": {name: part["sha256"] for name, part in parts.items()},  # wherever it lies
            "versions": versions(),
            "code": code_fingerprint(),
        }
        # The seed tells trainings of one run apart.
        name = f"seed-{settings.seed}{'-again' if again else ''}.safetensors"
        resume = Resume(self.state / name, facts, writes=is_chief())
        begin_alike({**facts, "interrupted training": resume.fingerprint()})
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
        with open(self.directory / "history.csv", "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(history[0]))
            writer.writeheader()
            writer.writerows(history)
        report(self.directory / "report")
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
    check_output(output, RUN_CONTENTS, overwrite)
    open_devices(settings.strategy)  # before the data is read, for that may use TensorFlow
    with _directories(output, overwrite, settings.strategy) as directories:
        yield Session(task, output, asked_for(asked or {}), *directories)


@contextmanager
def _directories(
    output: Path, overwrite: bool, kind: str
) -> Iterator[tuple[Path | None, Path | None]]:
    """Makes the `directory` and `state` of a session; what the chief writes appears when whole.

    With several workers, the state of the training is kept beside it, on a disk that all of them
    see, until then.
    """
    if resolve(kind) != "multiworker":
        with written_aside(output, RUN_CONTENTS, overwrite) as directory:
            yield directory, None
        return
    state = state_directory(output)
    with strategy("multiworker"):
        writes = is_chief()
    if writes:
        with written_aside(output, RUN_CONTENTS, overwrite, state) as directory, _locked(state):
            yield directory, state
        shutil.rmtree(state, ignore_errors=True)
    else:
        yield None, state
    try:
        with strategy("multiworker"):
            gather(np.zeros(1, "int64"))  # so that they leave together
    except WorkerLost:
        if not writes:  # else the run is there, whatever has become of the others
            raise


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Keeps other trainings out of a directory; where its disk has no locks, it does not."""
    lock = filelock.FileLock(directory / "lock", blocking=False)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise UserError(
            f"{directory} is in use: another training writes the same run. Wait for it, or name "
            "another directory with --output."
        ) from error
    except NotImplementedError:  # by the disk
        pass
    try:
        yield
    finally:
        Path(lock.lock_file).unlink(missing_ok=True)  # while nobody else can have it
        lock.release()
