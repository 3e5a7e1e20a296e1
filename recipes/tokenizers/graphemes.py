"""Tells which characters `tokenizers` takes for one, by trying: "e" and an accent, say.

The rules change with each version of Unicode, and nothing gives them away but what a map of
characters does: it replaces a whole one by what stands for its beginning.

References:
    Unicode Standard Annex 29, "Unicode Text Segmentation", table 2
"""

from functools import cache

import numpy as np
from tokenizers import normalizers

from .tables import CODES, CodeTable

JOINS_LEFT, JOINS_RIGHT, STANDS_ALONE = 1, 2, 4
_ACCENT, _OTHER_ACCENT = "\N{COMBINING ACUTE ACCENT}", "\N{COMBINING CIRCUMFLEX ACCENT}"
# Where marks and controls are; above, nothing has been given out.
_MARKS = [*range(0x300, 0xD800), *range(0xE000, 0x20000), *range(0xE0000, 0xE1000)]
_CONTROLS = [*range(0x0A), *range(0x0B, 0xD800), *range(0xE000, 0x12000), *range(0xE0000, 0xE1000)]


@cache
def character_joins() -> CodeTable:
    """Makes the table of how each code point joins its neighbours: a sum of the three above."""
    values = np.zeros(CODES, np.int8)
    values[ord("\n")] = STANDS_ALONE
    # With "a" in the map, what is joined to it is lost with it.
    by_letter = normalizers.Precompiled(_map_of("a"))
    for code, line in _try(by_letter, "a{}", _MARKS):
        values[code] |= JOINS_LEFT * (line == "X")
    # With a third one, it is too long to be lost, or has begun with another.
    for code, line in _try(by_letter, f"{{}}a{_ACCENT}", _CONTROLS):
        values[code] |= JOINS_RIGHT * line.endswith(_ACCENT)
    by_accent = normalizers.Precompiled(_map_of(_ACCENT))
    for code, line in _try(by_accent, f"{{}}{_ACCENT}{_OTHER_ACCENT}", _CONTROLS):
        values[code] |= STANDS_ALONE * (line == f"{chr(code)}X")
    return CodeTable(values)


def _try(normalizer: normalizers.Normalizer, line: str, codes: list[int]):
    lines = "\n".join(line.format(chr(code)) for code in codes)
    return zip(codes, normalizer.normalize_str(lines).split("\n"), strict=True)


def _map_of(character: str) -> bytes:
    """Makes a precompiled map that replaces one character by "X"."""
    keys = character.encode()
    units = np.zeros(256 * (len(keys) + 2), "<u4")
    units[0] = 256 << 10  # the children of a node are in 256 units of their own
    for number, byte in enumerate(keys, start=1):
        place = 256 * number ^ byte
        units[place] = (place ^ 256 * (number + 1)) << 10 | byte
    units[place] |= 1 << 8  # a string ends here; the unit in front of its children is 0: "X"
    blob = units.tobytes()
    return len(blob).to_bytes(4, "little") + blob + b"X\0"
