"""Goes on with a training that was interrupted, from the last state that was kept of it.

Batches, and all that is random in them, are functions of seed and step. So the variables of model,
optimizer and metrics, and what is known of the epochs, are all there is to a state, and a training
that goes on from one ends with the weights that it would have had without the interruption, bit for
bit.
"""

import logging
import math
import shutil
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..devices.strategy import worker
from ..devices.worker_checks import gather
from ..errors import UserError
from .states import KEPT, State, StateFiles
from .stopping import Stopping

logger = logging.getLogger("regard")


class Resume:
    """Keeps the states of a training in files, and goes on from the last one.

    Of several workers only one writes.

    Args:
        files: The files.
        facts: All that the training depends on: data, settings, versions. The state of a training
            with other facts is refused.
        writes: Whether this worker writes. Defaults to True.
        stopping: Tells when to stop. Defaults to one that never does.

    Attributes:
        digest: The digest of the state to go on from, which all workers must see; "none" if there
            is none.

    Raises:
        UserError: If there is an interrupted training with other facts, or all states of it are
            damaged.
    """

    def __init__(
        self,
        files: StateFiles,
        facts: Mapping[str, Any],
        writes: bool = True,
        stopping: Stopping | None = None,
    ):
        self.files = files
        self.facts = facts
        self.writes = writes
        self.stopping = stopping or Stopping()
        self._state, self.digest = files.read(facts)

    @property
    def step(self) -> int:
        """Returns how many steps of the epoch to go on with are done."""
        return 0 if self._state is None else self._state.notes["step"]

    def begin(self, model: keras.Model, best, progress) -> int:
        """Puts a training back to where it was, and returns the number of epochs that are done.

        The model is compiled and its optimizer built; `best` is a `BestEpoch`, or None, and
        `progress` a `Progress`.

        Raises:
            UserError: If there is no room on the disk for the states and the run.
        """
        self._check_room(model, best)
        if self._state is None:
            return 0
        notes, done = self._state.notes, len(self._state.notes["history"])
        self._put_back(model)
        if best is not None:
            best.go_on_from(notes["best"], self._state.best_weights)
        progress.go_on_from(notes)
        if notes["is_over"]:
            logger.info("Going on after the last epoch, from %s.", self.files.directory)
            return notes["last_epoch"]
        where = f"step {self.step} of epoch {done + 1}" if self.step else f"epoch {done}"
        logger.info("Going on after %s, from %s.", where, self.files.directory)
        return done

    def _put_back(self, model: keras.Model) -> None:
        for variable, value in zip(_changing(model), self._state.weights, strict=True):
            variable.assign(value)

    def skip_steps(self, model: keras.Model, restored: Callable[[], None]) -> None:
        """Makes an epoch that `fit` begins pass over the steps that are done, but for the last.

        That one is made once more, so that all variables are there, also those that Keras makes in
        the first step; then all is put back to what it was after it, and `restored` is called.
        """
        make_step, left = model.train_function, self.step // model.steps_per_execution

        def pass_over(iterator):
            nonlocal left
            left -= 1
            if left:
                return {}
            make_step(iterator)
            self._put_back(model)
            _put_figures_back(model, self._state.figures)
            self._state, model.train_function = None, make_step
            restored()
            return model.get_metrics_result()

        if left:
            model.train_function = pass_over
        else:
            self._state = None  # it takes as much memory as the model
            restored()

    def keep(self, model: keras.Model, best, notes: dict[str, Any]) -> State | None:
        """Returns what changes in a training, as it is now; None where other workers write it.

        Within an epoch all workers must call it after the same step.
        """
        figures = _figures(model) if notes["step"] else []
        if not self.writes:
            return None
        best_weights = []
        if best is not None:
            notes, best_weights = {**notes, "best": best.known()}, best.best_weights or []
        weights = [_value_of(variable) for variable in _changing(model)]
        return State(weights, list(best_weights), figures, notes)

    def _check_room(self, model: keras.Model, best) -> None:
        """Raises `UserError` unless states, of which one more is written aside, and the run fit."""
        run = _size(model.variables)
        state = _size(_changing(model)) + (0 if best is None else run)
        there = len(self.files.paths())
        needed = max(0, KEPT + 1 - there) * state + run
        self.files.directory.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.files.directory).free
        if self.writes and free < needed:
            raise UserError(
                f"The states of the training and its run take {needed / 1e9:.2f} GB, and the disk "
                f"of {self.files.directory} has {free / 1e9:.2f} GB free. Make room there, or name "
                "a directory on another disk with --output."
            )


def _size(variables: list[keras.Variable]) -> int:
    return sum(4 * math.prod(variable.shape) for variable in variables)  # bytes; all are of 32 bits


def _changing(model: keras.Model) -> list[keras.Variable]:
    """Returns all that changes while a compiled model learns, but for the figures of an epoch."""
    figures = {id(variable) for variable in model.metrics_variables}
    own = [variable for variable in model.variables if id(variable) not in figures]
    return [*own, *model.optimizer.variables]


def _value_of(variable: keras.Variable) -> np.ndarray:
    """Returns what a variable holds now, without a copy on a CPU: the next update makes it."""
    first, *_ = tf.distribute.get_strategy().experimental_local_results(variable.value)
    return np.asarray(first.read_value())


def _figures(model: keras.Model) -> list[np.ndarray]:
    """Returns the bytes of what the metrics have added up, (workers, N): each device its own."""
    parts = [part.numpy().tobytes() for part in _parts_of_figures(model)]
    return [gather(np.frombuffer(b"".join(parts), "uint8").astype("int64")).astype("uint8")]


def _put_figures_back(model: keras.Model, figures: list[np.ndarray]) -> None:
    data = figures[0][worker().index].tobytes()
    for part in _parts_of_figures(model):
        kind = part.dtype.as_numpy_dtype
        size = part.shape.num_elements() * np.dtype(kind).itemsize
        part.assign(np.frombuffer(data[:size], kind).reshape(part.shape))
        data = data[size:]


def _parts_of_figures(model: keras.Model) -> list[tf.Variable]:
    """Returns the variables of metrics, one for each device: read together they would be summed."""
    local = tf.distribute.get_strategy().experimental_local_results
    return [part for variable in model.metrics_variables for part in local(variable.value)]
