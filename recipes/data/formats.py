"""Opens the formats that texts come in, and reads them column by column.

Rows are numbered as a spreadsheet shows them: in CSV, TSV and Excel the header is row 1, blank
lines count, and a quoted field with line breaks in it stays in one row. A row of JSON Lines or of a
text file is a line. The others have no header: the first example is row 1.
"""

import logging
import os
from dataclasses import replace

from ..errors import UserError
from ..settings import TableLayout
from .delimited import open_delimited
from .files import check_file, encoding_of, head_of, own_suffix, packed_content
from .json_rows import open_json
from .lines import LABEL, open_fasttext
from .recognition import refuse_others, text_format
from .rows import Table
from .suffixes import TABLE_FORMATS, TABLE_SUFFIXES, suffix_of
from .tmx import open_tmx

_PARQUET = b"PAR1"
_ARROW = b"ARROW1", b"\xff\xff\xff\xff"  # a file, or a stream
_ZIP = b"PK\x03\x04"  # as which a workbook is packed
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
# The suffixes of what begins so.
_LIKE = {
    ".csv": (".csv", ".tsv"),
    ".json": (".json", ".jsonl", ".ndjson"),
    ".tmx": (".tmx",),
    ".ft": (".ft",),
}
_OF_LINES = (".jsonl", ".ndjson")
_NAMES = {
    ".csv": "a table of fields",
    ".json": "JSON",
    ".tmx": "a translation memory",
    ".ft": f"fastText's form, {LABEL}good before each text",
}

logger = logging.getLogger("regard")


def is_table(source: str) -> bool:
    """Returns whether the name of a file says that it is a table, compressed or not."""
    return suffix_of(source) in TABLE_FORMATS


def holds_table(source: str, encoding: str | None = None) -> bool:
    """Returns whether a file is a table, by its name or by what it begins with."""
    if is_table(source) or not os.path.isfile(source):
        return is_table(source)
    return is_table(own_suffix(source)) or shows_table(head_of(source), encoding)


def shows_table(head: bytes, encoding: str | None = None) -> bool:
    """Returns whether the first bytes of a file are those of a table."""
    return head.startswith((_PARQUET, *_ARROW, _ZIP, _OLD_EXCEL)) or bool(
        text_format(head, encoding)
    )


def open_table(source: str, layout: TableLayout | None = None) -> Table:
    """Opens a file that has columns, or `tfds:NAME[/CONFIG][:SPLIT]`.

    The first bytes tell the format where they can, else the suffix does; compressed files are read
    as what they hold.

    Raises:
        UserError: If the source cannot be read, or is of another format.
    """
    layout = layout or TableLayout()
    if source.startswith("tfds:"):
        from .tfds import open_tfds  # here, because TensorFlow takes seconds to import

        return open_tfds(source)
    check_file(source)
    head = head_of(source)
    if not head:
        raise UserError(f"{source}: the file is empty.")
    refuse_others(source, head)
    found = _open_by_content(source, layout, head)
    if found is None:
        layout = replace(layout, encoding=encoding_of(source, layout.encoding))
        found = _open_by_name(source, layout, head)
    return found


def _open_by_content(source: str, layout: TableLayout, head: bytes) -> Table | None:
    """Opens a file whose first bytes say what it is, whatever its name."""
    is_parquet, is_arrow = head.startswith(_PARQUET), head.startswith(_ARROW)
    if head.startswith(_OLD_EXCEL):
        raise UserError(f"{source} is a workbook of Excel before 2007. Save it as .xlsx or .csv.")
    if not (is_parquet or is_arrow or head.startswith(_ZIP)):
        return None
    content = packed_content(source)
    if is_parquet:
        from .arrow import open_parquet as open_file
    elif is_arrow:
        from .arrow import open_arrow as open_file
    else:
        from .sheets import open_sheet

        return open_sheet(source, layout, content)
    return open_file(source, content)


def _open_by_name(source: str, layout: TableLayout, head: bytes) -> Table:
    """Opens a file by its suffix; of a text that plainly is of another format, by that."""
    suffix, shown = own_suffix(source), text_format(head, layout.encoding)
    if shown and suffix not in _LIKE[shown] and not layout.delimiter:
        if (suffix, shown) != (".txt", ".ft"):
            named = suffix or "no suffix"
            logger.info("%s (%s): read as %s, for so it begins", source, named, _NAMES[shown])
        suffix = ".tsv" if shown == ".csv" and b"\t" in head.splitlines()[0] else shown
    match suffix:
        case ".csv":
            return open_delimited(source, layout, ",")
        case ".tsv":
            return open_delimited(source, layout, "\t")
        case ".json" | ".jsonl" | ".ndjson":
            return open_json(source, layout.encoding, has_lines=suffix in _OF_LINES)
        case ".tmx":
            return open_tmx(source)
        case ".ft":
            return open_fasttext(source, layout.encoding)
        case ".parquet" | ".pq" | ".arrow" | ".feather" | ".xlsx":
            raise UserError(f"{source} is not a sound {suffix} file: it begins as none does.")
        case _:
            return _open_plain_text(source, layout, head, suffix)


def _open_plain_text(source: str, layout: TableLayout, head: bytes, suffix: str) -> Table:
    """Opens a file that its name does not say enough of: fields with tabs, or as they are given."""
    first, *_ = head.splitlines() or [b""]
    if layout.delimiter or b"\t" in first:
        # Its name does not say that it is a table, so its first row seldom names columns.
        return open_delimited(source, layout, "\t", has_names=False)
    if suffix == ".txt":
        raise UserError(
            f"{source}: a .txt file without tabs holds texts without labels. Formats that hold "
            f"labels: {TABLE_SUFFIXES}; or fastText's, {LABEL}good before each text."
        )
    raise UserError(
        f"{source}: the suffix must say what the file is: {TABLE_SUFFIXES}, or .txt for "
        f"texts without labels. Received: {suffix!r}."
    )
