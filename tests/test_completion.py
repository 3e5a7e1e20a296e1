"""Completion of commands and options by a shell, which is click's own."""

import pytest

from commands import regard


def complete(line):
    words = line.split(" ")
    environment = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    done = regard(variables={"_REGARD_COMPLETE": "bash_complete", **environment})
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("regard fit t", ["plain,text", "plain,tokens", "plain,translation"]),
        ("regard fit text reviews.csv --pre", ["plain,--preset", "plain,--precision"]),
        ("regard fit images flowers --strategy m", ["plain,mirrored", "plain,multiworker"]),
        ("regard fit text rev", ["file,rev"]),
    ],
)
def test_a_shell_completes(line, expected):
    assert complete(line) == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_told_how(shell):
    done = regard(variables={"_REGARD_COMPLETE": f"{shell}_source"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "_regard_completion" in done.stdout
