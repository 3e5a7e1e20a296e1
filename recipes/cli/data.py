"""The data that `regard evaluate` measures a run on, by the run's task."""

from typing import Any

import click

from . import options as options
from .support import load_tfds, quiet


def _labelled_texts(metadata: dict[str, Any], data: str | None, **reading):
    from ..text.data import read_like

    _check_given(data)
    load_tfds(data)
    return read_like(metadata["data"]["train"], data, **reading)


def _parallel_texts(
    metadata: dict[str, Any],
    data: str | None,
    source: str | None = None,
    target: str | None = None,
    **reading,
):
    from ..translation.data import read_parallel_texts

    options.check_parallel(data, source, target)
    load_tfds(data)
    return read_parallel_texts(data or source, target, **reading)


def _labelled_images(metadata: dict[str, Any], data: str | None, **reading):
    from ..images.data import check_source

    _check_given(data)
    check_source(data)
    load_tfds(data)
    with quiet():
        from ..images.checks import read_labelled_images
    return read_labelled_images(data, "test", **reading)


def _check_given(data: str | None) -> None:
    if data is None:
        raise click.UsageError("Missing argument 'DATA'.")


READERS = {
    "text": _labelled_texts,
    "translation": _parallel_texts,
    "images": _labelled_images,
}
