"""Finds images that lie in a table itself, as Hugging Face's `datasets` saves them.

They are records of `bytes` and `path` in a column; where there are no bytes, the path is that of a
file.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from ..data.rows import Row, Table


class EmbeddedImage(bytes):
    """Holds the bytes of an image with its `name`, which is empty where nothing says it."""

    name: str = ""


def embedded_columns(table: Table) -> list[str]:
    """Returns the columns whose records hold images."""
    columns = set(table.columns)
    return [name for name in table.own_columns if {f"{name}.bytes", f"{name}.path"} <= columns]


def with_embedded(table: Table) -> tuple[Table, Table | None]:
    """Returns the table with images in place of such records, and with their paths.

    Without records it is the table itself, and None.
    """
    records = embedded_columns(table)
    if not records:
        return table, None
    columns = [name for name in table.columns if name.rpartition(".")[0] not in records]
    num_made = table.num_made - (len(table.columns) - len(columns))

    def read_images(names: Sequence[str]) -> Iterator[Row]:
        made = partial(_image, seen={})  # anew, so that images have their names each time
        wanted = [part for name in names for part in _parts(name, records)]
        for row, problem, cells in table.read(wanted):
            rest = iter(cells)
            found = [made(next(rest), next(rest)) if n in records else next(rest) for n in names]
            yield row, problem, found

    def read_paths(names: Sequence[str]) -> Iterator[Row]:
        return iter(table.read([f"{n}.path" if n in records else n for n in names]))

    both = table._replace(columns=columns, num_made=num_made)
    return both._replace(read=read_images), both._replace(read=read_paths)


def _parts(name: str, records: list[str]) -> list[str]:
    return [f"{name}.bytes", f"{name}.path"] if name in records else [name]


def _image(contents: bytes | None, path: str | None, seen: dict[int, int]) -> Any:
    """Returns an image, or the path of one where there are no bytes.

    Where many rows share the bytes of an image, so do their images, and the first has a name: a
    name is kept in a copy. `seen` has the hashes of what had an identity, which others may get.
    """
    if not contents:
        return path
    if seen.get(id(contents)) == hash(contents):
        return contents
    seen[id(contents)] = hash(contents)
    image = EmbeddedImage(contents)
    image.name = path or ""
    return image
