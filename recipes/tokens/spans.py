"""Reads entities that are marked in texts by their characters, as tools for annotation write them.

Doccano writes [start, end, label], spaCy the same under "entities", Prodigy objects, and Label
Studio the results of each annotator.
"""

import reprlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..data.spelled_lists import read_spelled

Span = tuple[int, int, str]  # the first character, the one after the last, and what it is


class Marked(NamedTuple):
    """Holds a text with its entities, and the tags that they were read from, if it was tags."""

    text: str
    entities: list[Span]
    tags: Sequence[str] | None = None


# What the parts of an object are called.
STARTS = ("start", "start_offset", "begin")
ENDS = ("end", "end_offset", "stop")
LABELS = ("label", "type", "entity", "entity_group", "tag", "labels", "hypertextlabels")


def read_spans(text: str, cell: Any, counts: Counter[str]) -> list[Span]:
    """Reads the spans of a text, in their order.

    White space at their ends is left out, and of spans that overlap the longest is kept: the
    `counts` say how often.

    Raises:
        ValueError: If the cell is none that holds spans, or one lies outside of the text; the
            message says it in words.
    """
    if isinstance(cell, str) and cell.strip():
        spelled = read_spelled(cell)
        if spelled is None:
            raise ValueError(f"the spans must be a list, not {reprlib.repr(cell)}")
        cell = spelled
    if isinstance(cell, Mapping):  # {"entities": [...]}, as spaCy has it
        cell = cell.get("entities", cell)
    if cell is None or cell == "":
        cell = []
    if (annotations := annotations_in(cell)) is not None:
        cell = _results(annotations, counts)
    if not isinstance(cell, Sequence) or isinstance(cell, str):
        raise ValueError(f"the spans must be a list, not {reprlib.repr(cell)}")
    spans = [_trimmed(text, _read_span(text, each), counts) for each in cell]
    return _apart([span for span in spans if span[0] < span[1]], counts)


def annotations_in(cell: Any) -> list[Mapping] | None:
    """Returns the annotations of a task of Label Studio that stand; None if a cell holds none.

    Each annotator's has results; one that was cancelled does not stand.
    """
    if not isinstance(cell, list) or not cell:
        return None
    if not all(isinstance(each, Mapping) and "result" in each for each in cell):
        return None
    return [each for each in cell if not each.get("was_cancelled")]


def _results(annotations: list[Mapping], counts: Counter[str]) -> list[Mapping]:
    """Returns the spans of the first annotator, as objects."""
    if len(annotations) > 1:
        counts["texts that several have annotated, of whom the first one counts"] += 1
    results = annotations[0]["result"] if annotations else []
    found = results if isinstance(results, list) else []
    values = [each.get("value") for each in found if isinstance(each, Mapping)]
    return [each for each in values if isinstance(each, Mapping) and "start" in each]


def _read_span(text: str, span: Any) -> Span:
    if isinstance(span, Mapping):
        parts = [
            next((span[name] for name in names if span.get(name) is not None), None)
            for names in (STARTS, ENDS, LABELS)
        ]
    elif isinstance(span, list | tuple) and len(span) >= 3:
        parts = list(span[:3])
    else:
        raise ValueError(
            "a span must be [start, end, label], or an object of these, not " + reprlib.repr(span)
        )
    if isinstance(parts[2], list) and len(parts[2]) == 1:
        parts[2] = parts[2][0]
    start, end, label = parts
    if isinstance(span, Mapping):
        start, end = _as_marked(text, start, end, span.get("text"))
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= len(text):
        raise ValueError(
            f"a span must begin and end within the text, which has {len(text):,} characters, not "
            f"from {start!r:.40} to {end!r:.40}"
        )
    if not isinstance(label, str | int) or isinstance(label, bool) or not str(label).strip():
        raise ValueError(f"the label of a span must be a name, not {label!r:.40}")
    return start, end, str(label).strip()


def _as_marked(text: str, start: Any, end: Any, marked: Any) -> tuple[Any, Any]:
    """Returns a span in characters, also where a browser counted them in halves of UTF-16.

    To a browser a character such as an emoji is two. What the span says it marks tells.
    """
    if type(start) is not int or type(end) is not int or not isinstance(marked, str):
        return start, end
    if text[start:end] != marked and 0 <= start < end:
        units = text.encode("utf-16-le", "surrogatepass")
        before, inner = (
            units[2 * a : 2 * b].decode("utf-16-le", "replace")
            for a, b in ((0, start), (start, end))
        )
        if inner == marked:
            return len(before), len(before) + len(inner)
    return start, end


def _trimmed(text: str, span: Span, counts: Counter[str]) -> Span:
    start, end, label = span
    marked = text[start:end]
    left, right = len(marked) - len(marked.lstrip()), len(marked) - len(marked.rstrip())
    if not left and not right:
        return span
    counts["spans with white space at their ends, which is left out"] += 1
    return start + left, end - right, label


def _apart(spans: list[Span], counts: Counter[str]) -> list[Span]:
    """Returns the spans that do not overlap, the longest of those that do."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda each: (each[0] - each[1], each[0])):
        if any(span[0] < other[1] and other[0] < span[1] for other in kept):
            counts["spans that lie within others or overlap them, left out"] += 1
        else:
            kept.append(span)
    return sorted(kept)
