"""Says what a classifier of images is trained and evaluated on, as the command line names it."""

from typing import Any

from ..errors import UserError
from .data import check_source


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
