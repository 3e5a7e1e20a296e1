"""Reads of an Arrow file how much its messages become, before any is unpacked.

Buffers of a message may be compressed, each after 8 bytes that say how many it becomes. Arrow
unpacks all those of a message at once, and so reads whatever they say.

References: https://arrow.apache.org/docs/format/Columnar.html, and `Message.fbs`, `File.fbs` there.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from flatbuffers import encode
from flatbuffers.number_types import Int64Flags, UOffsetTFlags
from flatbuffers.table import Table
from pyarrow import ipc

MAGIC = b"ARROW1"
_BLOCK = np.dtype([("at", "<i8"), ("head", "<i4"), ("_", "<i4"), ("body", "<i8")])
_BUFFER = np.dtype([("at", "<i8"), ("size", "<i8")])


class Message(NamedTuple):
    """Holds what a message says of itself: rows, or the values of a dictionary.

    Attributes:
        num_rows: How many there are.
        packed: Bytes in the file.
        unpacked: Bytes that these become.
        is_dictionary: Whether it holds values that rows refer to, which stay in memory.
    """

    num_rows: int
    packed: int
    unpacked: int
    is_dictionary: bool


def messages(file: pa.NativeFile) -> Iterator[Message]:
    """Yields the messages of a file or of a stream.

    Raises:
        ValueError: If one is not sound, as errors of Arrow are, too.
    """
    try:
        for message in _in_file(file) if file.read(len(MAGIC)) == MAGIC else _in_stream(file):
            if message.type in ("record batch", "dictionary"):
                yield _sizes(message)
    except (struct.error, TypeError, IndexError, OverflowError, EOFError) as error:
        raise ValueError(f"a message is not sound: {error}") from error


def _in_stream(file: pa.NativeFile) -> Iterator[ipc.Message]:
    file.seek(0)
    yield from ipc.MessageReader.open_stream(file)


def _in_file(file: pa.NativeFile) -> Iterator[ipc.Message]:
    """Yields the messages that the end of a file names."""
    size = file.size()
    tail = len(MAGIC) + 4
    file.seek(max(0, size - tail))
    length = int.from_bytes(file.read(4), "little")
    if not 0 < length <= size - tail:
        raise ValueError("its end is not sound")
    file.seek(size - tail - length)
    footer = _root(file.read(length))
    for slot in (8, 10):  # dictionaries, then rows
        for block in _vector(footer, slot, _BLOCK):
            file.seek(block["at"])
            yield ipc.read_message(file)


def _sizes(message: ipc.Message) -> Message:
    about = _table(_root(message.metadata.to_pybytes()), 8)
    is_dictionary = message.type == "dictionary"
    rows = _table(about, 6) if is_dictionary else about
    at = rows.Offset(4)
    num_rows = rows.Get(Int64Flags, at + rows.Pos) if at else 0
    body = memoryview(message.body)
    unpacked = len(body)
    if rows.Offset(10):  # they are compressed
        unpacked = sum(
            _becomes(body, int(b["at"]), int(b["size"])) for b in _vector(rows, 8, _BUFFER)
        )
    return Message(num_rows, len(body), unpacked, is_dictionary)


def _becomes(body: memoryview, at: int, size: int) -> int:
    """Returns how many bytes a compressed buffer becomes; it may say -1, and be none."""
    if not size:
        return 0
    [becomes] = struct.unpack_from("<q", body, at)
    return becomes if becomes >= 0 else size


def _root(data: bytes) -> Table:
    return Table(data, encode.Get(UOffsetTFlags.packer_type, data, 0))


def _table(table: Table, slot: int) -> Table:
    at = table.Offset(slot)
    if not at:
        raise ValueError("a message has no header")
    return Table(table.Bytes, table.Indirect(at + table.Pos))


def _vector(table: Table, slot: int, kind: np.dtype) -> np.ndarray:
    at = table.Offset(slot)
    if not at:
        return np.empty(0, kind)
    return np.frombuffer(table.Bytes, kind, table.VectorLen(at), table.Vector(at))
