"""Commands, run as a person runs them."""

import io
import logging
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from unittest import mock

import pytest

from regard.recipes.cli import main


def regard(*arguments, text=None, variables=None, **options):
    """Runs `regard` in a process of its own, with further environment variables."""
    options = {"env": {**os.environ, **variables}, **options} if variables else options
    command = [sys.executable, "-m", "regard.recipes.cli", *map(str, arguments)]
    return subprocess.run(
        command, input=text, capture_output=True, text=True, encoding="utf-8", **options
    )


def regard_here(*arguments, text=""):
    """Runs `regard` in this process, which has TensorFlow already: seconds less each time.

    What libraries write to the terminal by themselves is not seen here, so where nothing but our
    own words may be on stderr, it takes `regard`.
    """
    output, errors = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    text = text.encode() if isinstance(text, str) else text
    given = io.TextIOWrapper(io.BytesIO(text), encoding="utf-8")
    logger = logging.getLogger("regard")
    before, level = (logger.handlers[:], logger.propagate), logger.level
    with (
        redirect_stdout(output),
        redirect_stderr(errors),
        mock.patch("sys.stdin", given),
        pytest.raises(SystemExit) as exit_,
    ):
        main([str(argument) for argument in arguments])
    logger.handlers[:], logger.propagate = before
    logger.setLevel(level)
    said = []
    for stream in (output, errors):
        stream.flush()
        said.append(stream.buffer.getvalue().decode())
    return subprocess.CompletedProcess(arguments, exit_.value.code, *said)


def mistake(*arguments):
    """Runs a command that is a mistake; returns what it says."""
    done = regard_here(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    return done.stderr
