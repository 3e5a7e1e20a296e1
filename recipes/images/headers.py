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
        mark, kind, *length = (_byte(contents, at + place) for place in range(4))
        is_frame = (
            (kind >= 0xC0) & (kind <= 0xCF) & (kind != 0xC4) & (kind != 0xC8) & (kind != 0xCC)
        )
        sequential = kind <= 0xC1
        count = tf.where(
            is_frame, tf.where(sequential, _byte(contents, at + 9), np.int64(-1)), count
        )
        is_scan = kind == 0xDA
        is_good = is_scan & (_byte(contents, at + 4) == count)
        goes_on = (mark == 0xFF) & ~is_scan
        at = tf.where(goes_on, at + 2 + 256 * length[0] + length[1], np.int64(-1))
        return at, is_good & (mark == 0xFF), count, steps + 1

    first = np.int64(2), tf.constant(False), np.int64(-1), 0
    _, is_good, *_ = tf.while_loop(lambda at, *_: at >= 0, step, first, maximum_iterations=200)
    return is_good


def png_size(contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns height, width and memory, as `jpeg_size`, of a PNG."""
    width, height = (integer(contents, at, 4, little_endian=False) for at in (16, 20))
    texts = sum(tf.size(_split(contents, kind)) - 1 for kind in (b"zTXt", b"iTXt"))
    few = refuse_unless(texts <= MOST_TEXTS, f"it must have {MOST_TEXTS} texts at most, not", texts)
    with tf.control_dependencies([few]):
        return height, width, 3 * height * width


def gif_size(contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns height, width and memory, as `jpeg_size`, of a GIF's first frame."""
    width, height = (integer(contents, at, 2) for at in (6, 8))
    _, start = _first_frame(contents)
    frame = integer(contents, start + 5, 2) * integer(contents, start + 7, 2)
    return height, width, 3 * height * width + tf.where(start > 0, frame, np.int64(0))


def one_frame(contents: tf.Tensor) -> tf.Tensor:
    """Returns a GIF without the frames that come after its first; decoders unpack all of them."""
    end, _ = _first_frame(contents)
    return tf.strings.join([tf.strings.substr(contents, np.int64(0), end), b"\x3b"])


def _first_frame(contents):
    """Returns where the first frame of a GIF ends, and where it begins, or 0.

    References:
        CompuServe, "Graphics Interchange Format, Version 89a"
    """
    size = tf.cast(tf.strings.length(contents), tf.int64)

    def colours(at):  # bytes of the table that the flags at some place tell of
        flags = _byte(contents, at)
        bits = tf.cast(flags & 7, tf.int32) + 1
        return tf.where(
            flags >= 0x80, 3 * tf.cast(tf.bitwise.left_shift(1, bits), tf.int64), np.int64(0)
        )

    def step(at, start, is_within, _):
        kind = _byte(contents, at)
        is_frame = ~is_within & (kind == 0x2C)
        is_known = is_frame | (~is_within & (kind == 0x21))
        start = tf.where(is_frame, at, start)
        passed = tf.where(is_frame, 11 + colours(at + 9), np.int64(2))
        ends = is_within & (kind == 0)
        passed = tf.where(is_within, tf.where(ends, np.int64(1), _run(contents, at, kind)), passed)
        goes_on = (is_known | is_within) & ~(ends & (start > 0)) & (at + passed < size)
        return at + passed, start, is_known | (is_within & ~ends), goes_on

    first = 13 + colours(10), np.int64(0), tf.constant(False), tf.constant(True)
    end, start, _, goes_on = tf.while_loop(
        lambda *state: state[-1], step, first, maximum_iterations=MOST_STEPS
    )
    return tf.where(goes_on, np.int64(0), end), start


def _run(contents, at, size):
    """Returns the bytes of parts that have one size and follow each other."""
    at = tf.minimum(at, tf.cast(tf.strings.length(contents), tf.int64))
    part = tf.strings.substr(contents, at, _RUN * (size + 1))
    sizes = tf.cast(tf.io.decode_raw(part, tf.uint8), tf.int64)[:: size + 1]
    same = tf.concat([sizes == size, [False]], axis=0)
    return tf.argmin(tf.cast(same, tf.int32)) * (size + 1)


def bmp_size(contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns height, width and memory, as `jpeg_size`, of a BMP."""
    width, height = (integer(contents, at, 4) for at in (18, 22))
    height = tf.where(height >= 2**31, 2**32 - height, height)  # from the top down
    bits = integer(contents, 28, 2)
    is_known = tf.reduce_any(bits == [8, 24, 32])
    known = refuse_unless(is_known, "a BMP must have 8, 24 or 32 bits a pixel, not", bits)
    with tf.control_dependencies([known]):
        per_pixel = tf.where(bits == 24, np.int64(3), np.int64(8))
    return height, width, height * width * per_pixel


def integer(contents, start, size, little_endian=True):
    """Reads an unsigned integer of `size` bytes from byte `start` on; beyond the end are zeros."""
    weights = [256**power for power in range(size)]
    weights = tf.constant(weights if little_endian else weights[::-1], tf.int64)
    start = tf.minimum(tf.cast(start, tf.int64), tf.cast(tf.strings.length(contents), tf.int64))
    part = tf.strings.substr(contents, start, tf.constant(size, tf.int64))
    parts = tf.io.decode_raw(part, tf.uint8, fixed_length=size)
    return tf.reduce_sum(tf.cast(parts, tf.int64) * weights)


def _byte(contents, at):
    return integer(contents, at, 1)


def _split(contents, mark):
    # What `tf.strings.split` is made of, without its ragged tensors.
    return tf.raw_ops.StringSplitV2(input=[contents], sep=mark, maxsplit=-1).values


def refuse_unless(condition, *said):
    """As `tf.Assert`, which has a graph of its own for what is said."""
    return tf.raw_ops.Assert(condition=condition, data=[tf.convert_to_tensor(s) for s in said])
