"""Images that become large are refused by what they become, or wait for each other."""

import io
import struct
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from image_files import encode, picture, png_chunk
from regard.recipes.errors import UserError
from regard.recipes.images import checks, other_formats, preprocessing
from regard.recipes.images.budget import LARGE, SMALL, within_budget
from regard.recipes.images.checks import read_images
from regard.recipes.images.data import LARGEST_FILE, LabelledImages
from regard.recipes.images.decoding import decode_image, examine
from regard.recipes.images.headers import MOST_TEXTS, gif_size, one_frame
from regard.recipes.images.other_formats import (
    MOST_MEMORY,
    as_bmp,
    memory_of_other,
)
from regard.recipes.images.preprocessing import ImagePreprocessing

PIXELS = picture(40, 60)
SIDE = 2**13


def png(width, height, chunks=b""):
    """A black PNG of gray: a thousandth of its pixels in bytes."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    packing = zlib.compressobj(1)
    pixels = b"".join(packing.compress(bytes(width + 1)) for _ in range(height)) + packing.flush()
    parts = [header, chunks, png_chunk(b"IDAT", pixels), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def jpeg(height, width, **options):
    """A JPEG whose header says that it is of another size."""
    contents = bytearray(encode(PIXELS, "JPEG", **options))
    frame = contents.index(b"\xff\xc2" if options.get("progressive") else b"\xff\xc0")
    contents[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(contents)


def gif(count, canvas=(60, 40), frame=(60, 40)):
    """A GIF of several frames, whose headers say what size they have."""
    file, frames = io.BytesIO(), [Image.fromarray(picture(40, 60, seed)) for seed in range(count)]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    contents = bytearray(file.getvalue())
    contents[6:10] = struct.pack("<HH", *canvas)
    whole = b"\x2c" + struct.pack("<HHHH", 0, 0, 60, 40)
    contents = contents.replace(whole, whole[:5] + struct.pack("<HH", *frame), 1)
    return bytes(contents)


ON_A_SIDE = b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6" + bytes(6)
TEXTS = png_chunk(b"zTXt", b"a\0\0" + zlib.compress(b"b")) * MOST_TEXTS
MORE_TEXTS = TEXTS + png_chunk(b"iTXt", b"a\0\1\0\0\0" + zlib.compress(b"b"))
SCANS = encode(np.zeros((2048, 2048, 3), "uint8"), "JPEG", progressive=True)
LAST_SCAN = SCANS[SCANS.rindex(b"\xff\xda") : -2]
REFUSED = {
    "gif, frame larger than its canvas": (gif(1, frame=(20_000, 30_000)), "600007200"),
    "gif, parts without end": (b"GIF89a\1\0\1\0\0\0\0" + b"\x21\xff\1a\0" * 9000, "GIF"),
    "jpeg of several passes": (jpeg(SIDE, SIDE, progressive=True), "603979776"),
    "jpeg on a side": (jpeg(SIDE, SIDE, exif=ON_A_SIDE), "402653184"),
    "jpeg of a thousand passes": (SCANS[:-2] + LAST_SCAN * 1030 + b"\xff\xd9", "too many passes"),
    "png of many texts": (png(1, 1, MORE_TEXTS), "64 texts at most, not\\] \\[65"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    contents, message = REFUSED[name]
    assert len(contents) < 200_000
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        decode_image(contents)


SERVED = {
    "png of some texts": png(1, 1, TEXTS),
    "jpeg": encode(PIXELS, "JPEG"),
    "gray jpeg of several passes": encode(PIXELS, "JPEG", "L", progressive=True),
    "gif": gif(3),
}


@pytest.mark.parametrize("name", SERVED)
def test_served(name):
    expected = np.array(Image.open(io.BytesIO(SERVED[name])).convert("RGB"))
    np.testing.assert_array_equal(decode_image(SERVED[name]), expected)


def test_what_memory_an_image_takes():
    for contents, expected in {
        jpeg(8000, 8000): 3 * 8000**2,
        jpeg(4000, 6000, progressive=True): 9 * 4000 * 6000,
        SERVED["gray jpeg of several passes"]: 5 * 40 * 60,
        gif(1, canvas=(100, 100)): 3 * 100 * 100 + 40 * 60,
        encode(PIXELS, "BMP"): 3 * 40 * 60,
    }.items():
        assert examine(contents).memory == expected <= MOST_MEMORY


def cut(contents):
    *_, end = gif_size(contents)
    return one_frame(contents, end).numpy()


def test_a_gif_is_cut_after_its_first_frame():
    two, three = gif(2), gif(3)
    first = cut(three)
    assert first == cut(two)
    assert three.startswith(first[:-1])
    assert getattr(Image.open(io.BytesIO(first)), "n_frames", 1) == 1
    assert cut(first) == first
    assert cut(b"GIF89a") == b"GIF89a;"  # and a decoder says what is wrong with it


def test_rows_are_resized_some_at_a_time():
    image = tf.constant(picture(41, 67))
    shapes = [(13, 17), (50, 17), (13, 90), (50, 90)]
    for resample in (0, 1, 2, 3):
        makers = [ImagePreprocessing(*shape, shape, resample=resample).fit for shape in shapes]
        whole = [make(image) for make in makers]
        with mock.patch.object(preprocessing, "PIXELS_AT_ONCE", 300):
            parts = [make(image) for make in makers]
        for shape, one, other in zip(shapes, whole, parts, strict=True):
            np.testing.assert_array_equal(one, other)
            size = shape[::-1]
            pillow = Image.fromarray(image.numpy()).resize(size, Image.Resampling(resample))
            assert np.abs(np.array(pillow).astype(int) - one.numpy()).max() <= 1


def test_a_narrow_image_does_not_become_a_huge_one():
    fit = ImagePreprocessing(224, 224, resize=256, crop=True).fit
    narrow = tf.zeros((1, 60_000, 3), tf.uint8)
    with pytest.raises(tf.errors.InvalidArgumentError, match="too narrow"):
        fit(narrow)
    for resample in (0, 2):  # each pixel of a result is made from few
        made = ImagePreprocessing(8, 8, (8, 8), resample=resample).fit(
            tf.zeros((1, 2**22, 3), "uint8")
        )
        assert made.shape == (8, 8, 3)


def most_at_once(memory, fails=()):
    """Maps many images, each of which takes that memory, and counts those at work at once."""
    lock, at_work, most = threading.Lock(), set(), [0]

    def work(number):
        with lock:
            at_work.add(int(number))
            most[0] = max(most[0], len(at_work))
        time.sleep(0.01)
        with lock:
            at_work.remove(int(number))
        if int(number) in fails:
            raise ValueError
        return number

    def use(number):
        contents = tf.strings.as_string(number)
        make = lambda _: tf.numpy_function(work, [number], tf.int64)  # noqa: E731
        return within_budget(contents, tf.constant(memory, tf.int64), make)

    numbers = tf.data.Dataset.range(24).map(use, 8).ignore_errors()
    assert len(list(numbers)) == 24 - len(fails)
    return most[0]


def test_large_images_wait_for_each_other():
    assert most_at_once(LARGE + 1) == 1
    assert 1 < most_at_once(SMALL + 1) <= 4
    assert most_at_once(SMALL) > 1  # as many as there are threads
    assert most_at_once(LARGE + 1, fails=(0, 1, 2)) == 1  # and no bad one is waited for


def in_memory(*contents):
    names = [f"image {number}" for number in range(len(contents))]
    return LabelledImages("memory", names, ["x"] * len(names), [], contents=list(contents))


OTHERS = {"WEBP": {"lossless": True}, "TIFF": {"compression": "tiff_deflate"}, "JPEG2000": {}}


@pytest.mark.parametrize("format", OTHERS)
def test_images_that_pillow_reads(format):
    good = encode(PIXELS, format, **OTHERS[format])
    assert 9 * 40 * 60 <= memory_of_other(good) <= 25 * 40 * 60
    with mock.patch.object(other_formats, "MOST_OF_OTHERS", memory_of_other(good) - 1):
        for read in (as_bmp, memory_of_other):
            with pytest.raises(ValueError, match=f"pixels, as {format}, not 40 x 60"):
                read(good)


def test_a_lack_of_memory_is_not_the_fault_of_an_image():
    images = in_memory(encode(PIXELS), encode(PIXELS, "WEBP"))
    of_graph = tf.errors.ResourceExhaustedError(None, None, "OOM")
    for name, error in (("as_bmp", MemoryError()), ("decoder", of_graph)):
        failing = mock.Mock(side_effect=error)
        made = failing if name == "as_bmp" else lambda _, failing=failing: failing
        with mock.patch.object(checks, name, made), pytest.raises(type(error)):
            read_images(images, skip_bad_files=True)


def test_a_file_may_be_too_large(tmp_path):
    with (tmp_path / "a.png").open("wb") as file:
        file.write(encode(PIXELS))
        file.truncate(LARGEST_FILE + 1)
    images = LabelledImages("folder", [str(tmp_path / "a.png")], ["x"], [])
    with pytest.raises(UserError, match=r"a\.png: its file must have 268,500,992 bytes at most"):
        read_images(images, skip_bad_files=False)


PEAK = """
import sys
import tensorflow as tf
from regard.recipes.images.decoding import decode_batch
from regard.recipes.images.preprocessing import ImagePreprocessing

def status(key):
    [line] = [line for line in open("/proc/self/status") if line.startswith(key)]
    return int(line.split()[1]) // 1024

fit = ImagePreprocessing.for_shape(224, 224)
strings = [tf.TensorSpec([None], tf.string)]
ask = tf.function(lambda each: decode_batch(each, fit, (224, 224, 3)), strings, autograph=False)
ask(tf.constant([open(sys.argv[1], "rb").read()] * 20))
before = status("VmRSS")
for path in sys.argv[2:]:
    assert ask(tf.constant([open(path, "rb").read()] * 2)).shape == (2, 224, 224, 3)
print(status("VmHWM") - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read there")
def test_bombs_are_served_in_half_a_gigabyte(tmp_path):
    files = {
        "good": encode(PIXELS),
        "square": png(SIDE, SIDE),
        "narrow": png(224, 149_000),
        "frames": gif(1)[:-1] + gif(1, frame=(20_000, 20_000))[13:],
    }
    for name, contents in files.items():
        (tmp_path / name).write_bytes(contents)
    command = [sys.executable, "-c", PEAK, *(str(tmp_path / name) for name in files)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) < 500
