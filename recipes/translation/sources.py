"""Says what a translator is trained and evaluated on, as the command line names it."""

from collections.abc import Sequence
from typing import Any

from ..data.columns import INDEX_COLUMNS, choose_columns
from ..data.sources import name_of, open_together
from ..errors import UserError
from ..runs.scoring import Asked
from .data import ParallelTexts, read_parallel_texts, read_train_and_validation
from .settings import SourceReading


def check_sources(
    table: Sequence[str] | None = None,
    source: str | None = None,
    target: str | tuple[str, ...] | None = None,
    validation_source: str | None = None,
    validation_target: str | None = None,
    several: bool = False,
    **_: Any,
) -> str:
    """Checks that there is one table, or a source and a target; returns what a run is named for.

    Targets may be `several` where they are to evaluate with.

    Raises:
        UserError: If there is not.
    """
    if isinstance(target, tuple) and not several:
        raise UserError(
            "There is one file of translations to learn from: give --target once. Several are to "
            f"evaluate with. Received: {' and '.join(target)}"
        )
    if (source is None) != (target is None):
        raise UserError("--source and --target go together.")
    if (table is None) == (source is None):
        raise UserError("Give a table, or --source and --target: one of the two.")
    if (validation_source is None) != (validation_target is None):
        raise UserError("--validation-source and --validation-target go together.")
    return name_of(table or source)


def read_sources(sources: dict[str, Any], seed: int) -> dict[str, ParallelTexts]:
    """Reads what `fit_translation` learns from."""
    data = dict(sources)
    table, source = data.pop("table"), data.pop("source")
    train, held_out = read_train_and_validation(table or source, seed=seed, **data)
    return {"source": train, "validation_source": held_out}


def read_evaluation(
    metadata: dict[str, Any],
    data: str | None,
    source: str | None = None,
    target: str | None = None,
    **reading: Any,
) -> dict[str, ParallelTexts]:
    """Reads what `TranslationRun.evaluate` takes."""
    check_sources(data, source, target, several=True)
    return {"data": read_parallel_texts(data or source, target, "test", "validation", **reading)}


def read_questions(metadata: dict[str, Any], source: str, **reading: Any) -> Asked:
    """Opens a table of texts to translate; the column is first sought as in the training data.

    If the table has one column, beside one that numbers the rows, it is that.
    """
    reading = SourceReading(**reading)
    table = open_together(source, reading)
    trained_on, *_ = metadata["data"]["train"].get("columns") or [None]
    texts = [name for name in table.columns if name.casefold() not in INDEX_COLUMNS]
    known = trained_on if trained_on in texts else texts[0] if len(texts) == 1 else None
    reading = reading.with_defaults(source_column=known)
    columns = choose_columns(source, table, {"source": reading.source_column})
    return Asked(source, table, columns, skip_bad_rows=reading.skip_bad_rows)
