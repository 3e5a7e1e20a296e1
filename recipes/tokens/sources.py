"""Says what a classifier of tokens is trained and evaluated on, as the command line names it."""

from collections.abc import Sequence
from typing import Any

from ..data.columns import choose_columns
from ..data.sources import name_of, open_together
from ..errors import UserError
from ..runs.scoring import Asked
from .data import LabelledTokens, read_labelled_tokens, read_train_and_validation
from .settings import TokenQuestions


def check_sources(train: Sequence[str], **_: Any) -> str:
    """Returns the name of the data, for which a run is named."""
    return name_of(train)


def read_sources(sources: dict[str, Any], seed: int) -> dict[str, LabelledTokens]:
    """Reads the data that `fit_tokens` learns from and validates on."""
    train, validation = read_train_and_validation(**sources, seed=seed)
    return {"train": train, "validation": validation}


def read_evaluation(
    metadata: dict[str, Any], data: str | None, **reading: Any
) -> dict[str, LabelledTokens]:
    """Reads what `TokenRun.evaluate` takes."""
    if data is None:
        raise UserError("Missing argument 'DATA': name the data to measure the run on.")
    return {"data": read_labelled_tokens(data, "test", "validation", **reading)}


def read_questions(metadata: dict[str, Any], source: str, **reading: Any) -> Asked:
    """Opens a table of texts whose entities are asked for."""
    reading = TokenQuestions(**reading)
    table = open_together(source, reading)
    known = metadata["data"]["train"].get("text_column")
    if known in table.columns:
        reading = reading.with_defaults(text_column=known)
    columns = choose_columns(source, table, {"text": reading.text_column})
    return Asked(source, table, columns, skip_bad_rows=reading.skip_bad_rows)
