"""Makes sure that a table may be written, before any work."""

import os
from pathlib import Path

from ...models import disk
from ..data.writing import COMPRESSED, PACKED, format_of
from ..errors import UserError
from .directories import check_file_output, said_of

PRINTED = ("-", "/dev/stdout", "/dev/stderr", "/dev/tty")
MORE = 2**20  # bytes of room that a table should have at least


def check_table_output(output: Path, source: str | None, overwrite: bool) -> None:
    """Makes sure, before any work, that a table may be written.

    Raises:
        UserError: If it may not, or its suffix says no format, or it is the source.
    """
    if str(output) in PRINTED:
        raise UserError(
            f"A table is written into a file, not to {output}. To print answers leave out "
            "--output, or pass --json for an object a line."
        )
    format_of(output)
    if source is not None and os.path.realpath(source) == os.path.realpath(output):
        raise UserError(f"{output} is what is read. Name another file with --output.")
    if source is not None and os.path.isdir(source):
        folder = os.path.join(os.path.realpath(source), "")
        if os.path.realpath(output).startswith(folder):
            raise UserError(
                f"{output} lies in the folder that is read, and would be read the next time. Name "
                "a file elsewhere with --output."
            )
    check_file_output(output, overwrite)
    with said_of(output):
        disk.check_room(output, _least_size(source, output))


def _least_size(source: str | None, output: Path) -> int:
    """Returns a number of bytes that a table has at least, where that is known of its source."""
    is_known = output.suffix.lower() not in COMPRESSED and format_of(output) not in PACKED
    if source is None or not source.lower().endswith((".csv", ".tsv")) or not is_known:
        return MORE
    # Half a file may be quotes, or the zeros of UTF-16, which are not written.
    return MORE + (os.path.getsize(source) // 2 if os.path.isfile(source) else 0)
