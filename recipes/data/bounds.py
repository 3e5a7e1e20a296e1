"""Bounds what is read from files, so that a small one cannot ask for much memory.

A text of 2**24 characters is five times the length of "War and Peace". The others are multiples of
that: a row may have some long texts, and an array in one piece of JSON is in memory several times.
"""

import io
from collections.abc import Iterator
from typing import Any, BinaryIO, TextIO

from ..errors import UserError

LONGEST_TEXT = 2**24  # characters
LONGEST_LINE = 2**25  # characters: a row as a line, or a unit of a translation memory
LONGEST_ARRAY = 2**27  # characters of JSON in one piece, which is in memory as a whole
LONGEST_PACKED = 2**27  # bytes of a packed file that is read at any place, likewise
LONGEST_STRINGS = 2**27  # bytes of what all sheets of a workbook share, as well
DEEPEST = 100  # levels of lists and objects in each other

_PIECE = 2**16  # bytes


def lines_of(file: TextIO, source: str) -> Iterator[str]:
    """Yields the lines of a text file.

    Raises:
        UserError: If one is too long to be a row.
    """
    number = 0
    while line := file.readline(LONGEST_LINE):
        number += 1
        check_line(len(line), f"{source}, line {number}")
        yield line


def check_line(length: int, where: str) -> None:
    """Raises `UserError` if a line has as many characters as are read at most."""
    if length >= LONGEST_LINE:
        raise UserError(
            f"{where}: a line must have fewer than {LONGEST_LINE:,} characters. Received: at least "
            "as many. Give each text a line of its own, or a row."
        )


def depth_problem(value: Any) -> str:
    """Says that lists and objects lie in each other too deep; empty if they do not."""
    level, depth = [value], 0
    while level := [each for each in level if isinstance(each, list | dict)]:
        depth += 1
        if depth > DEEPEST:
            return f"lists and objects may lie {DEEPEST} deep in each other, not deeper"
        parts = (each.values() if isinstance(each, dict) else each for each in level)
        level = [each for part in parts for each in part]
    return ""


class BoundedXml(io.RawIOBase):
    """Reads XML, whose texts are long at most as texts are, and that defines no entities."""

    def __init__(self, file: BinaryIO, source: str):
        self.file, self.source = file, source
        self.count = self.since = 0  # bytes read in all, and since a tag began
        self.end = b""  # of the piece before

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        piece = self.file.read(_PIECE if size < 0 else min(size, _PIECE))
        self.count += len(piece)
        last = piece.rfind(b"<")
        self.since = self.since + len(piece) if last < 0 else len(piece) - last
        if self.since > LONGEST_TEXT:
            raise UserError(
                f"{self.source}: a text must have {LONGEST_TEXT:,} bytes at most. Received: more. "
                "Split it, or leave it out."
            )
        if b"<!ENTITY" in (self.end + piece).replace(b"\0", b""):  # also in UTF-16
            raise UserError(
                f"{self.source} defines entities, which are not read: they may stand for texts of "
                "any length. Write the characters themselves."
            )
        self.end = piece[-16:]
        return piece
