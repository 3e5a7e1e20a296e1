"""Reads parallel text: sources and their translations, line by line or row by row."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..data.columns import choose_columns
from ..data.examples import Examples, noting
from ..data.files import head_of
from ..data.formats import TABLE_SUFFIXES, holds_table
from ..data.lines import open_lines
from ..data.rows import Table, read_rows
from ..data.sources import names_in, open_tables
from ..data.splitting import with_validation
from ..declarations import takes
from ..errors import UserError
from ..names import counted
from .settings import ParallelReading


@dataclass(frozen=True)
class ParallelTexts(Examples):
    """Sources and targets as they were read, in file order.

    Attributes:
        source: What the user named, for messages: a table, or the file of sources.
        sources: The texts to translate.
        targets: Their translations.
        columns: The columns that they came from; None where each has a file of its own.
        num_skipped: Bad rows that were left out.
        references: All translations of each source, where it has several; the first is its target.
    """

    COLUMNS = ("sources", "targets", "references")
    CONTENT = ("sources", "targets")
    ORIGIN = ("source", "columns")
    NOUN = "sources"

    source: str
    sources: list[str]
    targets: list[str]
    columns: tuple[str, str] | None = None
    num_skipped: int = 0
    references: list[tuple[str, ...]] | None = None


@takes(ParallelReading)
@noting
def read_parallel_texts(
    source: Any,
    target: str | Path | Sequence[str | Path] | None = None,
    *splits: str,
    **reading: Any,
) -> ParallelTexts:
    """Reads a pair of text files, line beside line, or a table with two columns.

    Args:
        source: The file of sources, a text a line; or, without `target`, a table, as
            `read_labelled_texts` takes it, or a translation memory (`.tmx`).
        target: The file of targets, with as many lines; or several files, to evaluate with several
            references.
        *splits: Which split to read of a folder that has some, the first that is there. Defaults
            to "train".
        **reading: Attributes of `ParallelReading`. In a bad row a text is missing, empty, not a
            string, or holds what is not text.

    Raises:
        UserError: If a file cannot be read, the two have different numbers of lines, a column
            cannot be told, a row is bad, or every source is its own translation.

    Example:
        >>> len(read_parallel_texts("train.en", "train.de"))
        29000
    """
    reading = ParallelReading(**reading)
    if target is None:
        data = _read_tables(source, splits, reading)
    else:
        if reading.source_column is not None or reading.target_column is not None:
            raise UserError("Columns are for one table: with two files of lines, leave them out.")
        targets = [target] if isinstance(target, str | Path) else target
        data = _read_files(str(source), [*map(str, targets)], reading)
    if data.sources == data.targets:
        raise UserError(
            f"{data.source}: every source is its own translation. Name the file or the column of "
            "the translations."
        )
    return data


def _read_files(source: str, targets: Sequence[str], reading: ParallelReading) -> ParallelTexts:
    """Reads files line beside line, of which all but the first have translations."""
    files = source, *targets
    tables = [open_lines(path, reading.encoding, skip_blank=False) for path in files]
    lines = [[text for _, _, (text,) in table.read(table.columns)] for table in tables]
    for target, others in zip(targets, lines[1:], strict=True):
        if len(lines[0]) != len(others):
            raise UserError(
                f"{source} and {target} must have as many lines as each other, for line n of one "
                f"is the translation of line n of the other. Received: {len(lines[0]):,} and "
                f"{counted(len(others), 'line')}."
            )
    rows = [(row, "", texts) for row, texts in enumerate(zip(*lines, strict=True), start=1)]
    roles = ["source", "target", *(f"target {number}" for number in range(2, len(lines)))]
    cells, num_skipped = read_rows(
        " and ".join(files),
        Table([""] * len(roles), lambda columns: rows),
        dict.fromkeys(roles, ""),
        reading.skip_bad_rows,
    )
    sources, *translations = cells.values()
    references = list(zip(*translations, strict=True)) if len(targets) > 1 else None
    return ParallelTexts(source, sources, translations[0], None, num_skipped, references)


def _read_tables(source: Any, splits: Sequence[str], reading: ParallelReading) -> ParallelTexts:
    """Reads tables as one; the columns of the first are those of all."""
    alone = next(filter(_is_lines, names_in(source)), None)
    if alone is not None:
        raise UserError(
            f"{alone}: the file of its translations is missing: name it with --target. A table of "
            f"both has the suffix {TABLE_SUFFIXES}, or tabs between the two."
        )
    tables = open_tables(source, reading, *splits)
    data = _read_table(*tables[0], reading)
    if len(tables) > 1:
        source_column, target_column = data.columns
        reading = replace(reading, source_column=source_column, target_column=target_column)
        data = data.joined(*(_read_table(*table, reading) for table in tables[1:]))
        data = replace(data, source=f"{data.source} and {len(tables) - 1} more")
    return data


def _is_lines(source: str) -> bool:
    """Returns whether a name is that of a file of texts, a text a line."""
    return os.path.isfile(source) and not holds_table(source) and b"\t" not in head_of(source)


def _read_table(source: str, table: Table, reading: ParallelReading) -> ParallelTexts:
    given = {"source": reading.source_column, "target": reading.target_column}
    columns = choose_columns(source, table, given)
    cells, num_skipped = read_rows(source, table, columns, reading.skip_bad_rows)
    return ParallelTexts(source, *cells.values(), tuple(columns.values()), num_skipped)


@noting
def read_train_and_validation(
    source: Any,
    target: str | Path | None,
    validation: Any,
    validation_source: Any,
    validation_target: str | Path | None,
    seed: int,
    **reading: Any,
) -> tuple[ParallelTexts, ParallelTexts]:
    """Reads the data to learn from and the data to validate on, or holds out a part for that.

    Sources and targets are as for `read_parallel_texts`, or parallel text already read. Without a
    `validation_source`, `validation` is a table, or the share of the training data to hold out, in
    (0, 1); the seed decides what.

    Raises:
        UserError: As `read_parallel_texts`, or if nothing can be held out.
    """
    train = source
    if not isinstance(source, ParallelTexts):
        train = read_parallel_texts(source, target, **reading)
    if train.references:
        raise UserError("A translator learns from one target of each source. Name one file.")
    names = ("source_column", "target_column")
    if isinstance(validation_source, ParallelTexts):
        validation = validation_source
    elif validation_source is not None:
        unnamed = {**reading, **dict.fromkeys(names)}
        validation = read_parallel_texts(validation_source, validation_target, **unnamed)
    columns = dict(zip(names, train.columns or (), strict=False))

    def read(validation: Any) -> ParallelTexts:
        return read_parallel_texts(validation, None, "validation", **{**reading, **columns})

    return with_validation(train, validation, seed, read)
