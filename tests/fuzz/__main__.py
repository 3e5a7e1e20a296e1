"""Reads damaged files and requests by all parsers, each for some time.

    make fuzz                                          ten minutes a parser, one after the other
    make fuzz SECONDS=60 PARSERS="csv arrow"
    PYTHONPATH=tests python -m fuzz --again found/csv-0-1234      one that was found

A parser runs in a process of its own, and goes on in another where an input ends the first. What is
wrong with an input is printed, and the input is kept in a folder.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from .parsers import PARSERS
from .trials import Trial, folder_name

MOST_ENDS = 10  # of the process, after which a parser is left
WIDTHS = (10, 10, 10, 8, 8)


def work(name: str, seed: int, first: int, until: float, found: Path) -> None:
    """Reads inputs from the number `first` on; prints what is wrong, and then the counts."""
    with TemporaryDirectory() as folder:
        trial = Trial(name, seed, Path(folder))
        trial.check_sound()
        number = first
        while time.time() < until:
            if what := trial.try_kept(number, found):
                print(what, flush=True)
            number += 1
    print("counts", number - first, *(trial.counts[n] for n in ("read", "refused", "wrong")))


def fuzz(name: str, seed: int, seconds: float, found: Path) -> tuple[int, ...]:
    """Tries a parser for some seconds.

    Returns:
        How many inputs there were, were read, were refused, and were wrong; and how many ended the
        process.
    """
    until, first, ends = time.time() + seconds, 0, 0
    command = [sys.executable, "-m", "fuzz", "--seed", str(seed), "--found", str(found)]
    while time.time() < until and ends < MOST_ENDS:
        work = ["--work", name, str(first), str(until)]
        done = subprocess.run([*command, *work], capture_output=True, text=True)
        *lines, last = done.stdout.splitlines() or [""]
        if done.returncode == 0:
            print(*lines, sep="\n", end="\n" if lines else "", flush=True)
            inputs, *others = map(int, last.split()[1:])
            return first + inputs, *others, ends
        ended = _last_kept(found, name, seed, first)
        if ended is None:
            raise SystemExit(f"{name} cannot be tried: {done.stderr[-3000:]}")
        print(
            *lines, last, f"{folder_name(name, seed)}{ended}: ended by {done.returncode}", sep="\n"
        )
        print(done.stderr[-1500:], flush=True)
        first, ends = ended + 1, ends + 1
    return first, 0, 0, 0, ends


def _last_kept(found: Path, name: str, seed: int, first: int) -> int | None:
    """Returns the number of the input that was being read, if there was one."""
    kept = found.glob(f"{folder_name(name, seed)}*")
    numbers = (int(each.name.rpartition("-")[2]) for each in kept)
    return max((number for number in numbers if number >= first), default=None)


def again(kept: Path) -> None:
    """Reads an input again, and shows where it fails."""
    name, seed, number = kept.name.replace("_", " ").rsplit("-", 2)
    with TemporaryDirectory() as folder:
        trial = Trial(name, int(seed), Path(folder))
        changed, content = trial.input(int(number))
        (trial.folder / changed).write_bytes(content)
        trial.parser.read(trial.folder / changed)


def main() -> int:
    parser = argparse.ArgumentParser(prog="fuzz")
    parser.add_argument("parsers", nargs="*", default=list(PARSERS), metavar="PARSER")
    parser.add_argument("--seconds", type=float, default=600, help="for a parser")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--found", type=Path, default=Path("found"), help="where inputs are kept")
    parser.add_argument("--again", type=Path, metavar="FOLDER", help="one to read again")
    parser.add_argument("--work", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        name, first, until = given.work
        work(name, given.seed, int(first), float(until), given.found)
        return 0
    if given.again:
        again(given.again)
        return 0
    is_wrong = False
    titles = ("inputs", "read", "refused", "wrong", "ended")
    for name, row in [("parser", titles), *((name, None) for name in given.parsers)]:
        row = row or fuzz(name, given.seed, given.seconds, given.found)
        print(f"{name:20}", *(f"{cell:>{width}}" for cell, width in zip(row, WIDTHS, strict=True)))
        sys.stdout.flush()
        is_wrong |= row is not titles and any(row[-2:])
    return int(is_wrong)


if __name__ == "__main__":
    sys.exit(main())
