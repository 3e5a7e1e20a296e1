"""Declares where labels stand in a table, and what they are: one, several, or a number."""

from collections.abc import Mapping
from typing import Any

from ..declarations import Declared, declared, setting
from ..errors import UserError
from ..problem_types import MULTI_LABEL, PROBLEM_TYPES, SINGLE_LABEL

SEVERAL_LABELS = ("label_columns", "label_separator")


def _names(text: str) -> tuple[str, ...]:
    """Makes names of what is typed, with commas between."""
    return tuple(filter(None, (name.strip() for name in text.split(","))))


@declared()
class LabelReading(Declared):
    """Says where labels stand, and what they are."""

    label_column: str | None = setting(
        "Column of the labels.", default_is="guessed", metavar="NAME"
    )
    label_columns: str | tuple[str, ...] | None = setting(
        "Columns of 0 and 1, with commas between, each a label that an example has or has not.",
        default_is="none such",
        parse=_names,
        metavar="NAMES",
    )
    label_separator: str | None = setting(
        "What stands between the labels of a cell, where an example may have several.",
        default_is="one label, but for lists",
        metavar="TEXT",
    )
    problem_type: str | None = setting(
        "What an answer is: one label, any number of them, or a number.",
        default_is="guessed: lists of labels are several, fractions of many values are numbers",
        choices=PROBLEM_TYPES,
    )

    def _check_together(self) -> None:
        super()._check_together()
        if self.label_column is not None and self.label_columns is not None:
            raise UserError(
                "Labels stand in one column or in several: give one of the two. Received: "
                f"label_column={self.label_column}, label_columns={self.label_columns}"
            )
        if self.label_separator == "":
            raise UserError("What stands between labels is a character or more. Received: ''")
        several = [name for name in SEVERAL_LABELS if getattr(self, name) is not None]
        if several and self.problem_type not in (None, MULTI_LABEL):
            raise UserError(
                f"`{several[0]}` is for examples with several labels. Received: "
                f"problem_type={self.problem_type}"
            )


def labels_like(trained: Mapping[str, Any], reading: LabelReading) -> dict[str, Any]:
    """Returns how labels are read that go with the training data, where `reading` does not say.

    `trained` has what `describe` gives of that.
    """
    columns = trained.get("label_column")
    is_flags = columns is not None and not isinstance(columns, str)
    known: dict[str, Any] = {"problem_type": trained.get("problem_type", SINGLE_LABEL)}
    if reading.label_column is None and reading.label_columns is None and columns is not None:
        known["label_columns" if is_flags else "label_column"] = columns
    if known["problem_type"] == MULTI_LABEL and trained.get("label_separator") is not None:
        known["label_separator"] = trained["label_separator"]
    return known
