"""Warns of data whose figures mislead: held-out examples that are not, and labels that clash.

Each finding is one line, with a count and the first case.
"""

import logging
from collections.abc import Iterable
from typing import Any

from ..names import display_name
from ..problem_types import REGRESSION
from .examples import Examples, LabelledExamples, folded, group_rows, names_in, show_label

MOST_LABELS = 5  # that a line names

logger = logging.getLogger("regard")


def warn_of_labels(examples: Examples) -> None:
    """Warns of examples under several labels, and of labels that look like one.

    Once for the same examples: the command line reads some before it trains on them.
    """
    if examples.said_labels or not isinstance(examples, LabelledExamples):
        return
    vars(examples)["said_labels"] = True
    _warn_of_contradictions(examples)
    _warn_of_like_labels(examples)


def _warn_of_contradictions(examples: LabelledExamples) -> None:
    labels = examples.labels
    groups = group_rows(examples.keys())
    names = [(rows[0], {_plain(labels[row]) for row in rows}) for rows in groups]
    doubtful = [(row, several) for row, several in names if len(several) > 1]
    if doubtful:
        row, several = doubtful[0]
        message = "%s: %s under several labels: %d, first %s (%s)"
        shown = examples.show(row), _listed(sorted(several))
        logger.warning(message, examples.source, examples.NOUN, len(doubtful), *shown)


def _warn_of_like_labels(examples: LabelledExamples) -> None:
    names = examples.class_names()
    alike = [rows for rows in group_rows(map(folded, names)) if len(rows) > 1]
    if alike:
        message = "%s: labels that differ by case, white space or Unicode form alone: %d, first %s"
        shown = " and ".join(repr(display_name(names[row])) for row in alike[0][:MOST_LABELS])
        logger.warning(message, examples.source, len(alike), shown)


def warn_of_overlap(train: Examples, validation: Examples) -> None:
    """Warns of examples to validate on that stand in the training data, too."""
    known = set(train.keys())
    shared = [row for row, key in enumerate(validation.keys()) if key in known]
    if shared:
        message = "%s is validated on its own training data, %d of %d examples, first %s: "
        message += "the figures flatter"
        shown = len(shared), len(validation), validation.show(shared[0])
        logger.warning(message, train.source, *shown)


def warn_of_missing_classes(train: Examples, validation: Examples) -> None:
    """Warns of classes without an example to validate on."""
    if not isinstance(train, LabelledExamples):
        return
    if train.problem_type == REGRESSION:
        return
    seen = {name for label in validation.labels for name in names_in(label)}
    missing = [name for name in train.class_names() if name not in seen]
    if missing:
        message = "%s: classes with no validation example, which macro-F1 leaves out: %d (%s)"
        logger.warning(message, validation.source, len(missing), _listed(missing))


def _plain(label: Any) -> Any:
    """Returns a label that equals others whatever the order of its names."""
    return tuple(sorted(label)) if isinstance(label, tuple) else label


def _listed(names: Iterable[Any]) -> str:
    shown = [show_label(name) for name in names]
    return ", ".join(shown[:MOST_LABELS]) + (", ..." if len(shown) > MOST_LABELS else "")
