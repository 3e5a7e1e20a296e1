"""Fits names of columns, classes, texts and the like into a terminal."""

import re

import wcwidth

# What a terminal acts on, or what makes a line look other than it is: control characters, ends of
# lines, marks that turn the direction of what follows, and what has no width. Joiners stay, for
# Persian, Indic scripts and emoji are not written without them.
_CONTROLS = "\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"
_HIDDEN = (
    "\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
)
_UNSAFE = re.compile(f"[{_CONTROLS}{_HIDDEN}]")
_UNSAFE_IN_LINE = re.compile(f"[\t\n{_CONTROLS}{_HIDDEN}]")

NAME_WIDTH = 24  # terminal columns a class name may take before it is shortened


def display_width(text: str) -> int:
    """Counts the terminal columns of a text: two for a wide character, such as a Chinese one."""
    return wcwidth.wcswidth(text)


def display_name(name: str, width: int = NAME_WIDTH) -> str:
    """Makes a class name fit to show: control characters escaped, at most `width` columns."""
    name = "".join(c if c.isprintable() else repr(c)[1:-1] for c in name)
    if display_width(name) <= width:
        return name
    name = name[:width]
    while display_width(name) >= width:
        name = name[:-1]
    return name + "…"


def counted(number: int, noun: str, nouns: str = "") -> str:
    """Returns a number with what it is of: "1 file", "2 files", "1,000 classes"."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def printable(text: str) -> str:
    """Escapes what a terminal should not get, as JSON does; tabs and line breaks stay.

    JSON stays JSON with the same meaning, for there such characters are in strings alone.
    """
    return _UNSAFE.sub(_escaped, text)


def one_line(text: str) -> str:
    """Escapes tabs and line breaks, too."""
    return _UNSAFE_IN_LINE.sub(_escaped, text)


def _escaped(found: re.Match) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
