"""Turns images into a model's input, as `preprocessor_config.json` writes it down."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ...models.layout import write_json
from ..errors import UserError
from .headers import refuse_unless
from .other_formats import MOST_PIXELS
from .processors import CONFIG, processor_file, read_processor

RESAMPLING = {0: "nearest", 1: "lanczos3", 2: "bilinear", 3: "bicubic"}  # Pillow's numbers
LONGEST_SIDE = 2**16  # pixels, as in JPEG
PIXELS_AT_ONCE = 2**20  # that are resized together, as floats
_HALF = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class ImagePreprocessing:
    """Resizes, crops, rescales and normalizes an image of any size.

    It computes what `transformers`' image processors compute. It resizes as Pillow does,
    with the edges smoothed and each of its two passes rounded to whole numbers.

    Attributes:
        height: Height of a model's input, in pixels.
        width: Its width.
        resize: Height and width to resize to, in pixels, or one number for the shorter side, the
            longer one in proportion. None if an image is cropped only.
        crop: Whether `height` and `width` are then cut out of the middle.
        resample: Pillow's number of the way to resize: 0 nearest, 1 Lanczos, 2 bilinear, 3 bicubic.
        rescale: Factor of pixels of 0 to 255.
        mean: Means of red, green and blue, subtracted from the rescaled pixels.
        deviation: Standard deviations by which the differences are divided.
    """

    height: int
    width: int
    resize: tuple[int, int] | int | None = None
    crop: bool = False
    resample: int = 2
    rescale: float = 1 / 255
    mean: tuple[float, ...] = _HALF
    deviation: tuple[float, ...] = _HALF

    @classmethod
    def for_shape(cls, height: int, width: int) -> "ImagePreprocessing":
        """Makes ViT's preprocessing for a size."""
        return cls(height, width, (height, width))

    def __call__(self, image: tf.Tensor) -> tf.Tensor:
        """Turns an image, uint8 (H, W, 3), into a model's input, float32 (height, width, 3)."""
        return self.normalize(self.fit(image))

    def fit(self, image: tf.Tensor) -> tf.Tensor:
        """Resizes and crops: uint8 to uint8."""
        if self.resize is not None:
            image = self._resized(image)
        if self.crop:
            image = self._cropped(image)
        return tf.ensure_shape(image, (self.height, self.width, 3))

    def normalize(self, images: tf.Tensor) -> tf.Tensor:
        """Turns pixels of 0 to 255, of any shape, into a model's input, float32."""
        scale = [self.rescale / deviation for deviation in self.deviation]
        shift = [m / deviation for m, deviation in zip(self.mean, self.deviation, strict=True)]
        return tf.cast(images, tf.float32) * scale - shift

    def _resized(self, image):
        """Resizes an image as Pillow does."""
        height, width = tf.unstack(tf.shape(image)[:2])
        if isinstance(self.resize, tuple):
            new_height, new_width = self.resize
        else:
            shorter = tf.minimum(height, width)
            new_height, new_width = (self.resize * side // shorter for side in (height, width))
        with tf.control_dependencies([_check_shape(height, width, new_height, new_width)]):
            image = tf.identity(image)
        method = RESAMPLING[self.resample]
        if method == "nearest":
            return _taken(image, _nearest(height, new_height), _nearest(width, new_width))
        # As Pillow: first along rows, or along columns where only these become shorter.
        is_other_way = (new_height < height) & (new_width > width)
        image = tf.cond(
            is_other_way, lambda: _rounded(image, new_height, width, method), lambda: image
        )
        image = _along_rows(image, new_width, method)
        return _rounded(image, new_height, new_width, method)

    def _cropped(self, image):
        """Cuts out the middle; if an image is too small, its margin is black."""
        height, width = tf.unstack(tf.shape(image)[:2])
        missing = tf.maximum(0, self.height - height), tf.maximum(0, self.width - width)
        padding = [[(side + 1) // 2, side // 2] for side in missing]
        image = tf.pad(image, [*padding, [0, 0]])
        height, width = tf.unstack(tf.shape(image)[:2])
        top, left = (height - self.height) // 2, (width - self.width) // 2
        return image[top : top + self.height, left : left + self.width]

    def resized(self, height: int, width: int) -> "ImagePreprocessing":
        """Makes the same preprocessing for another size, with the same share cut off."""
        if not self.crop or self.resize is None:
            return replace(self, height=height, width=width, resize=(height, width), crop=False)
        old = self.resize if isinstance(self.resize, tuple) else (self.resize, self.resize)
        sides = round(old[0] * height / self.height), round(old[1] * width / self.width)
        resize = sides if isinstance(self.resize, tuple) else min(sides)
        return replace(self, height=height, width=width, resize=resize)

    def save(self, directory: Path) -> None:
        """Writes `preprocessor_config.json`, for the processor of others that does the same."""
        by_shorter_side = "CLIPImageProcessor" if isinstance(self.resize, int) else None
        kind = by_shorter_side or "DeiTImageProcessor" if self.crop else "ViTImageProcessor"
        config = {
            "image_processor_type": kind,
            "do_convert_rgb": True,
            "do_resize": self.resize is not None,
            "resample": self.resample,
            "do_rescale": True,
            "rescale_factor": self.rescale,
            "do_normalize": True,
            "image_mean": list(self.mean),
            "image_std": list(self.deviation),
        }
        size = {"height": self.height, "width": self.width}
        if self.crop:
            config |= {"do_center_crop": True, "crop_size": size}
        if isinstance(self.resize, int):
            config["size"] = {"shortest_edge": self.resize}
        elif self.resize is not None:
            config["size"] = dict(zip(("height", "width"), self.resize, strict=True))
        write_json(directory / CONFIG, config)

    @classmethod
    def load(
        cls, directory: Path, height: int, width: int, any_size: bool = False
    ) -> "ImagePreprocessing":
        """Reads `preprocessor_config.json`, timm's or KerasHub's file in its place, for a size.

        Args:
            directory: That of the checkpoint.
            height: Height of the model's images, in pixels.
            width: Their width.
            any_size: Whether images of another size will do, to which the model is then resized.
                Defaults to False.

        Raises:
            UserError: If the file is missing or damaged, gives images of another size, or asks for
                something that is not done here.
        """
        path = processor_file(directory)
        if path is None:
            raise UserError(f"{directory} must hold {CONFIG}.")
        try:
            config = read_processor(path)
            return cls._from_config(config, None if any_size else (height, width))
        except (ValueError, KeyError, TypeError, ArithmeticError) as error:
            raise UserError(f"{path} cannot be used: {error}.") from error

    @classmethod
    def _from_config(cls, config: dict[str, Any], wanted: tuple[int, int] | None):
        """Makes the preprocessing of a config, or raises an error that says what is wrong in it."""
        resize, crop = None, None
        if config.get("do_resize", True):
            resize = _size(config.get("size", 224))
        if config.get("do_center_crop"):
            crop = _size(config["crop_size"])
            crop = (crop, crop) if isinstance(crop, int) else crop
        result = crop or resize
        if wanted is not None and result != wanted:
            raise ValueError(f"it makes images of {result}, and the model reads {wanted}")
        if not isinstance(result, tuple):
            raise ValueError(f"it makes images of {result}, and must make all of one size")
        resample = config.get("resample", 2)
        if resample not in RESAMPLING:
            raise ValueError(f"resample must be one of {list(RESAMPLING)}, not {resample!r}")
        mean, deviation = _statistics(config)
        rescale = config.get("rescale_factor", 1 / 255) if config.get("do_rescale", True) else 1.0
        if not _is_number(rescale):
            raise ValueError(f"rescale_factor must be a number, not {rescale!r}")
        is_cropped = crop is not None
        return cls(*result, resize, is_cropped, resample, float(rescale), mean, deviation)


def _statistics(config: dict[str, Any]) -> list[tuple[float, ...]]:
    """Returns means and standard deviations of red, green and blue."""
    is_normal = config.get("do_normalize", True)
    mean = config.get("image_mean", _HALF) if is_normal else (0.0,) * 3
    deviation = config.get("image_std", _HALF) if is_normal else (1.0,) * 3
    for values in (mean, deviation):
        if len(values) != 3 or not all(map(_is_number, values)):
            raise ValueError(f"image_mean and image_std must be three numbers, not {values!r}")
    if not all(deviation):
        raise ValueError(f"image_std must not be 0, not {deviation!r}")
    return [tuple(map(float, values)) for values in (mean, deviation)]


def _rounded(image, height, width, method):
    """Resizes pixels, each result rounded to a whole number."""
    image = tf.image.resize(image, (height, width), method, antialias=True)
    return tf.cast(tf.clip_by_value(tf.floor(image + 0.5), 0, 255), tf.uint8)


def _along_rows(image, new_width, method):
    """Resizes to a width, some rows at a time: all would be in memory as floats."""
    height, width = tf.unstack(tf.shape(image)[:2])
    at_once = tf.maximum(1, PIXELS_AT_ONCE // tf.maximum(width, new_width))
    count = -(-height // at_once)
    strips = tf.TensorArray(tf.uint8, count, infer_shape=False, element_shape=(None, None, 3))

    def resize(number, strips):
        strip = image[number * at_once :][:at_once]
        return number + 1, strips.write(
            number, _rounded(strip, tf.shape(strip)[0], new_width, method)
        )

    _, strips = tf.while_loop(
        lambda number, _: number < count, resize, (0, strips), parallel_iterations=1
    )
    return strips.concat()


def _taken(image, rows, columns):
    """Returns the pixels of some rows and columns, without the rest of these in between."""
    width = tf.shape(image, tf.int64)[1]
    places = tf.cast(rows, tf.int64)[:, tf.newaxis] * width + tf.cast(columns, tf.int64)
    return tf.gather(tf.reshape(image, (-1, 3)), places)


def _check_shape(height, width, new_height, new_width):
    """Asserts that an image is not so narrow that it takes much memory to resize it.

    The pixels of the result count, and those halfway, for they are there twice.
    """
    sides = (tf.cast(side, tf.int64) for side in (height, width, new_height, new_width))
    height, width, new_height, new_width = sides
    halfway = 2 * height * tf.minimum(width, new_width)
    pixels = tf.maximum(new_height * new_width, tf.where(new_height < height, halfway, np.int64(0)))
    said = f"it is too narrow: to resize it must take at most {MOST_PIXELS} pixels, not"
    return refuse_unless(pixels <= MOST_PIXELS, said, pixels, "for", height, "x", width)


def _nearest(size, new_size):
    """Returns the old row or column of each new one, in whole numbers: none is a near miss."""
    return (2 * tf.range(new_size) + 1) * size // (2 * new_size)


def _size(size: Any) -> tuple[int, int] | int:
    """Reads a size as configs write it: both sides or the shorter one; old ones, one for both."""
    if isinstance(size, int):
        return _side(size), _side(size)
    if "shortest_edge" in size:
        return _side(size["shortest_edge"])
    return _side(size["height"]), _side(size["width"])


def _side(side: Any) -> int:
    if type(side) is not int or not 1 <= side < LONGEST_SIDE:
        raise ValueError(
            f"a side must be an integer from 1 to {LONGEST_SIDE - 1}, not {side!r:.40}"
        )
    return side


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
