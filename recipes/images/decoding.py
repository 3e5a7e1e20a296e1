"""Decodes images to pixels in a graph, in training and behind a server.

JPEG, PNG, GIF (its first frame) and BMP, of any size up to a bound, all become RGB: also gray
images, those with a palette, with transparency (which is dropped), of 16 bits, or in CMYK. A JPEG
or PNG of a camera that was held sideways is turned upright, as its EXIF says.
"""

from functools import partial

import tensorflow as tf

from .orientation import jpeg_exif, png_exif, upright

FORMATS = "JPEG, PNG, GIF or BMP"
MOST_PIXELS = 2**26  # 8,192 x 8,192: no header makes us ask for more than 200 MB

_DECODERS_AT_ONCE = 16


@partial(tf.function, input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
def decode_image(contents: tf.Tensor) -> tf.Tensor:
    """Decodes a file's bytes to pixels: a string to uint8, (H, W, 3).

    It is traced once a process: many datasets decode, and its graph is large.

    Raises:
        tf.errors.InvalidArgumentError: When the graph runs, if the string is no whole image of a
            known format, or has too many pixels. The header tells their number before any memory
            is asked for.
    """

    def refuse():
        with tf.control_dependencies([_assert(False, f"it is no {FORMATS} image.")]):
            return tf.zeros((1, 1, 3), tf.uint8)

    readers = [
        (tf.io.is_jpeg(contents), lambda: (_read_jpeg(contents), jpeg_exif(contents))),
        (_starts(contents, b"\x89PNG"), lambda: (_read_png(contents), png_exif(contents))),
        (_starts(contents, b"GIF8"), lambda: (_read_gif(contents), b"")),
        (_starts(contents, b"BM"), lambda: (_read_bmp(contents), b"")),
        (True, lambda: (refuse(), b"")),
    ]
    known, branches = zip(*readers, strict=True)
    first = tf.argmax(tf.cast(known, tf.int32), output_type=tf.int32)
    image, exif = tf.switch_case(first, branches)
    return tf.ensure_shape(upright(image, exif), (None, None, 3))


def _read_jpeg(contents):
    height, width = tf.unstack(tf.image.extract_jpeg_shape(contents)[:2])
    with tf.control_dependencies([_check_pixels(height, width)]):
        # As accurate as Pillow's; TensorFlow's default is another transform, off by 1 of 255.
        return tf.io.decode_jpeg(contents, channels=3, dct_method="INTEGER_ACCURATE")


def _read_png(contents):
    width, height = (_integer(contents, at, 4, little_endian=False) for at in (16, 20))
    with tf.control_dependencies([_check_pixels(height, width)]):
        return tf.io.decode_png(contents, channels=3)


def _read_gif(contents):
    width, height = (_integer(contents, at, 2) for at in (6, 8))
    with tf.control_dependencies([_check_pixels(height, width)]):
        return tf.io.decode_image(contents, channels=3, expand_animations=False)


def _read_bmp(contents):
    width, height = (_integer(contents, at, 4) for at in (18, 22))
    bits = _integer(contents, 28, 2)
    is_known = tf.reduce_any(bits == [8, 24, 32])
    known = _assert(is_known, "a BMP must have 8, 24 or 32 bits a pixel, not", bits)
    with tf.control_dependencies([_check_pixels(height, width), known]):
        return tf.cond(
            bits == 8,
            lambda: _with_palette(contents),
            lambda: tf.io.decode_bmp(contents)[..., :3],
        )


def _with_palette(contents):
    """Decodes a BMP of 8 bits; TensorFlow takes the indices into its palette for shades of gray."""
    start = 14 + _integer(contents, 14, 4)  # after the two headers
    end = _integer(contents, 10, 4)  # where the pixels begin
    colours = tf.io.decode_raw(tf.strings.substr(contents, start, end - start), tf.uint8)
    colours = tf.reshape(colours, (-1, 4))[:, 2::-1]  # blue, green, red and nothing, to RGB
    indices = tf.cast(tf.io.decode_bmp(contents)[..., 0], tf.int32)  # (H, W)
    return tf.gather(colours, indices)


def _starts(contents, beginning):
    return tf.strings.substr(contents, 0, len(beginning)) == beginning


def _integer(contents, start, size, little_endian=True):
    """Reads an unsigned integer of `size` bytes from byte `start` on; beyond the end are zeros."""
    weights = [256**power for power in range(size)]
    weights = tf.constant(weights if little_endian else weights[::-1], tf.int64)
    parts = tf.io.decode_raw(contents, tf.uint8, fixed_length=start + size)[start:]
    return tf.reduce_sum(tf.cast(parts, tf.int64) * weights)


def _check_pixels(height, width):
    """Asserts that an image has pixels, and not too many."""
    height, width = (tf.cast(side, tf.int64) for side in (height, width))
    height = tf.where(height >= 2**31, 2**32 - height, height)  # a BMP from the top down
    is_good = (height > 0) & (width > 0) & (height < 2**31) & (width < 2**31)
    is_good &= height * width <= MOST_PIXELS
    return _assert(is_good, f"it must have 1 to {MOST_PIXELS} pixels, not", height, "x", width)


def _assert(condition, *said):
    """As `tf.Assert`, which has a graph of its own for what is said."""
    return tf.raw_ops.Assert(condition=condition, data=[tf.convert_to_tensor(s) for s in said])


def decode_batch(contents: tf.Tensor, prepare, shape: tuple[int, int, int]) -> tf.Tensor:
    """Decodes strings (B,) to images and prepares each for a model, in parallel: (B, *shape).

    `prepare` turns an image, uint8 (H, W, 3), into a model's input, float32 of that shape.

    Raises:
        tf.errors.InvalidArgumentError: When the graph runs, if an image cannot be decoded. The
            message says which, counted from 0.
    """
    numbered = tf.data.Dataset.from_tensor_slices(contents).enumerate()
    images = numbered.map(
        lambda number, image: (number, prepare(decode_image(image))),
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
