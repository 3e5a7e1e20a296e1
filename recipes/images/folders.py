"""Finds images in folders: those of classes, and all that are in some."""

import logging
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..data.rows import NOT_TEXT
from ..errors import UserError
from ..names import counted
from .other_formats import missing_reader, suffixes

logger = logging.getLogger("regard")


def read_folder(folder: Path, skip_bad_files: bool) -> tuple[list[str], list[str]]:
    """Returns the files of a folder of classes, and the label of each.

    Raises:
        UserError: If there are no classes, or one is empty and is not to be skipped.
    """
    names, passed_over = folders_in(folder), Counter()
    loose = [entry.name for entry in os.scandir(folder) if entry.is_file()]
    loose = sum(is_image(name, passed_over) for name in loose)
    if not names:
        raise UserError(
            f"{folder} must hold a folder of images for each class: {folder}/<class>/*. "
            f"Received: no folders, {counted(loose, 'image')}."
        )
    if loose:
        logger.warning("%s: images outside of class folders, passed over: %d", folder, loose)
    files, labels, empty = [], [], []
    for name in names:
        if NOT_TEXT.search(name):
            raise UserError(f"{folder}: the name of the class folder {name!r} is not UTF-8.")
        found = list(walk(os.path.join(folder, name), passed_over))
        files += found
        labels += [name] * len(found)
        if not found:
            empty.append(name)
    say_passed_over(folder, passed_over)
    if empty and not (skip_bad_files and files):
        raise UserError(
            f"{folder}/{empty[0]} holds no images: files ending in {', '.join(suffixes())}. Remove "
            "it, or pass --skip-bad-files to leave such classes out."
        )
    if empty:
        logger.warning("%s: classes without images, left out: %s", folder, ", ".join(empty))
    return files, labels


def list_images(paths: Sequence[str | Path]) -> list[str]:
    """Lists image files, and those in folders and the folders in them.

    Raises:
        UserError: If a path is not there, or a folder holds no image.
    """
    files = []
    for path in map(str, paths):
        if not os.path.lexists(path):
            raise UserError(f"{path} is not there.")
        passed_over = Counter()
        found = list(walk(path, passed_over)) if os.path.isdir(path) else [path]
        say_passed_over(path, passed_over)
        if not found:
            raise UserError(f"{path} holds no images: files ending in {', '.join(suffixes())}.")
        files += found
    return files


def walk(folder: str, passed_over: Counter) -> Iterator[str]:
    """Yields the images in a folder and those in it, by name; no folder twice, by whatever link.

    Other files are counted by suffix.
    """
    seen = set()
    for current, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(current)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        for name in sorted(names):
            if is_image(name, passed_over):
                yield os.path.join(current, name)


def is_image(name: str, passed_over: Counter) -> bool:
    """Returns whether a file's name is that of an image; counts others, but for hidden ones."""
    if name.startswith("."):
        return False
    suffix = os.path.splitext(name)[1].lower()
    if suffix in suffixes():
        return True
    passed_over[suffix] += 1
    return False


def say_passed_over(folder: str | Path, passed_over: Counter) -> None:
    """Says in one line how many files are no images, by suffix."""
    if not passed_over:
        return
    listed = []
    for suffix, count in passed_over.most_common():
        reader = missing_reader(suffix)
        hint = f" ({reader} would read them)" if reader else ""
        listed.append(f"{suffix or 'no suffix'}: {count}{hint}")
    logger.warning("%s: files that are no images, passed over: %s", folder, ", ".join(listed))


def folders_in(folder: str | Path) -> list[str]:
    """Returns the names of the folders in a folder, but for hidden ones."""
    names = [entry.name for entry in os.scandir(folder) if entry.is_dir()]
    return sorted(name for name in names if not name.startswith("."))


def has_images(folder: str) -> bool:
    """Returns whether there are images directly in a folder; it stops at the first."""
    return any(is_image(each.name, Counter()) and each.is_file() for each in os.scandir(folder))
