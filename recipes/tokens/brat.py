"""Reads folders of texts with their marks beside them, `a.txt` and `a.ann`, as brat writes them.

References:
    https://brat.nlplab.org/standoff.html
"""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..data.bounds import LONGEST_TEXT
from ..data.files import open_text
from .spans import Marked, read_spans

MARKS = ".ann"
_TEXTS = ".txt"


def is_brat(source: Any) -> bool:
    """Returns whether a source is a folder that holds files of marks."""
    is_folder = isinstance(source, str) and os.path.isdir(source)
    return is_folder and any(name.endswith(MARKS) for name in os.listdir(source))


def read_brat(folder: str, encoding: str | None, counts: Counter[str]) -> Iterator[tuple]:
    """Yields of each text the name of its file, what is wrong with it or "", and its entities.

    The `counts` say what was passed over: relations and the like, marks in several pieces, and
    what `read_spans` counts.
    """
    for marks in sorted(Path(folder).glob(f"*{MARKS}")):
        texts = marks.with_suffix(_TEXTS)
        if not texts.is_file():
            yield marks.name, f"there is no {texts.name} beside it", None
            continue
        with open_text(str(texts), encoding) as file:
            text = file.read(LONGEST_TEXT)
        with open_text(str(marks), encoding) as file:
            lines = file.read(LONGEST_TEXT).splitlines()
        try:
            spans = [_span(line) for line in lines if _is_mark(line, counts)]
            yield texts.name, "", Marked(text, read_spans(text, spans, counts))
        except ValueError as error:
            yield texts.name, str(error), None


def _is_mark(line: str, counts: Counter[str]) -> bool:
    """Returns whether a line marks a piece of the text; counts those that say something else."""
    if not line.strip():
        return False
    if not line.startswith("T"):
        counts["lines of relations, notes and the like, passed over"] += 1
        return False
    if ";" in "".join(line.split("\t")[1:2]):
        counts["marks in several pieces, left out"] += 1
        return False
    return True


def _span(line: str) -> list[Any]:
    """Returns start, end and kind of a line such as "T1<tab>PER 0 3<tab>Ada"."""
    fields = line.split("\t")
    parts = fields[1].split() if len(fields) > 1 else []
    if len(parts) != 3 or not all(part.isdecimal() for part in parts[1:]):
        raise ValueError(f"a mark must be of the form T1, KIND START END, not {line!r:.60}")
    return [int(parts[1]), int(parts[2]), parts[0]]
