"""Opens files as they lie there: decompressed, and decoded in their encoding."""

import bz2
import codecs
import gzip
import io
import logging
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

import charset_normalizer
import zstandard

from ..errors import UserError

COMPRESSED = (".gz", ".zst", ".bz2", ".xz")
HEAD = 2**16  # bytes that tell what a file is
_EAST_ASIAN = ("gb", "big5", "cp9", "euc", "shift_jis", "johab")  # what bytes can tell, begins so
_DAMAGED = (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error, zstandard.ZstdError)

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
    if size == 0:
        raise UserError(f"{source}: the file is empty.")


def suffix_of(source: str) -> str:
    """Returns the suffix that says what a file is, in lower case, without that of compression."""
    path = Path(source)
    return Path(path.stem if path.suffix.lower() in COMPRESSED else path).suffix.lower()


@contextmanager
def open_binary(source: str) -> Iterator[BinaryIO]:
    """Opens a file to read its bytes, decompressed if its first bytes say that it is compressed.

    Raises:
        UserError: If it cannot be read, in the `with` block, too.
    """
    try:
        with open(source, "rb") as file, _decompressed(file) as content:
            yield content
    except _DAMAGED as error:
        raise UserError(
            f"{source} is not a sound compressed file ({error}). Copy or compress it again."
        ) from error
    except OSError as error:
        raise UserError(f"{source} cannot be read: {error.strerror}.") from error


def _decompressed(file: BinaryIO) -> BinaryIO:
    magic = file.read(6)
    file.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        return gzip.open(file)
    if magic.startswith(b"\x28\xb5\x2f\xfd"):
        reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        return io.BufferedReader(reader)
    if magic.startswith(b"BZh"):
        return bz2.open(file)
    return lzma.open(file) if magic == b"\xfd7zXZ\x00" else file


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
        encoding = _own_encoding(head_of(source))
        if encoding != "utf-8":
            logger.info("%s: read as %s (--encoding names another)", source, encoding)
    return encoding


def _codec(source: str, encoding: str | None) -> str:
    """Returns the codec of a file; one that drops a UTF-8 byte order mark."""
    encoding = encoding or _own_encoding(head_of(source))
    try:
        "".encode(encoding)
    except LookupError:
        raise UserError(
            f"{encoding!r} is not a text encoding. Name one with --encoding, such as utf-8, "
            "gb18030, cp1252 or utf-16."
        ) from None
    return "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding


def _own_encoding(head: bytes) -> str:
    """Returns the encoding that the first bytes of a text leave no doubt of, else UTF-8."""
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # There is none in UTF-8 that is text, and in UTF-16 one beside every ASCII character.
    if head.count(0) > len(head) / 5 or (0 in head and not _is_utf8(head)):
        feeds = {
            codec: head[: len(head) // 2 * 2].decode(codec, "replace").count("\n")
            for codec in ("utf-16-le", "utf-16-be")
        }
        likely, other = sorted(feeds, key=feeds.get, reverse=True)
        if feeds[likely] and not feeds[other]:
            return likely
    return "utf-8"


def _is_utf8(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def _decoding_error(source: str, encoding: str) -> UserError:
    """Makes an error that names the line; a stream's own error knows only its last chunk."""
    decoder = codecs.getincrementaldecoder(encoding)()
    position, fit, line, before = "", "gb18030 or cp1252", 1, b""
    if head_of(source).startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        fit = "utf-16"
    with open_binary(source) as file:
        while True:
            piece = file.read(HEAD)
            try:
                line += decoder.decode(piece, final=not piece).count("\n")
            except UnicodeDecodeError as error:
                data, at = error.object, error.start
                line += data[:at].decode(encoding, "replace").count("\n")
                position = f", line {line}: byte 0x{data[at]:02X}"
                fit = _likely(_around(before, data, at) + file.read(HEAD // 2)) or fit
                break
            except UnicodeError:  # there is no byte order mark
                break
            if not piece:
                break
            before = piece
    return UserError(
        f"{source}{position} is not {encoding}. Save the file as UTF-8, or name its encoding with "
        f"--encoding, such as {fit}."
    )


def _around(before: bytes, data: bytes, at: int) -> bytes:
    """Returns the bytes near one that is in the second of two pieces."""
    start = max(0, len(before) + at - HEAD // 2)
    return (before + data)[start : start + HEAD]


def _likely(data: bytes) -> str | None:
    """Returns the encoding of characters of several bytes that the data looks like, if any."""
    best = charset_normalizer.from_bytes(data).best()
    is_told = best is not None and best.encoding.startswith(_EAST_ASIAN)
    return best.encoding.replace("_", "-") if is_told else None
