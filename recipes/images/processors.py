"""Reads how a checkpoint wants its images: by `transformers`' processors, timm or KerasHub.

Each processor of `transformers` has defaults of its own for what its file leaves out, and one
number as a size is both sides to some of them and the shorter side to others.
"""

import math
from pathlib import Path
from typing import Any

from ...models.json_files import read_json
from ...models.timm_layout import is_input_size, is_timm
from .keras_hub import FILE, read_converter

CONFIG = "preprocessor_config.json"
_WHOLE = "processor_config.json"  # of texts and images, as CLIP's is written today
_HALF = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
_IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
_OPENAI = {
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}
_SQUARE = {"size": {"height": 224, "width": 224}}
_CROPPED = {"crop_size": {"height": 224, "width": 224}, "do_center_crop": True}
_OF_CLIP = {"size": {"shortest_edge": 224}, **_CROPPED, "resample": 3, **_OPENAI}
# By what the name of the processor begins with: transformers, image_processing_*.py
_PROCESSORS = {
    "ViT": {**_SQUARE, "resample": 2, **_HALF},
    "DeiT": {"size": {"height": 256, "width": 256}, **_CROPPED, "resample": 3, **_HALF},
    "Beit": {**_SQUARE, **_CROPPED, "do_center_crop": False, "resample": 3, **_HALF},
    "DINOv3ViT": {**_SQUARE, "resample": 2, **_IMAGENET},
    "Siglip": {**_SQUARE, "resample": 3, **_HALF},
    "CLIP": _OF_CLIP,
    "Bit": _OF_CLIP,
}
_BY_SHORTER_SIDE = ("CLIP", "Bit", "Siglip")  # what one number as a size means
_ENDINGS = ("ImageProcessor", "ImageProcessorFast", "ImageProcessorPil", "FeatureExtractor")
_INTERPOLATIONS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3}


def processor_file(directory: Path) -> Path | None:
    """Returns the file that says how images are made a model's input, if there is one."""
    for name in (CONFIG, _WHOLE, FILE):
        if (directory / name).exists():
            return directory / name
    path = directory / "config.json"
    return path if path.exists() and is_timm(read_json(path)) else None


def read_processor(path: Path) -> dict[str, Any]:
    """Returns the complete entries of that file, as `transformers` writes them.

    Raises:
        ValueError: If it is damaged, or asks for what is not done here.
    """
    if path.name == FILE:
        return read_converter(path.parent)
    config = read_json(path)
    if path.name == "config.json":
        return _of_timm(_part(config, "pretrained_cfg"))
    return _completed(_part(config, "image_processor") if path.name == _WHOLE else config)


def _part(config: dict[str, Any], name: str) -> dict[str, Any]:
    """Returns an entry that must be an object, or nothing."""
    part = config.get(name) or {}
    if not isinstance(part, dict):
        raise ValueError(f"{name} must be an object, not {part!r:.40}")
    return part


def _completed(config: dict[str, Any]) -> dict[str, Any]:
    """Returns the entries with the processor's defaults for those that are left out."""
    config = {name: value for name, value in config.items() if value is not None}
    name = config.get("image_processor_type", config.get("feature_extractor_type", "ViT"))
    kinds = {f"{kind}{ending}": kind for kind in _PROCESSORS for ending in ("", *_ENDINGS)}
    if not isinstance(name, str) or name not in kinds:
        known = ", ".join(f"{kind}ImageProcessor" for kind in _PROCESSORS)
        raise ValueError(f"image_processor_type must be one of {known}, not {name!r:.60}")
    size = config.get("size")
    if type(size) is int and kinds[name] in _BY_SHORTER_SIDE:
        config["size"] = {"shortest_edge": size}
    return {**_PROCESSORS[kinds[name]], **config}


def _of_timm(config: dict[str, Any]) -> dict[str, Any]:
    """Returns timm's `pretrained_cfg` as entries of `transformers`."""
    size = config.get("input_size", [3, 224, 224])
    share, mode = config.get("crop_pct", 0.875), config.get("crop_mode", "center")
    interpolation = config.get("interpolation", "bicubic")
    if not is_input_size(size) or size[1] != size[2]:
        raise ValueError(f"input_size must be of images as wide as high, not {size!r:.40}")
    if type(share) not in (int, float) or not 0.01 <= share <= 1:
        raise ValueError(f"crop_pct must be a number from 0.01 to 1, not {share!r:.40}")
    if mode not in ("center", "squash"):
        raise ValueError(f"crop_mode must be center or squash, not {mode!r:.40}")
    if interpolation not in _INTERPOLATIONS:
        known = ", ".join(_INTERPOLATIONS)
        raise ValueError(f"interpolation must be one of {known}, not {interpolation!r:.40}")
    _, height, width = size
    side = math.floor(height / share)
    return {
        "size": {"shortest_edge": side} if mode == "center" else {"height": side, "width": side},
        "do_center_crop": True,
        "crop_size": {"height": height, "width": width},
        "resample": _INTERPOLATIONS[interpolation],
        "image_mean": config.get("mean", _IMAGENET["image_mean"]),
        "image_std": config.get("std", _IMAGENET["image_std"]),
    }
