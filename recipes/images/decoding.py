"""Decodes images to pixels in a graph, in training and behind a server.

JPEG, PNG, GIF (its first frame) and BMP, of any size up to a bound, all become RGB: also gray
images, those with a palette, with transparency (which is dropped), of 16 bits, or in CMYK. A JPEG
or PNG of a camera that was held sideways is turned upright, as its EXIF says.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

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
from .orientation import jpeg_exif, orientation_of, png_exif, upright
from .other_formats import MOST_MEMORY, MOST_PIXELS

FORMATS = "JPEG, PNG, GIF or BMP"

_DECODERS_AT_ONCE = 8
_TURNED = 6  # bytes of memory for a pixel of an image that is turned upright


@partial(tf.function, input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
def decode_image(contents: tf.Tensor) -> tf.Tensor:
    """Decodes a file's bytes to pixels: a string to uint8, (H, W, 3).

    It is traced once a process: many datasets decode, and its graph is large.

    Raises:
        tf.errors.InvalidArgumentError: When the graph runs, if the string is no whole image of a
            known format, or has too many pixels. The header tells their number before any memory
            is asked for.
    """
    with tf.control_dependencies([memory_of(contents)]):  # which is refused if it is too much
        return decode_checked(tf.identity(contents))


@partial(tf.function, input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
def decode_checked(contents: tf.Tensor) -> tf.Tensor:
    """Decodes an image as `decode_image` does, once `memory_of` has been asked."""
    readers = [_read_jpeg, _read_png, _read_gif, _read_bmp]
    branches = [partial(read, contents) for read in readers]
    image = tf.switch_case(_kind(contents), [*branches, lambda: tf.zeros((1, 1, 3), tf.uint8)])
    return tf.ensure_shape(upright(image, _orientation(contents)), (None, None, 3))


@partial(tf.function, input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
def memory_of(contents: tf.Tensor) -> tf.Tensor:
    """Returns how many bytes of memory it takes to decode an image: a string to an int64.

    Raises:
        tf.errors.InvalidArgumentError: As `decode_image`, as far as the header tells.
    """

    def refuse():
        with tf.control_dependencies([refuse_unless(False, f"it is no {FORMATS} image.")]):
            return (tf.constant(0, tf.int64),) * 3

    sizes = [jpeg_size, png_size, gif_size, bmp_size]
    branches = [partial(size, contents) for size in sizes]
    height, width, memory = tf.switch_case(_kind(contents), [*branches, refuse])
    is_turned = tf.cast(_orientation(contents) > 1, tf.int64)
    memory = tf.maximum(memory, is_turned * _TURNED * height * width)
    is_good = (height > 0) & (width > 0) & (height < 2**31) & (width < 2**31)
    is_good &= height * width <= MOST_PIXELS
    pixels = refuse_unless(
        is_good, f"it must have 1 to {MOST_PIXELS} pixels, not", height, "x", width
    )
    said = f"to decode it must take {MOST_MEMORY} bytes of memory at most, not"
    with tf.control_dependencies([pixels]):
        fits = refuse_unless(memory <= MOST_MEMORY, said, memory, "for", height, "x", width)
    with tf.control_dependencies([fits]):
        return tf.identity(memory)


def _kind(contents):
    """Returns the number of the format: 4 if none is known."""
    # fmt: off
    known = [
        tf.io.is_jpeg(contents), _starts(contents, b"\x89PNG"), _starts(contents, b"GIF8"),
        _starts(contents, b"BM"), True,
    ]
    # fmt: on
    return tf.argmax(tf.cast(known, tf.int32), output_type=tf.int32)


def _orientation(contents):
    # fmt: off
    exif = tf.switch_case(
        tf.minimum(_kind(contents), 2),
        [lambda: jpeg_exif(contents), lambda: png_exif(contents), lambda: tf.constant(b"")],
    )
    # fmt: on
    return orientation_of(exif)


def _read_jpeg(contents):
    # As accurate as Pillow's; TensorFlow's default is another transform, off by 1 of 255.
    return tf.io.decode_jpeg(contents, channels=3, dct_method="INTEGER_ACCURATE")


def _read_png(contents):
    return tf.io.decode_png(contents, channels=3)


def _read_gif(contents):
    return tf.io.decode_image(one_frame(contents), channels=3, expand_animations=False)


def _read_bmp(contents):
    return tf.cond(
        integer(contents, 28, 2) == 8,
        lambda: _with_palette(contents),
        lambda: tf.io.decode_bmp(contents)[..., :3],
    )


def _with_palette(contents):
    """Decodes a BMP of 8 bits; TensorFlow takes the indices into its palette for shades of gray."""
    start = 14 + integer(contents, 14, 4)  # after the two headers
    end = integer(contents, 10, 4)  # where the pixels begin
    colours = tf.io.decode_raw(tf.strings.substr(contents, start, end - start), tf.uint8)
    colours = tf.reshape(colours, (-1, 4))[:, 2::-1]  # blue, green, red and nothing, to RGB
    indices = tf.cast(tf.io.decode_bmp(contents)[..., 0], tf.int32)  # (H, W)
    return tf.gather(colours, indices)


def _starts(contents, beginning):
    return tf.strings.substr(contents, 0, len(beginning)) == beginning


def decode_within_budget(contents: tf.Tensor, prepare: Callable) -> Any:
    """Decodes an image and gives what `prepare` makes of it, at most a few large ones at once."""
    memory = memory_of(contents)
    return within_budget(contents, memory, lambda contents: prepare(decode_checked(contents)))


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
