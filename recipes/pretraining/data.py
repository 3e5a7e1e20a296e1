"""Reads texts without labels, for pre-training: lines of text files, or a column of tables."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..data.columns import choose_columns
from ..data.examples import Examples, noting
from ..data.formats import holds_table, open_table
from ..data.lines import open_lines
from ..data.memory import has_columns, table_of, texts_of
from ..data.rows import Table, read_rows, with_joined
from ..data.sources import is_named, list_tables
from ..data.suffixes import suffix_of
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


@noting
def read_texts(sources: Any, **reading: Any) -> Texts:
    """Reads texts from files, TensorFlow Datasets, or memory.

    In a `.txt` file each line is a text. Blank lines are passed over: in such files they separate
    documents. The other formats are those of `read_labelled_texts`; they need no labels here.

    Args:
        sources: Names of files, of folders of them, or of `tfds:NAME[/CONFIG][:SPLIT]`, where the
            default split is "train"; or a data frame, or a series, an array or a generator of
            texts.
        **reading: Attributes of `UnlabelledReading`, for every source. A bad row is one where the
            text is missing, empty, not a string or holds what is not text, or one that
            `read_labelled_texts` would leave out.

    Raises:
        UserError: If a source cannot be read, its column cannot be told, or a row is bad.
        TypeError: If given one string, where a list of strings is wanted.
    """
    if isinstance(sources, str):
        raise TypeError(f"`sources` must be a list of strings. Received: sources={sources!r}")
    reading, texts, num_skipped = UnlabelledReading(**reading), [], 0
    tables = list(_open(sources, reading))
    if not tables:
        raise UserError("There are no texts to read. Name at least one file.")
    for source, table in tables:
        columns = {"text": table.columns[0]}
        if table.columns != [""]:
            table, text_column = with_joined(table, reading.text_column)
            columns = choose_columns(source, table, {"text": text_column})
        cells, skipped = read_rows(source, table, columns, reading.skip_bad_rows)
        texts += cells["text"]
        num_skipped += skipped
    return Texts([source for source, _ in tables], texts, num_skipped)


def _open(sources: Any, reading: UnlabelledReading) -> Iterator[tuple[str, Table]]:
    """Yields each table of texts with what to call it; texts without columns as one named ""."""
    if not (is_named(sources) or isinstance(sources, list | tuple)):
        yield table_of(sources if has_columns(sources) else {"": texts_of(sources)})
        return
    for source in sources:
        for name in list_tables(str(source), ["train"], also=(".txt",)):
            if suffix_of(name) == ".txt" and not holds_table(name):
                yield name, open_lines(name, reading.encoding)
            else:
                yield name, open_table(name, reading)
