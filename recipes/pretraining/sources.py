"""Says what a BERT is pre-trained on, as the command line names it."""

from collections.abc import Sequence
from typing import Any

from ..data.sources import name_of
from .data import Texts, read_texts


def check_sources(sources: Sequence[str], **_: Any) -> str:
    """Returns what a run is named for."""
    return name_of(sources)


def read_sources(sources: dict[str, Any], seed: int) -> dict[str, Texts]:
    """Reads what `pretrain_text` learns from."""
    return {"sources": read_texts(**sources)}
