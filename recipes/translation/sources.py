"""Says what a translator is trained and evaluated on, as the command line names it."""

from collections.abc import Sequence
from typing import Any

from ..data.sources import name_of
from ..errors import UserError
from .data import ParallelTexts, read_parallel_texts, read_train_and_validation


def check_sources(
    table: Sequence[str] | None = None,
    source: str | None = None,
    target: str | None = None,
    validation_source: str | None = None,
    validation_target: str | None = None,
    **_: Any,
) -> str:
    """Checks that there is one table, or a source and a target; returns what a run is named for.

    Raises:
        UserError: If there is not.
    """
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
    check_sources(data, source, target)
    return {"data": read_parallel_texts(data or source, target, "test", "validation", **reading)}
