"""Finds the version of an export to serve, without TensorFlow."""

import os
from pathlib import Path
from typing import NamedTuple

from ..errors import UserError
from ..serving.manifest import has_manifest


class Version(NamedTuple):
    """Holds a version of an export.

    Attributes:
        directory: Where it is.
        name: What its model is called: the name of the folder that holds all versions.
        number: Which version it is.
    """

    directory: Path
    name: str
    number: int


def find_version(export: Path) -> Version:
    """Returns the newest version in the folder of an export, or the one that a folder is.

    Raises:
        UserError: If there is none.
    """
    *_, newest = find_versions(export)
    return newest


def find_versions(export: Path) -> list[Version]:
    """Returns all versions in the folder of an export, the newest last, or the one that it is.

    Raises:
        UserError: If there is none.
    """
    folder = Path(os.path.abspath(export))
    if _is_version(folder):
        if folder.name.isdecimal():
            return [Version(folder, folder.parent.name, int(folder.name))]
        return [Version(folder, folder.name, 1)]
    if not folder.is_dir():
        raise UserError(f"There is no directory {export}. Name a run, or an export of one.")
    versions = [path for path in folder.iterdir() if path.name.isdecimal() and _is_version(path)]
    if not versions:
        raise UserError(
            f"{export} is neither a run nor an export: there is no run.json in it, and no "
            "<number>/saved_model.pb. Name a directory that `regard fit` or `regard export` wrote."
        )
    found = [Version(path, folder.name, int(path.name)) for path in versions]
    return sorted(found, key=lambda version: version.number)


def _is_version(folder: Path) -> bool:
    return (folder / "saved_model.pb").is_file() or has_manifest(folder)  # a damaged one is one
