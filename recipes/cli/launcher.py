"""Starts several workers on one machine, to try what runs on several: `--workers N`.

What Kubernetes does for a TFJob is done here for processes: each gets a `TF_CONFIG` and its part of
the processors, and when one is lost all are started again, to go on from where the training was.
"""

import ctypes
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from ..errors import WORKER_LOST, Terminated, UserError
from ..runs.directories import state_directory
from .signals import AGAIN_SECONDS

logger = logging.getLogger("regard")

MOST_RESTARTS = 10
LEAVE_SECONDS = 60.0  # for the others to notice that one is lost
_PAUSE = 0.2
_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux, prctl(2)


COMMAND = (sys.executable, "-m", "regard.recipes.cli")


def launch(
    num_workers: int,
    arguments: Sequence[str],
    command: Sequence[str] = COMMAND,
    output: Path | None = None,
) -> int:
    """Runs a command in several workers, to the end.

    `output` is the run that they write: once it is there, a worker that is lost is no matter.

    Returns:
        The exit status: 0, or that of the first worker that failed for good.

    Raises:
        UserError: If there are GPUs, but not one for each worker.
    """
    written_before = _written(output)
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        for _ in range(MOST_RESTARTS + 1):
            status = _run_once(num_workers, [*command, *arguments])
            if not _is_lost(status):
                return status
            if _written(output) not in (None, written_before):
                logger.info("A worker was lost after %s was written.", output)
                shutil.rmtree(state_directory(output), ignore_errors=True)
                return 0
            logger.info("A worker was lost. Starting all of them again.")
    finally:
        signal.signal(signal.SIGTERM, before)
    logger.error("Workers were lost %d times; giving up.", MOST_RESTARTS + 1)
    return WORKER_LOST


def _terminate(number, frame):
    raise Terminated


def _written(run: Path | None) -> int | None:
    """Returns when a run was written, by the clock of its disk; None if it is not there."""
    metadata = None if run is None else run / "run.json"
    return metadata.stat().st_mtime_ns if metadata and metadata.exists() else None


def _is_lost(status: int) -> bool:
    """Returns whether a worker was killed, or noticed that another was."""
    return status == WORKER_LOST or (status < 0 and status != -signal.SIGINT)


def _run_once(num_workers: int, command: Sequence[str]) -> int:
    addresses = [f"127.0.0.1:{port}" for port in free_ports(num_workers)]
    workers: list[subprocess.Popen] = []
    try:
        for index in range(num_workers):
            workers.append(_start(command, addresses, index))
        return _wait(workers)
    except (KeyboardInterrupt, Terminated) as error:
        _pass_on(signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT, workers)
        raise
    finally:
        for worker in workers:
            if worker.poll() is None:
                worker.kill()
            worker.wait()


def _pass_on(number: int, workers: list[subprocess.Popen]) -> None:
    """Hands a signal on to the workers, and waits until they have left; another one ends that."""
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(each, signal.SIG_IGN) for each in signals]
    for worker in workers:
        if worker.poll() is None:
            worker.send_signal(number)
    time.sleep(AGAIN_SECONDS)
    for each, handler in zip(signals, before, strict=True):
        signal.signal(each, handler)
    until = time.monotonic() + LEAVE_SECONDS
    while time.monotonic() < until and any(worker.poll() is None for worker in workers):
        time.sleep(_PAUSE)


def _start(command: Sequence[str], addresses: list[str], index: int) -> subprocess.Popen:
    config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
    environment = {**os.environ, "TF_CONFIG": json.dumps(config)}
    gpus = _gpus()
    if gpus:
        own_gpus = _deal(gpus, index, len(addresses))
        if not own_gpus:
            raise UserError(
                f"{len(addresses)} workers need as many GPUs. Found here: {len(gpus)}. Pass a "
                "smaller --workers, or train without GPUs by CUDA_VISIBLE_DEVICES=."
            )
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(own_gpus)
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    own = _deal(cores, index, len(addresses))
    return subprocess.Popen(command, env=environment, preexec_fn=partial(_prepare, own))


def _prepare(cores: list[int]) -> None:
    """Gives this process its cores, and has it end with the one that started it."""
    if cores:
        os.sched_setaffinity(0, cores)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)


def _deal(things: list, index: int, count: int) -> list:
    """Returns one of `count` equal parts; nobody has what is left over, so that all are alike."""
    each = len(things) // count
    return things[index * each : (index + 1) * each]


def _gpus() -> list[str]:
    """Returns NVIDIA's GPUs, by the numbers that CUDA gives them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [number for number in named.split(",") if number.strip()]
    return [str(number) for number, _ in enumerate(Path("/dev").glob("nvidia[0-9]*"))]


def _wait(workers: list[subprocess.Popen]) -> int:
    """Waits for all workers to be done, or for one to fail; 0, or the status of that one."""
    while True:
        statuses = [worker.poll() for worker in workers]
        failed = [status for status in statuses if status]
        if failed:
            break
        if all(status == 0 for status in statuses):
            return 0
        time.sleep(_PAUSE)
    until = time.monotonic() + LEAVE_SECONDS
    while time.monotonic() < until and any(worker.poll() is None for worker in workers):
        time.sleep(_PAUSE)
    statuses = [worker.poll() for worker in workers]
    if statuses[0] == 0:  # the chief, which has written the run
        return 0
    final = [status for status in statuses if status and not _is_lost(status)]
    return (final or failed)[0]


def free_ports(count: int) -> list[int]:
    """Returns ports of this machine that nobody listens at."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for free in sockets:
            free.bind(("127.0.0.1", 0))
        return [free.getsockname()[1] for free in sockets]
