"""Reads off the head of an image, in a graph, what it becomes: pixels, and bytes of memory.

What a file says of itself is not enough: a GIF may have frames larger than its canvas, and many of
them; a JPEG that comes in several passes is in memory twice. So both are walked through.
"""

import numpy as np
import tensorflow as tf

from .budget import SMALL

# Pixels, times the passes of a JPEG that gets better and better: some ten seconds. It has about 10.
MOST_PASSES = 2**32
MOST_TEXTS = 64  # compressed ones in a PNG, which the decoder unpacks: two seconds. It has a few.
MOST_STEPS = 4000  # through the parts of a file: a JPEG has some 20, the first frame of a GIF 10

_RUN = 2**12  # parts of a GIF of one size that are passed in a step


def jpeg_size(contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns height, width and the bytes of memory that decoding takes, int64, of a JPEG.

    Unless it is known to come in one pass, all of its coefficients, of 16 bits, are
    in memory as well.
    """
    height, width, channels = tf.unstack(tf.cast(tf.image.extract_jpeg_shape(contents), tf.int64))
    passes = tf.size(_split(contents, b"\xff\xda"), tf.int64) - 1
    whole = height * width * passes <= MOST_PASSES
    with tf.control_dependencies([refuse_unless(whole, "it has too many passes:", passes)]):
        least, most = height * width * 3, height * width * (3 + 2 * channels)
        memory = tf.cond(  # what is small in any case is not walked through
            most <= SMALL,
            lambda: most,
            lambda: tf.where(_is_of_one_pass(contents), least, most),
        )
    return height, width, memory


def _is_of_one_pass(contents):
    """Returns whether a JPEG is sound up to its pixels, and these come in one sequential scan.

    References:
        ITU T.81, annex B
    """

    def step(at, _, count, steps):
        mark, kind, high, low, first, *_, last = _bytes(contents, at, 10)
        is_frame = (
            (kind >= 0xC0) & (kind <= 0xCF) & (kind != 0xC4) & (kind != 0xC8) & (kind != 0xCC)
        )
        sequential = kind <= 0xC1
        count = tf.where(is_frame, tf.where(sequential, last, -1), count)
        is_scan = kind == 0xDA
        is_good = is_scan & (first == count)
        goes_on = (mark == 0xFF) & ~is_scan
        at = tf.where(goes_on, at + 2 + 256 * high + low, -1)
        return at, is_good & (mark == 0xFF), count, steps + 1

    first = 2, tf.constant(False), -1, 0
    _, is_good, *_ = tf.while_loop(lambda at, *_: at >= 0, step, first, maximum_iterations=200)
    return is_good


def png_size(contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns height, width and memory, as `jpeg_size`, of a PNG."""
    width, height = (integer(contents, at, tf.int32, little_endian=False) for at in (16, 20))
    texts = sum(tf.size(_split(contents, kind)) - 1 for kind in (b"zTXt", b"iTXt"))
    few = refuse_unless(texts <= MOST_TEXTS, f"it must have {MOST_TEXTS} texts at most, not", texts)
    with tf.control_dependencies([few]):
        return height, width, 3 * height * width


def gif_size(contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns height, width and memory, as `jpeg_size`, of a GIF's first frame, and its end."""
    end, start = _first_frame(contents)
    places = 6, 8, start + 5, start + 7
    width, height, *frame = (integer(contents, at, tf.uint16) for at in places)
    memory = 3 * height * width + tf.where(start > 0, frame[0] * frame[1], 0)
    return height, width, memory, end


def one_frame(contents: tf.Tensor, end: tf.Tensor) -> tf.Tensor:
    """Returns a GIF without what comes after its first frame; decoders unpack all frames."""
    return tf.strings.join([tf.strings.substr(contents, 0, end), b"\x3b"])


def _first_frame(contents):
    """Returns where the first frame of a GIF ends, and where it begins, or 0: int32.

    References:
        CompuServe, "Graphics Interchange Format, Version 89a"
    """
    size = tf.strings.length(contents)

    def colours(flags):  # bytes of the table that flags tell of
        return tf.where(flags >= 0x80, 3 * tf.bitwise.left_shift(2, flags & 7), 0)

    def step(at, start, is_within, _):
        kind, *_, flags = _bytes(contents, at, 10)
        is_frame = ~is_within & (kind == 0x2C)
        is_known = is_frame | (~is_within & (kind == 0x21))
        start = tf.where(is_frame, at, start)
        passed = tf.where(is_frame, 11 + colours(flags), 2)
        ends = is_within & (kind == 0)
        passed = tf.where(is_within, tf.where(ends, 1, _run(contents, at, kind)), passed)
        goes_on = (is_known | is_within) & ~(ends & (start > 0)) & (at + passed < size)
        return at + passed, start, is_known | (is_within & ~ends), goes_on

    first = 13 + colours(_bytes(contents, 10, 1)[0]), 0, tf.constant(False), tf.constant(True)
    end, start, _, goes_on = tf.while_loop(
        lambda *state: state[-1], step, first, maximum_iterations=MOST_STEPS
    )
    return tf.where(goes_on, 0, end), start


def _run(contents, at, size):
    """Returns the bytes of parts that have one size and follow each other."""
    part = tf.strings.substr(contents, _within(contents, at), _RUN * (size + 1))
    sizes = tf.cast(tf.io.decode_raw(part, tf.uint8), tf.int32)[:: size + 1]
    same = tf.concat([sizes == size, [False]], axis=0)
    return tf.argmin(tf.cast(same, tf.int32), output_type=tf.int32) * (size + 1)


def bmp_size(contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns height, width and memory, as `jpeg_size`, of a BMP."""
    width, height = (integer(contents, at, tf.int32) for at in (18, 22))
    height = tf.abs(height)  # below 0: from the top down
    bits = integer(contents, 28, tf.uint16)
    is_known = tf.reduce_any(bits == [8, 24, 32])
    known = refuse_unless(is_known, "a BMP must have 8, 24 or 32 bits a pixel, not", bits)
    with tf.control_dependencies([known]):
        per_pixel = tf.where(bits == 24, np.int64(3), np.int64(8))
    return height, width, height * width * per_pixel


def integer(contents, start, dtype, little_endian=True):
    """Reads a number, as int64, from byte `start` on; beyond the end are zeros."""
    part = tf.strings.substr(contents, _within(contents, start), dtype.size)
    return tf.cast(tf.io.decode_raw(part, dtype, little_endian, dtype.size)[0], tf.int64)


def _bytes(contents, start, count):
    """Reads some bytes as numbers, int32; beyond the end are zeros."""
    part = tf.strings.substr(contents, _within(contents, start), count)
    parts = tf.io.decode_raw(part, tf.uint8, fixed_length=count)
    return tf.unstack(tf.cast(parts, tf.int32))


def _within(contents, at):
    return tf.minimum(at, tf.strings.length(contents))


def _split(contents, mark):
    # What `tf.strings.split` is made of, without its ragged tensors.
    return tf.raw_ops.StringSplitV2(input=[contents], sep=mark, maxsplit=-1).values


def refuse_unless(condition, *said):
    """As `tf.Assert`, which has a graph of its own for what is said."""
    return tf.raw_ops.Assert(condition=condition, data=[tf.convert_to_tensor(s) for s in said])
