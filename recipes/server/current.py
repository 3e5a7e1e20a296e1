"""Has the newest version of an export answer, also one that comes while others are answered."""

import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Self

from ..errors import UserError
from .exports import Version
from .http import Answer
from .rest import RestApi

logger = logging.getLogger("regard")


class Loaded:
    """Holds what answers for a version, until nobody asks it any more.

    Args:
        api: What answers.
        close: Frees what it needs.
    """

    def __init__(self, api: RestApi, close: Callable[[], None] = lambda: None):
        self.api, self.close = api, close
        self.asking = 0
        self.is_retired = False


class Current:
    """Answers as the version does that is served at the time.

    Args:
        loaded: The first one.
    """

    def __init__(self, loaded: Loaded):
        self._loaded = loaded
        self._lock = Lock()

    def answer(self, verb: str, path: str, body: bytes = b"") -> Answer:
        """Returns what answers a request; see `RestApi.answer`."""
        with self._lock:
            loaded = self._loaded
            loaded.asking += 1
        try:
            return loaded.api.answer(verb, path, body)
        finally:
            with self._lock:
                loaded.asking -= 1
                is_over = loaded.is_retired and not loaded.asking
            if is_over:
                loaded.close()

    def switch_to(self, loaded: Loaded) -> None:
        """Has another version answer; the one before is closed when it has answered all."""
        with self._lock:
            before, self._loaded = self._loaded, loaded
            before.is_retired = True
            is_over = not before.asking
        if is_over:
            before.close()

    def close(self) -> None:
        self._loaded.close()


class Watch:
    """Looks every few seconds for another newest version, and has it answer once it is loaded.

    So a version that is added is served, and one that is deleted gives place to the newest that is
    left, as in TensorFlow Serving. One that cannot be loaded changes nothing; it is tried again
    when its files change. One whose files still change is waited for.

    Args:
        name: What the model is called.
        served: The version that answers.
        find: Returns the newest version.
        load: Has a version answer; raises `UserError` if it cannot.
        seconds: Time between two looks.
    """

    def __init__(
        self,
        name: str,
        served: Version,
        find: Callable[[], Version],
        load: Callable[[Version], None],
        seconds: float,
    ):
        self._name, self._served = name, served
        self._find, self._load = find, load
        self._seconds = seconds
        self._seen: frozenset | None = None
        self._failed: frozenset | None = None
        self._is_over = Event()
        self._thread = Thread(target=self._work, name="watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._is_over.set()

    def _work(self) -> None:
        while not self._is_over.wait(self._seconds):
            with suppress(UserError, OSError):  # there is no version, or it goes as we look
                self.look()

    def look(self) -> None:
        """Serves the newest version, if it is another and its files are as at the last look."""
        newest = self._find()
        files = _files(newest.directory)
        before, self._seen = self._seen, files
        if newest.number == self._served.number or files != before or files == self._failed:
            return
        try:
            self._load(newest)
        except Exception as error:  # whatever it is, the version before goes on
            self._failed = files
            message = "%s: version %d goes on, not version %d: %s"
            problem = " ".join(str(error).split())
            logger.warning(message, self._name, self._served.number, newest.number, problem)
            return
        message = "%s: version %d is served, in place of version %d"
        logger.info(message, self._name, newest.number, self._served.number)
        self._served = newest


def _files(version: Path) -> frozenset:
    """Returns the files of a version with their sizes and times."""
    found = ((path, path.stat()) for path in version.rglob("*"))
    return frozenset((path, stat.st_size, stat.st_mtime_ns) for path, stat in found)
