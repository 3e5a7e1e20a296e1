"""Every kind of image becomes the pixels that Pillow sees, or an error that says what is wrong."""

import io
import struct

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from image_files import HEIGHT, WIDTH, encode, huge_png, picture, with_orientation
from regard.recipes.images.decoding import MOST_PIXELS, decode_batch, decode_image

PIXELS = picture(40, 60)
GOOD = {
    "jpeg": encode(PIXELS, "JPEG"),
    "progressive jpeg": encode(PIXELS, "JPEG", progressive=True),
    "gray jpeg": encode(PIXELS, "JPEG", "L"),
    "cmyk jpeg": encode(PIXELS, "JPEG", "CMYK"),
    "png": encode(PIXELS),
    "gray png": encode(PIXELS, mode="L"),
    "png with transparency": encode(PIXELS, mode="RGBA"),
    "gray png with transparency": encode(PIXELS, mode="LA"),
    "png with a palette": encode(PIXELS, mode="P"),
    "png of one bit": encode(PIXELS, mode="1"),
    "gif": encode(PIXELS, "GIF"),
    "bmp": encode(PIXELS, "BMP"),
    "bmp of 32 bits": encode(PIXELS, "BMP", "RGBA"),
    "gray bmp": encode(PIXELS, "BMP", "L"),
    "bmp with a palette": encode(PIXELS, "BMP", "P"),
    "one pixel": encode(PIXELS[:1, :1]),
}

decode = tf.function(decode_image, input_signature=[tf.TensorSpec([], tf.string)], autograph=False)


@pytest.mark.parametrize("name", GOOD)
def test_pixels_are_those_of_pillow(name):
    expected = np.array(Image.open(io.BytesIO(GOOD[name])).convert("RGB"))
    np.testing.assert_array_equal(decode(GOOD[name]), expected)
    np.testing.assert_array_equal(decode_image(GOOD[name]), expected)  # eagerly too


def test_sixteen_bits_become_eight():
    values = np.arange(HEIGHT * WIDTH, dtype="uint16").reshape(HEIGHT, WIDTH) * 1800
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    expected = np.repeat((values >> 8).astype("uint8")[..., None], 3, axis=-1)
    np.testing.assert_array_equal(decode(file.getvalue()), expected)


def test_an_animated_gif_is_its_first_frame():
    frames = [Image.fromarray(picture(seed=seed)) for seed in (0, 1, 2)]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    expected = np.array(Image.open(file).convert("RGB"))
    np.testing.assert_array_equal(decode(file.getvalue()), expected)


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_stands_upright(orientation, big_endian):
    contents = with_orientation(PIXELS, orientation, big_endian)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(contents)))
    assert (expected.size == (40, 60)) == (orientation >= 5)
    np.testing.assert_array_equal(decode(contents), np.array(expected))


def test_a_bmp_may_be_written_from_the_top_down():
    contents = bytearray(encode(PIXELS, "BMP"))
    contents[22:26] = struct.pack("<i", -40)
    np.testing.assert_array_equal(decode(bytes(contents)), PIXELS[::-1])


def cut(name):
    return GOOD[name][: len(GOOD[name]) // 2]


def with_sides(contents, place, form, *sides):
    """The same file with other sides in its header."""
    size = struct.calcsize(form)
    return contents[:place] + struct.pack(form, *sides) + contents[place + size :]


START_OF_FRAME = GOOD["jpeg"].index(b"\xff\xc0") + 5
BAD = {
    "nothing": (b"", "no JPEG, PNG, GIF or BMP image"),
    "text": (b"hello world, no image", "no JPEG, PNG, GIF or BMP image"),
    "cut jpeg": (cut("jpeg"), "JPEG"),
    "cut png": (cut("png"), "PNG"),
    "cut gif": (cut("gif"), "GIF"),
    "cut bmp": (cut("bmp"), "size"),
    "head of a png": (GOOD["png"][:8], "pixels"),
    "head of a bmp": (GOOD["bmp"][:20], "BMP"),
    "bmp of one bit": (encode(PIXELS, "BMP", "1"), "8, 24 or 32 bits a pixel"),
    "huge png": (huge_png(), "20000] \\[x] \\[20000"),
    "huge jpeg": (with_sides(GOOD["jpeg"], START_OF_FRAME, ">HH", 20_000, 20_000), "20000"),
    "huge gif": (with_sides(GOOD["gif"], 6, "<HH", 20_000, 20_000), "20000"),
    "huge bmp": (with_sides(GOOD["bmp"], 18, "<ii", 20_000, 20_000), "20000"),
    "bmp of no height": (with_sides(GOOD["bmp"], 18, "<ii", 60, 0), "pixels, not"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_image_is_an_error(name):
    contents, message = BAD[name]
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        decode(contents)


def test_an_image_may_have_that_many_pixels():
    assert MOST_PIXELS < 20_000**2
    side = int(MOST_PIXELS**0.5)
    with pytest.raises(tf.errors.InvalidArgumentError, match="Invalid PNG data"):  # not its size
        decode(huge_png(side))


def halve(image):
    return tf.cast(tf.image.resize(image, (4, 4)), tf.float32)


def test_a_batch_of_many_kinds():
    images = tf.constant(list(GOOD.values()))
    batch = decode_batch(images, halve, (4, 4, 3))
    expected = [halve(decode_image(contents)) for contents in GOOD.values()]
    np.testing.assert_array_equal(batch, expected)
    assert decode_batch(images[:0], halve, (4, 4, 3)).shape == (0, 4, 4, 3)


def test_a_bad_image_in_a_batch_is_named():
    images = [GOOD["png"], b"no image", GOOD["gif"], cut("jpeg")]
    graph = tf.function(lambda images: decode_batch(images, halve, (4, 4, 3)))
    for ask in (graph, lambda images: decode_batch(images, halve, (4, 4, 3))):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"counted from 0:\W*1,? 3\b"):
            ask(tf.constant(images))
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"counted from 0:\W*0\b"):
            ask(tf.constant([b""]))
