"""Shows the classes of a classifier, and which of them it takes for each other."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from ..names import display_name, display_width
from ..runs.display import most_confused
from .charts import bar, svg
from .markup import figure, name, paragraph, picture, table, text

MOST_CELLS = 15  # classes whose counts can be read in a drawing; of more there is a picture
LARGEST_PICTURE = 600  # cells along a side; of more classes, several share one
MOST_LISTED = 2000  # classes in the table: those with the most mistakes
MOST_POINTED = 50_000  # cells off the diagonal that the page's script knows, the largest
CELL, LETTER = 46, 6.6  # units
RIGHT, WRONG = (47, 111, 222), (217, 95, 2)  # red, green, blue


def classes(metrics: dict[str, Any], learned: Mapping[str, int]) -> str:
    """Returns a table with the examples and the scores of each class.

    Args:
        metrics: What `classification_metrics` gives.
        learned: The number of examples to learn from of each class.
    """
    names, counts = metrics["class_names"], np.array(metrics["confusion_matrix"])
    mistakes = counts.sum(axis=1) - counts.diagonal()
    shown = np.sort(np.argsort(-mistakes, kind="stable")[:MOST_LISTED])
    largest = max([1, *learned.values()])
    rows = []
    for number in shown.tolist():
        scores = metrics["classes"][names[number]]
        some = learned.get(names[number], 0)
        is_seen = scores["support"] > 0
        figures = (
            f"{scores[key]:.3f}" if is_seen else "–" for key in ("precision", "recall", "f1")
        )
        taken = _taken_for(counts[number], number, names)
        learned_cell = f"{some:,}{bar(some / largest)}"
        rows.append([name(names[number]), learned_cell, f"{scores['support']:,}", *figures, taken])
    head = ["Class", "To learn from", "Validation", "Precision", "Recall", "F1", "Taken for"]
    left = len(names) - len(shown)
    note = paragraph(f"Of {len(names):,} classes, {left:,} with few mistakes are left out.")
    kinds = ["", *["number"] * 5, ""]
    return (
        _missing(metrics)
        + table("How well each class is recognized", head, rows, kinds, True)
        + (note if left else "")
    )


def _taken_for(row: np.ndarray, number: int, names: list[str]) -> str:
    """Returns what a class is most often taken for, if anything."""
    others = row.copy()
    others[number] = 0
    best = int(others.argmax())
    return f"{name(names[best])} ({others[best]:,})" if others[best] else ""


def _missing(metrics: dict[str, Any]) -> str:
    """Says which classes have no example to validate on, and what that means."""
    missing = [each for each in metrics["class_names"] if not metrics["classes"][each]["support"]]
    if not missing:
        return ""
    shown = ", ".join(map(name, missing[:10])) + (", …" if len(missing) > 10 else "")
    sentence = (
        f"Without an example in the validation data: {len(missing):,} ({shown}). Nothing is known "
        "of how well they are recognized, and macro-F1 leaves them out."
    )
    return paragraph(sentence, "warning")


def confusion(metrics: dict[str, Any]) -> str:
    """Returns the confusion matrix, and the pairs of classes that are confused most."""
    names, counts = metrics["class_names"], np.array(metrics["confusion_matrix"])
    draw = _drawing if len(names) <= MOST_CELLS else _picture
    note = (
        "Each cell counts the examples of the class of its row that are taken for that of its "
        "column; its colour is their share of the row. Blue is right, orange is wrong."
    )
    matrix = figure("True classes (down) and predicted ones (across)", draw(counts, names), note)
    return matrix + _pairs(metrics)


def _pairs(metrics: dict[str, Any]) -> str:
    names = metrics["class_names"]
    rows = [
        [name(names[true]), name(names[predicted]), said]
        for true, predicted, said in most_confused(metrics)
    ]
    if not rows:
        return paragraph("No class is taken for another in the validation data.")
    return table("Confused most", ["Truly", "Taken for", "Times"], rows, ["", "", "number"])


def _shares(counts: np.ndarray) -> np.ndarray:
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def _drawing(counts: np.ndarray, names: list[str]) -> str:
    """Draws cells with their counts, under the names of classes."""
    shares, size, parts = _shares(counts), len(names), []
    room = 20 + LETTER * max(display_width(_short(each)) for each in names)
    left, top = round(room), round(0.75 * room)
    for number, each in enumerate(names):
        title = f"<title>{text(each)}</title>"
        short = text(_short(each))
        middle = CELL * (number + 0.5)
        place = f'x="{left - 8}" y="{top + middle + 3}" text-anchor="end"'
        parts.append(f"<text {place}>{short}{title}</text>")
        turned = f'transform="translate({left + middle + 2} {top - 8}) rotate(-45)"'
        parts.append(f"<text {turned}>{short}{title}</text>")
    for (row, column), count in np.ndenumerate(counts):
        share = shares[row, column]
        title = f"truly {names[row]}, taken for {names[column]}: {count:,} ({share:.1%})"
        x, y = left + CELL * column, top + CELL * row
        kind = "a" if row == column else "b"
        place = f'x="{x}" y="{y}" width="{CELL - 2}" height="{CELL - 2}" rx="3"'
        parts.append(f'<g><title>{text(title)}</title><rect class="empty" {place}/>')
        parts.append(f'<rect class="{kind}" fill-opacity="{share:.3f}" {place}/>')
        strong = "strong" if share > 0.5 else ""
        middle = f'x="{x + CELL / 2 - 1}" y="{y + CELL / 2 + 4}"'
        said = f"{count:,}" if count else ""
        parts.append(f'<text class="{strong}" {middle} text-anchor="middle">{said}</text></g>')
    side = left + CELL * size + top
    alt = f"Confusion matrix of {size} classes; the table of classes says the same"
    drawing = svg(alt, "".join(parts), top + CELL * size, side)
    box = '<div class="box plain" role="region" tabindex="0" aria-label="Confusion matrix">'
    return f'{box}<div class="cells n{size}">{drawing}</div></div>'


def _short(each: str) -> str:
    return display_name(each, 16)


def _picture(counts: np.ndarray, names: list[str]) -> str:
    """Returns a picture with a pixel for each cell, which the page's script tells about."""
    shares = _shares(counts)
    step = -(-len(names) // LARGEST_PICTURE)
    side = -(-len(names) // step) * step
    padded = np.zeros((side, side))
    padded[: len(names), : len(names)] = shares
    largest = padded.reshape(side // step, step, side // step, step).max(axis=(1, 3))
    pixels = np.empty((*largest.shape, 4), np.uint8)
    pixels[..., :3] = np.where(np.eye(len(largest), dtype=bool)[..., np.newaxis], RIGHT, WRONG)
    pixels[..., 3] = np.rint(255 * np.sqrt(largest))  # few are many there: a hundredth is a tenth
    alt = f"Confusion matrix of {len(names)} classes; the tables here say the same"
    hint = "Point at a cell, or choose the picture and use the arrow keys."
    return (
        '<div class="pixels" id="matrix" tabindex="0" role="application" aria-label="Confusion '
        f'matrix: arrow keys move" aria-describedby="cell">{picture(Image.fromarray(pixels), alt)}'
        f'<span id="cursor" hidden></span></div><p id="cell" class="muted" aria-live="polite">'
        f"{hint}</p>"
    )


def pointed(metrics: dict[str, Any]) -> dict[str, Any] | None:
    """Returns what the page's script tells of the cells of a picture, for JSON; None without."""
    names, counts = metrics["class_names"], np.array(metrics["confusion_matrix"])
    if len(names) <= MOST_CELLS:
        return None
    rows, columns = np.nonzero(counts)
    most = np.argsort(-counts[rows, columns], kind="stable")[:MOST_POINTED]
    cells = np.stack([rows[most], columns[most], counts[rows[most], columns[most]]], axis=1)
    return {
        "names": names,
        "supports": counts.sum(axis=1).tolist(),
        "cells": cells.ravel().tolist(),
    }
