"""Damages the bytes of sound files, as disks, networks, other programs and enemies do.

Half of the changes know the form of what they change: a value of JSON, a member of a zip, a chunk
of a PNG, the header of a safetensors file. Others would be stopped by the first checksum.
"""

import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Sequence
from random import Random
from typing import Any

LARGEST = 2**20  # bytes of what is made
NUMBERS = (0, -1, 2**15, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64, 10**400)
AWKWARD = (
    *(
        b"\x00",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
        b"\r",
        b"\n",
        b"\t",
        b'"',
        b"'",
        b"\\",
    ),
    *(b",", b";", b"|", b"[", b"]", b"{", b"}", b"\\ud800", "\u202e".encode(), "\u0085".encode()),
    *(b"NaN", b"1e999", b"-Infinity", b"null", b"true", b"&a;", b"<!--", b"sep=;\n", b"\x1b[2J"),
)
VALUES = (None, True, -1, 0, 1.5, 2**70, "", "\x00", "\ud800", "9" * 5000, [], {}, [[]], {"": {}})
DEPTHS = (20, 900, 100_000)
_PNG = b"\x89PNG\r\n\x1a\n"


def mutate(data: bytes, draw: Random, others: Sequence[bytes]) -> bytes:
    """Returns some bytes with one to four changes; of `others` parts may be taken."""
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        known = _by_form(data, draw, others) if draw.random() < 0.5 else None
        data = _by_bytes(data, draw, others) if known is None else known
    return data[:LARGEST]


def _by_bytes(data: bytes, draw: Random, others: Sequence[bytes]) -> bytes:
    change = draw.choice(_CHANGES)
    start, end = sorted(draw.randint(0, len(data)) for _ in range(2))
    return change(data, start, end, draw, others)


def _flip(data, start, _, draw, __):
    return (
        data[:start]
        + bytes([byte ^ 1 << draw.randrange(8) for byte in data[start:][:1]])
        + (data[start + 1 :])
    )


def _cut_off(data, start, *_):
    return data[:start]


def _leave_out(data, start, end, *_):
    return data[:start] + data[end:]


def _repeat(data, start, end, draw, _):
    part = data[start:end][:1000]
    return data[:start] + part * draw.choice((2, 10, 1000)) + data[start:]


def _take_over(data, start, end, draw, others):
    other = draw.choice(others)
    first, last = sorted(draw.randint(0, len(other)) for _ in range(2))
    return data[:start] + other[first:last] + data[end:]


def _insert(data, start, _, draw, __):
    return data[:start] + draw.choice(AWKWARD) * draw.choice((1, 1, 3, 5000)) + data[start:]


def _nest(data, start, _, draw, __):
    begin, end = draw.choice(((b"[", b"]"), (b'{"a":', b"}"), (b"<tu>", b"</tu>"), (b"- ", b"")))
    depth = draw.choice(DEPTHS)
    return data[:start] + begin * depth + end * draw.choice((0, depth)) + data[start:]


def _other_number(data, *_):
    draw = _[2]
    found = list(re.finditer(rb"\d+", data[:LARGEST]))
    if not found:
        return data
    number = draw.choice(found)
    return data[: number.start()] + b"%d" % draw.choice(NUMBERS) + data[number.end() :]


def _overwrite(data, start, _, draw, __):
    size = draw.choice((1, 2, 4, 8))
    number = draw.choice(NUMBERS) % 256**size
    return (
        data[:start] + number.to_bytes(size, draw.choice(("little", "big"))) + data[start + size :]
    )


_CHANGES = (
    *(_flip, _flip, _cut_off, _leave_out, _repeat, _take_over, _insert, _insert, _nest),
    *(_other_number, _overwrite, _overwrite),
)


def _by_form(data: bytes, draw: Random, others: Sequence[bytes]) -> bytes | None:
    """Changes what has a known form, and mends the checksums; None for what has none."""
    if data.startswith(b"PK\x03\x04"):
        return _zip(data, draw, others)
    if data.startswith(_PNG):
        return _png(data, draw, others)
    length = int.from_bytes(data[:8], "little")
    if data[8:9] == b"{" and length < len(data):
        header = _json(data[8 : 8 + length], draw) or _by_bytes(data[8 : 8 + length], draw, others)
        return len(header).to_bytes(8, "little") + header + data[8 + length :]
    return _json(data, draw) if data.lstrip()[:1] in (b"{", b"[") else None


def _zip(data: bytes, draw: Random, others: Sequence[bytes]) -> bytes | None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, OSError, ValueError, zlib.error, NotImplementedError, EOFError):
        return None
    name = draw.choice(sorted(members) or [""])
    members[name] = _by_bytes(members.get(name, b""), draw, [*members.values(), *others])
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for each, content in members.items():
            archive.writestr(each or "_", content)
    return file.getvalue()


def _png(data: bytes, draw: Random, others: Sequence[bytes]) -> bytes:
    chunks, at = [], len(_PNG)
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += size + 12
    if not chunks:
        return data
    index = draw.randrange(len(chunks))
    kind, content = chunks[index]
    chunks[index] = kind, _by_bytes(content, draw, others)
    parts = [
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    ]
    return _PNG + b"".join(parts)


def _json(data: bytes, draw: Random) -> bytes | None:
    """Changes a value or a name of JSON, of one line where there are several."""
    lines = data.splitlines(keepends=True)
    try:
        return _json_text(data, draw)
    except (ValueError, RecursionError):
        index = draw.randrange(len(lines)) if lines else 0
    try:
        return b"".join(
            [*lines[:index], _json_text(lines[index], draw), b"\n", *lines[index + 1 :]]
        )
    except (ValueError, RecursionError, IndexError):
        return None


def _json_text(data: bytes, draw: Random) -> bytes:
    value = json.loads(data)
    nodes = list(_nodes(value)) if isinstance(value, dict | list) else []
    if not nodes:
        return data
    parent, key = draw.choice(nodes)
    action = draw.randrange(5)
    if action == 0:
        del parent[key]
    elif action == 1 and isinstance(parent, dict):
        parent[draw.choice(["", "a.b", "\ud800", "a" * 5000])] = parent.pop(key)
    elif action == 2:
        parent[key] = "@@"
    else:
        parent[key] = draw.choice([*VALUES, *NUMBERS])
    depth = draw.choice(DEPTHS)
    text = json.dumps(value).encode()
    return text.replace(b'"@@"', b"[" * depth + b"]" * depth)


def _nodes(value: Any):
    """Yields what holds each value within a value, and under what key."""
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _nodes(value[key])
