"""Runs a model in one thread, on batches of what several clients ask at the same time."""

import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Thread
from typing import NamedTuple

import numpy as np

from .json_tensors import Tensors

WINDOW = 0.002  # seconds that the first of a batch waits for others
MOST_ROWS = 64  # of a batch; a request that has more is a batch of its own


class Asked(NamedTuple):
    """Holds what a client asks, and what the answer is put into."""

    signature_name: str
    inputs: Tensors
    answer: Future

    @property
    def rows(self) -> int | None:
        """Returns how many rows the inputs have, or None if they have not all as many."""
        sizes = {len(tensor) if tensor.ndim else None for tensor in self.inputs.values()}
        return sizes.pop() if len(sizes) == 1 else None

    @property
    def kind(self) -> tuple:
        """Returns what must be the same for two to be answered in one batch."""
        shapes = {name: tensor.shape[1:] for name, tensor in self.inputs.items()}
        return self.signature_name, *sorted(shapes.items())


class Batcher:
    """Answers what many threads ask by a function that one thread runs.

    What comes within a moment is answered together. Where that fails, or does not give as many rows
    as were asked, each is answered alone, so that nobody has the error of another.

    Args:
        run: Takes the name of a signature and its inputs, and gives its outputs.
        alone: Names of signatures whose requests are answered one by one. Defaults to none.
    """

    def __init__(self, run: Callable[[str, Tensors], Tensors], alone: Collection[str] = ()):
        self._run = run
        self._alone = alone
        self._queue: SimpleQueue[Asked | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name="model", daemon=True)
        self._thread.start()

    def ask(self, signature_name: str, inputs: Tensors) -> Tensors:
        """Returns the outputs of a signature, or raises what running it raised."""
        asked = Asked(signature_name, inputs, Future())
        self._queue.put(asked)
        return asked.answer.result()

    def close(self, timeout: float | None = None) -> None:
        """Answers what has been asked, and ends the thread; waits some seconds at most."""
        self._queue.put(None)
        self._thread.join(timeout)

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            waiting = [first, *self._within_the_window(first.rows or MOST_ROWS)]
            kinds: dict[tuple, list[Asked]] = {}
            for asked in waiting:
                kinds.setdefault(asked.kind, []).append(asked)
            for alike in kinds.values():
                is_alone = alike[0].signature_name in self._alone
                for batch in ([each] for each in alike) if is_alone else _batches(alike):
                    self._answer(batch)

    def _within_the_window(self, rows: int) -> Iterator[Asked]:
        """Yields what else is asked until the window closes or a batch is full."""
        until = time.monotonic() + WINDOW
        while rows < MOST_ROWS:
            try:
                asked = self._queue.get(timeout=max(0.0, until - time.monotonic()))
            except Empty:
                return
            if asked is None:  # left for the thread to end by
                self._queue.put(None)
                return
            rows += asked.rows or MOST_ROWS
            yield asked

    def _answer(self, batch: list[Asked]) -> None:
        try:
            outputs = self._run(batch[0].signature_name, _joined(batch))
            parts = _divided(outputs, batch)
        except Exception as error:
            if len(batch) == 1:
                batch[0].answer.set_exception(error)
                return
            for asked in batch:
                self._answer([asked])
            return
        for asked, part in zip(batch, parts, strict=True):
            asked.answer.set_result(part)


def _batches(alike: list[Asked]) -> Iterator[list[Asked]]:
    """Divides requests of one kind into batches that have not too many rows."""
    batch: list[Asked] = []
    rows = 0
    for asked in alike:
        own = MOST_ROWS if asked.rows is None else asked.rows
        if batch and rows + own > MOST_ROWS:
            yield batch
            batch, rows = [], 0
        batch.append(asked)
        rows += own
    yield batch


def _joined(batch: list[Asked]) -> Tensors:
    if len(batch) == 1:
        return batch[0].inputs
    return {
        name: np.concatenate([asked.inputs[name] for asked in batch]) for name in batch[0].inputs
    }


def _divided(outputs: Tensors, batch: list[Asked]) -> list[Tensors]:
    """Gives each request its rows of the outputs."""
    if len(batch) == 1:
        return [outputs]
    ends = np.cumsum([asked.rows for asked in batch])
    for name, tensor in outputs.items():
        if not tensor.ndim or len(tensor) != ends[-1]:
            raise ValueError(f"{name} must have {ends[-1]} rows. Received: {tensor.shape}")
    parts = {name: np.split(tensor, ends[:-1]) for name, tensor in outputs.items()}
    return [{name: each[index] for name, each in parts.items()} for index in range(len(batch))]
