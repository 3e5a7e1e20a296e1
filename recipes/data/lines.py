"""Opens text files: a text a line, or fastText's labels and a text."""

import re
from collections.abc import Iterator, Sequence
from functools import partial

from .bounds import lines_of
from .files import check_file, encoding_of, open_text
from .rows import Row, Table

LABEL = "__label__"  # what fastText writes before a label
_LABELS = re.compile(rf"\s*((?:{LABEL}\S+\s*)*)")


def open_lines(source: str, encoding: str | None, skip_blank: bool = True) -> Table:
    """Opens a text file: every line is a row with one cell, in a column named "".

    Raises:
        UserError: If the file cannot be read.
    """
    check_file(source)
    encoding = encoding_of(source, encoding)

    def read(_: Sequence[str]) -> Iterator[Row]:
        with open_text(source, encoding, newline="\n") as file:
            for row, line in enumerate(lines_of(file, source), start=1):
                if not (skip_blank and line.isspace()):
                    yield row, "", [line.rstrip("\r\n")]

    return Table([""], read)


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
