"""Finds images in folders: a folder for each class, and perhaps such folders for each split."""

import logging
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ..data.rows import NOT_TEXT
from ..errors import UserError
from .other_formats import missing_reader, suffixes

# What folders of splits are called, in any case, with or without a word more.
SPLITS = {
    "train": r"train|training",
    "validation": r"validation|valid|val|dev",
    "test": r"test|testing|eval|evaluation",
}
_MORE = r"set|data|dataset|images?|imgs?|split"

logger = logging.getLogger("regard")


class _Inside(NamedTuple):
    """Says what a folder holds: whether images, and which folders with images."""

    has_images: bool
    classes: frozenset[str]


def find_splits(source: str | Path) -> dict[str, Path]:
    """Returns the folders of a data set's splits by name; none where its folders are classes.

    Folders of splits have such names and hold folders of images, one for each class. A class holds
    images, whatever its name is.

    Raises:
        UserError: If neither can be told, or two folders are of one split.
    """
    return _find_splits(source)[0]


def has_validation(source: str | Path) -> bool:
    """Returns whether a data set has a folder to validate on beside that of another split."""
    splits, others = _find_splits(source)
    return bool(splits) and "validation" in {*splits, *map(split_of, others)}


def _find_splits(source: str | Path) -> tuple[dict[str, Path], list[str]]:
    """Returns the folders of splits, and the names of the other folders with images."""
    names = _folders_in(source) if os.path.isdir(source) else []
    if not any(map(split_of, names)):
        return {}, names
    inside = {name: _look_into(os.path.join(source, name)) for name in names}
    inside = {name: each for name, each in inside.items() if each.has_images or each.classes}
    named = [name for name in inside if split_of(name)]
    shared = Counter(each for name in named for each in inside[name].classes)
    is_shared = {name: any(shared[each] > 1 for each in inside[name].classes) for name in named}
    found = [
        name
        for name in named
        if inside[name].classes and (is_shared[name] or not inside[name].has_images)
    ]
    others = [name for name in inside if name not in named]
    if named and not found and not others:
        _refuse_flat(source, named)
    if found and others and not any(is_shared[name] for name in found):
        _refuse_mixed(source, found[0], others[0])
    splits: dict[str, Path] = {}
    for name in found:
        if split_of(name) in splits:
            _refuse_two(splits[split_of(name)], Path(source, name))
        splits[split_of(name)] = Path(source, name)
    return splits, [name for name in inside if name not in found]


def split_of(name: str) -> str:
    """Returns the split that a folder's name may stand for; empty if none."""
    for split, words in SPLITS.items():
        pattern = rf"((?:{_MORE})[\W_]*)?(?:{words})([\W_]*(?:{_MORE}))?"
        if re.fullmatch(pattern, name.strip(), re.IGNORECASE):
            return split
    return ""


def _refuse_flat(source, named: list[str]) -> None:
    listed = " and ".join(named)
    raise UserError(
        f"{source}: {listed} may be splits or classes, but there is nothing beside, and they hold "
        "images. Of splits, each must hold a folder of images for each class; or name a table of "
        f"paths and labels. Give a class another name, such as class_{named[0]}."
    )


def _refuse_mixed(source, name: str, other: str) -> None:
    raise UserError(
        f"{source}: {name} may be a split or a class. It holds folders of images as a split does, "
        f"but beside it is {other}. If it is a split, name it itself: {source}/{name}. If it is a "
        f"class, give it another name, such as class_{name}."
    )


def _refuse_two(first: Path, second: Path) -> None:
    raise UserError(
        f"{first} and {second.name} may both be the {split_of(second.name)} split. Rename one, or "
        f"move it elsewhere; or name folders themselves, such as {first}."
    )


def choose_folder(source: str, split: str) -> Path:
    """Returns the folder of a split, or the source itself where its folders are classes.

    A source with splits but "test" has its "validation" in its place.

    Raises:
        UserError: As `find_splits`, or if there is no such split.
    """
    splits, others = _find_splits(source)
    if not splits:
        if called := [name for name in others if split_of(name)]:
            message = "%s: classes, not splits, for there are images in them: %s"
            logger.info(message, source, ", ".join(called))
        return Path(source)
    if flat := [name for name in others if split_of(name) == split]:
        raise UserError(
            f"{source}/{flat[0]} must hold a folder of images for each class, as a split does. "
            f"Received: images without classes. Move it elsewhere if it has no labels."
        )
    chosen = splits.get(split) or (splits.get("validation") if split == "test" else None)
    if chosen is None:
        folders = ", ".join(str(folder) for folder in splits.values())
        raise UserError(
            f"{source} has no {split} split. Name the folder to read itself: {folders}."
        )
    rest = f"; passed over: {', '.join(others)}" if others else ""
    logger.info("%s: the %s images are those in %s%s", source, split, chosen.name, rest)
    return chosen


def read_folder(folder: Path, skip_bad_files: bool) -> tuple[list[str], list[str]]:
    """Returns the files of a folder of classes, and the label of each.

    Raises:
        UserError: If there are no classes, or one is empty and is not to be skipped.
    """
    names, passed_over = _folders_in(folder), Counter()
    loose = [entry.name for entry in os.scandir(folder) if entry.is_file()]
    loose = sum(is_image(name, passed_over) for name in loose)
    if not names:
        raise UserError(
            f"{folder} must hold a folder of images for each class: {folder}/<class>/*. "
            f"Received: no folders, {loose} images."
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


def _folders_in(folder: str | Path) -> list[str]:
    names = [entry.name for entry in os.scandir(folder) if entry.is_dir()]
    return sorted(name for name in names if not name.startswith("."))


def _look_into(folder: str) -> _Inside:
    names, nobody = _folders_in(folder), Counter()
    classes = [name for name in names if any(walk(os.path.join(folder, name), nobody))]
    files = (entry.name for entry in os.scandir(folder) if entry.is_file())
    return _Inside(any(is_image(name, nobody) for name in files), frozenset(classes))
