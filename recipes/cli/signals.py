"""Ends a command on SIGINT (Ctrl-C) or SIGTERM, also while Python waits for TensorFlow."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import Terminated

GRACE_SECONDS = 20.0  # to finish a step, keep the state and leave; Kubernetes kills after 30
AGAIN_SECONDS = 1.0  # two within it, as from a terminal and from a parent, ask for one thing
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Makes SIGTERM raise `Terminated`, as SIGINT raises `KeyboardInterrupt`.

    Python's handlers do not run while TensorFlow computes, or waits for another worker. So a thread
    watches, and ends the process `GRACE_SECONDS` after a signal, or at once when another one comes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    before = signal.getsignal(signal.SIGTERM)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGTERM, _terminate)
    descriptor = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(receiver,), daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(descriptor)
        signal.signal(signal.SIGTERM, before)
        sender.close()


def _terminate(number, frame):
    raise Terminated


def _watch(receiver: socket.socket) -> None:
    """Ends the process some time after the first signal that is to end it."""
    first = came = None
    with receiver:
        while True:
            try:
                numbers = receiver.recv(1)
            except TimeoutError:
                break
            if not numbers:  # the command is done
                return
            number, now = numbers[0], time.monotonic()
            if number not in SIGNALS or signal.getsignal(number) is signal.SIG_IGN:
                continue
            if first is not None and now - came > AGAIN_SECONDS:
                break
            if first is None:
                first, came = number, now
                receiver.settimeout(GRACE_SECONDS)
    message = "Stopped in the middle of a step: run the same command again to go on.\n"
    os.write(2, message.encode())
    os._exit(128 + first)
