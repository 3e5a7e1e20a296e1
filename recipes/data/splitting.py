"""Reads validation data, or holds out a part of the training data.

What is split are distinct examples: those that are equal stay together, or else the held-out ones
would be known from training.
"""

import logging
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from ..errors import UserError
from ..problem_types import REGRESSION
from .doubts import warn_of_labels, warn_of_missing_classes, warn_of_overlap
from .examples import group_rows, names_in

SomeExamples = TypeVar("SomeExamples")

logger = logging.getLogger("regard")


def with_validation(
    train: SomeExamples, validation: Any, seed: int, read: Callable[[Any], SomeExamples]
) -> tuple[SomeExamples, SomeExamples]:
    """Returns the data to train on and the data to validate on; warns of what misleads in them.

    The latter is given as such, or as an argument of `read`, or as the part of the training data to
    hold out, in (0, 1).
    """
    warn_of_labels(train)
    if isinstance(validation, float):
        train, validation = parts = split(train, validation, seed)
        for part in parts:
            vars(part).update(said_labels=True)  # of the whole
        vars(validation).update(is_held_out=True)
    else:
        if not isinstance(validation, type(train)):
            validation = read(validation)
        if validation.said_beside is train:
            return train, validation
        warn_of_labels(validation)
        warn_of_overlap(train, validation)
    warn_of_missing_classes(train, validation)
    vars(validation).update(said_beside=train)
    return train, validation


def split(examples: SomeExamples, fraction: float, seed: int) -> tuple[SomeExamples, SomeExamples]:
    """Holds out a part of the examples; where they have labels, every label in proportion.

    Examples whose `keys` are equal stay on one side. At least one example is held out, and no more
    than the part unless all that could be are more. Each label keeps at least one in the rest, so a
    label with one distinct example is never held out. The same seed on the same examples gives the
    same split.

    Returns:
        The rest and the held-out examples, each in the order that they had.

    Raises:
        UserError: If the fraction is not in (0, 1), or none can be held out.
    """
    if not 0 < fraction < 1:
        raise UserError(f"The fraction to hold out must be between 0 and 1. Received: {fraction}.")
    count = max(1, round(fraction * len(examples)))
    groups = group_rows(examples.keys())
    say_equal(examples.source, examples.NOUN, groups, examples.show)
    candidates = _candidates(examples, groups, count, random.Random(seed))
    held_out = set(take_whole(candidates, count))
    rest = set(range(len(examples))) - held_out
    return examples.take(sorted(rest)), replace(examples.take(sorted(held_out)), num_skipped=0)


def _candidates(
    examples: SomeExamples, groups: list[list[int]], count: int, rng: random.Random
) -> list[list[int]]:
    """Returns the groups of rows that may be held out, in the order in which they are to be."""
    if getattr(examples, "problem_type", REGRESSION) != REGRESSION:
        candidates = _spread_by_label(groups, examples.labels, rng)
        if not candidates:
            raise UserError(
                f"{examples.source}: none can be held out, because each label has only one "
                "distinct example. Add some, or name data to validate on with --validation."
            )
        return candidates
    if len(groups) < 2:
        raise UserError(
            f"{examples.source}: there must be at least two {examples.NOUN}. Received: "
            f"{len(groups)}, counting equal ones once."
        )
    return rng.sample(groups, min(count, len(groups) - 1))


def say_equal(
    source: str, noun: str, groups: Sequence[Sequence[int]], show: Callable[[int], str]
) -> None:
    """Says in a line that equal examples stay together, if there are any; `show` gives a row's."""
    several = [group for group in groups if len(group) > 1]
    if several:
        message = "%s: equal %s stay on one side of the split: %d of %d are distinct, %d times %s"
        times, first = len(several[0]), show(several[0][0])
        logger.info(message, source, noun, len(groups), sum(map(len, groups)), times, first)


def take_whole(groups: Sequence[Sequence[int]], count: int) -> list[int]:
    """Takes groups of rows in their order, each that still fits into so many rows.

    Where none does, the smallest is taken.
    """
    taken = []
    for group in groups:
        if len(taken) + len(group) <= count:
            taken += group
    return taken or list(min(groups, key=len))


def _spread_by_label(
    groups: list[list[int]], labels: Sequence[Any], rng: random.Random
) -> list[list[int]]:
    """Returns groups of rows, ordered so that any first part is stratified.

    A group goes by the label of most of its rows; of several labels by the rarest in the data, for
    that is the one that chance would spread worst. Of each label one is left out.

    scikit-learn's `train_test_split(stratify=...)` will not do: it refuses a label with one row,
    and a part with fewer rows than there are labels. `StratifiedGroupKFold` fixes the part.
    """
    groups_by_label = defaultdict(list)
    counts = Counter(name for label in labels for name in names_in(label))
    for group in groups:
        own = (_rarest(labels[row], counts) for row in group)
        [(label, _)] = Counter(own).most_common(1)
        groups_by_label[label].append(group)
    ranked, kept = [], set()
    for those in groups_by_label.values():
        those.sort(key=lambda _: rng.random())
        kept |= {name for row in those[0] for name in names_in(labels[row])}
        total, before = sum(map(len, those)), 0
        for group in those[1:]:
            # Ranks lie evenly in (0, 1), so that every label is taken at the pace of its size.
            ranked.append(((before + len(group) / 2) / total, rng.random(), group))
            before += len(group)
    candidates = []
    for _, _, group in sorted(ranked):
        own = {name for row in group for name in names_in(labels[row])}
        if own <= kept:
            candidates.append(group)
        kept |= own  # a label that is never that of most rows stays with its first group
    return candidates


def _rarest(label: Any, counts: Mapping[str, int]) -> str | None:
    """Returns the name of a label that is in fewest others; None if it has none."""
    return min(names_in(label), key=lambda name: (counts[name], name), default=None)
