"""Says what a classifier of images is trained and evaluated on, as the command line names it."""

import os
from collections.abc import Sequence
from typing import Any

from ..data.columns import choose_columns
from ..data.formats import open_table
from ..errors import UserError
from ..runs.scoring import Asked
from .data import check_source
from .settings import ImageQuestions


def check_sources(train: str, **_: Any) -> str:
    """Checks that the images may be read; returns what a run is named for."""
    check_source(train)
    return train


def read_sources(sources: dict[str, Any], seed: int) -> dict[str, Any]:
    """Returns what `fit_images` learns from; it reads that itself, for that takes TensorFlow."""
    return sources


def read_evaluation(metadata: dict[str, Any], data: str | None, **reading: Any) -> dict[str, Any]:
    """Returns what `ImageRun.evaluate` takes; it reads that itself, for that takes TensorFlow."""
    if data is None:
        raise UserError("Missing argument 'DATA': name the data to measure the run on.")
    check_source(data)
    return {"data": data, **reading}


def read_questions(metadata: dict[str, Any], source: str, **reading: Any) -> Asked:
    """Opens a table of paths of images, from its own folder, to classify.

    The column is first sought as in the training data.
    """
    reading = ImageQuestions(**reading)
    table = open_table(source, reading)
    trained_on, *_ = metadata["data"]["train"].get("columns") or [None]
    known = trained_on if trained_on in table.columns else None
    columns = choose_columns(
        source, table, {"image": reading.with_defaults(image_column=known).image_column}
    )

    def path(cells: Sequence[str]) -> str:
        return os.path.join(os.path.dirname(source), cells[0])

    return Asked(source, table, columns, path, reading.skip_bad_files)
