"""Reads texts without labels, for pre-training: lines of text files, or a column of tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..data.columns import choose_columns
from ..data.examples import Examples
from ..data.formats import open_lines, open_table
from ..data.rows import read_rows
from ..errors import UserError


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


def read_texts(
    sources: Sequence[str | Path],
    text_column: str | None = None,
    encoding: str = "utf-8",
    skip_bad_rows: bool = False,
) -> Texts:
    """Reads texts from files or from TensorFlow Datasets.

    In a `.txt` file each line is a text. Blank lines are passed over: in such files they separate
    documents. The other formats are those of `read_labelled_texts`; they need no labels here.

    Args:
        sources: Files, or `tfds:NAME[/CONFIG][:SPLIT]`, where the default split is "train".
        text_column: The column of texts in every source that has columns. Default: guessed from
            the names, and the guess logged.
        encoding: How the files are encoded. A UTF-8 byte order mark is dropped.
        skip_bad_rows: Leave out, and count, rows where the text is missing, empty, not a string or
            holds what is not text, and rows that `read_labelled_texts` would leave out.

    Raises:
        UserError: If a source cannot be read, its column cannot be told, or a row is bad.
        TypeError: If given one string, where a list of strings is wanted.
    """
    if isinstance(sources, str):
        raise TypeError(f"`sources` must be a list of strings. Received: sources={sources!r}")
    if not sources:
        raise UserError("There are no texts to read. Name at least one file.")
    sources = [str(source) for source in sources]
    texts, num_skipped = [], 0
    for source in sources:
        if Path(source).suffix.lower() == ".txt":
            table, columns = open_lines(source, encoding), {"text": ""}
        else:
            table = open_table(source, encoding)
            columns = choose_columns(source, table.columns, {"text": text_column})
        cells, skipped = read_rows(source, table, columns, skip_bad_rows)
        texts += cells["text"]
        num_skipped += skipped
    return Texts(sources, texts, num_skipped)
