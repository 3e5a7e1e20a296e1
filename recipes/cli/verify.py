"""Holds the command that looks for damage: `regard verify`."""

from pathlib import Path

import click

from ...models.digests import RUN_RECORD, renewal
from ...models.json_files import CheckpointError
from ..errors import UserError
from ..runs.verification import renew_run, verify_run
from ..server.exports import find_versions
from ..serving.manifest import renew_manifest, verify_version
from .terminal import show


@click.command()
@click.argument("source", metavar="EXPORT|RUN", type=click.Path(path_type=Path))
@click.option(
    "--renew", is_flag=True, help="After a change on purpose: take all files as they are."
)
def verify(source, renew) -> None:
    """Check that a RUN, or every version of an EXPORT, is as it was written, byte by byte.

    Nothing of it is loaded. Each file that is damaged, missing or new is named, and the exit status
    is then 2. New files in a RUN count if they would be read.
    """
    is_run = (source / RUN_RECORD).exists()
    places = [source] if is_run else [each.directory for each in find_versions(source)]
    if renew:
        for place in places:
            _renew(place, is_run)
        return
    bad = [str(place) for place in places if not _is_whole(place, is_run)]
    if bad:
        raise UserError(
            f"Not as it was written: {', '.join(bad)}. Copy it again from where it is whole. If it "
            f"was changed on purpose, `{renewal(source)}` takes it as it is."
        )


def _is_whole(place: Path, is_run: bool) -> bool:
    """Says what is wrong with a directory, or that nothing is."""
    try:
        problems, number = verify_run(place) if is_run else verify_version(place)
    except (CheckpointError, UserError) as error:
        problems, number = [str(error)], 0
    for problem in problems:
        show(problem)
    if not problems:
        show(f"{place}: all {number} files are as they were written.")
    return not problems


def _renew(place: Path, is_run: bool) -> None:
    try:
        renew_run(place) if is_run else renew_manifest(place)
    except CheckpointError as error:
        raise UserError(str(error)) from error
    show(f"{place}: the files as they are now are those to compare with.")
