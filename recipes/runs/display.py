"""Lays figures out for a terminal."""

import heapq
from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from tabulate import tabulate

from ..names import counted, display_name, display_width

PAGE_WIDTH = 80  # terminal columns
PAIRS_LISTED = 10  # of classes that are confused, where the matrix is too large to read
HEADLINES = (
    ("accuracy", "accuracy"),
    ("macro-F1", "macro_f1"),
    ("log loss", "log_loss"),
    ("expected calibration error", "expected_calibration_error"),
)
# Where a temperature was fitted, or some labels are left empty.
OF_CHOSEN = (
    ("without its temperature", "uncalibrated_error"),
    ("share that is answered", "coverage"),
    ("error of what is answered", "selective_error"),
)


def format_metrics(metrics: dict[str, Any]) -> str:
    """Lays out what `classification_metrics` returns for a terminal.

    Columns line up for Chinese and other wide names too. Lines stay within 80 columns: long names
    are shortened, and in place of a confusion matrix that would not fit there are the pairs of
    classes that are confused most, with a line to say so.
    """
    sections = (_headline(metrics), _class_table(metrics), _confusion_table(metrics))
    return "\n\n".join(sections)


def _headline(metrics: dict[str, Any]) -> str:
    rows = [("examples", f"{metrics['num_examples']:,}")]
    for name, key in HEADLINES:
        rows.append((name, f"{metrics[key]:.4f}"))
    for name, key in OF_CHOSEN:
        if key in metrics:
            rows.append((name, "–" if metrics[key] is None else f"{metrics[key]:.4f}"))
    if "examples_per_second" in metrics:
        rows.append(("examples per second", f"{metrics['examples_per_second']:,.1f}"))
    rows += of_seeds(metrics, HEADLINES[:2])
    return "\n".join([aligned(rows), *_left_out(metrics)])


def of_seeds(metrics: Mapping[str, Any], named: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Returns mean and spread of some figures over all seeds, if there were several."""
    rows = []
    for name, key in named if "seeds" in metrics else ():
        values = [run[key] for run in metrics["seeds"]]
        rows.append((f"{name} of {len(values)} seeds", f"{mean(values):.4f} ± {stdev(values):.4f}"))
    return rows


def _left_out(metrics: dict[str, Any]) -> list[str]:
    """Says in a line which classes macro-F1 leaves out, if any."""
    names = [name for name in metrics["class_names"] if not metrics["classes"][name]["support"]]
    if not names:
        return []
    classes = counted(len(names), "class", "classes")
    return [f"macro-F1 leaves out {classes} without examples, first {display_name(names[0])}"]


def _class_table(metrics: dict[str, Any]) -> str:
    rows = [("class", "precision", "recall", "F1", "support")]
    for name in metrics["class_names"]:
        scores = metrics["classes"][name]
        decimals = (f"{scores[key]:.4f}" for key in ("precision", "recall", "f1"))
        rows.append((display_name(name), *decimals, f"{scores['support']:,}"))
    return aligned(rows)


def _confusion_table(metrics: dict[str, Any]) -> str:
    names = [display_name(name) for name in metrics["class_names"]]
    numbers = [str(number) for number in range(len(names))]
    numbered_names = [f"{number} {name}" for number, name in enumerate(names)]
    for columns, rows in ((names, names), (numbers, numbered_names)):
        matrix = zip(rows, metrics["confusion_matrix"], strict=True)
        table = aligned([["", *columns], *([row, *map(str, counts)] for row, counts in matrix)])
        if display_width(table.partition("\n")[0]) <= PAGE_WIDTH:
            return f"confusion matrix (rows: true, columns: predicted)\n{table}"
    rows = [
        (f"{names[true]} → {names[predicted]}", confused)
        for true, predicted, confused in most_confused(metrics)
    ]
    pairs = f"most confused (true → predicted)\n{aligned(rows)}\n\n" if rows else ""
    return f"{pairs}confusion matrix: {len(names)} classes, too wide to show here; it is in --json"


def most_confused(metrics: dict[str, Any]) -> list[tuple[int, int, str]]:
    """Returns the pairs of classes that are confused most often: true, predicted, "3 of 10".

    The last is how many examples of the true class are taken for the other. The metrics are those
    of `classification_metrics`.
    """
    matrix = metrics["confusion_matrix"]
    mistakes = (
        (count, true, predicted)
        for true, row in enumerate(matrix)
        for predicted, count in enumerate(row)
        if count and true != predicted
    )
    worst = heapq.nsmallest(PAIRS_LISTED, mistakes, key=lambda each: (-each[0], *each[1:]))
    return [
        (true, predicted, f"{count:,} of {sum(matrix[true]):,}") for count, true, predicted in worst
    ]


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Lays rows out in columns: the first to the left, the others to the right."""
    sides = ["left"] + ["right"] * (len(rows[0]) - 1)
    return tabulate(rows, tablefmt="plain", colalign=sides, disable_numparse=True)
