"""What every benchmark here shares: a process for each peer, rounds in turn, medians, a table.

Peers are measured side by side in one run, since a machine's speed changes from hour to hour. Each
round asks every peer once, and a peer is compared with the first of the table round by round.
"""

import logging
import multiprocessing
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

logger = logging.getLogger("benchmarks")

_QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "PYTHONWARNINGS": "ignore",
}


class Entrant:
    """A peer in a process of its own, and what was measured of it.

    Two frameworks in one process would get into the way of each other's threads.

    Args:
        name: What its row in the table is called.
        make: Makes the object that is measured, in the process.

    Attributes:
        rates: Examples a second, one for each round.
        answer: What it said in the end, to see that it did its work.
        checks: What became of that, by column of the table.
        error: Why it failed; empty as long as it has not.
    """

    def __init__(self, name: str, make: Callable[[], Any]):
        self.name = name
        self.rates: list[float] = []
        self.answer: Any = None
        self.checks: dict[str, str] = {}
        self.error = ""
        self._process = _new_process()
        self._ask("start", _make, make)

    def ask(self, step: str, function: Callable, *arguments: Any) -> Any:
        """`function(object, *arguments)`, called in the process; None once anything has failed."""
        return self._ask(step, _call, function, arguments)

    def _ask(self, step: str, function: Callable, *arguments: Any) -> Any:
        if self.error:
            return None
        logger.info("%s: %s", self.name, step)
        try:
            return self._process.submit(function, *arguments).result()
        except Exception as error:  # whatever befalls one peer, the others go on
            logger.exception("%s failed", self.name)
            self.error = f"{type(error).__name__}: {error}".splitlines()[0]
            return None

    def close(self) -> None:
        """Ends the process."""
        self._process.shutdown()


def measure(
    peers: Mapping[str, Callable[[], Any]],
    warm_up: Callable[[Any], Any],
    rounds: Sequence[Callable[[Any], float]],
    answer: Callable[[Any], Any],
) -> list[Entrant]:
    """Measures peers in turn. The functions run in the peers' processes, so they can be pickled.

    Args:
        peers: What makes the object of each peer, by its name.
        warm_up: Called with each object once, unmeasured.
        rounds: Each is called with each object, and returns examples a second.
        answer: Called with each object at the end, unmeasured; returns `Entrant.answer`.
    """
    entrants = []
    for name, make in peers.items():
        entrants.append(Entrant(name, make))
        entrants[-1].ask("warm-up", warm_up)
    for number, one_round in enumerate(rounds, start=1):
        for entrant in entrants:
            rate = entrant.ask(f"round {number} of {len(rounds)}", one_round)
            entrant.rates += [] if rate is None else [rate]
    for entrant in entrants:
        entrant.answer = entrant.ask("check", answer)
        entrant.close()
    return entrants


def in_own_process(function: Callable, *arguments: Any) -> Any:
    """Calls a function in a process that ends with it."""
    with _new_process() as process:
        return process.submit(function, *arguments).result()


def _new_process() -> ProcessPoolExecutor:
    os.environ.update(_QUIET)  # the process inherits it
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=_to_stderr)


def _to_stderr() -> None:
    os.dup2(2, 1)  # stdout is the table's alone


_subject: Any = None


def _make(make: Callable[[], Any]) -> None:
    global _subject
    _subject = make()


def _call(function: Callable, arguments: Sequence[Any]) -> Any:
    return function(_subject, *arguments)


def markdown_table(entrants: Sequence[Entrant], unit: str = "examples/s") -> str:
    """Rates, the first row's lead over each, and the checks; failed peers below the table."""
    first = entrants[0]
    done = [entrant for entrant in entrants if not entrant.error]
    columns = list(dict.fromkeys(column for entrant in done for column in entrant.checks))
    rows = [["", unit, "lowest - highest", f"{first.name} is faster by", *columns]]
    rows.append(["---", *["---:"] * (len(rows[0]) - 1)])
    for entrant in done:
        rates = entrant.rates
        spread = f"{min(rates):.0f} - {max(rates):.0f}"
        checks = [entrant.checks.get(column, "") for column in columns]
        rows.append([entrant.name, f"{median(rates):.0f}", spread, _lead(first, entrant), *checks])
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines + [f"\n{row.name}: {row.error}" for row in entrants if row.error])


def _lead(first: Entrant, other: Entrant) -> str:
    ratios = [ours / theirs for ours, theirs in zip(first.rates, other.rates, strict=False)]
    return f"{median(ratios):.2f} x" if ratios and other is not first else ""


def as_json(entrants: Sequence[Entrant]) -> list[dict[str, Any]]:
    """Everything measured, round by round."""
    keys = ("name", "rates", "checks", "error")
    return [{key: getattr(entrant, key) for key in keys} for entrant in entrants]


def machine() -> str:
    """The processor and the number of its cores."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    return f"{model}, {os.cpu_count()} cores"


def versions(packages: Sequence[str]) -> dict[str, str]:
    """The versions of those packages that are installed."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            logger.info("%s is not installed", package)
    return found
