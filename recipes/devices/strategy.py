"""Trains on several devices, or several machines, as on one.

    with regard.recipes.strategy("mirrored"):
        model = regard.models.TextClassifier(...)
        model.compile("adamw", "sparse_categorical_crossentropy", jit_compile=True)
    model.fit(dataset)

A batch is a batch whatever the number of devices: they share its rows, and the loss and its
gradients are those of one device that has them all.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

import tensorflow as tf

from ..errors import UserError, WorkerLost
from ..names import counted
from ..settings import STRATEGIES, Settings
from .cluster import read_cluster, rendezvous
from .patch_keras import patch_keras, take_over
from .shards import WHOLE, Shard

logger = logging.getLogger("regard")

SomeSettings = TypeVar("SomeSettings", bound=Settings)

# What TensorFlow raises when a machine does not answer any more.
# fmt: off
_LOST = (
    tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError,
    tf.errors.DeadlineExceededError, tf.errors.InternalError, tf.errors.FailedPreconditionError,
)
# fmt: on


@contextmanager
def strategy(kind: str = "auto") -> Iterator[tf.distribute.Strategy]:
    """Opens the scope in which to make and compile a model that `fit` trains on several devices.

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
    chosen = _open(resolve(kind))
    with _noticing_lost_workers(_is_multiworker(chosen)), chosen.scope():
        yield chosen


def open_devices(kind: str) -> None:
    """Meets the other workers, if there are any; to be called before anything uses TensorFlow."""
    _open(resolve(kind))


def resolve(kind: str) -> str:
    """Returns what a kind of strategy comes to here: "single", "mirrored" or "multiworker"."""
    if kind not in STRATEGIES:
        raise UserError(f"`strategy` must be one of {', '.join(STRATEGIES)}. Received: {kind}")
    if kind != "auto":
        return kind
    if read_cluster() is not None:
        return "multiworker"
    return "mirrored" if len(tf.config.list_physical_devices("GPU")) > 1 else "single"


def _open(kind: str) -> tf.distribute.Strategy:
    patch_keras()
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
    rendezvous(cluster, devices=f"{len(tf.config.list_physical_devices('GPU'))} GPU")
    with _noticing_lost_workers():
        made = tf.distribute.MultiWorkerMirroredStrategy()
    take_over(made)
    return made


@contextmanager
def _noticing_lost_workers(are_several: bool = True) -> Iterator[None]:
    try:
        yield
    except _LOST as error:
        if not are_several:
            raise
        cause = str(error.message).strip().rpartition("\n\n")[2]  # after where it is in a graph
        cause = cause.partition("\n")[0]
        raise WorkerLost(
            "Another worker does not answer any more. Start all of them again, and they go on from "
            f"the last state that was kept. TensorFlow says: {cause:.300}"
        ) from error


def _is_multiworker(chosen: tf.distribute.Strategy) -> bool:
    return isinstance(chosen, tf.distribute.MultiWorkerMirroredStrategy)


def worker() -> Shard:
    """Returns which worker of how many this is, under the strategy whose scope this is."""
    current = tf.distribute.get_strategy()
    if not _is_multiworker(current):
        return WHOLE
    cluster = read_cluster()
    return Shard(cluster.index, len(cluster.addresses))


def is_chief() -> bool:
    """Returns whether this is the worker that writes."""
    return worker().index == 0


def num_replicas() -> int:
    """Returns the number of devices that share a batch."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def check_batch(num_rows: int, what: str) -> None:
    """Raises `UserError` if the largest batch has fewer rows than there are devices."""
    if num_rows < num_replicas():
        raise UserError(
            f"A batch must have a row for each of the {num_replicas()} devices that share it. "
            f"Received: {num_rows} in the largest. Pass a larger {what}, or train on fewer devices."
        )


def distributed(make: Callable[[Shard], tf.data.Dataset]):
    """Makes a dataset for `fit` whose batches the devices share, from one that makes a shard.

    On one machine it has whole batches, whose rows `fit` deals out; of several machines each makes
    its own shard.
    """
    current, own = tf.distribute.get_strategy(), worker()
    if own.count == 1:
        return make(WHOLE)
    devices = len(current.extended.worker_devices)

    def make_own(_):
        first = own.index * devices
        parts = [make(Shard(first + index, own.count * devices)) for index in range(devices)]
        if devices == 1:
            return parts[0]
        turns = tf.data.Dataset.range(devices).repeat()
        # A part may have a batch more than another.
        return tf.data.Dataset.choose_from_datasets(parts, turns, stop_on_empty_dataset=False)

    return current.distribute_datasets_from_function(make_own)


def with_hardware_defaults(settings: SomeSettings, one_shape: bool = False) -> SomeSettings:
    """Returns the settings with precision and XLA as the hardware has it, and logs them.

    XLA pays where all batches are of one shape, which it compiles once.
    """
    gpus = tf.config.list_physical_devices("GPU")
    precision = "bfloat16" if gpus and all(map(_has_bfloat16, gpus)) else "float32"
    settings = settings.with_defaults(precision=precision, xla=bool(gpus) and one_shape)
    own = worker()
    devices = counted(num_replicas(), "GPU" if gpus else "CPU")
    machines = f" of {own.count} workers" if own.count > 1 else ""
    xla = "XLA" if settings.xla else "no XLA"
    logger.info("Training on %s%s, in %s, %s.", devices, machines, settings.precision, xla)
    return settings


def _has_bfloat16(gpu) -> bool:
    capability = tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0))
    return capability >= (8, 0)  # NVIDIA's Ampere, the first with products of bfloat16
