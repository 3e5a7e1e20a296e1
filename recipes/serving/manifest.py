"""Keeps the digests of an export's files, by which damage to one of them is seen.

A version has them in `assets.extra/manifest.json`: TensorFlow Serving passes over what it does not
know there.
"""

import logging
from pathlib import Path

from ...models import disk
from ...models.digests import Record, make_record, without_digests
from ...models.json_files import CheckpointError
from ..errors import UserError
from ..runs.directories import file_written_aside

MANIFEST = "assets.extra/manifest.json"

logger = logging.getLogger("regard")


def write_manifest(version: Path) -> None:
    """Writes the digests of a version, once all of its files are there."""
    (version / MANIFEST).parent.mkdir(exist_ok=True)
    disk.write_bytes(version / MANIFEST, make_record(version, MANIFEST, {}))


def has_manifest(version: Path) -> bool:
    """Returns whether a folder has the digests of an export's version."""
    return (version / MANIFEST).is_file()


def check_manifest(version: Path) -> None:
    """Makes sure that the files of a version are as they were written, with none more.

    Of an export of before, which has no digests, it says so.

    Raises:
        UserError: If they are not; the message names them all.
    """
    if not has_manifest(version):
        logger.warning("%s", without_digests(version))
        return
    try:
        record = Record(version, MANIFEST)
        record.check(record.digests or (), record.files)
    except CheckpointError as error:
        raise UserError(f"{version} cannot be served: {error}") from error


def verify_version(version: Path) -> tuple[list[str], int]:
    """Returns, in words, what of a version is not as it was written; and its number of files.

    Raises:
        CheckpointError: If its manifest is not JSON.
    """
    if not has_manifest(version):
        return [without_digests(version)], 0
    record = Record(version, MANIFEST)
    return record.problems(record.digests or (), record.files), 1 + len(record.files)


def renew_manifest(version: Path) -> None:
    """Takes the files of a version as they are now."""
    data = make_record(version, MANIFEST, {})
    (version / MANIFEST).parent.mkdir(exist_ok=True)
    with file_written_aside(version / MANIFEST, overwrite=True) as path:
        disk.write_bytes(path, data)
