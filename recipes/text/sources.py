"""Says what a classifier of texts is trained and evaluated on, as the command line names it."""

from collections.abc import Sequence
from typing import Any

from ..data.sources import name_of
from ..errors import UserError
from .data import LabelledTexts, read_like, read_train_and_validation


def check_sources(train: Sequence[str], **_: Any) -> str:
    """Returns the name of the data, for which a run is named."""
    return name_of(train)


def read_sources(sources: dict[str, Any], seed: int) -> dict[str, LabelledTexts]:
    """Reads the data that `fit_text` learns from and validates on."""
    train, validation = read_train_and_validation(**sources, seed=seed)
    return {"train": train, "validation": validation}


def read_evaluation(
    metadata: dict[str, Any], data: str | None, **reading: Any
) -> dict[str, LabelledTexts]:
    """Reads what `TextRun.evaluate` takes; columns are first sought as in the training data."""
    if data is None:
        raise UserError("Missing argument 'DATA': name the data to measure the run on.")
    return {"data": read_like(metadata["data"]["train"], data, "test", "validation", **reading)}
