"""Opens tables from TensorFlow Datasets (TFDS).

Importing this module takes seconds: only `formats` imports it, when a source is named `tfds:...`.
"""

import contextlib
import difflib
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from ..errors import UserError
from .rows import Table

logger = logging.getLogger("regard")


def open_tfds(source: str, as_encoded: bool = False) -> Table:
    """Opens the data set `tfds:NAME[/CONFIG][:SPLIT]`, prepared by TFDS first if need be.

    SPLIT is "train" by default and may be a slice, such as "train[:10%]". Data sets lie in the
    folder `TFDS_DATA_DIR`, by default `~/tensorflow_datasets`. The columns are the features. Class
    ids become their names; -1, TFDS' mark of a row without a label, becomes None. With `as_encoded`
    images are the bytes of their files.

    Raises:
        UserError: If there is no such data set, configuration or split, or no way to prepare it.
    """
    name, _, split = source.removeprefix("tfds:").partition(":")
    split = split or "train"
    builder = _open_builder(source, name)
    _check_split(source, builder, split)
    logger.info("%s: reading %s, split %s", source, builder.info.full_name, split)
    features = builder.info.features

    def read(columns: Sequence[str]) -> Iterator[tuple[int, str, Sequence[Any]]]:
        undecoded = {
            name: tfds.decode.SkipDecoding()
            for name in columns
            if as_encoded and isinstance(features[name], tfds.features.Image)
        }
        wanted = tfds.decode.PartialDecoding(dict.fromkeys(columns, True), decoders=undecoded)
        once = tfds.ReadConfig(try_autocache=False)
        dataset = builder.as_dataset(split=split, decoders=wanted, read_config=once)
        converters = [bytes if c in undecoded else _converter(features[c]) for c in columns]
        for row, example in enumerate(tfds.as_numpy(dataset), start=1):
            cells = zip(converters, columns, strict=True)
            yield row, "", [convert(example[column]) for convert, column in cells]

    return Table(list(features), read)


def _open_builder(source: str, name: str) -> tfds.core.DatasetBuilder:
    """Finds a data set, and downloads and prepares it if need be."""
    try:
        # Given, because TFDS itself reads the variable only once, when it is imported.
        builder = tfds.builder(name, data_dir=os.environ.get("TFDS_DATA_DIR"))
        with contextlib.redirect_stdout(sys.stderr):  # it prints; stdout is for results
            builder.download_and_prepare()
        return builder
    except tfds.core.DatasetNotFoundError:
        known = tfds.list_builders(with_community_datasets=False)
        nearest = difflib.get_close_matches(name.partition("/")[0], known)
        hint = f"Did you mean {' or '.join(nearest)}?" if nearest else "Check the name."
        raise UserError(f"{source}: TFDS has no data set named {name!r}. {hint}") from None
    except Exception as error:  # the data set's own code runs here and may raise anything
        problem = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        raise UserError(
            f"{source}: TFDS cannot prepare {name!r}.{_known_configs(name)} It says: {problem}"
        ) from error


def _known_configs(name: str) -> str:
    """Lists the configurations, if the name asks for one that is not among them."""
    dataset, _, config = name.partition("/")
    try:
        configs = tfds.builder_cls(dataset).builder_configs
    except Exception:  # only a hint: the error that asks for it is raised in any case
        return ""
    return f" Its configurations: {', '.join(configs)}." if config and config not in configs else ""


def _check_split(source: str, builder: tfds.core.DatasetBuilder, split: str) -> None:
    """Refuses a split that the data set has not."""
    splits = builder.info.splits
    try:
        _ = splits[split]
    except (KeyError, ValueError):
        raise UserError(
            f"{source}: there is no split {split!r}. Splits: {', '.join(splits)}. "
            "Name one at the end, after a colon."
        ) from None


def _converter(feature: tfds.features.FeatureConnector) -> Callable[[Any], Any]:
    """Returns a function that turns a feature's NumPy value into a string, a number or None."""
    if isinstance(feature, tfds.features.ClassLabel):
        return lambda value: None if value == -1 else feature.int2str(int(value))
    return _to_python


def _to_python(value: Any) -> Any:
    if isinstance(value, bytes):
        # A byte that is not UTF-8 becomes a lone surrogate, which is refused with its row.
        return value.decode("utf-8", "surrogateescape")
    return value.item() if isinstance(value, np.generic) else value
