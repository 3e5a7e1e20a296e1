"""Tells how good a classifier of tokens is: an entity counts as found if all of it is right.

That is the measure of CoNLL, and of the package `seqeval` in its default mode: an entity is right
if its first and last word and its kind are those that are marked, and F1 is over all entities.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import UserError
from ..names import display_name
from ..runs.display import aligned
from .spans import Span

MISSING = "(none)"  # where one of the two has no entity

Entities = Sequence[Sequence[Span]]


def entity_metrics(
    marked: Entities, found: Entities, kinds: Sequence[str], num_words: int
) -> dict[str, Any]:
    """Scores found entities against those that are marked.

    Precision is 0 where none is found, recall where none is marked, and so is F1. Macro-F1 is the
    plain mean of F1 over the kinds that are marked or found, as in `seqeval`.

    Args:
        marked: The entities of each text, none of them twice.
        found: Those that a model finds there.
        kinds: The kinds of entities, in the order in which they are to be listed.
        num_words: How many words the texts have.

    Returns:
        Plain Python values, ready for JSON: `num_examples`, `num_words`, `num_entities`,
        `precision`, `recall`, `f1`, `macro_f1`, `classes` (kind to `precision`, `recall`, `f1` and
        `support`), `class_names` and `confusion_matrix` (rows are what is marked, columns what is
        found at the same place, both with "(none)" at the end).
    """
    counts = _counts(marked, found, kinds)
    classes = {kind: _scores(each) for kind, each in counts.items()}
    seen = [classes[kind]["f1"] for kind, each in counts.items() if each.total()]
    whole = _scores(sum(counts.values(), Counter()))
    return {
        "num_examples": len(marked),
        "num_words": num_words,
        "num_entities": whole.pop("support"),
        **whole,
        "macro_f1": float(np.mean(seen)) if seen else 0.0,
        "class_names": [*kinds, MISSING],
        "classes": classes,
        "confusion_matrix": _confusion_matrix(marked, found, [*kinds, MISSING]),
    }


def _counts(marked: Entities, found: Entities, kinds: Sequence[str]) -> dict[str, Counter[str]]:
    """Counts how many entities of each kind are marked, found and right."""
    counts = {kind: Counter() for kind in kinds}
    for truth, answer in zip(marked, found, strict=True):
        for _, _, kind in truth:
            counts[kind]["marked"] += 1
        for _, _, kind in answer:
            counts[kind]["found"] += 1
        for _, _, kind in {*truth} & {*answer}:
            counts[kind]["right"] += 1
    return counts


def _confusion_matrix(marked: Entities, found: Entities, names: Sequence[str]) -> list[list[int]]:
    """Counts what is found, by column, at the places of what is marked, by row."""
    numbers = {name: number for number, name in enumerate(names)}
    matrix = np.zeros((len(names), len(names)), int)
    for truth, answer in zip(marked, found, strict=True):
        at, said = ({span[:2]: span[2] for span in spans} for spans in (truth, answer))
        for place in at.keys() | said.keys():
            row, column = (some.get(place, MISSING) for some in (at, said))
            matrix[numbers[row], numbers[column]] += 1
    return matrix.tolist()


def _scores(counts: Counter[str]) -> dict[str, Any]:
    right, found, marked = (counts[name] for name in ("right", "found", "marked"))
    return {
        "precision": right / found if found else 0.0,
        "recall": right / marked if marked else 0.0,
        "f1": 2 * right / (found + marked) if found + marked else 0.0,
        "support": marked,
    }


def check_kinds(entities: Entities, kinds: Sequence[str], source: str) -> None:
    """Raises `UserError` if there is an entity of a kind that training never saw."""
    unseen = Counter(kind for row in entities for _, _, kind in row if kind not in kinds)
    if unseen:
        shown = ", ".join(f"{display_name(kind)!r} ({count:,})" for kind, count in unseen.items())
        raise UserError(
            f"{source}: every entity must be of a kind that training saw. Received: {shown:.300}. "
            f"Training saw: {', '.join(map(repr, kinds)):.300}. Correct them, or train with data "
            "that has them."
        )


def format_metrics(metrics: dict[str, Any]) -> str:
    """Lays metrics of entities out for a terminal, with a line for each kind."""
    rows = [
        ("texts", f"{metrics['num_examples']:,}"),
        ("entities", f"{metrics['num_entities']:,}"),
        ("precision", f"{metrics['precision']:.4f}"),
        ("recall", f"{metrics['recall']:.4f}"),
        ("F1", f"{metrics['f1']:.4f}"),
        ("macro-F1", f"{metrics['macro_f1']:.4f}"),
    ]
    if "examples_per_second" in metrics:
        rows.append(("texts per second", f"{metrics['examples_per_second']:,.1f}"))
    table = [("entity", "precision", "recall", "F1", "support")]
    for kind, scores in metrics["classes"].items():
        figures = (f"{scores[name]:.4f}" for name in ("precision", "recall", "f1"))
        table.append((display_name(kind), *figures, f"{scores['support']:,}"))
    return f"{aligned(rows)}\n\n{aligned(table)}"
