"""Checks that labels are such that there is something to learn."""

from ..errors import UserError
from ..names import display_name
from ..problem_types import MULTI_LABEL, REGRESSION
from .examples import LabelledExamples


def check_labels(train: LabelledExamples) -> None:
    """Raises `UserError` unless there are two labels to tell apart, or two numbers."""
    if train.problem_type == REGRESSION:
        if len(set(train.labels)) < 2:
            raise UserError(
                f"{train.source}: there must be at least two numbers to tell. Received: only "
                f"{train.labels[0]:g}."
            )
        return
    names = train.class_names()
    if len(names) >= 2:
        return
    what = "a classifier of several labels" if train.problem_type == MULTI_LABEL else "a classifier"
    found = repr(display_name(names[0])) if names else "no label"
    column = getattr(train, "label_column", None)
    there = "there is" if column is None else f"column {column!r} holds"
    raise UserError(
        f"{train.source}: {what} needs at least two labels to tell apart, but {there} only {found}."
    )
