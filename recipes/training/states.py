"""Keeps states of a training in files: each is whole or not there, and none is used damaged.

A file holds arrays as NumPy writes them, one after the other, the notes in JSON first, and ends
with the SHA-256 of all that. The last two states are kept: where the newer one turns out to be
damaged, the older one serves.
"""

import hashlib
import json
import logging
import os
import shlex
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from ...models import disk
from ..errors import UserError

KEPT = 2  # states
DIGEST_BYTES = 32
SUFFIX, PARTIAL = ".state", ".partial"
_PIECE = 2**22  # bytes that are read at once
_SHORT = 40  # characters of a value that an error shows

logger = logging.getLogger("regard")


class State(NamedTuple):
    """Holds a training after a step.

    The notes are the `step` in the epoch that is under way, 0 at the end of one, the `history` of
    the epochs before it, whether all `is_over`, the `last_epoch` that was asked for, and what is
    known of the `best` one.
    """

    weights: list[np.ndarray]  # of the model and of its optimizer, in their order
    best_weights: list[np.ndarray]  # of the best epoch; empty where none is sought
    figures: list[np.ndarray]  # what the metrics have added up in the epoch
    notes: dict[str, Any]


class Damaged(ValueError):
    """A file is not as it was written."""


class _Hashing:
    """Takes what is written to a file, and its digest."""

    def __init__(self, file: BinaryIO):
        self.file = file
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> None:
        self.digest.update(data)
        self.file.write(data)


def write_state(path: Path, state: State, facts: Mapping[str, Any]) -> None:
    """Writes a state; whatever happens, the file is whole, or not there.

    Raises:
        OSError: If the disk does not take it.
    """
    *groups, notes = state
    head = {"notes": notes, "facts": plain(facts), "sizes": [len(group) for group in groups]}
    arrays = [np.frombuffer(json.dumps(head).encode(), "uint8"), *chain(*groups)]
    partial = path.with_suffix(PARTIAL)
    try:
        with disk.create(partial) as file:
            hashing = _Hashing(file)
            for array in arrays:
                np.lib.format.write_array(hashing, np.asarray(array), allow_pickle=False)
            file.write(hashing.digest.digest())
        disk.flush(partial)
        disk.rename(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def read_state(path: Path) -> tuple[State, dict[str, Any], str]:
    """Returns the state in a file, the facts of its training, and the digest, in hexadecimal.

    Raises:
        Damaged: If the file is not, to the last bit, as it was written.
        OSError: If it cannot be read.
    """
    with open(path, "rb") as file:
        digest = _checked(file)
        file.seek(0)
        head = json.loads(np.lib.format.read_array(file, allow_pickle=False).tobytes())
        groups = [
            [np.lib.format.read_array(file, allow_pickle=False) for _ in range(size)]
            for size in head["sizes"]
        ]
    return State(*groups, head["notes"]), head["facts"], digest


def _checked(file: BinaryIO) -> str:
    left = os.fstat(file.fileno()).st_size - DIGEST_BYTES
    digest = hashlib.sha256()
    while left > 0 and (piece := file.read(min(left, _PIECE))):
        digest.update(piece)
        left -= len(piece)
    if left or file.read() != digest.digest():
        raise Damaged("its digest is not that of its content")
    return digest.hexdigest()


class StateFiles:
    """Keeps the states of one training in a directory, numbered as they are written."""

    def __init__(self, directory: Path, name: str):
        self.directory = directory
        self.name = name

    def paths(self) -> list[Path]:
        """Returns the files, the newest first."""
        return sorted(self.directory.glob(f"{self.name}.*{SUFFIX}"), key=_number, reverse=True)

    def write(self, state: State, facts: Mapping[str, Any]) -> None:
        """Writes one more state, and lets go of all but the last ones."""
        number = max(map(_number, self.paths()), default=0) + 1
        write_state(self.directory / f"{self.name}.{number}{SUFFIX}", state, facts)
        for path in self.paths()[KEPT:]:
            path.unlink()

    def clear(self) -> None:
        """Lets go of all states."""
        for path in self.paths():
            path.unlink()

    def read(self, facts: Mapping[str, Any]) -> tuple[State | None, str]:
        """Returns the newest state that is whole, and its digest; None and "none" without files.

        Raises:
            UserError: If it is that of a training with other facts, or all are damaged.
        """
        said = []
        for path in self.paths():
            try:
                state, found, digest = read_state(path)
            except (OSError, ValueError) as error:
                said.append(f"{path.name} is damaged, {error}")
                continue
            self._check_facts(found, plain(facts))
            if said:
                logger.warning("%s. The state before it, %s, is whole.", said[0], path.name)
            return state, digest
        if said:
            raise UserError(
                f"{self.directory} has an interrupted training that cannot be gone on with: "
                f"{'; '.join(said)}. Delete it to begin anew: {self._deletion()}"
            )
        return None, "none"

    def _check_facts(self, found: dict[str, Any], wanted: dict[str, Any]) -> None:
        if other := differences(found, wanted):
            raise UserError(
                f"{self.directory} has an interrupted training with other {', '.join(other)}. Go "
                "on with what it began with, name another directory with --output, or delete it "
                f"to begin anew: {self._deletion()}"
            )

    def _deletion(self) -> str:
        return f"rm -r {shlex.quote(str(self.directory))}"


def _number(path: Path) -> int:
    text = path.suffixes[-2][1:] if len(path.suffixes) > 1 else ""
    return int(text) if text.isdecimal() else 0


def plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Returns facts as JSON gives them back."""
    return json.loads(json.dumps(facts, default=str))


def differences(found: Mapping[str, Any], wanted: Mapping[str, Any], of: str = "") -> list[str]:
    """Names the facts that are not the same, in order, with both values where they are short."""
    named = []
    for name in sorted(found | wanted):
        before, now = found.get(name), wanted.get(name)
        if isinstance(before, dict) and isinstance(now, dict):
            named += differences(before, now, f"{of}{name} ")
        elif before != now:
            values = [json.dumps(value, ensure_ascii=False) for value in (before, now)]
            is_short = max(map(len, values)) <= _SHORT
            named.append(f"{of}{name}" + (" ({}, now {})".format(*values) if is_short else ""))
    return named
