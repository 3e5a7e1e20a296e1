"""Keeps the directory of an interrupted training's states, until its run is written."""

import hashlib
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock

from ...models import disk
from ..errors import UserError, WorkerLost
from ..training.states import PARTIAL, SUFFIX
from .directories import state_directory

LOCK_SECONDS = 1.0  # for another process to see that there is nothing to keep
LOCK, WRITTEN = "lock", "written"  # files beside the states

logger = logging.getLogger("regard")


@contextmanager
def kept_until_written(output: Path) -> Iterator[Path]:
    """Opens the directory of the states of a run's training, for nobody else meanwhile.

    What a dead process left there, but for states, is cleared away. The directory goes when
    all within is done, and where it would stay without a state.

    Raises:
        UserError: If another training has it, or it cannot be written.
    """
    directory = state_directory(output)
    made = [path for path in (directory, *directory.parents) if not path.exists()]
    try:
        with _locked(directory):
            clear_leftovers(directory)
            try:
                yield directory
            except BaseException:
                clear_leftovers(directory)
                if not has_states(directory):
                    _remove(directory)
                raise
            _remove(directory)
    finally:
        for path in made:
            with suppress(OSError):  # it is in use
                path.rmdir()


def has_states(directory: Path) -> bool:
    """Returns whether there is a state of a training in a directory."""
    return any(directory.glob(f"*{SUFFIX}"))


def clear_leftovers(directory: Path) -> None:
    """Deletes what is no state and no lock of what trainings write into a directory."""
    for path in directory.iterdir():
        if path.is_dir() and path.name.startswith("."):  # a run that was being written
            shutil.rmtree(path, ignore_errors=True)
        elif path.suffix == PARTIAL or path.name == WRITTEN:
            path.unlink(missing_ok=True)


def _remove(directory: Path) -> None:
    """Deletes a directory of states, what tells that it may be deleted last."""
    for path in directory.glob(f"*{SUFFIX}"):
        path.unlink(missing_ok=True)
    (directory / LOCK).unlink(missing_ok=True)
    clear_leftovers(directory)
    with suppress(OSError):  # another process looks for it, or something else is there
        directory.rmdir()


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Keeps other trainings out of a directory; where its disk has no locks, it does not.

    The lock is gone with its process.
    """
    lock = filelock.FileLock(directory / LOCK, timeout=LOCK_SECONDS)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except filelock.Timeout as error:
        raise UserError(
            f"{directory} is in use: another training writes the same run. Wait for it, or name "
            "another directory with --output."
        ) from error
    except NotImplementedError:  # by the disk
        pass
    except OSError as error:
        raise UserError(f"{directory} cannot be written: {error.strerror or error}.") from error
    try:
        yield
    finally:
        Path(lock.lock_file).unlink(missing_ok=True)  # while nobody else can have it
        lock.release()


def note_written(directory: Path, run: Path) -> None:
    """Notes beside the states which run it is that gets its name now."""
    disk.write_text(directory / WRITTEN, _fingerprint(run))


def forget_written(output: Path) -> None:
    """Deletes what is left of a training that died when its run was there, or without a state."""
    directory = state_directory(output)
    if not directory.is_dir() or (has_states(directory) and not _is_written(directory, output)):
        return
    with suppress(UserError, OSError), _locked(directory):  # else a training has it
        _remove(directory)


def _is_written(directory: Path, output: Path) -> bool:
    try:
        return (directory / WRITTEN).read_text() == _fingerprint(output)
    except (OSError, ValueError):
        return False


def _fingerprint(run: Path) -> str:
    return hashlib.sha256((run / "run.json").read_bytes()).hexdigest()


@contextmanager
def saying_how_to_go_on(current) -> Iterator[None]:
    """Says, whatever ends a session, how to go on with what is kept of it.

    After a training that is over, any error is a `UserError`: nothing is lost, and the same again
    writes the run.
    """
    try:
        yield
    except WorkerLost:
        raise
    except Exception as error:
        if not (current.is_trained and has_states(current.state)):
            if not isinstance(error, UserError):  # which says by itself what to do
                _add_advice(error, current.state)
            raise
        logger.debug("What came while the run was written:", exc_info=True)
        reason = str(error).rstrip(".") or type(error).__name__
        if not isinstance(error, UserError):
            reason = f"{current.output} cannot be written: {reason}"
        raise UserError(f"{reason}. {_advice(current.state)}") from error
    except BaseException as error:
        _add_advice(error, current.state)
        raise


def _add_advice(error: BaseException, state: Path) -> None:
    if has_states(state):
        error.add_note(_advice(state))


def _advice(state: Path) -> str:
    return f"The training is kept in {state}: run the same command again to go on with it."
