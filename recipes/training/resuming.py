"""Keeps the state of a training at the end of an epoch, in one file, to go on from later.

Batches, and all that is random in them, are functions of seed and step. So weights, optimizer and
what is known of the epochs are all there is to a state, and a training that goes on from one ends
with the weights that it would have had without the interruption, bit for bit.
"""

import hashlib
import json
import logging
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ..errors import UserError

logger = logging.getLogger("regard")

SAVE_SECONDS = 30.0  # between two states, at least: what a lost machine costs at most, and an epoch


class State(NamedTuple):
    """Holds a training at the end of an epoch.

    The notes are its `history`, whether all `is_over`, the `last_epoch` that was asked for, and
    what is known of the `best` one.
    """

    weights: list[np.ndarray]  # of the model and of its optimizer, in their order
    best_weights: list[np.ndarray]  # of the best epoch; empty where none is sought
    notes: dict[str, Any]


def write_state(path: Path, state: State, facts: Mapping[str, Any]) -> None:
    """Writes a state; whatever happens, the file is an old one or this one, and whole."""
    tensors = {f"weights/{i}": value for i, value in enumerate(state.weights)}
    tensors |= {f"best/{i}": value for i, value in enumerate(state.best_weights)}
    tensors = {name: np.asarray(value, order="C") for name, value in tensors.items()}
    metadata = {"notes": json.dumps(state.notes), "facts": json.dumps(_plain(facts))}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with open(partial, "wb") as file:
        file.write(save(tensors, metadata))
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def read_state(path: Path, facts: Mapping[str, Any]) -> State | None:
    """Returns the state in a file, or None if there is none.

    Raises:
        UserError: If it is that of a training with other facts, or damaged.
    """
    if not path.exists():
        return None
    try:
        with safe_open(path, "np") as file:
            notes, found = (json.loads(file.metadata()[name]) for name in ("notes", "facts"))
            names = file.keys()
            kinds = [name.partition("/")[0] for name in names]
            weights, best = (
                [file.get_tensor(f"{kind}/{i}") for i in range(kinds.count(kind))]
                for kind in ("weights", "best")
            )
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path.parent} has an interrupted training that cannot be read: {error}. Delete it to "
            "begin anew."
        ) from error
    wanted = _plain(facts)
    other = sorted(name for name in wanted | found if wanted.get(name) != found.get(name))
    if other:
        raise UserError(
            f"{path.parent} has an interrupted training with other {', '.join(other)}. Go on with "
            "what it began with, delete it, or name another directory with --output."
        )
    return State(weights, best, notes)


def _plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(facts, default=str))


class Resume:
    """Keeps the state of a training in a file, and goes on from it.

    The facts are all that the training depends on: data, settings, versions. The state of a
    training with other facts is refused. Of several workers only one writes.
    """

    def __init__(self, path: Path, facts: Mapping[str, Any], writes: bool = True):
        self.path = path
        self.facts = facts
        self.writes = writes

    def fingerprint(self) -> str:
        """Returns the hash of the state to go on from, which all workers must see, or "none"."""
        if not self.path.exists():
            return "none"
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    def begin(self, model: keras.Model, best, progress) -> int:
        """Puts a training back to where it was, and returns the number of epochs that are done.

        The model is compiled and its optimizer built; `best` is a `BestEpoch`, or None, and
        `progress` a `Progress`. The errors are those of `read_state`.
        """
        state = read_state(self.path, self.facts)
        if state is None:
            return 0
        for variable, value in zip(_changing(model), state.weights, strict=True):
            variable.assign(value)
        if best is not None:
            best.go_on_from(state.notes["best"], state.best_weights)
        progress.history[:] = state.notes["history"]
        done = len(progress.history)
        logger.info("Going on after epoch %d, from %s.", done, self.path.parent)
        return state.notes["last_epoch"] if state.notes["is_over"] else done


class KeepState(keras.callbacks.Callback):
    """Writes the state at the end of epochs; must come after the callbacks that it is given."""

    def __init__(self, resume: Resume, best, progress):
        super().__init__()
        self.resume = resume
        self.best = best
        self.progress = progress
        self._written = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        if not math.isfinite(logs["loss"]):  # to go on from there would be in vain
            if self.resume.writes:
                self.resume.path.unlink(missing_ok=True)
            return
        last_epoch = self.params["epochs"]
        is_over = self.model.stop_training or epoch + 1 == last_epoch
        is_due = is_over or time.monotonic() - self._written >= SAVE_SECONDS
        if not (self.resume.writes and is_due):
            return
        notes = {"is_over": is_over, "last_epoch": last_epoch, "history": self.progress.history}
        best_weights = []
        if self.best is not None:
            notes["best"], best_weights = self.best.known(), self.best.best_weights
        weights = [keras.ops.convert_to_numpy(variable) for variable in _changing(self.model)]
        write_state(self.resume.path, State(weights, best_weights, notes), self.resume.facts)
        self._written = time.monotonic()


def _changing(model: keras.Model) -> list[keras.Variable]:
    """Returns all that changes while a compiled model learns, but for the figures of an epoch."""
    figures = {id(variable) for variable in model.metrics_variables}
    own = [variable for variable in model.variables if id(variable) not in figures]
    return [*own, *model.optimizer.variables]
