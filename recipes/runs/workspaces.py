"""Gives what is being written a place of its own, and clears what killed processes left in theirs.

A workspace holds a lock that dies with its process, so that nobody takes one from the living.
"""

import glob
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from filelock import FileLock, Timeout

LOCK = "lock"


def drop(directory: Path) -> None:
    """Deletes a workspace with all that is in it, the lock last."""
    for path in directory.glob("*"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != LOCK:
            with suppress(OSError):
                path.unlink()
    shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def workspace(place: Path, prefix: str, end: Callable[[Path], None] = drop) -> Iterator[Path]:
    """Yields a new directory in a folder, which is made if missing; nothing of it is left there.

    Those of dead processes with the same prefix are cleared first. Whatever happens, `end` is
    called with the directory, and deletes it.
    """
    clear(place, prefix, end)
    made = [path for path in (place, *place.parents) if not path.exists()]
    try:
        place.mkdir(parents=True, exist_ok=True)
        directory, lock = _new(place, prefix)
        try:
            yield directory
        finally:
            try:
                end(directory)
            finally:
                lock.release()
    finally:
        for path in made:
            with suppress(OSError):  # it is in use now
                path.rmdir()


def clear(place: Path, prefix: str, end: Callable[[Path], None] = drop) -> None:
    """Ends the user's workspaces with a prefix whose processes are dead.

    On a disk without locks nobody knows which those are, and they stay.
    """
    for directory in place.glob(glob.escape(prefix) + "?" * 8):  # as `mkdtemp` names them
        lock = FileLock(directory / LOCK)
        try:
            if directory.lstat().st_uid != os.geteuid():
                continue
            lock.acquire(blocking=False)
        except (Timeout, NotImplementedError, OSError):  # alive, perhaps alive, gone
            continue
        try:
            end(directory)
        finally:
            lock.release()


def _new(place: Path, prefix: str) -> tuple[Path, FileLock]:
    while True:
        directory = Path(mkdtemp(prefix=prefix, dir=place))
        lock = FileLock(directory / LOCK)
        with suppress(Timeout, FileNotFoundError):  # someone thought that it was a dead one's
            with suppress(NotImplementedError):  # by the disk
                lock.acquire(blocking=False)
            if os.path.isdir(directory):
                return directory, lock
