"""Tells whether a run is as it was written, and takes one that was changed on purpose as it is."""

import logging
from pathlib import Path

from ...models import disk
from ...models.digests import MODEL, RUN_RECORD, Record, make_record, used_of, without_digests
from ...models.json_files import listed, read_json
from .directories import file_written_aside
from .metadata import check_class_names, check_metadata, check_problem_type

logger = logging.getLogger("regard")


def verify_run(run: Path) -> tuple[list[str], int]:
    """Returns, in words, what of a run is not as it was written; and its number of files.

    New files count if they would be read; others are logged.

    Raises:
        CheckpointError: If its `run.json` is not JSON.
        UserError: If it is as it was written, but is no run.
    """
    record = Record(run, RUN_RECORD)
    if record.digests is None:
        return [without_digests(run)], 0
    used = used_of(run)
    problems = record.problems(record.digests, used)
    others = [name for name in record.files if name not in {*record.digests, *used}]
    if others and record.problem is None:
        logger.info("%s: new, but never read: %s", run, listed(others))
    if not problems:
        _check(run, record)
    return problems, 1 + len(record.digests)


def renew_run(run: Path) -> None:
    """Takes the files of a run as they are now.

    Raises:
        UserError: If they are no run, such as where the names of the classes differ in two files.
    """
    record = Record(run, RUN_RECORD)
    _check(run, record)
    data = make_record(run, RUN_RECORD, record.content)
    with file_written_aside(run / RUN_RECORD, overwrite=True) as path:
        disk.write_bytes(path, data)


def _check(run: Path, record: Record) -> None:
    check_metadata(run / RUN_RECORD, record.content)
    if record.content.get("class_names") is not None:
        config = read_json(run / MODEL / "config.json")
        labels = config.get("id2label")
        labels = labels if isinstance(labels, dict) else {}
        check_problem_type(record.content, config.get("problem_type"))
        check_class_names(record.content, [labels.get(str(index)) for index in range(len(labels))])
