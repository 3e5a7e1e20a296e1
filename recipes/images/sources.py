"""Says what a classifier of images is trained and evaluated on, as the command line names it."""

from typing import Any

from ..errors import UserError
from .data import LabelledImages, check_source


def check_sources(train: str, **_: Any) -> str:
    """Checks that the images may be read; returns what a run is named for."""
    check_source(train)
    return train


def read_sources(sources: dict[str, Any], seed: int) -> dict[str, Any]:
    """Returns what `fit_images` learns from; it reads that itself, for that takes TensorFlow."""
    return sources


def read_evaluation(metadata: dict[str, Any], data: str | None, **reading: Any) -> LabelledImages:
    """Reads what a run is evaluated on: of a folder with splits, the images to test on."""
    if data is None:
        raise UserError("Missing argument 'DATA': name the data to measure the run on.")
    check_source(data)
    from .checks import read_labelled_images  # here, because TensorFlow takes seconds to import

    return read_labelled_images(data, "test", **reading)
