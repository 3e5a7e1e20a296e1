"""Tells what is damaged, by digests: the SHA-256 of each file of a directory.

A directory's record is a JSON file in it. `digests` has those of all other files, by their paths
within, and `digest`, at the end, that of the record itself, without the digits of that one. The
record of a run is `run.json`; its checkpoint, in `model/`, is checked wherever it is opened.
"""

import hashlib
import json
import logging
import os
import re
import shlex
from collections.abc import Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from .hub import FILES
from .json_files import CheckpointError, listed, read_json

RUN_RECORD, MODEL = "run.json", "model"

logger = logging.getLogger("regard")


class DigestError(CheckpointError):
    """Says what is not as it was written."""


class Record:
    """A directory's record, as it is there.

    Args:
        directory: The directory.
        name: The record's path within.

    Attributes:
        content: What else it holds.
        digests: The digests of the other files; None in a record of before, without any.
        problem: In words, how the record differs from what was written, if it does.

    Raises:
        CheckpointError: If it is not JSON.
    """

    def __init__(self, directory: Path, name: str):
        self.directory, self.name, self.problem = directory, name, None
        path = directory / name
        self.content = read_json(path, finite=True)
        digest, self.digests = (self.content.pop(key, None) for key in ("digest", "digests"))
        if digest is None and self.digests is None:
            return
        before, _, after = path.read_bytes().rpartition(f'"{digest}"'.encode())
        found = hashlib.sha256(before + b'""' + after).hexdigest()
        if found != digest or not isinstance(self.digests, dict):
            self.problem = _difference(path, found, digest)
            self.digests = self.digests if isinstance(self.digests, dict) else {}

    @cached_property
    def files(self) -> list[str]:
        """Returns the files that are there now, but for the record."""
        return [name for name in files_of(self.directory) if name != self.name]

    def problems(self, names: Collection[str], used: Collection[str] = ()) -> list[str]:
        """Returns, in words, what is not as it was written: the record, files and new files.

        Args:
            names: The files to look at, of those with digests.
            used: The files that are there and would be used, with digests or without.
        """
        problems = [] if self.problem is None else [self.problem]
        problems += self._differences(names)
        new = [name for name in used if name not in (self.digests or {})]
        return problems + [f"{self.directory / name} has been added" for name in new]

    def _differences(self, names: Collection[str]) -> Iterator[str]:
        for name in names:
            path = self.directory / name
            try:
                found = digest_of(path) if path.is_file() else None
            except OSError as error:  # of a disk, say
                yield f"{path} cannot be read: {error.strerror}"
                continue
            if found is None:
                yield f"{path} is missing"
            elif found != self.digests[name]:
                yield _difference(path, found, self.digests[name])

    def check(self, names: Collection[str] = (), used: Collection[str] = ()) -> None:
        """Makes sure that the record and files are as they were written; see `problems`.

        Raises:
            DigestError: If they are not; the message names them all.
        """
        if problems := self.problems(names, used):
            raise DigestError(
                f"{listed(problems)}. Copy {self.directory} again from where it is whole. If it "
                f"was changed on purpose, `{renewal(self.directory)}` takes it as it is."
            )


def _difference(path: Path, found: str, expected: Any) -> str:
    return f"{path} has the SHA-256 {found:.16}..., not {expected!s:.16}... as when it was written"


def renewal(directory: str | Path) -> str:
    """Returns the command that takes the files of a directory as they are now."""
    return f"regard verify {shlex.quote(str(directory))} --renew"


def without_digests(directory: Path) -> str:
    """Returns, in words, that a directory has no digests."""
    return (
        f"{directory} has no digests, so damage to it would not be seen. `{renewal(directory)}` "
        "adds them."
    )


def digest_of(path: Path) -> str:
    """Returns the SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_of(directory: Path) -> list[str]:
    """Lists the files in a directory, and in those below it, by their paths within."""
    found, seen = [], set()
    for folder, folders, names in os.walk(directory, followlinks=True):
        if os.path.realpath(folder) in seen:  # a link that leads back
            folders.clear()
            continue
        seen.add(os.path.realpath(folder))
        paths = (Path(folder, name) for name in names)
        found += [path.relative_to(directory).as_posix() for path in paths if path.is_file()]
    return sorted(found)


def make_record(directory: Path, name: str, content: Mapping[str, Any]) -> bytes:
    """Returns the JSON of a directory's record: some content, and the digests of all other files.

    Half characters, as of odd paths, are no text; their codes are written, as Python shows them.

    Raises:
        CheckpointError: If a file's name is no text.
    """
    others = [each for each in files_of(directory) if each != name]
    digests = {each: digest_of(directory / each) for each in others}
    try:
        "".join(others).encode()
    except UnicodeEncodeError as error:
        raise CheckpointError(f"{directory}: names must be UTF-8. Received: {error}") from error
    content = {**content, "digests": digests, "digest": ""}
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    data = re.sub("[\ud800-\udfff]", lambda half: rf"\\u{ord(half[0]):x}", text).encode()
    before, _, after = data.rpartition(b'""')
    return before + f'"{hashlib.sha256(data).hexdigest()}"'.encode() + after


def used_of(run: Path) -> list[str]:
    """Lists what there is in the `model/` of a run that would be read, new or not."""
    names = sorted(os.listdir(run / MODEL)) if (run / MODEL).is_dir() else []
    are_read = [any(fnmatchcase(name, pattern) for pattern in FILES) for name in names]
    return [f"{MODEL}/{name}" for name, is_read in zip(names, are_read, strict=True) if is_read]


def check_model(directory: Path) -> None:
    """Makes sure that a checkpoint, if it is that of a run, is as it was written.

    Raises:
        CheckpointError: If it is not, or the run's record is not.
    """
    run = _run_of(directory)
    if run is None:
        return
    record = check_run(run)
    if record.digests is None and "task" in record.content:  # else it is another program's
        logger.warning("%s", without_digests(run))


def _run_of(directory: Path) -> Path | None:
    """Returns the run that a directory is the checkpoint of, if it is one's."""
    places = [Path(os.path.abspath(directory)), Path(os.path.realpath(directory))]
    runs = [each.parent for each in places if each.name == MODEL]
    return next((run for run in runs if (run / RUN_RECORD).is_file()), None)


def recorded(directory: Path) -> dict[str, str]:
    """Returns the digests that a run has of the files of its checkpoint, by their names.

    Of what is no run's, or has none, there are none. Whether they are right is seen where the
    checkpoint is opened.
    """
    run = _run_of(directory)
    try:
        record = None if run is None else Record(run, RUN_RECORD)
    except CheckpointError:  # which is said where the checkpoint is opened
        return {}
    if record is None or record.problem or record.digests is None:
        return {}
    own = {PurePosixPath(name): digest for name, digest in record.digests.items()}
    return {path.name: each for path, each in own.items() if path.parent == PurePosixPath(MODEL)}


def check_run(run: Path) -> Record:
    """Makes sure that the `model/` of a run is as it was written, and returns the run's record.

    Raises:
        CheckpointError: If it is not, or the record is not.
    """
    record = Record(run, RUN_RECORD)
    if record.digests is not None:
        own = [name for name in record.digests if name.startswith(f"{MODEL}/")]
        record.check(own, used_of(run))
    return record


def check_file(path: Path) -> None:
    """Makes sure that a file beside a run's record, if there is one, is as it was written.

    Raises:
        CheckpointError: If it is not, or the record is not.
    """
    if not (path.parent / RUN_RECORD).is_file():
        return
    record = Record(path.parent, RUN_RECORD)
    if record.digests is not None:
        own = [path.name] if path.name in record.digests else []
        record.check(own, [path.name] if path.is_file() else [])
