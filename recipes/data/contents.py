"""Tells by what the columns of a table hold which are texts and which are labels."""

import unicodedata
from collections.abc import Sequence
from itertools import islice
from typing import Any

from ..names import display_width
from .labels import normal_label
from .rows import Table

SAMPLE = 1000  # rows that are looked at
FEWEST = 8  # rows, below which nothing is guessed
MOST_EMPTY = 0.1  # share of the cells of a column
SHORTEST_TEXT = 12  # characters, in the mean, beside labels
FEWEST_LETTERS = 0.5  # share of the characters of texts: dates with a time have less
LONGER = 1.5  # of two columns of texts: as a multiple, to be the one meant
LONGEST_LABEL = 60  # characters


def guess_by_content(table: Table, columns: list[str], roles: list[str]) -> dict[str, list[str]]:
    """Returns the columns that may have each role, by their first rows.

    Texts differ from row to row and are long, labels are few and short. Of sources and targets,
    the first two columns of texts are taken if there are just two, or if columns have no names.
    """
    cells = _sample(table, columns)
    if not set(roles).isdisjoint(("source", "target")):
        texts = [name for name in columns if is_text(cells[name], shortest=1)]
        have_no_names = len(texts) > len(roles) and all(name.isdecimal() for name in columns)
        if len(texts) == len(roles) or have_no_names:
            return {role: [name] for role, name in zip(roles, texts, strict=False)}
        return {role: [] for role in roles}
    found = {}
    if "text" in roles:
        found["text"] = _longest([name for name in columns if is_text(cells[name])], cells)
    if "label" in roles:
        found["label"] = [name for name in columns if is_label(cells[name])]
    return {role: found.get(role, []) for role in roles}


def flags_among(table: Table, columns: Sequence[str]) -> list[str]:
    """Returns the columns whose first rows all hold 0 or 1."""
    cells = _sample(table, columns)
    return [
        name
        for name in columns
        if cells[name] and {normal_label(each) for each in cells[name]} <= {"0", "1"}
    ]


def _sample(table: Table, columns: Sequence[str]) -> dict[str, list[Any]]:
    rows = (cells for _, problem, cells in table.read(columns) if not problem)
    sample = list(islice(rows, SAMPLE))
    sampled = {name: [cells[index] for cells in sample] for index, name in enumerate(columns)}
    if not table.has_gaps:
        return sampled
    return {name: [cell for cell in cells if cell is not None] for name, cells in sampled.items()}


def is_text(values: Sequence[Any], shortest: float = SHORTEST_TEXT) -> bool:
    """Returns whether cells are texts: strings, no numbers or dates, most of them different."""
    texts = _filled(values)
    if len(texts) < min(FEWEST, len(values)) or not texts or not all(map(_is_words, texts[:50])):
        return False
    if _share_of_letters("".join(texts[:50])) < FEWEST_LETTERS:
        return False
    return len(set(texts)) > len(texts) / 2 and _mean_length(texts) >= shortest


def is_label(values: Sequence[Any]) -> bool:
    """Returns whether cells are labels: at least two, each, in the mean, four times, and short.

    A cell may be a list of some.
    """
    labels = [normal_label(value) for value in _unpacked(_filled(values))]
    if len(labels) < FEWEST or not all(isinstance(label, str) for label in labels):
        return False
    return 2 <= len(set(labels)) <= len(labels) / 4 and max(map(len, labels)) <= LONGEST_LABEL


def _unpacked(values: Sequence[Any]) -> list[Any]:
    """Returns the values of cells, of lists each of their own."""
    cells = (value if isinstance(value, list | tuple) else [value] for value in values)
    return [each for cell in cells for each in cell]


def _filled(values: Sequence[Any]) -> list[Any]:
    """Returns the cells that are not empty; none of them where too many are."""
    filled = [value for value in values if value is not None and str(value).strip()]
    return filled if len(filled) >= (1 - MOST_EMPTY) * len(values) else []


def _is_words(value: Any) -> bool:
    return isinstance(value, str) and any(character.isalpha() for character in value)


def _share_of_letters(text: str) -> float:
    """Returns the share of letters, with their marks, among all that is no white space."""
    seen = [each for each in text if not each.isspace()]
    return sum(unicodedata.category(each)[0] in "LM" for each in seen) / max(1, len(seen))


def _longest(columns: list[str], cells: dict[str, list[Any]]) -> list[str]:
    """Returns the one column of texts that is plainly the longest, else all."""
    ranked = sorted(columns, key=lambda name: -_mean_length(_filled(cells[name])))
    if len(ranked) < 2:
        return ranked
    first, second = (_mean_length(_filled(cells[name])) for name in ranked[:2])
    return ranked[:1] if first >= LONGER * second else columns


def _mean_length(texts: Sequence[Any]) -> float:
    """Returns the mean length of texts in terminal columns: a Chinese character has two."""
    return sum(max(len(text), display_width(text)) for text in texts) / max(1, len(texts))
