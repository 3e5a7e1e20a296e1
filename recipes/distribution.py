"""Several devices, or several machines: which train together, on what, and whether they agree.

    with regard.recipes.strategy("mirrored"):
        model = regard.models.TextClassifier(...)
        model.compile("adamw", "sparse_categorical_crossentropy", jit_compile=True)
    model.fit(dataset)

A batch is a batch whatever the number of devices: they share its rows, and the loss and its
gradients are those of one device that has them all.
"""

import fcntl
import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import keras
import numpy as np
import tensorflow as tf

from .cluster import meet, read_cluster
from .data.batching import WHOLE, Share
from .directories import RUN_CONTENTS, written_aside
from .errors import UserError, WorkerLost
from .keras_fixes import mend_keras, take_over
from .resuming import Resume
from .runs import code_fingerprint, fingerprint, versions
from .settings import STRATEGIES, Settings

logger = logging.getLogger("regard")

SomeSettings = TypeVar("SomeSettings", bound=Settings)

# What TensorFlow raises when a machine does not answer any more.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.FailedPreconditionError,
)


@contextmanager
def strategy(kind: str = "auto") -> Iterator[tf.distribute.Strategy]:
    """Where to make and compile a model, for `fit` to train it on several devices.

    Args:
        kind: "single", "mirrored" (all GPUs of this machine), "multiworker" (the machines that
            `TF_CONFIG` names), or "auto": the last if there is a `TF_CONFIG`, the second if there
            are several GPUs, else the first. Defaults to "auto".

    Yields:
        TensorFlow's strategy, whose scope this is.

    Raises:
        UserError: If there are no such devices, or `TF_CONFIG` is not usable.
        WorkerLost: If a machine does not come, or does not answer any more.
    """
    chosen = _open(_resolve(kind))
    with _noticing_lost_workers(_is_multiworker(chosen)), chosen.scope():
        yield chosen


def open_devices(kind: str) -> None:
    """Meets the other workers, if there are any; to be called before anything uses TensorFlow."""
    _open(_resolve(kind))


def _resolve(kind: str) -> str:
    if kind not in STRATEGIES:
        raise UserError(f"`strategy` must be one of {', '.join(STRATEGIES)}. Received: {kind}")
    if kind != "auto":
        return kind
    if read_cluster() is not None:
        return "multiworker"
    return "mirrored" if len(tf.config.list_physical_devices("GPU")) > 1 else "single"


def _open(kind: str) -> tf.distribute.Strategy:
    mend_keras()
    if kind == "single":
        return tf.distribute.get_strategy()
    if kind == "multiworker":
        return _multiworker()
    names = _device_names()
    if len(names) < 2:
        raise UserError(
            "The strategy mirrored needs several GPUs, or logical devices in their place. "
            f"TensorFlow sees {len(names)} of this machine: leave out --strategy."
        )
    return _mirrored(tuple(names))


def _device_names() -> list[str]:
    gpus = tf.config.list_logical_devices("GPU")
    return [device.name for device in gpus or tf.config.list_logical_devices("CPU")]


@cache  # two over the same devices would take each other's messages
def _mirrored(names: tuple[str, ...]) -> tf.distribute.Strategy:
    made = tf.distribute.MirroredStrategy(list(names))
    take_over(made)
    return made


@cache  # TensorFlow makes one in a process, before anything else
def _multiworker() -> tf.distribute.Strategy:
    cluster = read_cluster()
    if cluster is None:
        raise UserError(
            "The strategy multiworker needs TF_CONFIG, which names the machines; or pass "
            "--workers N, to try it on this one."
        )
    meet(cluster, devices=_devices())
    with _noticing_lost_workers():
        made = tf.distribute.MultiWorkerMirroredStrategy()
    take_over(made)
    return made


def _devices() -> str:
    """Those of this machine that train: "2 GPU", say."""
    return f"{len(tf.config.list_physical_devices('GPU'))} GPU"


@contextmanager
def _noticing_lost_workers(are_several: bool = True) -> Iterator[None]:
    try:
        yield
    except _LOST as error:
        if not are_several:
            raise
        cause = str(error.message).strip().splitlines()
        raise WorkerLost(
            "Another worker does not answer any more. Start all of them again, and they go on from "
            f"the last epoch whose state was kept. TensorFlow says: {' '.join(cause[:1]):.300}"
        ) from error


def _is_multiworker(chosen: tf.distribute.Strategy) -> bool:
    return isinstance(chosen, tf.distribute.MultiWorkerMirroredStrategy)


def worker() -> Share:
    """Which worker of how many this is, under the strategy whose scope this is."""
    current = tf.distribute.get_strategy()
    if not _is_multiworker(current):
        return WHOLE
    cluster = read_cluster()
    return Share(cluster.index, len(cluster.addresses))


def is_chief() -> bool:
    """Whether this is the worker that writes."""
    return worker().index == 0


def num_replicas() -> int:
    """The number of devices that share a batch."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def check_batch(num_rows: int, what: str) -> None:
    """Raises `UserError` if the largest batch has fewer rows than there are devices."""
    if num_rows < num_replicas():
        raise UserError(
            f"A batch must have a row for each of the {num_replicas()} devices that share it. "
            f"Received: {num_rows} in the largest. Pass a larger {what}, or train on fewer devices."
        )


def distributed(make: Callable[[Share], tf.data.Dataset]):
    """A dataset whose batches the devices share.

    Args:
        make: Makes the dataset of a share of every batch.

    Returns:
        What `fit` takes. On one machine it is the dataset of whole batches, whose rows `fit` deals
        out; of several machines each makes its own share.
    """
    current, own = tf.distribute.get_strategy(), worker()
    if own.count == 1:
        return make(WHOLE)
    devices = len(current.extended.worker_devices)

    def make_own(_):
        shares = [
            Share(own.index * devices + place, own.count * devices) for place in range(devices)
        ]
        parts = [make(share) for share in shares]
        turns = tf.data.Dataset.range(devices).repeat()
        if devices == 1:
            return parts[0]
        # A part may have a batch more than another.
        return tf.data.Dataset.choose_from_datasets(parts, turns, stop_on_empty_dataset=False)

    return current.distribute_datasets_from_function(make_own)


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
    if _resolve(settings.strategy) != "multiworker":
        with written_aside(output, RUN_CONTENTS, overwrite) as directory:
            yield Places(directory, None)
        return
    chosen = _open("multiworker")
    state = output.with_name(f".{output.name}.state")
    with chosen.scope():
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
        with _noticing_lost_workers(), chosen.scope():
            _gather(np.zeros(1, "int64"))  # so that they leave together
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
        "settings": {**asdict(settings), "checkpoint": fingerprint(settings.checkpoint)},
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


def begin_alike(facts: Mapping[str, object]) -> None:
    """Makes sure that all workers are about to do the same.

    Args:
        facts: What must be the same, by name; compared by its `repr`.

    Raises:
        UserError: If a worker has another value; the message names which, and this one's.
    """
    mine = np.array([_number(repr(value).encode()) for value in facts.values()], "int64")
    everyones = _gather(mine)
    for place, (name, value) in enumerate(facts.items()):
        others = np.flatnonzero(everyones[:, place] != everyones[0, place])
        if len(others):
            raise UserError(
                f"Every worker must have the same {name}: worker {others[0]} and worker 0 have "
                f"different ones. Received here, on worker {worker().index}: {value!s:.200}"
            )


class SameWeights(keras.callbacks.Callback):
    """Makes sure that all workers have the same weights, bit for bit, whenever an epoch is over.

    Raises:
        UserError: If they do not: they began with others, or their processors round differently.
    """

    def on_train_begin(self, logs=None):
        self._check("Workers begin with different weights. Give all of them the same checkpoint.")

    def on_epoch_end(self, epoch, logs=None):
        self._check(
            f"In epoch {epoch + 1} the workers' weights came apart: their processors round "
            "differently. Train on machines of one kind."
        )

    def _check(self, message):
        if worker().count == 1:
            return
        weights = self.model.get_weights()
        data = b"".join(np.ascontiguousarray(value).tobytes() for value in weights)
        if len(np.unique(_gather(np.array([_number(data)])))) > 1:
            raise UserError(message)


def of_the_chief(figure: float) -> float:
    """A figure as the chief has it, which the others may have rounded differently."""
    if worker().count == 1:
        return figure
    unit = 2.0**-32
    return float(_gather(np.array([round(figure / unit)]))[0, 0] * unit)


def _number(data: bytes) -> int:
    return int.from_bytes(hashlib.sha256(data).digest()[:6], "little")  # so that sums fit 64 bits


def _gather(numbers: np.ndarray) -> np.ndarray:
    """The numbers of all workers: (K,) to (workers, K)."""
    own = worker()
    if own.count == 1:
        return numbers[None]
    current = tf.distribute.get_strategy()
    mine = np.zeros((own.count, len(numbers)), "int64")
    mine[own.index] = numbers
    devices = len(current.extended.worker_devices)

    @tf.function
    def add_up():
        return current.run(lambda: tf.distribute.get_replica_context().all_reduce("SUM", mine))

    total = current.experimental_local_results(add_up())[0].numpy()
    return total // devices if devices > 1 else total


def choose(settings: SomeSettings, one_shape: bool = False) -> SomeSettings:
    """The settings with precision and XLA as the hardware has it, said in one line.

    Args:
        settings: The settings.
        one_shape: Whether all batches are of one shape, which XLA compiles once.
    """
    gpus = tf.config.list_physical_devices("GPU")
    precision = "bfloat16" if gpus and all(map(_has_bfloat16, gpus)) else "float32"
    settings = settings.with_defaults(precision=precision, xla=bool(gpus) and one_shape)
    own = worker()
    devices = f"{num_replicas()} {'GPU' if gpus else 'CPU'}{'s' if num_replicas() > 1 else ''}"
    machines = f" of {own.count} workers" if own.count > 1 else ""
    xla = "XLA" if settings.xla else "no XLA"
    logger.info("Training on %s%s, in %s, %s.", devices, machines, settings.precision, xla)
    return settings


def _has_bfloat16(gpu) -> bool:
    capability = tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0))
    return capability >= (8, 0)  # NVIDIA's Ampere, the first with products of bfloat16
