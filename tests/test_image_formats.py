"""Images that a server's graph does not decode are read by Pillow, in training and after."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from image_files import encode, picture, write_folder
from regard.recipes.errors import UserError
from regard.recipes.images.batches import decoded, user_of
from regard.recipes.images.checks import read_images, read_labelled_images
from regard.recipes.images.data import LabelledImages
from regard.recipes.images.other_formats import MOST_OF_OTHERS, as_bmp, readable, suffixes
from regard.recipes.images.preprocessing import ImagePreprocessing
from regard.recipes.images.report import drawable_paths, originals
from regard.recipes.images.serving import warn_of_other_formats

PIXELS = picture(40, 60)
SIDEWAYS = Image.Exif()
SIDEWAYS[0x112] = 6
LOSSLESS = {
    "webp": encode(PIXELS, "WEBP", lossless=True),
    "webp with transparency": encode(PIXELS, "WEBP", "RGBA", lossless=True, exact=True),
    "webp on its side": encode(PIXELS, "WEBP", lossless=True, exif=SIDEWAYS.tobytes()),
    "tiff": encode(PIXELS, "TIFF"),
    "compressed tiff": encode(PIXELS, "TIFF", compression="tiff_lzw"),
    "tiff on its side": encode(PIXELS, "TIFF", exif=SIDEWAYS),
    "gray tiff": encode(PIXELS, "TIFF", "L"),
    "cmyk tiff": encode(PIXELS, "TIFF", "CMYK"),
    "tiff of one bit": encode(PIXELS, "TIFF", "1"),
    "ppm": encode(PIXELS, "PPM"),
    "jpeg 2000": encode(PIXELS, "JPEG2000"),
}


def in_memory(*contents):
    names = [f"image {number}" for number in range(len(contents))]
    return LabelledImages("memory", names, ["x"] * len(names), [], contents=list(contents))


def graph_of(images):
    use = user_of(images)
    return tf.data.Dataset.range(len(images)).map(lambda row: use(row, tf.identity))


@pytest.mark.parametrize("name", LOSSLESS)
def test_pixels_are_those_of_pillow(name):
    images = read_images(in_memory(encode(PIXELS), LOSSLESS[name]), skip_bad_files=False)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(LOSSLESS[name]))).convert("RGB")
    plain, found = graph_of(images).as_numpy_iterator()
    np.testing.assert_array_equal(plain, PIXELS)
    np.testing.assert_array_equal(found, np.array(expected))


@pytest.mark.parametrize("format", ["AVIF", "HEIF"])
def test_photos_of_phones(format):
    if format not in readable():
        pytest.skip("this Pillow does not read them")
    contents = encode(PIXELS, format, quality=90, exif=SIDEWAYS.tobytes())
    (found,) = graph_of(read_images(in_memory(contents), False)).as_numpy_iterator()
    assert found.shape == (60, 40, 3)
    assert np.abs(found.astype(int) - np.rot90(PIXELS, -1)).mean() < 10


def test_sixteen_bits_become_eight_as_in_a_png():
    values = np.arange(35, dtype="uint16").reshape(5, 7) * 1800
    for format in ("TIFF", "PPM", "JPEG2000"):
        file = io.BytesIO()
        Image.fromarray(values).save(file, format)
        pixels = np.array(Image.open(io.BytesIO(as_bmp(file.getvalue())[1])))
        np.testing.assert_array_equal(pixels[..., 0], values >> 8)


BAD = {
    "cut webp": (LOSSLESS["webp"][:60], "damaged or cut short"),
    "cut tiff": (LOSSLESS["tiff"][:2000], "damaged or cut short"),
    "of 32 bits": (encode(PIXELS, "TIFF", "F"), "its pixels have 32 bits"),
    "heic that is none": (b"\0\0\0\x1cftypheic" + bytes(40), "needs `pip install pillow-heif`"),
    "text": (b"hello", "it is no JPEG"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_pillow_cannot_read_is_named(name):
    contents, message = BAD[name]
    images = in_memory(LOSSLESS["webp"], contents, encode(PIXELS))
    with pytest.raises(UserError, match=f"^image 1: .*{message}"):
        read_images(images, skip_bad_files=False)
    rest = read_images(images, skip_bad_files=True)
    assert (rest.files, rest.num_skipped) == (["image 0", "image 2"], 1)
    assert rest.others == ["WEBP", ""]


def test_so_many_pixels_and_no_more():
    file = io.BytesIO()
    Image.new("1", (2**13, 2**13 + 1)).save(file, "TIFF", compression="group4")
    with pytest.raises(
        ValueError, match=f"1 to {MOST_OF_OTHERS // 9} pixels, as TIFF, not 8193 x 8192"
    ):
        as_bmp(file.getvalue())


@pytest.fixture
def folder(tmp_path):
    folder = write_folder(tmp_path / "pets", {"cat": 3, "dog": 3})
    (folder / "cat" / "3.webp").write_bytes(LOSSLESS["webp"])
    (folder / "dog" / "3.TIFF").write_bytes(LOSSLESS["tiff"])
    (folder / "dog" / "4.jpg").write_bytes(LOSSLESS["webp"])  # the content decides
    (folder / "dog" / "5.jfif").write_bytes(encode(PIXELS, "JPEG"))
    return folder


def test_a_folder_of_many_formats(folder, caplog):
    images = read_labelled_images(folder)
    assert (len(images), images.labels.count("dog")) == (10, 6)
    assert dict(zip((file[-6:] for file in images.files), images.others, strict=True)) == {
        **{f"/{number}.png": "" for number in range(3)},
        **{"3.webp": "WEBP", "3.TIFF": "TIFF", "/4.jpg": "WEBP", "5.jfif": ""},
    }
    assert images.describe()["other_formats"] == {"WEBP": 2, "TIFF": 1}
    assert "other_formats" not in images.take([0, 1]).describe()
    pixels = decoded(images, ImagePreprocessing.for_shape(40, 60))
    np.testing.assert_array_equal(pixels[3], PIXELS)
    assert "passed over" not in caplog.text


def test_an_export_says_what_it_does_not_decode(folder, caplog):
    images = read_labelled_images(folder)
    data = {"train": images.describe(), "validation": images.take([3]).describe()}
    warn_of_other_formats({"data": data})
    assert "decodes JPEG, PNG, GIF or BMP alone" in caplog.text
    assert "(WEBP: 3, TIFF: 1)" in caplog.text
    caplog.clear()
    warn_of_other_formats({"data": {"train": images.take([0]).describe()}})
    assert not caplog.text


def test_the_sheet_of_mistakes_shows_the_originals():
    wide = picture(20, 900, seed=3)
    images = in_memory(encode(PIXELS), LOSSLESS["webp on its side"], encode(wide))
    first, second, third = originals(read_images(images, False))
    np.testing.assert_array_equal(first, PIXELS)
    np.testing.assert_array_equal(second, np.rot90(PIXELS, -1))
    assert third.shape == (11, 500, 3)
    long = "/".join(["folder", *("deep" for _ in range(60)), "end.png"])
    (short, cut), fonts = drawable_paths(["pets/cat $1$/\n0.png", long])
    assert (short, fonts[0]) == ("pets/cat $1$/\\n0.png", "DejaVu Sans")
    assert cut.startswith("…") and cut.replace("\n", "").endswith("/deep/end.png")
    assert max(map(len, cut.split("\n"))) == 42


def test_suffixes_follow_what_pillow_reads():
    assert {".jpg", ".jfif", ".jpe", ".pjpeg", ".webp", ".tif", ".tiff"} <= set(suffixes())
    assert (".heic" in suffixes()) == ("HEIF" in readable())
