"""Raises what is said to the person at the other end."""

from collections.abc import Iterator
from contextlib import contextmanager


class UserError(ValueError):
    """A mistake in what the user gave: a file, a column, a name, a number.

    The message says what must hold, what came, and how to fix it. The command line shows it as one
    line and exits with status 2; any other exception is a defect of ours and exits with status 1.
    """


class WorkerLost(RuntimeError):
    """Another machine that trains along has gone; once it is started again, all goes on.

    The command line shows the message as one line and exits with status `WORKER_LOST`.
    """


class Terminated(SystemExit):
    """The process was told to end, by SIGTERM; it ends with the status that shells give that."""

    def __init__(self):
        super().__init__(TERMINATED)


TERMINATED = 143  # 128 and the number of SIGTERM
WORKER_LOST = 138  # from 128 on, Kubernetes' TFJob starts a worker again (restartPolicy: ExitCode)


@contextmanager
def writing(what: object) -> Iterator[None]:
    """Says in one line what goes wrong while something is written, whichever library says it.

    Raises:
        UserError: If anything does: the disk is full or fails, or memory is, or a value has no
            place in the format.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{what} cannot be written: {reason_of(error)}.") from error


def reason_of(error: Exception) -> str:
    """Returns in a few words, without a full stop, why something could not be read or written."""
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = str(error).strip().splitlines() or ["no reason is given"]
    return f"{lines[0][:300].rstrip('.')} ({type(error).__name__})"


def out_of_memory(error: BaseException | None) -> str:
    """Returns in a line what there was no memory for, if that is why an error came; else nothing.

    It is never the fault of one image or row, so nobody skips one for it.
    """
    while error is not None:
        is_tensorflow = any(each.__name__ == "ResourceExhaustedError" for each in type(error).mro())
        if isinstance(error, MemoryError) or is_tensorflow:
            said = str(error).strip().partition("\n")[0]
            return said[:200] or type(error).__name__
        error = error.__cause__
    return ""
