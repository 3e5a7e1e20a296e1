"""Opens files as they lie there: decompressed, and decoded in their encoding."""

import codecs
import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from ..errors import UserError
from .archives import DAMAGED, member_of, unpacked, unpacking
from .bounds import LONGEST_PACKED
from .encodings import likely_encoding, own_encoding
from .suffixes import suffix_of

HEAD = 2**16  # bytes that tell what a file is

logger = logging.getLogger("regard")


def check_file(source: str) -> None:
    """Refuses what is no file, or an empty one."""
    path = Path(source)
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise UserError(f"{source}: no such file. Check the name and the folder.") from None
    except (OSError, ValueError) as error:  # a name too long, a folder that is closed, a NUL
        raise UserError(f"{source} cannot be read: {error}.") from error
    if path.is_dir():
        raise UserError(f"{source} is a directory. Name a file in it.")
    if not path.is_file():
        raise UserError(
            f"{source} is a pipe or a device, which cannot be read twice. Save it as a file, or "
            "give lines to `regard predict` by --input -."
        )
    if size == 0:
        raise UserError(f"{source}: the file is empty.")


@contextmanager
def open_binary(source: str) -> Iterator[BinaryIO]:
    """Opens a file to read its bytes: decompressed, and of an archive those of its one table.

    Raises:
        UserError: If it cannot be read, in the `with` block, too.
    """
    try:
        with open(source, "rb") as file, unpacked(source, file) as content:
            yield content
    except DAMAGED as error:
        raise _damaged(source, error) from error
    except OSError as error:
        raise UserError(f"{source} cannot be read: {error.strerror}.") from error


def packed_content(source: str) -> bytes | None:
    """Returns what a packed file holds, for formats that are read at any place; None if it is none.

    Raises:
        UserError: If that is more than fits into memory, or cannot be read.
    """
    with open_binary(source) as file, open(source, "rb") as plain:
        if file.read(HEAD) == plain.read(HEAD):
            return None
    with open_binary(source) as file:
        content = file.read(LONGEST_PACKED + 1)
    if len(content) > LONGEST_PACKED:
        raise UserError(
            f"{source}: what is packed, and read at any place, must have {LONGEST_PACKED:,} bytes "
            f"at most. Received: more. {unpacking(source)}"
        )
    return content


def own_suffix(source: str) -> str:
    """Returns the suffix of a file, or of the one table in an archive, without compression's.

    Raises:
        UserError: If it cannot be read.
    """
    try:
        return suffix_of(member_of(source) or source)
    except DAMAGED as error:
        raise _damaged(source, error) from error
    except OSError as error:
        raise UserError(f"{source} cannot be read: {error.strerror}.") from error


def _damaged(source: str, error: Exception) -> UserError:
    return UserError(
        f"{source} is not a sound compressed file ({error}). Copy or compress it again."
    )


def head_of(source: str) -> bytes:
    """Returns the first bytes of a file, decompressed."""
    with open_binary(source) as file:
        return file.read(HEAD)


@contextmanager
def open_text(source: str, encoding: str | None = None, newline: str = "") -> Iterator[TextIO]:
    """Opens a text file.

    Without an `encoding` it is UTF-8, or what the bytes themselves say: UTF-16 or UTF-32.

    Raises:
        UserError: If it cannot be read, in the `with` block, too.
    """
    codec = _codec(source, encoding)
    try:
        with open_binary(source) as file, io.TextIOWrapper(file, codec, newline=newline) as text:
            yield text
    except UnicodeError as error:
        raise _decoding_error(source, encoding or "utf-8") from error


def encoding_of(source: str, encoding: str | None) -> str:
    """Returns the encoding that is given, or the one that a text file shows, and says which."""
    if encoding is None:
        encoding = own_encoding(head_of(source))
        if encoding != "utf-8":
            logger.info("%s: read as %s (--encoding names another)", source, encoding)
    return encoding


def _codec(source: str, encoding: str | None) -> str:
    """Returns the codec of a file; one that drops a UTF-8 byte order mark."""
    encoding = encoding or own_encoding(head_of(source))
    try:
        "".encode(encoding)
    except LookupError:
        raise UserError(
            f"{encoding!r} is not a text encoding. Name one with --encoding, such as utf-8, "
            "gb18030, cp1252 or utf-16."
        ) from None
    return "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding


def _decoding_error(source: str, encoding: str) -> UserError:
    """Makes an error that names the line; a stream's own error knows only its last chunk."""
    decoder = codecs.getincrementaldecoder(encoding)()
    own = own_encoding(head_of(source))
    position, fit, line, before = "", own if own != "utf-8" else None, 1, b""
    with open_binary(source) as file:
        while True:
            piece = file.read(HEAD)
            try:
                line += decoder.decode(piece, final=not piece).count("\n")
            except UnicodeDecodeError as error:
                data, at = error.object, error.start
                line += data[:at].decode(encoding, "replace").count("\n")
                position = f", line {line}: byte 0x{data[at]:02X}"
                fit = fit or likely_encoding(_around(before, data, at) + file.read(HEAD // 2))
                break
            except UnicodeError:  # there is no byte order mark
                break
            if not piece:
                break
            before = piece
    return UserError(
        f"{source}{position} is not {encoding}. Save the file as UTF-8, or name its encoding with "
        f"--encoding, such as {fit or 'gb18030 or cp1252'}."
    )


def _around(before: bytes, data: bytes, at: int) -> bytes:
    """Returns the bytes near one that is in the second of two pieces."""
    start = max(0, len(before) + at - HEAD // 2)
    return (before + data)[start : start + HEAD]
