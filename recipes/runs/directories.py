"""Writes directories and files whole or not at all, and never in place of what was not given up."""

import glob
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from tempfile import mkdtemp

from ..data.files import COMPRESSED
from ..errors import UserError

# What regard itself writes into a directory: only such a one is ever replaced.
RUN_CONTENTS = frozenset(
    ["run.json", "config.yaml", "model", "metrics.json", "history.csv", "report"]
)
LATER = frozenset(["config.yaml"])  # runs of before are without it

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
    """Yields a new directory to write into, and renames it to `directory` when all is written.

    Whatever goes wrong on the way, what stood there before still stands there. If someone else has
    taken the name meanwhile, the new directory gets the name with a number. Until then it is in the
    folder `aside`, on the same disk, by default the parent of `directory`.

    Raises:
        UserError: As `check_output`, or if the disk does not take what is written.
    """
    check_output(directory, contents, overwrite)
    target = Path(os.path.abspath(directory))
    with _new_directory(
        directory, target.name, Path(os.path.abspath(aside or target.parent))
    ) as new:
        new.chmod(0o755)
        yield new
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
    """Yields the name of a new file to write, and renames that to `file` when all is written.

    Whatever goes wrong on the way, what stood there before still stands there.

    Raises:
        UserError: As `check_file_output`, or if the disk does not take what is written.
    """
    check_file_output(file, overwrite)
    target = Path(os.path.realpath(file))  # a link stays a link
    with _new_directory(file, target.name, target.parent) as directory:
        partial = directory / target.name
        yield partial
        if not overwrite and os.path.lexists(target):
            names = (target.with_name(f"{number}-{target.name}") for number in count(2))
            taken, target = target, next(name for name in names if not os.path.lexists(name))
            logger.warning("%s was taken meanwhile, so this is now %s", taken, target)
        partial.replace(target)


@contextmanager
def _new_directory(wanted: Path, name: str, aside: Path) -> Iterator[Path]:
    """Yields a new directory in the folder `aside`, and leaves nothing of it there.

    Errors of writing name what is `wanted`.
    """
    made = [path for path in (aside, *aside.parents) if not path.exists()]
    partial = None
    try:
        aside.mkdir(parents=True, exist_ok=True)
        partial = Path(mkdtemp(prefix=f".{name}.", dir=aside))
        yield partial
    except OSError as error:
        raise UserError(f"{wanted} cannot be written: {error.strerror or error}.") from error
    finally:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)
        for path in made:
            with suppress(OSError):  # it is in use now
                path.rmdir()


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


def _move(partial: Path, target: Path, contents: frozenset[str], overwrite: bool) -> None:
    if os.path.lexists(target):
        try:
            _check_replaceable(target, target, contents, overwrite)
        except UserError:
            names = (target.with_name(f"{target.name}-{number}") for number in count(2))
            taken, target = target, next(name for name in names if not os.path.lexists(name))
            logger.warning("%s was taken meanwhile, so this is now %s", taken, target)
    if not target.exists():
        partial.rename(target)
        return
    replaced = Path(mkdtemp(prefix=f".{target.name}.", dir=target.parent)) / target.name
    target.rename(replaced)
    try:
        partial.rename(target)
    except BaseException:
        replaced.rename(target)
        raise
    finally:
        shutil.rmtree(replaced.parent, ignore_errors=True)


def default_output(source: str | Path, prefix: str = "") -> Path:
    """Returns `runs/` and the name of the data: `runs/reviews` for `reviews.csv`."""
    source = str(source)
    if source.startswith("tfds:"):
        name = source.removeprefix("tfds:").replace("/", "-").replace(":", "-")
    else:
        path = Path(source)
        while glob.has_magic(path.name):  # of a pattern the folder
            path = path.parent
        name = Path(path.stem).stem if path.suffix.lower() in COMPRESSED else path.stem
    return Path("runs") / (prefix + name)


def state_directory(output: Path) -> Path:
    """Returns the directory of the state of several workers' training, until its run is written."""
    return output.with_name(f".{output.name}.state")


def model_directory(source: str | Path) -> str:
    """Returns `source`, the directory or name of a checkpoint, or the `model/` of a run."""
    is_run = not str(source).startswith("hf://") and (Path(source) / "run.json").exists()
    return str(Path(source) / "model") if is_run else str(source)
