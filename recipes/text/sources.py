"""Says what a classifier of texts is trained and evaluated on, as the command line names it."""

from collections.abc import Sequence
from typing import Any

from ..data.columns import choose_columns
from ..data.rows import names_of, with_joined
from ..data.sources import name_of, open_together
from ..errors import UserError
from ..runs.metadata import takes_pairs
from ..runs.scoring import Asked
from .data import LabelledTexts, read_like, read_train_and_validation
from .settings import TextQuestions


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


def read_questions(metadata: dict[str, Any], source: str, **reading: Any) -> Asked:
    """Opens a table of texts to classify; columns are first sought as in the training data."""
    reading, trained = TextQuestions(**reading), metadata["data"]["train"]
    if reading.pair_column is not None and not takes_pairs(metadata):
        raise UserError(f"{source}: the run classifies single texts. Leave out --pair-column.")
    table = open_together(source, reading)
    is_there = set(table.columns).issuperset(names_of(trained["text_column"]))
    known = trained["text_column"] if is_there else None
    reading = reading.with_defaults(text_column=known, pair_column=trained.get("pair_column"))
    table, text_column = with_joined(table, reading.text_column)
    columns = choose_columns(source, table, {"text": text_column, "pair": reading.pair_column})
    roles = {"second text" if role == "pair" else role: each for role, each in columns.items()}
    return Asked(source, table, roles, skip_bad_rows=reading.skip_bad_rows)
