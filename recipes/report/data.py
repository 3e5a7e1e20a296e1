"""Tells what a model learned from: how much, how long, and what was left out or guessed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..data.rows import names_of
from .charts import histogram
from .markup import figure, items, name, paragraph, table, text

MOST_MEASURED = 5000  # texts whose lengths are drawn
ROLES = {
    "text_column": "texts",
    "pair_column": "second texts",
    "label_column": "labels",
}


def data(parts: Mapping[str, Mapping[str, Any]], said: Sequence[str], is_held_out: bool) -> str:
    """Returns where the data is from, how much of it there is, and what the log said of it.

    Args:
        parts: What `describe` gives of the examples, by what they are for.
        said: The lines of the log.
        is_held_out: Whether the examples to validate on are a part of the training data.
    """
    rows = [
        [text(use), _source(part), f"{part['num_examples']:,}", f"{part.get('num_skipped', 0):,}"]
        for use, part in parts.items()
    ]
    head = ["Part", "Source", "Examples", "Bad rows left out"]
    whole = table("Where the examples are from", head, rows, ["", "", "number", "number"])
    note = "The validation data was held out of the training data: equal examples are on one side."
    heard = (
        paragraph("What the log said of the data, and of how it was read:")
        + items(f"<span>{text(line)}</span>" for line in dict.fromkeys(said))
        if said
        else paragraph("The log said nothing of the data: nothing was skipped, cut or guessed.")
    )
    return whole + (paragraph(note) if is_held_out else "") + paragraph(_columns(parts)) + heard


def _source(part: Mapping[str, Any]) -> str:
    sources = part.get("sources") or [part.get("source")]
    more = f" and {len(sources) - 3} more" if len(sources) > 3 else ""
    return ", ".join(map(name, sources[:3])) + more


def _columns(parts: Mapping[str, Mapping[str, Any]]) -> str:
    """Says in which columns everything was, of each part where they differ."""
    columns = {use: _columns_of(part) for use, part in parts.items()}
    if len(set(columns.values())) == 1:
        return f"It was read from {next(iter(columns.values()))}." if any(columns.values()) else ""
    return " ".join(
        f"The part “{text(use)}” was read from {each}." for use, each in columns.items() if each
    )


def _columns_of(part: Mapping[str, Any]) -> str:
    named = [
        f"the {what} in {' + '.join(f'<code>{name(each)}</code>' for each in names_of(part[key]))}"
        for key, what in ROLES.items()
        if part.get(key)
    ]
    if part.get("columns"):
        named = [
            f"columns {' and '.join(f'<code>{name(each)}</code>' for each in part['columns'])}"
        ]
    return ", ".join(named)


def some_rows(count: int) -> np.ndarray:
    """Returns the rows of up to `MOST_MEASURED` examples, from all of the data."""
    return np.unique(np.linspace(0, count - 1, min(count, MOST_MEASURED)).astype(int))


def lengths(title: str, measured: np.ndarray, total: int, longest: int | None = None) -> str:
    """Draws the lengths of texts, in tokens.

    Args:
        title: What they are lengths of.
        measured: The lengths of those that `some_rows` names.
        total: The number of texts.
        longest: Tokens that the model reads at most. Defaults to no bound.
    """
    note = (
        f"Half have at most {np.median(measured):,.0f} tokens, 95% at most "
        f"{np.percentile(measured, 95):,.0f}; the longest has {measured.max():,}."
        f"{_measured(measured, total)}"
    )
    if longest is not None:
        share = float(np.mean(measured > longest))
        note += f" The model reads {longest:,} at once; {share:.1%} are longer."
    mark = None if longest is None else (longest, f"read at once: {longest:,} tokens")
    return figure(text(title), histogram(measured, "tokens", mark), note)


def sizes(title: str, sides: np.ndarray, total: int, read_as: tuple[int, int]) -> str:
    """Draws the shorter sides of images, in pixels.

    Args:
        title: Of which images.
        sides: Those of the images that were measured.
        total: The number of images.
        read_as: Height and width that the model reads every image as.
    """
    note = (
        f"Half have a shorter side of at most {np.median(sides):,.0f} pixels; the smallest has "
        f"{sides.min():,}, the largest {sides.max():,}.{_measured(sides, total)} The model reads "
        f"every image as {read_as[0]:,} × {read_as[1]:,} pixels."
    )
    mark = min(read_as), f"read as {min(read_as):,} pixels"
    return figure(text(title), histogram(sides, "pixels", mark), note)


def _measured(some: np.ndarray, total: int) -> str:
    return f" Measured on {len(some):,} of {total:,}." if len(some) < total else ""
