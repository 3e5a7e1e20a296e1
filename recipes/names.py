"""Fits names of columns, classes and the like into a terminal."""

import wcwidth

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
