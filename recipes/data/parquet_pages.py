"""Reads of a Parquet file how much its pages become, before any is unpacked.

A page is the least that Arrow reads of a column, whatever a file says of its columns elsewhere. In
front of each is a header, a struct in Thrift's compact protocol, which pyarrow does not show.

References: https://github.com/apache/parquet-format, `parquet.thrift`, and
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

import mmap
from collections.abc import Iterator
from typing import Any, NamedTuple

import pyarrow as pa
from pyarrow.parquet import ColumnChunkMetaData

_BOOLEANS, _INTEGERS, _DOUBLE, _BINARY, _LISTS, _STRUCT = (1, 2), (4, 5, 6), 7, 8, (9, 10), 12
_BYTE = 3
_DEEPEST = 8  # structs and lists in each other; those of a page lie two deep
_DICTIONARY = 2
_UNPACKED, _PACKED, _DATA, _DICTIONARY_HEADER, _DATA_2 = 2, 3, 5, 7, 8  # fields of a header
_REFER, _DELTA_BYTE_ARRAY = (2, 8), 7  # encodings: values of a dictionary; beginnings shared


class Page(NamedTuple):
    """Holds what the header of a page says.

    Attributes:
        packed: Bytes of the page in the file.
        unpacked: Bytes that these become.
        num_values: Values in it, counting those that are missing.
        encoding: How they are written.
        is_dictionary: Whether it holds the values that others refer to.
        at: Where it begins in the file.
    """

    packed: int
    unpacked: int
    num_values: int
    encoding: int
    is_dictionary: bool
    at: int

    @property
    def refers(self) -> bool:
        """Returns whether it holds no values, but which of a dictionary they are."""
        return self.encoding in _REFER and not self.is_dictionary

    @property
    def heaviest(self) -> float:
        """Returns the bytes of a value, where each may begin as the ones before do at most."""
        shares = self.encoding == _DELTA_BYTE_ARRAY
        return self.unpacked if shares else self.unpacked / max(1, self.num_values)


NO_PAGE = Page(0, 0, 0, 0, False, 0)


def pages(file: bytes | mmap.mmap, chunk: ColumnChunkMetaData) -> Iterator[Page]:
    """Yields the pages of a column in a group of rows.

    Raises:
        ValueError: If a header is not sound, or the file ends before.
    """
    starts = (chunk.dictionary_page_offset, chunk.data_page_offset)
    at = min(start for start in starts if start) if any(starts) else 0
    left = chunk.num_values
    while left > 0:
        header, at = _struct(file, at)
        try:
            page = _page(header, at)
        except (TypeError, AttributeError) as error:
            raise ValueError("the header of a page is not sound") from error
        yield page
        at += page.packed
        left -= 0 if page.is_dictionary else page.num_values


def _page(header: dict[int, Any], at: int) -> Page:
    about = next(filter(None, map(header.get, (_DATA, _DICTIONARY_HEADER, _DATA_2))), {})
    sizes = (header.get(_PACKED, -1), header.get(_UNPACKED, -1), about.get(1, 0))
    if min(sizes) < 0:
        raise ValueError("the header of a page has no sizes")
    is_dictionary = header.get(1) == _DICTIONARY
    return Page(*sizes, about.get(4 if _DATA_2 in header else 2, 0), is_dictionary, at)


def longest_text(file: bytes | mmap.mmap, page: Page) -> int:
    """Returns the length of the longest text in a dictionary, in bytes; at most that of the page.

    It is all that is in it where its compression is a rarer one. That is told by the bytes: pyarrow
    ends the process when asked for one that it does not know.
    """
    data = file[page.at : page.at + page.packed]
    kinds = {b"\x28\xb5\x2f\xfd": "zstd", b"\x1f\x8b": "gzip"}
    plain = None if page.packed == page.unpacked else "snappy"
    codec = next((kind for magic, kind in kinds.items() if data.startswith(magic)), plain)
    try:
        if codec is not None:
            data = pa.Codec(codec).decompress(data, page.unpacked, asbytes=True)
    except (pa.ArrowException, OSError, ValueError):
        return page.unpacked
    longest, place = 0, 0
    for _ in range(page.num_values):
        length = int.from_bytes(data[place : place + 4], "little")
        longest, place = max(longest, length), place + 4 + length
        if place >= len(data):
            break
    return min(longest, page.unpacked)


def _struct(file: bytes | mmap.mmap, at: int, depth: int = 0) -> tuple[dict[int, Any], int]:
    """Returns the fields of a struct by their numbers, and the place after it."""
    fields: dict[int, Any] = {}
    number = 0
    while True:
        head, at = _byte(file, at)
        if not head:
            return fields, at
        step, kind = head >> 4, head & 15
        if step:
            number += step
        else:
            number, at = _integer(file, at)
        fields[number], at = _value(file, at, kind, depth + 1)


def _value(file: bytes | mmap.mmap, at: int, kind: int, depth: int) -> tuple[Any, int]:
    """Returns a value of some type and the place after it; what has no use here is passed over."""
    if depth > _DEEPEST:
        raise ValueError("the header of a page is too deep")
    if kind in _BOOLEANS:
        return kind == 1, at
    if kind == _BYTE:
        return _byte(file, at)
    if kind in _INTEGERS:
        return _integer(file, at)
    if kind == _DOUBLE:
        return None, at + 8
    if kind == _BINARY:
        size, at = _varint(file, at)
        return None, at + size
    if kind == _STRUCT:
        return _struct(file, at, depth)
    if kind in _LISTS:
        head, at = _byte(file, at)
        count = head >> 4
        if count == 15:
            count, at = _varint(file, at)
        for _ in range(count):
            _, at = _value(file, at, head & 15, depth + 1)
        return None, at
    raise ValueError("the header of a page is not sound")


def _byte(file: bytes | mmap.mmap, at: int) -> tuple[int, int]:
    if not 0 <= at < len(file):
        raise ValueError("the file ends within a page")
    return file[at], at + 1


def _varint(file: bytes | mmap.mmap, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):  # of 64 bits at most
        byte, at = _byte(file, at)
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError("a number in the header of a page is too long")


def _integer(file: bytes | mmap.mmap, at: int) -> tuple[int, int]:
    value, at = _varint(file, at)
    return (value >> 1) ^ -(value & 1), at
