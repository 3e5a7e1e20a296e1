"""Decodes images to pixels in a graph, in training and behind a server.

JPEG, PNG, GIF (its first frame) and BMP, of any size up to a bound, all become RGB: also gray
images, those with a palette, with transparency (which is dropped), of 16 bits, or in CMYK. A JPEG
or PNG of a camera that was held sideways is turned upright, as its EXIF says.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any, NamedTuple

import tensorflow as tf

from .budget import within_budget
from .headers import (
    bmp_size,
    gif_size,
    integer,
    jpeg_size,
    one_frame,
    png_size,
    refuse_unless,
)
from .orientation import (
    jpeg_exif,
    orientation_of,
    png_exif,
    upright,
    xmp_orientation,
)
from .other_formats import MOST_MEMORY, MOST_PIXELS

FORMATS = "JPEG, PNG, GIF or BMP"

_DECODERS_AT_ONCE = 8
_TURNED = 6  # bytes of memory for a pixel of an image that is turned upright


class Found(NamedTuple):
    """Says what is known of an image before it is decoded.

    Attributes:
        memory: How many bytes of memory it takes to decode it, int64.
        kind: The number of its format, int32.
        orientation: How it is to be turned, 1 to 8, int32.
        end: Where the first frame of a GIF ends, int32.
    """

    memory: tf.Tensor
    kind: tf.Tensor
    orientation: tf.Tensor
    end: tf.Tensor


@partial(tf.function, input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
def decode_image(contents: tf.Tensor) -> tf.Tensor:
    """Decodes a file's bytes to pixels: a string to uint8, (H, W, 3).

    It is traced once a process: many datasets decode, and its graph is large.

    Raises:
        tf.errors.InvalidArgumentError: When the graph runs, if the string is no whole image of a
            known format, or has too many pixels. The header tells their number before any memory
            is asked for.
    """
    return _decode(contents, examine(contents))


def decode_within_budget(contents: tf.Tensor, prepare: Callable) -> Any:
    """Decodes an image and gives what `prepare` makes of it, at most a few large ones at once."""
    found = examine(contents)
    return within_budget(contents, found.memory, lambda each: prepare(_decode(each, found)))


def decoder(prepare: Callable) -> Callable[[bytes], Any]:
    """Returns a function for many threads from an image's bytes to what `prepare` makes of it."""
    function = _decoder(prepare)
    # The first call optimizes the graph, and again after a change of TensorFlow's configuration;
    # of several calls at once, each would.
    with suppress(tf.errors.InvalidArgumentError):
        function(b"")
    return function


@lru_cache(8)  # runs at work at once
def _decoder(prepare: Callable) -> Callable[[bytes], Any]:
    return tf.function(
        lambda contents: decode_within_budget(contents, prepare),
        [tf.TensorSpec([], tf.string)],
        autograph=False,
    )


@partial(tf.function, input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
def examine(contents: tf.Tensor) -> Found:
    """Examines the bytes of an image before it is decoded.

    Raises:
        tf.errors.InvalidArgumentError: As `decode_image`, as far as the header tells.
    """
    # fmt: off
    known = [
        tf.io.is_jpeg(contents), _starts(contents, b"\x89PNG"), _starts(contents, b"GIF8"),
        _starts(contents, b"BM"), True,
    ]
    # fmt: on
    kind = tf.argmax(tf.cast(known, tf.int32), output_type=tf.int32)
    none, nowhere = tf.constant(b""), tf.constant(0)

    def refuse():
        with tf.control_dependencies([refuse_unless(False, f"it is no {FORMATS} image.")]):
            return *(tf.constant(0, tf.int64),) * 3, nowhere, none

    branches = [
        lambda: (*jpeg_size(contents), nowhere, jpeg_exif(contents)),
        lambda: (*png_size(contents), nowhere, png_exif(contents)),
        lambda: (*gif_size(contents), none),
        lambda: (*bmp_size(contents), nowhere, none),
        refuse,
    ]
    height, width, memory, end, exif = tf.switch_case(kind, branches)
    orientation = _orientation(contents, kind, exif)
    is_turned = tf.cast(orientation > 1, tf.int64)
    memory = tf.maximum(memory, is_turned * _TURNED * height * width)
    with tf.control_dependencies([_check(height, width, memory)]):
        return Found(tf.identity(memory), kind, orientation, end)


def _orientation(contents, kind, exif):
    """Returns how an image is turned, 1 to 8: as EXIF says, else XMP."""
    in_exif = orientation_of(exif)
    may_have_xmp = (in_exif == 0) & (kind <= 1)
    other = tf.maximum(in_exif, 1)
    return tf.cond(may_have_xmp, lambda: xmp_orientation(contents), lambda: other)


def _check(height, width, memory):
    """Asserts that an image of a size is within the bounds."""
    is_good = (height > 0) & (width > 0) & (height < 2**31) & (width < 2**31)
    is_good &= height * width <= MOST_PIXELS
    pixels = refuse_unless(
        is_good, f"it must have 1 to {MOST_PIXELS} pixels, not", height, "x", width
    )
    said = f"to decode it must take {MOST_MEMORY} bytes of memory at most, not"
    with tf.control_dependencies([pixels]):
        return refuse_unless(memory <= MOST_MEMORY, said, memory, "for", height, "x", width)


def _decode(contents, found):
    """Decodes an image that has been examined."""
    with tf.control_dependencies([found.memory]):  # which is refused if it is too much
        contents = tf.identity(contents)
    readers = [
        lambda: _read_jpeg(contents),
        lambda: _read_png(contents),
        lambda: _read_gif(contents, found.end),
        lambda: _read_bmp(contents),
        lambda: tf.zeros((1, 1, 3), tf.uint8),
    ]
    image = tf.switch_case(found.kind, readers)
    return tf.ensure_shape(upright(image, found.orientation), (None, None, 3))


def _read_jpeg(contents):
    # As accurate as Pillow's; TensorFlow's default is another transform, off by 1 of 255.
    return tf.io.decode_jpeg(contents, channels=3, dct_method="INTEGER_ACCURATE")


def _read_png(contents):
    return tf.io.decode_png(contents, channels=3)


def _read_gif(contents, end):
    return tf.io.decode_image(one_frame(contents, end), channels=3, expand_animations=False)


def _read_bmp(contents):
    return tf.cond(
        integer(contents, 28, tf.uint16) == 8,
        lambda: _with_palette(contents),
        lambda: tf.io.decode_bmp(contents)[..., :3],
    )


def _with_palette(contents):
    """Decodes a BMP of 8 bits; TensorFlow takes the indices into its palette for shades of gray."""
    start = 14 + integer(contents, 14, tf.int32)  # after the two headers
    end = integer(contents, 10, tf.int32)  # where the pixels begin
    colours = tf.io.decode_raw(tf.strings.substr(contents, start, end - start), tf.uint8)
    colours = tf.reshape(colours, (-1, 4))[:, 2::-1]  # blue, green, red and nothing, to RGB
    indices = tf.cast(tf.io.decode_bmp(contents)[..., 0], tf.int32)  # (H, W)
    return tf.gather(colours, indices)


def _starts(contents, beginning):
    return tf.strings.substr(contents, 0, len(beginning)) == beginning


def decode_batch(contents: tf.Tensor, prepare, shape: tuple[int, int, int]) -> tf.Tensor:
    """Decodes strings (B,) to images and prepares each for a model, in parallel: (B, *shape).

    `prepare` turns an image, uint8 (H, W, 3), into a model's input, float32 of that shape.

    Raises:
        tf.errors.InvalidArgumentError: When the graph runs, if an image cannot be decoded. The
            message says which, counted from 0.
    """
    numbered = tf.data.Dataset.from_tensor_slices(contents).enumerate()
    images = numbered.map(
        lambda number, image: (number, decode_within_budget(image, prepare)),
        num_parallel_calls=_DECODERS_AT_ONCE,
    ).ignore_errors()
    options = tf.data.Options()
    options.autotune.enabled = False  # its thread would keep each call waiting
    count = tf.size(contents, tf.int64)

    # One more element, so that there is a batch where no image is good, or none there.
    last = tf.data.Dataset.from_tensors((tf.constant(-1, tf.int64), tf.zeros(shape)))
    batch = images.concatenate(last).batch(count + 1).with_options(options)
    numbers, images = batch.get_single_element()
    bad = tf.sets.difference(tf.range(count)[None], numbers[None, :-1]).values
    message = (
        f"Every element must be a whole {FORMATS} image of at most {MOST_PIXELS} pixels. Those "
        "that are not, counted from 0:"
    )
    known = tf.Assert(tf.size(bad) == 0, [message, bad], summarize=100)
    with tf.control_dependencies([known]):
        return tf.ensure_shape(images[:-1], (None, *shape))
