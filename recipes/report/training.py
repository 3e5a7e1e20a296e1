"""Tells how a training was set, and how it went."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from math import isfinite
from typing import Any

from ..declarations import declaration_of
from ..runs.config import as_typed
from ..tasks import TASKS
from .charts import legend, lines, number
from .markup import facts, figure, folded, items, name, paragraph, table, text

# Title of a figure, and its columns of `history.csv`; what no title has comes after these.
CURVES = {
    "Loss": ("loss", "val_loss"),
    "Cross-entropy": ("cross_entropy", "val_cross_entropy"),
    "Accuracy and macro-F1": ("accuracy", "val_accuracy", "macro_f1", "val_macro_f1"),
    "Micro-F1": ("micro_f1", "val_micro_f1"),
    "Entities": ("val_precision", "val_recall", "val_f1"),
    "BLEU and chrF": ("val_bleu", "val_chrf"),
}
WORDS = {"f1": "F1", "bleu": "BLEU", "chrf": "chrF", "macro_f1": "macro-F1", "micro_f1": "micro-F1"}
NOT_DRAWN = ("epoch", "seconds")  # seconds are other ones each time
KEPT = {"best_epoch": "The best epoch, kept", "last_epoch": "The last epoch, kept"}


def settings(metadata: Mapping[str, Any]) -> str:
    """Returns the settings of a run: those that were given first, then all."""
    task, own = TASKS[metadata["task"]], metadata["settings"]
    declared = fields(task.load("settings", task.settings))
    helps = {each.name: declaration_of(each).help for each in declared}
    given = metadata.get("given", {})
    first = [(_named(key, helps), _value(value)) for key, value in given.items()]
    intro = "These are not the defaults:" if first else "All settings are the defaults."
    rest = [
        [text(key), _value(as_typed(value)), text(helps.get(key, ""))] for key, value in own.items()
    ]
    head = ["Setting", "Value", "What it does"]
    whole = table("All settings, as they came to be", head, rest, ["", "", "long"])
    return paragraph(intro) + (facts(first) if first else "") + folded("All settings", whole)


def _named(key: str, helps: Mapping[str, str]) -> str:
    return f'<span title="{text(helps.get(key, ""))}">{text(key)}</span>'


def _value(value: Any) -> str:
    return '<span class="muted">none</span>' if value is None else f"<code>{name(value)}</code>"


def curves(history: Sequence[Mapping[str, Any]], metrics: Mapping[str, Any]) -> str:
    """Returns the curves of a training, and its figures in a table."""
    columns = [key for row in history for key in row if key not in NOT_DRAWN]
    columns = list(dict.fromkeys(columns))
    titled = {key for keys in CURVES.values() for key in keys}
    groups = [*CURVES.items(), *((_title(key), (key,)) for key in columns if key not in titled)]
    figures = "".join(_curve(title, keys, history, metrics) for title, keys in groups)
    if not history:
        return paragraph("No epoch came to its end, so there is nothing to draw.", "warning")
    return (
        _kept(metrics)
        + f'<div class="figures">{figures}</div>{_broken(history, columns)}'
        + (folded("All figures of each epoch", _table(history, columns)))
    )


def _kept(metrics: Mapping[str, Any]) -> str:
    epochs = [
        f"{said}: <strong>{metrics[key]}</strong>." for key, said in KEPT.items() if key in metrics
    ]
    return paragraph(" ".join(epochs)) if epochs else ""


def _curve(
    title: str,
    keys: Sequence[str],
    history: Sequence[Mapping[str, Any]],
    metrics: Mapping[str, Any],
) -> str:
    series = {}
    for key in keys:
        points = [(row["epoch"], row[key]) for row in history if _is_number(row.get(key))]
        if points:
            series[_title(key)] = points
    if not series:
        return ""
    marks = [
        (metrics[key], f"{said}: {metrics[key]}") for key, said in KEPT.items() if key in metrics
    ]
    labels = legend(list(series)) if len(series) > 1 else ""
    return figure(text(title), labels + lines(series, "epoch", marks[0] if marks else None))


def _title(key: str) -> str:
    """Returns a column of `history.csv` in words."""
    part, plain = ("validation ", key[4:]) if key.startswith("val_") else ("", key)
    words = f"{part}{WORDS.get(plain, plain.replace('_', ' '))}"
    return words[0].upper() + words[1:]


def _is_number(value: Any) -> bool:
    return value is not None and isfinite(value)


def _broken(history: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Says which figures are no numbers, and so are not drawn."""
    found = [
        f"{_title(key)} in epoch {row['epoch']}"
        for row in history
        for key in columns
        if row.get(key) is not None and not _is_number(row[key])
    ]
    if not found:
        return ""
    shown = text(", ".join(found[:10])) + (", …" if len(found) > 10 else "")
    return paragraph(f"Not drawn, for they are no numbers: {shown}.", "warning")


def _table(history: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    rows = [
        [str(row["epoch"]), *("" if row.get(key) is None else number(row[key]) for key in columns)]
        for row in history
    ]
    return table("Figures of each epoch", ["Epoch", *map(_title, columns)], rows)


def result(figures: Mapping[str, str], notes: Sequence[str] = ()) -> str:
    """Returns the main figures of a run, and below them what is to be said of them."""
    tiles = (
        f"<div><dt>{text(key)}</dt><dd>{text(value)}</dd></div>" for key, value in figures.items()
    )
    return f'<dl class="tiles">{"".join(tiles)}</dl>' + (items(notes) if notes else "")
