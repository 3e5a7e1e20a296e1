"""Finds what a run is asked at a command line: texts or files there, lines, or rows of a table."""

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from glob import iglob
from pathlib import Path
from typing import Any

import click

from ..data.archives import is_packed
from ..data.files import head_of
from ..data.formats import holds_table, shows_table
from ..data.recognition import say_if_divided
from ..data.rows import Table
from ..data.sources import is_pattern, is_saved
from ..data.streams import file_lines, head_of_stream, keep, only_text, stream_lines
from ..data.suffixes import ARCHIVES, COMPRESSED, TABLE_FORMATS, TABLE_SUFFIXES, suffix_of
from ..data.writing import SHEETS, format_of
from ..errors import UserError
from ..runs.metadata import takes_pairs
from ..runs.scoring import Asked
from ..runs.workspaces import workspace
from ..tasks import Task
from .support import load_tfds

FILE_SUFFIXES = (*TABLE_FORMATS, ".txt", ".text", ".xls")
PACKED = (*COMPRESSED, *ARCHIVES)
ADVICE = (
    "Pass --input {} to ask about what is in it, or --input - to ask about such words, one text a "
    "line of standard input"
)
COMMAND_LINE = "the command line"


def check_usage(
    texts: Sequence[str], pair: str | None, source: str | None, output: Any, **flags: bool
) -> None:
    """Raises `click.UsageError` for what does not go together."""
    if bool(texts) == bool(source):
        raise click.UsageError("Give texts as arguments, or --input FILE: one of the two.")
    if pair is not None and len(texts) != 1:
        raise click.UsageError("--pair goes with exactly one TEXT.")
    if output is not None and flags.pop("json"):
        raise click.UsageError("--json prints: for a file of JSON Lines, --output FILE.jsonl.")
    for name in ("scores", "overwrite", "escape_formulas"):
        if flags[name] and output is None:
            raise click.UsageError(f"--{name.replace('_', '-')} goes with --output.")
    if flags["escape_formulas"] and format_of(output) not in SHEETS:
        raise click.UsageError(f"--escape-formulas goes with --output FILE{' or '.join(SHEETS)}.")


def one_input(context: click.Context, parameter: click.Parameter, names: tuple) -> str | None:
    """Returns the one name of `--input`."""
    if len(names) > 1:
        raise click.UsageError(
            f"Give --input once: a folder of tables, or a pattern in quotes. Received: "
            f"{' and '.join(names)}."
        )
    return names[0] if names else None


def find_questions(
    task: Task,
    metadata: dict[str, Any],
    source: str | None,
    texts: Sequence[str],
    pair: str | None,
    reading: Mapping[str, Any],
) -> Asked:
    """Returns what is asked: the rows of a table, lines of a file, or texts of the command line.

    Raises:
        UserError: If the table or the file cannot be read, or a text is the name of a file.
        click.UsageError: If options of reading are given where they have no meaning.
    """
    named = "standard input" if source == "-" else source
    if source == "-":
        source = _kept_table(reading) or source
    if source is not None and _holds_tables(task, source, reading):
        load_tfds({"input": source})
        return task.load("sources", "read_questions")(metadata, source, **reading)
    _check_reading(reading, source)
    if source is not None and task.lists and os.path.isdir(source):  # a folder of images
        source, texts = None, [source]
    if source is None and not task.lists:
        refuse_files([*texts, pair or ""], ADVICE)
    is_file = source is not None and os.path.isfile(source)
    if is_file and not (task.lists or takes_pairs(metadata)):
        say_if_divided(source, head_of(source), reading.get("encoding"))
    lines = iter(texts) if source is None else _read_lines(source, reading)
    names, rows = _rows(task, takes_pairs(metadata), lines, f"{named}, line" if named else "text")
    if pair is not None:
        rows = iter([(*texts, pair)])
    table = Table(names, lambda _: ((row, "", cells) for row, cells in enumerate(rows, start=1)))
    columns = {name: name for name in names}
    return Asked(named or COMMAND_LINE, table, columns, is_table=False)


def _kept_table(reading: Mapping[str, Any]) -> str | None:
    """Returns the name of a file with what standard input holds, if that is a table or packed.

    The file is there until the command ends: a table is read more than once.
    """
    head = head_of_stream(sys.stdin.buffer)
    is_table = "delimiter" in reading or shows_table(head, reading.get("encoding"))
    if not (is_table or is_packed(head)):
        return None
    folder = workspace(Path(tempfile.gettempdir()), "regard-input-")
    path = click.get_current_context().with_resource(folder) / "standard input"
    keep(sys.stdin.buffer, path)
    return str(path)


def _holds_tables(task: Task, source: str, reading: Mapping[str, Any]) -> bool:
    """Returns whether a name stands for a table, or for several."""
    is_several = is_saved(source) or is_pattern(source)
    is_several = is_several or (not task.lists and os.path.isdir(source))
    is_file = os.path.isfile(source)
    is_named = is_several or source.startswith("tfds:") or (is_file and "delimiter" in reading)
    return is_named or holds_table(source, reading.get("encoding"))


def _rows(
    task: Task, is_pair: bool, lines: Iterator[str], where: str
) -> tuple[list[str], Iterator[Sequence[str]]]:
    """Returns what to call the columns of lines, and their cells."""
    if task.lists:
        listed = task.load("folders", task.lists)
        return ["image"], ([file] for line in lines for file in listed([line]))
    lines = only_text(lines, where)
    if is_pair:
        numbered = enumerate(lines, start=1)
        return ["text", "pair"], (_pair(line, f"{where} {number}") for number, line in numbered)
    return ["text"], ([line] for line in lines)


def _check_reading(reading: Mapping[str, Any], source: str | None) -> None:
    for name in reading:
        flag = f"--{name.replace('_', '-')}"
        if name == "encoding" and source is None:
            raise click.UsageError(f"{flag} goes with --input.")
        if name != "encoding" and not name.startswith("skip_bad"):
            where = f": {source} is none by what it begins with, nor is its suffix one of "
            where = f"{where}{TABLE_SUFFIXES}" if source else ""
            raise click.UsageError(f"{flag} goes with a table as --input{where}.")


def refuse_files(texts: Sequence[str], advice: str) -> None:
    """Refuses names of files, which would be answered as if they were texts.

    The `advice` may have {} in place of the name.
    """
    for text in texts:
        if found := _file_of(text):
            raise UserError(
                f"{text} is {found}, and its name would be taken for the text. "
                f"{advice.format(text)}."
            )


def _file_of(text: str) -> str:
    """Says what a text is the name of, if it is plainly one; else empty."""
    if os.path.isfile(text):
        return "a file"
    if os.path.isdir(text):
        return "a folder"
    if any(map(str.isspace, text)):
        return ""
    looks_so = suffix_of(text) in FILE_SUFFIXES or Path(text).suffix.lower() in PACKED
    if is_pattern(text):
        is_path = looks_so or os.sep in text
        return "a pattern of files" if is_path and next(iglob(text), None) else ""
    return "the name of a file, though there is no such file" if looks_so else ""


def _read_lines(source: str, reading: Mapping[str, Any]) -> Iterator[str]:
    encoding = reading.get("encoding")
    if source == "-":
        return stream_lines(sys.stdin.buffer, encoding)
    return file_lines(source, encoding)


def _pair(line: str, where: str) -> tuple[str, str]:
    """Returns the two texts of a line, with a tab between them."""
    first, tab, second = line.partition("\t")
    if not tab:
        raise UserError(
            f"{where}: the run classifies pairs of texts, so there must be a tab between the two; "
            f"or give one text and --pair. Received: {line:.50}"
        )
    return first, second
