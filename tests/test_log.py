"""The lines of the logger "regard": seen by who configured nothing, and never twice."""

import logging
import subprocess
import sys

import pytest

import regard.recipes  # noqa: F401  shows lines
from regard.recipes.log import FallbackHandler

IMPORT = "import regard.recipes"
SAY = "logging.getLogger('regard').info('a line'); logging.getLogger('regard').warning('a warning')"
LOUD, QUIET = "logging.basicConfig(level='INFO')", "logging.basicConfig()"
OWN_HANDLER = "logging.getLogger('regard').addHandler(logging.StreamHandler())"


def said(*lines):
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(["import logging, sys", *lines])],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "")
    return done.stderr.splitlines()


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([IMPORT], ["a line", "a warning"]),
        ([IMPORT, "sys.stderr = sys.__stderr__ = open(2, 'w')"], ["a line", "a warning"]),
        ([IMPORT, "logging.getLogger('regard').setLevel('WARNING')"], ["a warning"]),
        (["logging.getLogger('regard').setLevel('WARNING')", IMPORT], ["a warning"]),
        ([IMPORT, OWN_HANDLER], ["a line", "a warning"]),
        ([IMPORT, "logging.basicConfig(filename='/dev/null', level='INFO')"], []),
    ],
)
def test_lines_in_a_script(lines, expected):
    assert said(*lines, SAY) == expected


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        (LOUD, ["INFO:regard:a line", "WARNING:regard:a warning"]),
        (QUIET, ["WARNING:regard:a warning"]),
        (
            f"{QUIET}; logging.getLogger('regard').setLevel('INFO')",
            ["INFO:regard:a line", "WARNING:regard:a warning"],
        ),
    ],
)
def test_what_a_program_configures_holds(configuration, expected):
    """Before the import as after it."""
    assert said(configuration, IMPORT, SAY) == expected
    assert said(IMPORT, configuration, SAY) == expected


def test_a_test_sees_them(caplog):
    assert any(isinstance(each, FallbackHandler) for each in logging.getLogger("regard").handlers)
    logging.getLogger("regard").info("not asked for")
    caplog.set_level("INFO", "regard")
    logging.getLogger("regard").info("asked for")
    assert caplog.messages == ["asked for"]
