"""Does what takes long in one thread of its own, so that nothing else waits for it."""

from collections.abc import Callable
from concurrent.futures import Future
from queue import Full, Queue
from threading import Thread

from .status import Code, Refused


class Lane:
    """Does one thing after another, and refuses more than can wait.

    Args:
        most: How many may wait.
    """

    def __init__(self, most: int):
        self._queue: Queue[tuple[Callable[[], object], Future]] = Queue(most)
        Thread(target=self._work, name="lane", daemon=True).start()

    def submit(self, work: Callable[[], object]) -> Future:
        """Returns what will hold the result of a function, or what it raises.

        Raises:
            Refused: If too many wait.
        """
        result: Future = Future()
        try:
            self._queue.put_nowait((work, result))
        except Full as error:
            raise Refused(
                f"{self._queue.maxsize} others wait for this already. Try again in a moment.",
                Code.UNAVAILABLE,
            ) from error
        return result

    def _work(self) -> None:
        while True:
            work, result = self._queue.get()
            if not result.set_running_or_notify_cancel():
                continue
            try:
                result.set_result(work())
            except Exception as error:
                result.set_exception(error)
