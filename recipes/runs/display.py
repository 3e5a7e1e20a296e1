"""Lays figures out for a terminal."""

from collections.abc import Sequence
from statistics import mean, stdev
from typing import Any

from ..names import display_name, display_width

PAGE_WIDTH = 80  # terminal columns
HEADLINES = (
    ("accuracy", "accuracy"),
    ("macro-F1", "macro_f1"),
    ("log loss", "log_loss"),
    ("expected calibration error", "expected_calibration_error"),
)


def format_metrics(metrics: dict[str, Any]) -> str:
    """Lays metrics out for a terminal: headline figures, each class, the confusion matrix.

    Columns line up for Chinese and other wide names too. Lines stay within 80 columns: long names
    are shortened, and a confusion matrix that would not fit is left out, with a line to say so.

    Args:
        metrics: What `classification_metrics` returns; `examples_per_second`, where present, is
            shown as well.

    Returns:
        Lines of text, without a newline at the end.
    """
    sections = [_headline(metrics), _class_table(metrics), _confusion_table(metrics)]
    return "\n\n".join("\n".join(lines) for lines in sections)


def format_translation_metrics(metrics: dict[str, Any]) -> str:
    """Lays a translator's metrics out for a terminal, with sacreBLEU's signatures below.

    Args:
        metrics: What `TranslationRun.evaluate` returns.
    """
    rows = [
        ("sentences", f"{metrics['num_examples']:,}"),
        ("BLEU", f"{metrics['bleu']:.2f}"),
        ("BLEU, lower-cased", f"{metrics['bleu_lowercase']:.2f}"),
        ("chrF", f"{metrics['chrf']:.2f}"),
        ("exact", f"{metrics['exact']:.4f}"),
        ("perplexity", f"{metrics['perplexity']:.3f}"),
        ("sentences per second", f"{metrics['sentences_per_second']:,.1f}"),
    ]
    signatures = [f"{name}: {text}" for name, text in metrics["signatures"].items()]
    return "\n".join([*_aligned(rows), "", *signatures])


def _headline(metrics: dict[str, Any]) -> list[str]:
    rows = [("examples", f"{metrics['num_examples']:,}")]
    for name, key in HEADLINES:
        rows.append((name, f"{metrics[key]:.4f}"))
    if "examples_per_second" in metrics:
        rows.append(("examples per second", f"{metrics['examples_per_second']:,.1f}"))
    for name, key in HEADLINES[:2] if "seeds" in metrics else ():
        values = [run[key] for run in metrics["seeds"]]
        rows.append((f"{name} of {len(values)} seeds", f"{mean(values):.4f} ± {stdev(values):.4f}"))
    return _aligned(rows)


def _class_table(metrics: dict[str, Any]) -> list[str]:
    rows = [("class", "precision", "recall", "F1", "support")]
    for name in metrics["class_names"]:
        scores = metrics["classes"][name]
        decimals = (f"{scores[key]:.4f}" for key in ("precision", "recall", "f1"))
        rows.append((display_name(name), *decimals, f"{scores['support']:,}"))
    return _aligned(rows)


def _confusion_table(metrics: dict[str, Any]) -> list[str]:
    names = [display_name(name) for name in metrics["class_names"]]
    numbers = [str(number) for number in range(len(names))]
    numbered_names = [f"{number} {name}" for number, name in enumerate(names)]
    for columns, rows in ((names, names), (numbers, numbered_names)):
        matrix = zip(rows, metrics["confusion_matrix"], strict=True)
        lines = _aligned([["", *columns], *([row, *map(str, counts)] for row, counts in matrix)])
        if display_width(lines[0]) <= PAGE_WIDTH:
            return ["confusion matrix (rows: true, columns: predicted)", *lines]
    return [f"confusion matrix: {len(names)} classes, too wide to show here; it is in --json"]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Pads cells into columns: the first to the left, the others to the right."""
    widths = [max(map(display_width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        padding = [" " * (w - display_width(cell)) for cell, w in zip(row, widths, strict=True)]
        right = (pad + cell for pad, cell in zip(padding[1:], row[1:], strict=True))
        lines.append("  ".join([row[0] + padding[0], *right]))
    return lines
