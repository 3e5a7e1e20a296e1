"""Writes to stdout and stderr: what a terminal would act on is escaped, what is lost is an error.

Names, texts and errors of libraries may hold anything, also what moves a cursor or hides a line.
"""

import io
import os
import sys
from contextlib import suppress

import click

from ..names import one_line, printable


def say(message: str) -> None:
    """Says what is not a result, on stderr; where that takes nothing, the work still goes on."""
    with suppress(OSError):  # which `close_streams` knows of
        click.echo(printable(message), err=True)


def complain(error: object, before: str = "Error: ") -> None:
    """Says in one line of stderr what is wrong."""
    say(before + one_line(str(error)))


def show(text: str) -> None:
    """Shows a person a result on stdout."""
    click.echo(printable(text))


def give(data: object) -> None:
    """Gives data on stdout: just as it is to a file or a program, JSON as JSON always."""
    text = str(data)
    click.echo(printable(text) if sys.stdout.isatty() else text)


class _Raw(io.FileIO):
    """Keeps the error of a write: what is buffered above it may be gone when somebody asks."""

    problem: OSError | None = None

    def write(self, data):
        try:
            return super().write(data)
        except OSError as error:
            self.problem = error
            raise


def open_streams() -> None:
    """Makes stdout and stderr take any text, and keep in mind what they could not write."""
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            # It was closed: else the next file that is opened would get what is printed.
            os.open(os.devnull, os.O_RDONLY if name == "stdout" else os.O_RDWR)
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, os.fdopen(descriptor, mode, closefd=False))
    sys.stdout, sys.stderr = map(_kept_in_mind, (sys.stdout, sys.stderr))
    for stream in (sys.stdout, sys.stderr):  # lone surrogates come out as JSON escapes them
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _kept_in_mind(stream):
    try:
        raw = _Raw(stream.fileno(), "w", closefd=False)
    except OSError:  # of a stream in memory
        return stream
    return io.TextIOWrapper(io.BufferedWriter(raw), line_buffering=raw.isatty())


def problem_of_stdout() -> OSError | None:
    """Returns why stdout did not take what was written to it, if it did not."""
    return _problem_of(sys.stdout)


def close_streams(status: int) -> int:
    """Returns an exit status: not 0 where something that was written is lost.

    Nothing more is written then: Python would complain of it at its end.
    """
    for stream in (sys.stdout, sys.stderr):
        if problem := _problem_of(stream):
            if not isinstance(problem, BrokenPipeError):
                status = status or 1
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return status


def _problem_of(stream) -> OSError | None:
    try:
        stream.flush()
    except OSError as error:
        return error
    return getattr(getattr(stream.buffer, "raw", None), "problem", None)
