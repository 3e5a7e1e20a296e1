"""Reads texts without labels, for pre-training: lines of text files, or a column of tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..data.columns import choose_columns
from ..data.examples import Examples
from ..data.formats import open_lines, open_table
from ..data.rows import read_rows
from ..errors import UserError
from .settings import UnlabelledReading


@dataclass(frozen=True)
class Texts(Examples):
    """Texts without labels, in the order of their sources.

    Attributes:
        sources: What the user named, for messages.
        texts: The texts, as they stand in the sources.
        num_skipped: Bad rows of the sources that were left out.
    """

    COLUMNS = ("texts",)
    CONTENT = COLUMNS
    ORIGIN = ("sources",)

    sources: list[str]
    texts: list[str]
    num_skipped: int = 0


def read_texts(sources: Sequence[str | Path], **reading: Any) -> Texts:
    """Reads texts from files or from TensorFlow Datasets.

    In a `.txt` file each line is a text. Blank lines are passed over: in such files they separate
    documents. The other formats are those of `read_labelled_texts`; they need no labels here.

    Args:
        sources: Files, or `tfds:NAME[/CONFIG][:SPLIT]`, where the default split is "train".
        **reading: Attributes of `UnlabelledReading`, for every source. A bad row is one where the
            text is missing, empty, not a string or holds what is not text, or one that
            `read_labelled_texts` would leave out.

    Raises:
        UserError: If a source cannot be read, its column cannot be told, or a row is bad.
        TypeError: If given one string, where a list of strings is wanted.
    """
    if isinstance(sources, str):
        raise TypeError(f"`sources` must be a list of strings. Received: sources={sources!r}")
    if not sources:
        raise UserError("There are no texts to read. Name at least one file.")
    sources = [str(source) for source in sources]
    reading, texts, num_skipped = UnlabelledReading(**reading), [], 0
    for source in sources:
        if Path(source).suffix.lower() == ".txt":
            table, columns = open_lines(source, reading.encoding), {"text": ""}
        else:
            table = open_table(source, reading.encoding)
            columns = choose_columns(source, table.columns, {"text": reading.text_column})
        cells, skipped = read_rows(source, table, columns, reading.skip_bad_rows)
        texts += cells["text"]
        num_skipped += skipped
    return Texts(sources, texts, num_skipped)
