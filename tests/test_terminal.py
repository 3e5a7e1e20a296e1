"""What a terminal would act on is escaped, and what stdout does not take is one line."""

import io
import json
import logging
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from commands import regard, regard_here
from regard.recipes.cli import terminal
from regard.recipes.log import OneLine
from regard.recipes.names import one_line, printable

UNSAFE = {
    "\x1b[2J": r"\u001b[2J",
    "\r": r"\u000d",
    "\b": r"\u0008",
    "\x7f": r"\u007f",
    "\x9b31m": r"\u009b31m",
    "\u202e": r"\u202e",
    "\u2066": r"\u2066",
    "\u200f": r"\u200f",
    "\u200b": r"\u200b",
    "\ufeff": r"\ufeff",
    "\u2028": r"\u2028",
    "\ud800": r"\ud800",
    "\U000e0041": r"\udb40\udc41",
}
SAFE = "Größe, 北京, نوشته\u200cها, क्\u200dष, 👩\u200d🔬, a\u00a0b, \ue000, \\u001b"


@pytest.mark.parametrize("text", UNSAFE)
def test_escaped(text):
    assert printable(f"a{text}b") == one_line(f"a{text}b") == f"a{UNSAFE[text]}b"
    if text != "\ud800":
        value = {f"a{text}": text}
        assert json.loads(printable(json.dumps(value, ensure_ascii=False))) == value


def test_all_else_stays():
    assert printable(f"{SAFE}\n\t") == f"{SAFE}\n\t"
    assert one_line("a\n\tb") == r"a\u000a\u0009b"


def test_a_line_of_the_log_is_one_line():
    record = logging.makeLogRecord({"msg": "%s: read", "args": ("a\x1b[2J\nError: b",)})
    assert OneLine().format(record) == r"a\u001b[2J\u000aError: b: read"
    try:
        raise ValueError("\x1b[2J")
    except ValueError:
        record.exc_info = sys.exc_info()
    lines = OneLine().format(record).splitlines()
    assert len(lines) > 3
    assert lines[-1] == r"ValueError: \u001b[2J"


NAME = "no\x1b[2J\x9b\u202e\nError: run"


@pytest.mark.parametrize(
    "arguments", [["info", NAME], ["list", NAME], ["predict", NAME, "a"], ["evaluate", NAME]]
)
def test_names_in_errors(arguments):
    done = regard_here(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(r"Error: no\u001b[2J\u009b\u202e\u000aError: run ")
    assert done.stderr.count("\n") == 1


def test_words_that_are_mistyped():
    said = regard_here("fit", "\x9b\u202e").stderr
    assert "No such command" in said
    assert "\x9b" not in said
    assert "\u202e" not in said


def given_to_a_terminal(text):
    """What a terminal gets of a result."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as stream, mock.patch("sys.stdout", stream):
        terminal.give(text)
    return os.read(ours, 1000).decode()


def test_results_are_escaped_at_a_terminal_alone():
    text = "a\u202e\tb\x9b"
    assert given_to_a_terminal(text) == "a\\u202e\tb\\u009b\r\n"
    with mock.patch("sys.stdout", io.StringIO()) as file:
        terminal.give(text)
        assert file.getvalue() == f"{text}\n"
    with mock.patch("sys.stdout", io.StringIO()) as file:
        terminal.show(text)  # people read it, wherever it goes
        assert file.getvalue() == "a\\u202e\tb\\u009b\n"


def run(redirections, *arguments):
    command = f'exec "$0" -m regard.recipes.cli "$@" {redirections}'
    return subprocess.run(
        ["sh", "-c", command, sys.executable, *arguments], capture_output=True, text=True
    )


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_a_stdout_that_takes_nothing(arguments):
    full, closed = (run(each, *arguments) for each in (">/dev/full", ">&-"))
    for done, reason in ((full, "No space left on device"), (closed, "Bad file descriptor")):
        assert done.returncode == 1
        assert done.stderr.startswith(f"Error: standard output cannot be written: {reason}.")
        assert done.stderr.count("\n") == 1


def test_a_stderr_that_takes_nothing():
    assert run("2>/dev/full", "list", "nowhere").returncode != 0
    assert run("2>&-", "list", "nowhere").returncode != 0
    assert run("2>/dev/full", "--version").stdout.startswith("regard")
    assert run(">&- 2>&-", "--version").returncode == 1


def test_a_reader_that_has_gone():
    command = [sys.executable, "-m", "regard.recipes.cli", "--help"]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_lack_of_memory_is_no_defect():
    with mock.patch("regard.recipes.cli.runs.find_runs", side_effect=MemoryError):
        done = regard_here("list")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: there is not enough memory (MemoryError). Take smaller")


def test_one_closed_stream_is_not_another(tmp_path):
    """What is opened next must not be what `print` writes into."""
    done = regard("list", str(tmp_path), preexec_fn=lambda: os.close(0))
    assert (done.returncode, done.stdout) == (0, "")


def test_all_that_is_printed_goes_one_way():
    rooms = Path(terminal.__file__).parents[1]
    printing = re.compile(r"(?<![\w.])(click\.echo|click\.secho|print)\(")
    found = {path.name for path in rooms.rglob("*.py") if printing.search(path.read_text("utf-8"))}
    # The check of an export prints one line of JSON, for the process that began it.
    assert found == {"terminal.py", "verify_export.py"}
