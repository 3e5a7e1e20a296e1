"""Reads damaged files by a parser, and tells which were not refused as they should be."""

import faulthandler
import logging
import resource
import traceback
from collections import Counter
from pathlib import Path
from random import Random

from .mutations import mutate
from .parsers import PARSERS

SLOWEST = 20  # seconds for an input
MOST_MEMORY = 500 * 2**20  # bytes for an input
ALIKE = 3  # findings of one kind that are kept


class Trial:
    """Reads inputs by a parser, in a folder with its sound files.

    An input follows from the seed, the parser and a number. One that takes too long ends the
    process.

    Args:
        name: The parser's name.
        seed: Any number.
        folder: An empty folder.

    Attributes:
        counts: How many inputs were "read", "refused", or "wrong".
    """

    def __init__(self, name: str, seed: int, folder: Path):
        self.name, self.seed, self.folder = name, seed, folder
        self.parser = PARSERS[name]
        if self.parser.has_tensorflow:
            import keras  # noqa: F401  before modules of ours, which it imports in its turn
        self.sound = self.parser.files()
        self.refusals = self.parser.refusals()
        self.counts: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()
        self._peak = peak()
        logging.getLogger("regard").setLevel(logging.CRITICAL)
        for each, content in self.sound.items():
            (folder / each).parent.mkdir(parents=True, exist_ok=True)
            (folder / each).write_bytes(content)

    def check_sound(self) -> None:
        """Reads each file as it is, which must work."""
        for each in self.parser.changed or self.sound:
            self.parser.read(self.folder / each)

    def input(self, number: int) -> tuple[str, bytes]:
        """Returns the name of the file to change, and what it then holds."""
        draw = Random(f"{self.seed} {self.name} {number}")
        name = draw.choice(self.parser.changed or sorted(self.sound))
        return name, mutate(self.sound[name], draw, list(self.sound.values()))

    def try_kept(self, number: int, found: Path) -> str:
        """Reads an input that is kept meanwhile, and after it, if it is wrong as few others are.

        Returns:
            What is wrong, in words, or nothing.
        """
        name, content = self.input(number)
        kept = found / f"{folder_name(self.name, self.seed)}{number}"
        kept.mkdir(parents=True, exist_ok=True)
        file = kept / name.replace("/", "_")
        file.write_bytes(content)
        what = self.read(name, content)
        kind = what.partition(":")[0]
        self._kinds[kind] += 1
        if what and self._kinds[kind] <= ALIKE:
            return f"{kept.name}: {what:.300}"
        file.unlink()
        kept.rmdir()
        return ""

    def read(self, name: str, content: bytes) -> str:
        """Reads a file of other content; returns what is wrong with that, in words, or nothing."""
        path = self.folder / name
        path.write_bytes(content)
        faulthandler.dump_traceback_later(SLOWEST, exit=True)
        try:
            what = self._read(path)
        finally:
            faulthandler.cancel_dump_traceback_later()
            path.write_bytes(self.sound[name])
        more, self._peak = peak() - self._peak, peak()
        if what in ("read", "refused") and more > MOST_MEMORY:
            what = f"more memory: {more / 2**20:.0f} MB"
        self.counts[what if what in ("read", "refused") else "wrong"] += 1
        return "" if what in ("read", "refused") else what

    def _read(self, path: Path) -> str:
        try:
            self.parser.read(path)
        except self.refusals:
            return "refused"
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            return f"{type(error).__name__} in {Path(place.filename).name}, {place.name}: {error}"
        return "read"


def folder_name(name: str, seed: int) -> str:
    """Returns what the folders of a parser's inputs that are kept begin with."""
    return f"{name.replace(' ', '_')}-{seed}-"


def peak() -> int:
    """Returns the most memory that the process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
