"""Reads lines of text as they come, from what can be read only once, and from files."""

import codecs
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from ...models import disk
from ..errors import UserError
from .bounds import LONGEST_LINE, check_line
from .encodings import likely_encoding
from .files import HEAD
from .lines import open_lines
from .rows import NOT_TEXT


def file_lines(source: str, encoding: str | None) -> Iterator[str]:
    """Yields the lines of a text file, also the blank ones.

    Raises:
        UserError: If the file cannot be read.
    """
    if os.path.isfile(source) and not os.path.getsize(source):
        return iter(())
    lines = open_lines(source, encoding, skip_blank=False)
    return (line for _, _, (line,) in lines.read(lines.columns))


def head_of_stream(stream: BinaryIO) -> bytes:
    """Returns the first bytes of standard input, as many as are there, without reading on."""
    if not stream.seekable():
        return stream.peek(HEAD)
    start, head = stream.tell(), stream.read(HEAD)
    stream.seek(start)
    return head


def keep(stream: BinaryIO, path: Path) -> None:
    """Writes what a stream holds into a new file."""
    with disk.create(path) as file:
        while piece := stream.read(HEAD):
            file.write(piece)


def stream_lines(stream: BinaryIO, encoding: str | None) -> Iterator[str]:
    """Yields the lines of standard input without their ends, each as soon as it is there.

    Without an `encoding` they are UTF-8. A UTF-8 byte order mark is dropped.

    Raises:
        UserError: If the bytes are not in that encoding.
    """
    encoding = encoding or "utf-8"
    try:
        name = codecs.lookup(encoding).name
        decoder = codecs.getincrementaldecoder("utf-8-sig" if name == "utf-8" else name)()
    except LookupError:
        raise UserError(f"{encoding!r} is not a text encoding. Name one with --encoding.") from None
    number, pending = 1, ""
    try:
        # Up to the byte of a line feed, which may be within a character.
        while piece := stream.readline(LONGEST_LINE):
            *lines, pending = (pending + decoder.decode(piece)).split("\n")
            check_line(len(pending), f"standard input, line {number}")
            for line in lines:
                number += 1
                yield line.rstrip("\r")
        if pending := pending + decoder.decode(b"", final=True):
            yield pending.rstrip("\r")
    except UnicodeDecodeError as error:
        fit = likely_encoding(error.object) or "gb18030, cp1252 or utf-16"
        raise UserError(
            f"standard input, line {number}: byte 0x{error.object[error.start]:02X} is not "
            f"{encoding}. Name the encoding with --encoding, such as {fit}."
        ) from error


def only_text(lines: Iterable[str], where: str) -> Iterator[str]:
    """Yields lines; `where` they are in messages, before their number.

    Raises:
        UserError: If a line holds what is not text.
    """
    for number, line in enumerate(lines, start=1):
        if found := NOT_TEXT.search(line):
            what = "a NUL byte" if found[0] == "\0" else "half a character (a surrogate)"
            raise UserError(
                f"{where} {number} holds {what}, so it is no text. Name the right file, or its "
                "encoding with --encoding; a table needs the suffix of its format."
            )
        yield line
