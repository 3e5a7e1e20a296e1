"""Reads the preprocessing of a KerasHub preset of images."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...models.json_files import read_json

FILE = "image_converter.json"
_INTERPOLATIONS = {"nearest": 0, "lanczos3": 1, "bilinear": 2, "bicubic": 3}  # Pillow's numbers
_PLAIN = {"pad_to_aspect_ratio": False, "data_format": "channels_last"}

logger = logging.getLogger("regard")


def read_converter(directory: Path) -> dict[str, Any]:
    """Returns what a preset's `ImageConverter` does, as `preprocessor_config.json` writes it.

    KerasHub cuts an image to the shape of the model's before it is resized, unless told otherwise.

    Raises:
        ValueError: If it does something that is not done here.
    """
    config = read_json(directory / FILE).get("config")
    if not isinstance(config, dict):
        raise ValueError(f"config must be an object, not {config!r:.40}")
    for name, value in _PLAIN.items():
        if config.get(name, value) not in (value, None):
            raise ValueError(f"{name} must be {value!r}, not {config[name]!r:.40}")
    interpolation = config.get("interpolation", "bilinear")
    if interpolation not in list(_INTERPOLATIONS):
        raise ValueError(
            f"interpolation must be one of {[*_INTERPOLATIONS]}, not {interpolation!r}"
        )
    if not config.get("antialias"):
        message = "%s: edges are smoothed where images become smaller, which KerasHub does not do"
        logger.info(message, directory / FILE)
    return {"resample": _INTERPOLATIONS[interpolation], **_sides(config), **_statistics(config)}


def _sides(config: Mapping[str, Any]) -> dict[str, Any]:
    height, width = config["image_size"]
    size = {"height": height, "width": width}
    if not config.get("crop_to_aspect_ratio", True):
        return {"size": size}
    if height != width:
        raise ValueError(
            "crop_to_aspect_ratio must be false where image_size is no square, not "
            f"{config['image_size']!r:.40}"
        )
    return {"size": {"shortest_edge": height}, "do_center_crop": True, "crop_size": size}


def _statistics(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns means and deviations for which pixels become pixel · scale + offset."""
    scale, offset = (
        _three(config.get(name), empty) for name, empty in (("scale", 1.0), ("offset", 0.0))
    )
    if not all(scale):
        raise ValueError(f"scale must not be 0, not {scale!r}")
    deviation = [1 / each for each in scale]
    mean = [-shift * each for shift, each in zip(offset, deviation, strict=True)]
    return {"do_rescale": False, "image_mean": mean, "image_std": deviation}


def _three(value: Any, empty: float) -> list[float]:
    values = value if isinstance(value, list) else [empty if value is None else value] * 3
    if len(values) != 3 or any(type(each) not in (int, float) for each in values):
        raise ValueError(f"scale and offset must be one number or three, not {value!r:.80}")
    return [float(each) for each in values]
