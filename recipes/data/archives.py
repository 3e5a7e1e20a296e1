"""Opens compressed files, and the one table in an archive: a zip or a tar.

A table in an archive is read as a stream, never unpacked to the disk.
"""

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Sequence
from functools import lru_cache
from typing import BinaryIO

import zstandard

from ..errors import UserError
from .suffixes import ARCHIVES, TABLE_FORMATS, suffix_of

DAMAGED = (
    *(EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error, zstandard.ZstdError),
    *(tarfile.TarError, zipfile.BadZipFile),
    *(NotImplementedError, OverflowError),  # a zip of some other kind; a size that none has
)
LISTED = 5  # members that a message names
LONGEST_HEADER = 2**20  # bytes of a tar's header of any length, such as a long name
MOST_LAYERS = 3  # of compression around a file
MOST_UNPACKED, MOST_TIMES = 2**25, 100  # bytes; or as a multiple of the size of the file
_ABOUT = ("readme", "license", "licence", "copying", "changelog")  # as names of no data begin
_TAR = b"ustar"  # at 257
_GZIP, _ZSTD, _BZIP2, _XZ = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\x00"
_TOOLS = {_GZIP: "gzip -dk", _ZSTD: "zstd -d", _BZIP2: "bzip2 -dk", _XZ: "xz -dk"}


def is_packed(head: bytes) -> bool:
    """Returns whether the first bytes of a file are those of a compressed one, or of a tar."""
    return head.startswith((_GZIP, _ZSTD, _BZIP2, _XZ)) or head[257:262] == _TAR


def unpacked(source: str, file: BinaryIO) -> BinaryIO:
    """Returns what an opened file holds: decompressed, and the one table where it is an archive.

    Raises:
        UserError: If an archive has no such table, or several.
    """
    content = _decompressed(file)
    name = member_of(source)
    if not name:
        return file if content is file else _bounded(source, content)
    if not _is_tar(content):
        return _bounded(source, _decompressed(zipfile.ZipFile(content).open(name)))
    whole = _bounded(source, content)
    archive = tarfile.TarFile.open(fileobj=whole, mode="r|", tarinfo=_Header)
    member = archive.extractfile(next(each for each in archive if each.name == name))
    return _bounded(source, _decompressed(io.BufferedReader(_Member(member))))


def member_of(source: str) -> str:
    """Returns the name of the one table in an archive; nothing if the file is none.

    Raises:
        UserError: As `unpacked`.
    """
    status = os.stat(source)
    return _member_of(source, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _member_of(source: str, *_: int) -> str:
    with open(source, "rb") as plain:
        file = _decompressed(plain)
        if _is_tar(file):
            whole = _bounded(source, file)
            with tarfile.open(fileobj=whole, mode="r|", tarinfo=_Header) as archive:
                return _choose(source, [each.name for each in archive if each.isreg()])
        if not file.peek(4).startswith(b"PK\x03\x04"):
            return ""
        if file is not plain and suffix_of(source) == ".xlsx":
            return ""
        if file is not plain:
            raise UserError(f"{source} is a zip that is compressed again. Decompress it first.")
        return _in_zip(source, file)


def _in_zip(source: str, file: BinaryIO) -> str:
    try:
        archive = zipfile.ZipFile(file)
    except zipfile.BadZipFile:
        if source.lower().endswith(ARCHIVES):
            raise
        return ""  # perhaps a workbook, whose reader says what is wrong
    names = archive.namelist()
    if "[Content_Types].xml" in names:
        return ""  # a workbook, or another document of an office
    if "mimetype" in names:
        raise UserError(f"{source} is a document of OpenOffice. Save the sheet as .xlsx or .csv.")
    name = _choose(source, [each.filename for each in archive.infolist() if not each.is_dir()])
    if archive.getinfo(name).flag_bits & 1:
        raise UserError(f"{source}: {name} is encrypted. {unpacking(source)}")
    return name


def _choose(source: str, names: Sequence[str]) -> str:
    """Returns the one table among the files of an archive, or the one file."""
    seen = [name for name in names if not any(part[:1] in "._" for part in name.split("/") if part)]
    data = [name for name in seen if not name.rpartition("/")[2].lower().startswith(_ABOUT)]
    tables = [name for name in data if suffix_of(name) in TABLE_FORMATS]
    found = tables or data
    if len(found) == 1:
        return found[0]
    more = ", ..." if len(found) > LISTED else ""
    listed = f"{len(found)}: {', '.join(found[:LISTED])}{more}" if found else "none"
    kind = "tables" if tables else "files"
    raise UserError(
        f"{source}: an archive must hold one table, to be read as it is. Received, {kind}: "
        f"{listed}. {unpacking(source)}"
    )


def unpacking(source: str) -> str:
    """Says how a file is unpacked."""
    with open(source, "rb") as file:
        found = (tool for magic, tool in _TOOLS.items() if file.peek(6).startswith(magic))
        if (tool := next(found, "")) and not _is_tar(_decompressed(file)):
            return f"Unpack it, `{tool} {source}`."
    module = "zipfile" if zipfile.is_zipfile(source) else "tarfile"
    folder = os.path.basename(source).partition(".")[0] or "folder"
    return (
        f"Unpack it, `python -m {module} -e {source} {folder}`, and name a file in it, or the "
        "folder."
    )


def _is_tar(file: BinaryIO) -> bool:
    return file.peek(512)[257:262] == _TAR


def _decompressed(file: BinaryIO) -> BinaryIO:
    """Returns what compressed bytes hold, as their first ones say."""
    for _ in range(MOST_LAYERS):
        opened = _layer(file)
        if opened is file:
            return file
        file = opened
    return file


def _layer(file: BinaryIO) -> BinaryIO:
    magic = file.peek(6)[:6]
    if magic.startswith(_GZIP):
        return gzip.open(file)
    if magic.startswith(_ZSTD):
        reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        return io.BufferedReader(reader)
    if magic.startswith(_BZIP2):
        return bz2.open(file)
    return lzma.open(file) if magic == _XZ else file


def _bounded(source: str, file: BinaryIO) -> BinaryIO:
    """Returns a reader of what a file becomes, for as long as its size allows."""
    return io.BufferedReader(_Bounded(source, file))


class _Bounded(io.RawIOBase):
    """Reads what a file becomes, and refuses what goes on and on."""

    def __init__(self, source: str, file: BinaryIO):
        self.source, self.file, self.count = source, file, 0
        self.size = os.path.getsize(source)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        piece = self.file.read(len(buffer))
        self.count += len(piece)
        if self.count > max(MOST_UNPACKED, MOST_TIMES * self.size):
            raise UserError(
                f"{self.source}: what is compressed must become {MOST_UNPACKED:,} bytes at most, "
                f"or {MOST_TIMES} times its size. Received: {self.size:,} bytes that become at "
                f"least {self.count:,}. If that is right, unpack it first."
            )
        buffer[: len(piece)] = piece
        return len(piece)


class _Member(io.RawIOBase):
    """Reads a file of a tar that comes as a stream; tarfile's own lacks a method before 3.13."""

    def __init__(self, file: BinaryIO):
        self.file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        piece = self.file.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)


class _Header(tarfile.TarInfo):
    """Holds a header of a tar, and refuses one that says it goes on for megabytes."""

    @classmethod
    def frombuf(cls, *arguments) -> tarfile.TarInfo:
        header = super().frombuf(*arguments)
        if not header.isreg() and header.size > LONGEST_HEADER:
            raise tarfile.ReadError(f"a header of {header.size:,} bytes")
        return header
