"""Says what a classifier of images is trained and evaluated on, as the command line names it."""

import os
from collections.abc import Sequence
from typing import Any

from ..data.columns import choose_columns
from ..errors import UserError
from ..runs.scoring import Asked
from .data import check_source
from .named_files import Files, folder_of, guess_image_column
from .settings import ImageQuestions
from .tables import open_with_ids


def check_sources(train: str, image_folder: str | None = None, **_: Any) -> str:
    """Checks that the images may be read; returns what a run is named for."""
    check_source(train, image_folder)
    return train


def read_sources(sources: dict[str, Any], seed: int) -> dict[str, Any]:
    """Returns what `fit_images` learns from; it reads that itself, for that takes TensorFlow."""
    return sources


def read_evaluation(metadata: dict[str, Any], data: str | None, **reading: Any) -> dict[str, Any]:
    """Returns what `ImageRun.evaluate` takes; it reads that itself, for that takes TensorFlow."""
    if data is None:
        raise UserError("Missing argument 'DATA': name the data to measure the run on.")
    check_source(data, reading.get("image_folder"))
    return {"data": data, **reading}


def read_questions(metadata: dict[str, Any], source: str, **reading: Any) -> Asked:
    """Opens a table of paths of images to classify, from a folder on.

    The column is first sought as in the training data.
    """
    reading = ImageQuestions(**reading)
    table, with_paths = open_with_ids(source, reading)
    files = Files(folder_of(source, table, reading.image_column, reading.image_folder))
    trained_on, *_ = metadata["data"]["train"].get("columns") or [None]
    column = reading.image_column
    if column is None:
        is_there = trained_on in table.columns
        column = trained_on if is_there else guess_image_column(table, table.plain_columns, files)
    columns = choose_columns(source, table, {"image": column})

    def image(cells: Sequence[str | bytes]) -> str | bytes:
        if isinstance(cells[0], bytes):
            return cells[0]
        return files.find(cells[0]) or os.path.join(files.folder, cells[0])

    kept, beside = (table, None) if with_paths is None else (with_paths, table)
    return Asked(source, kept, columns, image, reading.skip_bad_files, beside=beside)
