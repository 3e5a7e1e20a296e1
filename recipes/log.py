"""Shows the lines of the logger "regard" where nobody has configured logging.

In a script or a notebook that only calls `regard.fit_text`, they go to stderr, as they do at the
command line. Once the program has a handler of its own, on the root logger or on "regard", that
takes them instead, with the level that it has configured.
"""

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .names import one_line, printable

logger = logging.getLogger("regard")

DEFAULT_LEVEL = logging.INFO - 1  # shows INFO; nobody else's, so it tells that no level was set
# Rooms whose lines tell how far a training is and where it runs, not what it learns from.
PROGRESS = ("attention", "cli", "devices", "runs", "training")


class OneLine(logging.Formatter):
    """Makes a line of each message: a name or a text in it cannot begin another one."""

    def formatMessage(self, record):
        return one_line(super().formatMessage(record))

    def formatException(self, ei):
        return printable(super().formatException(ei))


class FallbackHandler(logging.StreamHandler):
    """Writes to what is stderr by then, as long as there is no other handler."""

    def __init__(self):
        logging.Handler.__init__(self)  # that of the stream would keep today's stderr
        self.setFormatter(OneLine())

    @property
    def stream(self):
        """Returns where lines go: a notebook has a stderr of its own."""
        return sys.stderr

    def filter(self, record):
        others = [each for each in logger.handlers if each is not self]
        return not (others or logging.root.handlers) and super().filter(record)


def is_wanted(record: logging.LogRecord) -> bool:
    """Returns whether a line passes: with handlers on the root logger, its level counts."""
    is_configured = logger.level != DEFAULT_LEVEL or not logging.root.handlers
    return is_configured or record.levelno >= logging.root.level


def show_lines() -> None:
    """Makes the lines appear, unless the program has set a level for them already."""
    if logger.level == logging.NOTSET:
        logger.setLevel(DEFAULT_LEVEL)
        logger.addFilter(is_wanted)
    logger.addHandler(FallbackHandler())


@contextmanager
def heard() -> Iterator[list[str]]:
    """Lists what is said meanwhile, in this thread, of data and of what is done with it."""
    said, thread = [], threading.get_ident()

    def listen(record: logging.LogRecord) -> bool:
        if record.thread == thread and Path(record.pathname).parent.name not in PROGRESS:
            said.append(one_line(record.getMessage()))
        return True

    logger.filters.insert(0, listen)  # before any that keeps lines from who does not want them
    try:
        yield said
    finally:
        logger.filters.remove(listen)


@contextmanager
def hushed() -> Iterator[None]:
    """Keeps lines of this thread from everybody meanwhile."""
    thread = threading.get_ident()

    def is_other(record: logging.LogRecord) -> bool:
        return record.thread != thread

    logger.filters.insert(0, is_other)
    try:
        yield
    finally:
        logger.filters.remove(is_other)
