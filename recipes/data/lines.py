"""Opens text files: a text a line, or fastText's labels and a text."""

import logging
import re
from collections.abc import Iterator, Sequence
from functools import partial
from html import unescape

from .bounds import lines_of
from .files import check_file, encoding_of, head_of, open_text
from .rows import Row, Table

LABEL = "__label__"  # what fastText writes before a label
# Test sets of WMT, in NIST's form: https://www.nist.gov/itl/iad/mig/metrics-machine-translation
_MARKED = re.compile(rb"\s*(<\?xml[^>]*>\s*|<!DOCTYPE[^>]*>\s*)*<(srcset|refset|tstset|mteval)\b")
_SEGMENT = re.compile(r"<seg\b[^>]*>(.*?)</seg>", re.IGNORECASE)
_LABELS = re.compile(rf"\s*((?:{LABEL}\S+\s*)*)")

logger = logging.getLogger("regard")


def open_lines(source: str, encoding: str | None, skip_blank: bool = True) -> Table:
    """Opens a text file: every line is a row with one cell, in a column named "".

    Raises:
        UserError: If the file cannot be read.
    """
    check_file(source)
    encoding = encoding_of(source, encoding)
    is_marked = _MARKED.match(head_of(source)) is not None
    if is_marked:
        logger.info("%s: the segments (`seg`) of a test set are read", source)

    def read(_: Sequence[str]) -> Iterator[Row]:
        with open_text(source, encoding, newline="\n") as file:
            lines = lines_of(file, source)
            for row, line in enumerate(_segments(lines) if is_marked else lines, start=1):
                if not (skip_blank and line.isspace()):
                    yield row, "", [line.rstrip("\r\n")]

    return Table([""], read)


def _segments(lines: Iterator[str]) -> Iterator[str]:
    """Yields the texts of the elements `seg`, each within a line."""
    for line in lines:
        for text in _SEGMENT.findall(line):
            yield unescape(text).strip()


def open_fasttext(source: str, encoding: str | None) -> Table:
    """Opens a file in fastText's form, `__label__good a fine film`, as columns text and label.

    References:
        https://fasttext.cc/docs/en/supervised-tutorial.html
    """
    return Table(["text", "label"], partial(_read_fasttext, open_lines(source, encoding)))


def _read_fasttext(table: Table, names: Sequence[str]) -> Iterator[Row]:
    for row, problem, (line,) in table.read(table.columns):
        found = _LABELS.match(line)
        labels = found[1].replace(LABEL, "").split()
        if not labels:
            problem = f"it must begin with {LABEL}, at least once"
        label = labels[0] if len(labels) == 1 else labels
        cells = {"text": line[found.end() :], "label": label}
        yield row, problem, [cells[name] for name in names]
