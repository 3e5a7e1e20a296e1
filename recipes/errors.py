"""Raises what is said to the person at the other end."""


class UserError(ValueError):
    """A mistake in what the user gave: a file, a column, a name, a number.

    The message says what must hold, what came, and how to fix it. The command line shows it as one
    line and exits with status 2; any other exception is a defect of ours and exits with status 1.
    """


class WorkerLost(RuntimeError):
    """Another machine that trains along has gone; once it is started again, all goes on.

    The command line shows the message as one line and exits with status `WORKER_LOST`.
    """


WORKER_LOST = 138  # from 128 on, Kubernetes' TFJob starts a worker again (restartPolicy: ExitCode)
