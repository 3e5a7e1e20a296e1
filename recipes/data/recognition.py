"""Tells by the beginning of a file what it holds, whatever its name says."""

import logging
import re

from ..errors import UserError
from .columns import is_known
from .delimited import SAMPLE, SEPARATOR, fields_of
from .encodings import own_encoding
from .files import HEAD
from .lines import LABEL

# What people take for a table, by the first bytes, and what to do with it.
_OTHERS = (
    (
        rb"version https://git-lfs\.github\.com/",
        "a pointer of Git LFS: `git lfs pull` gets it",
    ),
    (rb"\s*<(!doctype )?html\b", "a page of the web: get the file itself"),
    (rb"%PDF-", "a PDF: save the table as .csv"),
    (rb"\{\\rtf", "a document in RTF: save the text as .txt"),
    (rb"\x80[\x02-\x05]", "a pickle, which may run any program: save the data as .csv or .parquet"),
    (rb"SQLite format 3\0", "a database of SQLite: export the table as .csv"),
    (rb"\x89HDF\r\n", "an HDF5 file: save the data as .csv or .parquet"),
    (rb"\x93NUMPY", "an array of NumPy: give it from Python, or save it as .csv"),
    (rb"Obj\x01", "an Avro file: save the data as .jsonl or .parquet"),
    (rb"ORC", "an ORC file: save the data as .parquet"),
    (rb"7z\xbc\xaf\x27\x1c|Rar!\x1a\x07", "an archive, neither zip nor tar: unpack it"),
    (rb"\xff\xd8\xff|\x89PNG\r\n|GIF8[79]a", "an image"),
)
_JSON = re.compile(r'\{\s*("([^"\\]|\\.)*"\s*:|\})|\[\s*(\{\s*"|\[\s*["\d\[-]|\])')
_TMX = re.compile(r"(<\?xml[^>]*>\s*)?((<!--.*?-->|<!DOCTYPE[^>]*>)\s*)*<(\w+:)?tmx\b", re.DOTALL)
_LONGEST_NAME = 40  # characters of a column's name that may begin a table without suffix
FEWEST_ROWS = 3  # that look like those of a table by more than chance
_REGULAR = 0.5  # share of the rows that must have as many fields as the first

logger = logging.getLogger("regard")


def refuse_others(source: str, head: bytes) -> None:
    """Raises `UserError` for what is no table and no text, as the first bytes say."""
    for beginning, what in _OTHERS:
        if re.match(beginning, head, re.IGNORECASE if b"<" in beginning else 0):
            raise UserError(f"{source} is {what}.")


def text_format(head: bytes, encoding: str | None = None) -> str:
    """Returns the suffix that fits the beginning of a text, as far as that is plain, else nothing.

    Sentences, a line each, are of none, whatever commas they hold. A table of fields is only known
    by its first row, if that has the name of a known column.
    """
    text = _decoded(head, encoding)
    begins = text.lstrip()
    if begins.startswith(LABEL):
        return ".ft"
    if _JSON.match(begins):
        return ".json"
    if _TMX.match(begins):
        return ".tmx"
    return ".csv" if _is_table(text.splitlines(keepends=True)[:SAMPLE]) else ""


def _decoded(head: bytes, encoding: str | None) -> str:
    try:
        return head.decode(encoding or own_encoding(head), "replace").lstrip("\ufeff")
    except LookupError:  # which is said where the file is read
        return ""


def say_if_divided(source: str, head: bytes, encoding: str | None = None) -> None:
    """Warns of lines that are taken as texts, though they look like rows of a table."""
    text = _decoded(head, encoding)
    rows = fields_of(text.splitlines(keepends=True)[:SAMPLE][: -1 if len(head) >= HEAD else None])
    widths = {len(cells) for cells in rows}
    is_spaced = any(cell.startswith(" ") for cells in rows for cell in cells)  # as in sentences
    if len(rows) >= FEWEST_ROWS and len(widths) == 1 and min(widths) > 1 and not is_spaced:
        message = "%s: each line is taken as a text, though all have %d fields. If it is a table, "
        logger.warning(message + "pass --delimiter, or name it .csv or .tsv", source, min(widths))


def _is_table(lines: list[str]) -> bool:
    if not lines:
        return False
    if SEPARATOR.match(lines[0].strip()):
        return True
    first, *others = fields_of(lines) or [[]]
    names = [name.strip() for name in first]
    if len(names) < 2 or not any(map(is_known, names)) or max(map(len, names)) > _LONGEST_NAME:
        return False
    if not others and any(name != name.strip() for name in first):
        return False
    return sum(len(cells) == len(first) for cells in others) >= _REGULAR * len(others)
