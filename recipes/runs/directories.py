"""Writes directories and files whole or not at all, and never in place of what was not given up."""

import errno
import glob
import hashlib
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count
from pathlib import Path

from ...models import disk
from ..data.suffixes import ARCHIVES, COMPRESSED
from ..errors import UserError, reason_of
from .workspaces import clear, drop, workspace

REPORT, REPORT_PAGE = "report", "index.html"  # a folder of a run, and the page in it
# What regard itself writes into a directory: only such a one is ever replaced.
RUN_CONTENTS = frozenset(
    ["run.json", "config.yaml", "model", "metrics.json", "history.csv", REPORT]
)
LATER = frozenset(["config.yaml"])  # runs of before are without it
TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)  # a name, in the words of `rename`

MOST_BYTES = 220  # of a name in longer ones, of which most disks take 255

logger = logging.getLogger("regard")


def check_output(directory: Path, contents: frozenset[str], overwrite: bool = False) -> None:
    """Makes sure, before any work, that a directory may be written later. Writes nothing.

    With `overwrite` a directory that holds just `contents`, by their names, may be replaced.

    Raises:
        UserError: If the directory exists and may not be replaced, or cannot be written.
    """
    target = Path(os.path.abspath(directory))
    if os.path.lexists(target):
        _check_replaceable(directory, target, contents, overwrite)
    check_writable(directory)


def check_writable(directory: Path) -> None:
    """Makes sure that a directory can be made, or written if it is there. Writes nothing.

    Raises:
        UserError: If it is a file or in one, or may not be written.
    """
    target = Path(os.path.abspath(directory))
    nearest = next(path for path in (target, *target.parents) if os.path.lexists(path))
    if not nearest.is_dir():
        raise UserError(f"{directory} cannot be written: {nearest} is not a directory.")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise UserError(f"{directory} cannot be written: {nearest} may not be changed.")


@contextmanager
def written_aside(
    directory: Path, contents: frozenset[str], overwrite: bool = False, aside: Path | None = None
) -> Iterator[Path]:
    """Yields a new directory to write into, and renames it to `directory` when all is on disk.

    Whatever goes wrong on the way, what stood there before still stands there; if the process is
    killed while the two change places, `restore` brings it back. If someone else has taken the name
    meanwhile, the new directory gets the name with a number. Until then it is in the folder
    `aside`, on the same disk, by default the parent of `directory`.

    Raises:
        UserError: As `check_output`, or if the disk does not take what is written.
    """
    target = Path(os.path.abspath(directory))
    with said_of(directory):
        restore(target)
    check_output(directory, contents, overwrite)
    place = Path(os.path.abspath(aside or target.parent))
    with said_of(directory), workspace(place, _prefix(target, "partial")) as work:
        new = work / "new"
        new.mkdir()
        yield new
        disk.flush_all(new)
        _move(new, target, contents, overwrite)


def check_file_output(file: Path, overwrite: bool = False) -> None:
    """Makes sure, before any work, that a file may be written later. Writes nothing.

    Raises:
        UserError: If it exists and may not be replaced, or cannot be written.
    """
    target = Path(os.path.realpath(file))
    if target.exists() and not target.is_file():
        raise UserError(f"{file} is no file, so it is not replaced. Name a file with --output.")
    if target.exists() and not overwrite:
        raise UserError(
            f"{file} exists. Pass --overwrite to replace it, or name another file with --output."
        )
    check_writable(target.parent)


@contextmanager
def file_written_aside(file: Path, overwrite: bool = False) -> Iterator[Path]:
    """Yields the name of a new file to write, and renames that to `file` when all is on disk.

    Whatever goes wrong on the way, what stood there before still stands there.

    Raises:
        UserError: As `check_file_output`, or if the disk does not take what is written.
    """
    check_file_output(file, overwrite)
    target = Path(os.path.realpath(file))  # a link stays a link
    with said_of(file), workspace(target.parent, _prefix(target, "partial")) as work:
        new = work / target.name
        yield new
        disk.flush(new)
        if overwrite:
            _keep_mode(new, target)
            disk.rename(new, target)
            return
        for name in _names(target, "{number}-{name}"):
            with suppress(FileExistsError):
                disk.rename_to_free(new, name)
                return


@contextmanager
def said_of(wanted: Path) -> Iterator[None]:
    """Says in one line that something is not written, if a disk or memory is full or fails.

    If it is by a file elsewhere, such as one that was to be read, it is named.
    """
    try:
        yield
    except (OSError, MemoryError) as error:
        file, reason = getattr(error, "filename", None), reason_of(error)
        place = os.path.dirname(os.path.abspath(wanted))
        if isinstance(file, str) and not Path(os.path.abspath(file)).is_relative_to(place):
            reason = f"{file}: {reason}"
        raise UserError(f"{wanted} cannot be written: {reason}.") from error


def _check_replaceable(
    directory: Path, target: Path, contents: frozenset[str], overwrite: bool
) -> None:
    if not overwrite:
        raise UserError(
            f"{directory} exists. Pass --overwrite to replace it, or name another directory with "
            "--output."
        )
    found = set(os.listdir(target)) if target.is_dir() else {"a file"}
    if found and found | (contents & LATER) != contents:
        strange = ", ".join(sorted(found - contents)[:5]) or "an incomplete one"
        raise UserError(
            f"{directory} is not just what regard writes, so --overwrite does not replace it. "
            f"Found: {strange}. Move that away, or name another directory with --output."
        )
    if target.is_symlink() or os.path.ismount(target) or Path.cwd().is_relative_to(target):
        raise UserError(
            f"{directory} is a link, a mount or the current directory, which cannot be replaced. "
            "Name a directory within it with --output."
        )


def _move(new: Path, target: Path, contents: frozenset[str], overwrite: bool) -> None:
    """Gives a directory a name; if that is taken, and may not be replaced, another with a number.

    Nobody can come in between: no directory is renamed to one in which there is something.
    """
    for name in _names(target, "{name}-{number}"):
        try:
            if os.path.lexists(name):
                _check_replaceable(name, name, contents, overwrite)
                _exchange(new, name)
            else:
                disk.rename(new, name)
            return
        except (UserError, OSError) as error:
            is_taken = isinstance(error, UserError) or error.errno in TAKEN
            # What was there may have gone meanwhile: another process is about to replace it.
            if not is_taken and not (isinstance(error, FileNotFoundError) and new.exists()):
                raise


def _names(target: Path, numbered: str) -> Iterator[Path]:
    """Yields names for what is written, the wanted one first; says so from the second on."""
    yield target
    for number in count(2):
        name = target.with_name(numbered.format(name=target.name, number=number))
        if not os.path.lexists(name):
            logger.warning("%s was taken meanwhile, so this is now %s", target, name)
            yield name


def _exchange(new: Path, target: Path) -> None:
    """Puts a new directory in the place of another, which is kept until the new one is there."""
    _keep_mode(new, target)
    with workspace(target.parent, _prefix(target, "replaced"), partial(_settle, target)) as work:
        old = work / "old"
        disk.rename(target, old)
        try:
            disk.rename(new, target)
        except OSError as error:
            if error.errno in TAKEN:  # by one that is newer, so that the old one is not put back
                disk.rename(old, work / "gone")
            raise
        disk.rename(old, work / "gone")  # so that no part of it is ever put back


def _settle(target: Path, work: Path) -> None:
    """Ends an exchange: the old directory goes if there is a new one, or else is put back."""
    old = work / "old"
    if os.path.lexists(old):
        is_back = not os.path.lexists(target)
        disk.rename(old, target if is_back else work / "gone")
    drop(work)


def restore(directory: Path) -> None:
    """Brings back a directory if a process was killed while it was replaced."""
    target = Path(os.path.abspath(directory))
    was_there = os.path.lexists(target)
    clear(target.parent, _prefix(target, "replaced"), partial(_settle, target))
    if os.path.lexists(target) and not was_there:
        logger.warning(
            "%s is what it was before: a process was killed while it replaced it.", directory
        )


def _prefix(target: Path, kind: str) -> str:
    """Returns how the names of workspaces begin in which something gets a name, and no others."""
    return f".{_short(target.name)}.{kind}-"


def _short(name: str) -> str:
    """Returns a name, or its hash where it is so long that nothing can be added to it."""
    if len(os.fsencode(name)) <= MOST_BYTES:
        return name
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:32]


def _keep_mode(new: Path, target: Path) -> None:
    """Gives what is new the permissions of what it replaces."""
    if os.path.exists(target):
        shutil.copymode(target, new)


def default_output(source: str | Path, prefix: str = "") -> Path:
    """Returns `runs/` and the name of the data: `runs/reviews` for `reviews.csv`."""
    source = str(source)
    if source.startswith("tfds:"):
        name = source.removeprefix("tfds:").replace("/", "-").replace(":", "-")
    else:
        path = Path(source)
        while glob.has_magic(path.name):  # of a pattern the folder
            path = path.parent
        while path.suffix.lower() in (*COMPRESSED, *ARCHIVES):
            path = Path(path.stem)
        name = path.stem
    return Path("runs") / (prefix + name)


def state_directory(output: Path) -> Path:
    """Returns the directory of the states of a training, until its run is written."""
    return output.with_name(f".{_short(output.name)}.state")


def holds_run(directory: Path) -> bool:
    """Returns whether a directory is a run, once it is back if a process died replacing it."""
    if not os.path.exists(directory):
        with suppress(OSError):  # this may be a disk on which nothing can be changed
            restore(directory)
    return os.path.exists(directory / "run.json")


def model_directory(source: str | Path) -> str:
    """Returns `source`, the directory or name of a checkpoint, or the `model/` of a run."""
    is_run = not str(source).startswith("hf://") and holds_run(Path(source))
    return str(Path(source) / "model") if is_run else str(source)
