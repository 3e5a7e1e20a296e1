"""Keeps the state of a training while it goes on: every half minute, and when it is to stop."""

import logging
import math
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import keras
import numpy as np

from ..devices.strategy import worker
from ..devices.worker_checks import gather
from ..errors import WorkerLost
from .resuming import Resume

SAVE_SECONDS = 30.0  # from one state to the next: what a lost machine costs at most
MOST_COST = 0.02  # of the time, at the ends of short epochs, and that training waits
MEETING_SECONDS = 1.0  # from one agreement of several workers to the next, about

logger = logging.getLogger("regard")


class KeepState(keras.callbacks.Callback):
    """Writes the state of a training; must come after the callbacks that it is given.

    The state is taken between two steps, and written while the training goes on. What goes
    wrong with that is a warning: the state before it is still there. Of several workers, all take
    their part after the same step, on which they agree about once a second.
    """

    def __init__(self, resume: Resume, best, progress):
        super().__init__()
        self.resume = resume
        self.best = best
        self.progress = progress
        self._writer = ThreadPoolExecutor(1)
        self._writing: Future | None = None
        self._taken = time.monotonic()  # when the last state was
        self._waited = self._took = 0.0  # seconds: to take it, and until it was written
        self._is_warned = False
        self._is_restored = False
        self._steps = self._met_at = 0
        self._ahead, self._met = 1, time.monotonic()

    def on_train_begin(self, logs=None):
        self.resume.skip_steps(self.model, self._restored)

    def _restored(self):
        self._is_restored = True
        self._taken = self._met = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        if not self._is_restored:
            return
        self.resume.stopping.defers = True
        self._steps += 1
        if self._steps < self._met_at + self._ahead:
            return
        signals, is_due = self._agree(self._seconds() >= self._interval())
        if (is_due or any(signals)) and math.isfinite(logs["loss"]):
            self._keep(batch + 1, is_over=False)
        if any(signals):
            self.close()
            self.resume.stopping.leave()
            if worker().count > 1:
                raise WorkerLost(
                    "Another worker was told to stop. Start all of them again, and they go on."
                )

    def _seconds(self) -> float:
        return time.monotonic() - self._taken

    def _interval(self) -> float:
        return max(SAVE_SECONDS - self._took, self._waited / MOST_COST)

    def _agree(self, is_due: bool) -> tuple[list[int], bool]:
        """Returns the signals that have come to the workers, and whether a state is due."""
        signal = self.resume.stopping.signal or 0
        steps, self._met_at = self._steps - self._met_at, self._steps
        if worker().count == 1:
            return [signal], is_due
        pace = steps / max(time.monotonic() - self._met, 1e-6)
        ahead = max(1, min(2 * self._ahead, int(MEETING_SECONDS * pace)))
        rows = gather(np.array([signal, is_due, ahead], "int64"))  # (workers, 3)
        is_due, self._ahead = bool(rows[0, 1]), int(rows[0, 2])  # as the chief has it
        self._met = time.monotonic()
        return rows[:, 0].tolist(), is_due

    def on_test_begin(self, logs=None):
        stopping = self.resume.stopping
        stopping.defers = False
        if worker().count == 1:
            stopping.leave()

    def on_test_end(self, logs=None):
        self.resume.stopping.defers = True

    def on_epoch_end(self, epoch, logs=None):
        if not math.isfinite(logs["loss"]):  # to go on from there would be in vain
            self.close()
            if self.resume.writes:
                self.resume.files.clear()
            return
        is_over = self.model.stop_training or epoch + 1 == self.params["epochs"]
        often = min(SAVE_SECONDS, (self._waited + self._took) / MOST_COST)
        if is_over or self._seconds() >= often:
            self._keep(0, is_over)

    def _keep(self, step: int, is_over: bool) -> None:
        """Takes the state after a step of the epoch, 0 at its end, and has it written."""
        self._settle()
        began = time.monotonic()
        notes = {"step": step, "is_over": is_over, "last_epoch": self.params["epochs"]}
        try:
            state = self.resume.keep(self.model, self.best, notes | self.progress.known())
        except MemoryError as error:
            self._warn(error)
            return
        self._taken = time.monotonic()
        self._waited = self._taken - began
        if state is not None:
            self._writing = self._writer.submit(self._write, state)

    def _write(self, state) -> None:
        self.resume.files.write(state, self.resume.facts)
        self._took = time.monotonic() - self._taken

    def _settle(self) -> None:
        """Waits for what is being written."""
        writing, self._writing = self._writing, None
        if writing is None:
            return
        try:
            writing.result()
            self._is_warned = False
        except (OSError, MemoryError) as error:
            self._warn(error)

    def _warn(self, error: Exception) -> None:
        self._taken = time.monotonic()
        if not self._is_warned:
            self._is_warned = True
            logger.warning(
                "The state of the training could not be kept in %s: %s. It goes on, and tries "
                "again every %.0f seconds.",
                *(self.resume.files.directory, _reason(error), SAVE_SECONDS),
            )

    def close(self) -> None:
        """Waits until all that is to be written is written."""
        self._settle()
        self._writer.shutdown()


def _reason(error: Exception) -> Any:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
