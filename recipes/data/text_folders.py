"""Opens folders of texts: a folder for each label, a file for each text, as IMDb's reviews come."""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from .bounds import LONGEST_TEXT
from .files import open_text
from .rows import Row, Table

SUFFIXES = (".txt", ".text", "")
UNLABELLED = ("unsup", "unlabeled", "unlabelled")  # folders that are no class

logger = logging.getLogger("regard")


def open_text_folder(
    source: str, splits: Sequence[str], split_of: Callable, encoding: str | None
) -> Table | None:
    """Opens a folder with a folder of texts for each label, or with such a folder for each split.

    Returns None if it is neither. `split_of` tells the split that the name of a folder means.
    """
    folder = _choose_split(Path(source), splits, split_of)
    texts = {each.name: _texts_in(each) for each in _folders_in(folder)}
    classes = {name: files for name, files in texts.items() if files and name not in UNLABELLED}
    if len(classes) < 2:
        return None
    count = sum(map(len, classes.values()))
    passed = [name for name in texts if name not in classes]
    beside = len(_texts_in(folder))
    others = f"; passed over: {', '.join(passed)}" if passed else ""
    others += f"; files beside the folders, passed over: {beside}" if beside else ""
    message = "%s: texts, a file each: %d, in folders by label: %d%s"
    logger.info(message, folder, count, len(classes), others)
    return Table(["text", "label"], partial(_read, classes, encoding))


def _choose_split(folder: Path, splits: Sequence[str], split_of: Callable) -> Path:
    """Returns the folder of the first split that there is; the folder itself if it has none."""
    named = {split_of(each, folder): each for each in reversed(_folders_in(folder))}
    return next((named[split] for split in splits if split in named), folder)


def _read(
    classes: dict[str, list[Path]], encoding: str | None, names: Sequence[str]
) -> Iterator[Row]:
    for label, files in classes.items():
        for path in files:
            cells = {"label": label, "text": _text_of(path, encoding) if "text" in names else ""}
            yield f"{label}/{path.name}", "", [cells[name] for name in names]


def _text_of(path: Path, encoding: str | None) -> str:
    if not path.stat().st_size:
        return ""
    with open_text(str(path), encoding) as file:
        return file.read(LONGEST_TEXT + 1).strip()


def _folders_in(folder: Path) -> list[Path]:
    seen = (path for path in folder.iterdir() if not path.name.startswith("."))
    return sorted(path for path in seen if path.is_dir())


def _texts_in(folder: Path) -> list[Path]:
    """Returns the files of texts in a folder: with a suffix of texts, or numbered as news are."""
    seen = (path for path in sorted(folder.iterdir()) if not path.name.startswith("."))
    files = (path for path in seen if os.path.isfile(path))
    return [path for path in files if path.suffix.lower() in SUFFIXES]
