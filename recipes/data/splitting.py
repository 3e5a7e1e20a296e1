"""Holding out a part of labelled examples, to validate on."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from ..errors import UserError

Labelled = TypeVar("Labelled")


def split(table: Labelled, fraction: float, seed: int) -> tuple[Labelled, Labelled]:
    """Holds out a part of the rows, every label in proportion.

    Each label keeps at least one row in the rest, so a label with one row is never held out.

    Args:
        table: What to split: labelled texts or images.
        fraction: The part of all rows to hold out, in (0, 1). At least one row is held out.
        seed: Decides which rows. The same seed on the same table gives the same split.

    Returns:
        The rest and the held-out rows, each in the order of the table.

    Raises:
        UserError: If the fraction is not in (0, 1), or if every label has one row only.
    """
    if not 0 < fraction < 1:
        raise UserError(f"The fraction to hold out must be between 0 and 1. Received: {fraction}.")
    candidates = _spread_by_label(table.labels, random.Random(seed))
    if not candidates:
        raise UserError(
            f"{table.source}: none can be held out, because each label has only one example. "
            "Add some, or name data to validate on with --validation."
        )
    held_out = set(candidates[: max(1, round(fraction * len(table)))])
    rest = set(range(len(table))) - held_out
    return table.take(sorted(rest)), replace(table.take(sorted(held_out)), num_skipped=0)


def _spread_by_label(labels: Sequence[str], rng: random.Random) -> list[int]:
    """All rows but one of each label, in such an order that any first part is stratified.

    scikit-learn's `train_test_split(stratify=...)` will not do: it refuses a label with one row,
    and a part with fewer rows than there are labels.
    """
    rows_by_label = defaultdict(list)
    for row, label in enumerate(labels):
        rows_by_label[label].append(row)
    ranked = []
    for rows in rows_by_label.values():
        rows.sort(key=lambda _: rng.random())
        # Ranks lie evenly in (0, 1), so that every label is taken at the pace of its size.
        ranked += [((i + 0.5) / len(rows), rng.random(), row) for i, row in enumerate(rows[1:])]
    return [row for _, _, row in sorted(ranked)]
