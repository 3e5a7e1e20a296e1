"""Says what a BERT is pre-trained on, as the command line names it."""

from collections.abc import Sequence
from typing import Any

from ..data.columns import choose_columns
from ..data.rows import with_joined
from ..data.sources import name_of, open_together
from ..runs.scoring import Asked
from .data import Texts, read_texts
from .settings import UnlabelledReading


def check_sources(sources: Sequence[str], **_: Any) -> str:
    """Returns what a run is named for."""
    return name_of(sources)


def read_sources(sources: dict[str, Any], seed: int) -> dict[str, Texts]:
    """Reads what `pretrain_text` learns from."""
    return {"sources": read_texts(**sources)}


def read_questions(metadata: dict[str, Any], source: str, **reading: Any) -> Asked:
    """Opens a table of texts, each with a [MASK]."""
    reading = UnlabelledReading(**reading)
    table, text_column = with_joined(open_together(source, reading), reading.text_column)
    columns = choose_columns(source, table, {"text": text_column})
    return Asked(source, table, columns, skip_bad_rows=reading.skip_bad_rows)
