"""Stops whatever writes at any of its writes, flushes and renames: by errors, and by death."""

import errno
import os
import shutil
from contextlib import contextmanager
from unittest import mock

from regard.models import disk

ALL = os.environ.get("REGARD_FAULTS") == "all"  # takes minutes
KILLED = 9
ERRORS = {
    "full": lambda: OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
    "broken": lambda: OSError(errno.EIO, os.strerror(errno.EIO)),
    "out of memory": MemoryError,
}


@contextmanager
def watched(see):
    """Calls `see(number, what, path)` before each write, flush and rename, numbered from 0."""
    numbers = iter(range(10**9))
    with mock.patch.object(disk, "watch", lambda what, path: see(next(numbers), what, path)):
        yield


def steps_of(act):
    """Does something; returns what it writes, flushes and renames, in order."""
    steps = []
    with watched(lambda number, what, path: steps.append((what, str(path)))):
        act()
    return steps


def fail_at(step, make_error, act):
    """Does something with an error at one step; returns what it raises at last."""

    def see(number, what, path):
        if number == step:
            raise make_error()

    try:
        with watched(see):
            act()
    except Exception as error:
        return error
    return None


def kill_at(step, act):
    """Does something in a process that dies at one step, as SIGKILL has it: nothing is tidied."""

    def see(number, what, path):
        if number == step:
            os._exit(KILLED)

    child = os.fork()
    if not child:
        try:
            with watched(see):
                act()
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == KILLED


def contents(folder):
    """Returns what is in a folder, by path: the bytes of files, None for folders."""
    found = ((str(path.relative_to(folder)), path) for path in folder.rglob("*"))
    return {name: path.read_bytes() if path.is_file() else None for name, path in found}


def seen(found):
    """Returns of the contents of a folder what is not hidden, as `ls` has it."""
    return {name: content for name, content in found.items() if not name.startswith(".")}


class Walk:
    """Goes through all steps of a command that writes into a folder, the same bytes each time.

    Args:
        folder: The folder; all that is in it must be the command's.
        command: What writes. Done again, it must do as well.
        prepare: Puts there what is there before; by default nothing is.
        recover: What commands do that read there, before they do.
        kept: The hidden name of what may be left, for the same command to go on with.
    """

    def __init__(self, folder, command, prepare=lambda: None, recover=lambda: None, kept="?"):
        self.kept = kept
        self.folder, self.command = folder, command
        self.prepare, self.recover = prepare, recover
        self._begin()
        self.old = contents(folder)
        self.steps = steps_of(command)
        self.new = contents(folder)
        command()
        self.again = contents(folder)
        assert self.old != self.new and seen(self.again) == self.again

    def _begin(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.prepare()

    def fail(self, number, make_error):
        """Fails at a step: one line is said, and nothing is left of it."""
        error = fail_at(number, make_error, self.command)
        assert type(error).__name__ == "UserError" and "\n" not in str(error), error
        self.recover()
        found = contents(self.folder)
        assert set(found) - set(seen(found)) <= {name for name in found if self.kept in name}
        assert seen(found) in (seen(self.old), self.new)

    def kill(self, number):
        """Dies at a step, and does the same again: nothing is left of the first time."""
        kill_at(number, self.command)
        self.recover()
        assert seen(contents(self.folder)) in (seen(self.old), self.new)
        self.command()
        assert contents(self.folder) in (self.new, self.again)

    def go(self, way):
        """Stops at each step in one of the `WAYS`; in the quick ones, at some. Returns how many."""
        tried = [number for number in range(len(self.steps)) if ALL or self._is_tried(number, way)]
        for number in tried:
            self._begin()
            try:
                if way == "killed":
                    self.kill(number)
                else:
                    self.fail(number, ERRORS[way])
            except AssertionError as error:
                raise AssertionError(f"{way} at step {number}, {self.steps[number]}") from error
        return len(tried)

    def _is_tried(self, number, way):
        """All for a full disk; or else around each rename, and at every fifth step."""
        around = self.steps[max(0, number - 1) : number + 2]
        return way == "full" or number % 5 == 0 or any(what == "rename" for what, _ in around)


WAYS = [*ERRORS, "killed"]
