"""Tells folders of splits, such as `train` and `val`, from those of classes, by what is inside."""

import logging
import os
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from ..data.sources import is_saved, splits_in
from ..errors import UserError
from .folders import folders_in, has_images, walk

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
    if is_saved(str(source)):
        return "validation" in splits_in(str(source))
    splits, others = _find_splits(source)
    return bool(splits) and "validation" in {*splits, *map(split_of, others)}


def _find_splits(source: str | Path) -> tuple[dict[str, Path], list[str]]:
    """Returns the folders of splits, and the names of the other folders with images."""
    names = folders_in(source) if os.path.isdir(source) else []
    if not any(map(split_of, names)):
        return {}, names
    inside = {name: _look_into(os.path.join(source, name)) for name in names}
    inside = {name: each for name, each in inside.items() if each.has_images or each.classes}
    splits: dict[str, Path] = {}
    found = _names_of_splits(source, inside)
    for name in found:
        if split_of(name) in splits:
            _refuse_two(splits[split_of(name)], Path(source, name))
        splits[split_of(name)] = Path(source, name)
    return splits, [name for name in inside if name not in found]


def _names_of_splits(source: str | Path, inside: dict[str, _Inside]) -> list[str]:
    """Returns which folders are splits, of those with images, by what is inside each."""
    named = [name for name in inside if split_of(name)]
    others = [name for name in inside if name not in named]
    counts = Counter(each for name in named for each in inside[name].classes)
    # Classes that several have speak for splits; images beside folders, and company, against.
    shared = [name for name in named if any(counts[each] > 1 for each in inside[name].classes)]
    found = [
        name
        for name in named
        if name in shared or (inside[name].classes and not (others and inside[name].has_images))
    ]
    if named and not found and not others:
        _refuse_flat(source, named)
    if found and others and not shared:
        _refuse_mixed(source, found[0], others[0])
    return found


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


def _look_into(folder: str) -> _Inside:
    paths = {name: os.path.join(folder, name) for name in folders_in(folder)}
    classes = [n for n, path in paths.items() if has_images(path) or any(walk(path, Counter()))]
    return _Inside(has_images(folder), frozenset(classes))
