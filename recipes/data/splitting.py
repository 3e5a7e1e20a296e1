"""Reads validation data, or holds out a part of the training data."""

import logging
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from ..errors import UserError

SomeExamples = TypeVar("SomeExamples")

logger = logging.getLogger("regard")


def with_validation(
    train: SomeExamples, validation: Any, seed: int, read: Callable[[Any], SomeExamples]
) -> tuple[SomeExamples, SomeExamples]:
    """Returns the data to train on and the data to validate on.

    The latter is given as such, or as an argument of `read`, or as the part of the training data to
    hold out, in (0, 1).
    """
    if isinstance(validation, float):
        return split(train, validation, seed)
    if not isinstance(validation, type(train)):
        validation = read(validation)
    if validation.fingerprint() == train.fingerprint():
        message = "%s is validated on its own training data: the figures flatter"
        logger.warning(message, train.source)
    return train, validation


def split(examples: SomeExamples, fraction: float, seed: int) -> tuple[SomeExamples, SomeExamples]:
    """Holds out a part of the examples; where they have labels, every label in proportion.

    At least one example is held out. Each label keeps at least one in the rest, so a label with one
    is never held out. The same seed on the same examples gives the same split.

    Returns:
        The rest and the held-out examples, each in the order that they had.

    Raises:
        UserError: If the fraction is not in (0, 1), or none can be held out.
    """
    if not 0 < fraction < 1:
        raise UserError(f"The fraction to hold out must be between 0 and 1. Received: {fraction}.")
    count = max(1, round(fraction * len(examples)))
    if hasattr(examples, "labels"):
        candidates = _spread_by_label(examples.labels, random.Random(seed))
        if not candidates:
            raise UserError(
                f"{examples.source}: none can be held out, because each label has only one "
                "example. Add some, or name data to validate on with --validation."
            )
        held_out = set(candidates[:count])
    else:
        if len(examples) < 2:
            raise UserError(
                f"{examples.source}: there must be at least two pairs. Received: {len(examples)}"
            )
        count = min(count, len(examples) - 1)
        held_out = set(random.Random(seed).sample(range(len(examples)), count))
    rest = set(range(len(examples))) - held_out
    return examples.take(sorted(rest)), replace(examples.take(sorted(held_out)), num_skipped=0)


def _spread_by_label(labels: Sequence[str], rng: random.Random) -> list[int]:
    """Returns all rows but one of each label, ordered so that any first part is stratified.

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
