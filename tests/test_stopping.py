"""Signals that end a process: what the training does of them, and what the command line does."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from regard.recipes.cli import commands
from regard.recipes.errors import Terminated
from regard.recipes.training import stopping
from regard.recipes.training.stopping import Stopping


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)]
)
def test_a_signal_waits_for_the_step(number, error):
    before = signal.getsignal(number)
    with pytest.raises(error), Stopping() as current:
        current.defers = True
        os.kill(os.getpid(), number)
        assert current.signal == number
        os.kill(os.getpid(), number)  # the same, from whoever passes it on
        current.leave()
    assert signal.getsignal(number) == before


def test_a_second_one_ends_at_once(monkeypatch):
    monkeypatch.setattr(stopping, "AGAIN_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt), Stopping() as current:
        current.defers = True
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("nothing was raised")


def test_without_a_step_it_ends_at_once():
    with pytest.raises(Terminated), Stopping():
        os.kill(os.getpid(), signal.SIGTERM)
        pytest.fail("nothing was raised")


def test_what_nobody_is_to_hear_of_is_left_alone():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Stopping():
            assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_takes_none():
    seen = []

    def train():
        with Stopping():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]


# Key derivation does not look at signals, and lets other threads run, as TensorFlow's steps.
WAITING = """
import hashlib, sys
from regard.recipes.cli import signals
signals.GRACE_SECONDS = {grace}
signals.AGAIN_SECONDS = 0.0
with signals.ended_by_signals():
    print("ready", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("again", [False, True])
def test_a_process_that_waits(number, again):
    """It ends after a grace, or at once when it is told again."""
    program = WAITING.format(grace=60.0 if again else 0.3)
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.3)  # for it to wait
        process.send_signal(number)
        if again:
            time.sleep(0.2)
            process.send_signal(number)
        _, said = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 128 + number
    assert said.count("\n") == 1 and "run the same command again" in said


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Terminated()])
def test_the_command_line_says_how_to_go_on(error, monkeypatch, capsys):
    def stop(*_):
        error.add_note("The training is kept in a place.")
        raise error

    monkeypatch.setattr(commands.cli, "invoke", stop)
    status = 128 + (signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT)
    assert commands.run_command(["fit", "text", "a.csv"]) == status
    assert capsys.readouterr().err == "Stopped. The training is kept in a place.\n"
