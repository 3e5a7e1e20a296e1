"""Writes to disk so that a crash, at any instant, leaves what was there or what is new, and whole.

Write into a directory that nobody reads yet, `flush` it, and then `rename` it, or the file. All
writes, flushes and renames of the project go through here, and pass `watch` before anything is
done: there tests count them, and stop a command at any one of them.
"""

import errno
import io
import os
import shutil
from pathlib import Path
from typing import IO


def watch(what: str, path: str | Path) -> None:
    """Is called before each "write", "flush" and "rename" of a path; tests take its place."""


class _File(io.FileIO):
    def write(self, data):
        watch("write", self.name)
        return super().write(data)


def create(path: str | Path, encoding: str | None = None, newline: str | None = None) -> IO:
    """Opens a new file, of bytes or of text in an encoding, in place of what is there."""
    file = io.BufferedWriter(_File(str(path), "w"))
    return file if encoding is None else io.TextIOWrapper(file, encoding, newline=newline)


def write_bytes(path: str | Path, data: bytes) -> None:
    """Writes a whole file."""
    with create(path) as file:
        file.write(data)


def write_text(path: str | Path, text: str) -> None:
    """Writes a whole file in UTF-8, line breaks as they are."""
    write_bytes(path, text.encode())


def flush(path: str | Path) -> None:
    """Waits until a file, or the entries of a directory, are on disk."""
    watch("flush", path)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL or not os.path.isdir(path):  # some disks flush no directory
            raise
    finally:
        os.close(descriptor)


def flush_all(directory: Path) -> None:
    """Waits until all that is in a directory, and it itself, is on disk."""
    for path in [*directory.rglob("*"), directory]:
        flush(path)


def rename(path: Path, new: Path) -> None:
    """Renames a file or a directory, in place of a file or an empty directory, and flushes that."""
    watch("rename", new)
    os.replace(path, new)
    flush(new.parent)


def rename_to_free(path: Path, new: Path) -> None:
    """Renames a file, and flushes that, unless the name is taken.

    Raises:
        FileExistsError: If it is.
    """
    watch("rename", new)
    try:
        os.link(path, new)
    except OSError as error:
        if error.errno == errno.EEXIST or os.path.lexists(new):
            raise FileExistsError(errno.EEXIST, "File exists", str(new)) from error
        os.replace(path, new)  # on a disk without links, on which nobody can be kept out
    flush(new.parent)


def check_room(path: Path, needed: int) -> None:
    """Makes sure that the disk has room for some more bytes in a path, which need not be there.

    Raises:
        OSError: If it has not.
    """
    place = next(each for each in (path, *path.absolute().parents) if each.exists())
    free = shutil.disk_usage(place).free
    if free < needed:
        sizes = f"{needed / 1e6:,.0f} MB are needed and {free / 1e6:,.0f} MB are free"
        raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)}: {sizes}", str(path))
