"""Ends a training on SIGINT (Ctrl-C) or SIGTERM: between two steps, once its state is kept."""

import signal
import threading
import time
from typing import Self

from ..errors import Terminated

SIGNALS = (signal.SIGINT, signal.SIGTERM)
AGAIN_SECONDS = 1.0  # two within it, as from a terminal and from a parent, ask for one thing


class Stopping:
    """Takes the signals that end a process while a training is under way.

        with Stopping() as stopping:
            ...

    What had the signals before gets them: at once, or, while it `defers`, when the training calls
    `leave`, or a second signal comes. So SIGINT raises `KeyboardInterrupt`, as anywhere in Python,
    and SIGTERM, where nobody else takes it, `Terminated`. Only the main thread of Python may take
    signals; elsewhere none come.

    Attributes:
        signal: The signal that has come; None as long as there is none.
        defers: Whether a signal waits for `leave`.
    """

    def __init__(self):
        self.signal: int | None = None
        self.defers = False
        self._came = -AGAIN_SECONDS
        self._before = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for each in SIGNALS:
                handler = signal.getsignal(each)
                if handler not in (signal.SIG_IGN, None):  # those that nobody is to hear of
                    self._before[each] = handler
                    signal.signal(each, self._receive)
        return self

    def __exit__(self, *_) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)

    def leave(self) -> None:
        """Hands on the signal that has come, if any, which raises what ends the training."""
        number, self.signal, self.defers = self.signal, None, False
        if number is None:
            return
        handler = self._before.get(number)
        if not callable(handler):
            raise Terminated
        handler(number, None)

    def _receive(self, number: int, frame) -> None:
        now = time.monotonic()
        if now - self._came < AGAIN_SECONDS:
            return
        is_second = self.signal is not None
        self.signal, self._came = number, now
        if is_second or not self.defers:
            self.leave()
