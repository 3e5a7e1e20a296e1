import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from image_files import picture
from regard.recipes.errors import UserError
from regard.recipes.images.preprocessing import ImagePreprocessing

SIZES = [(32, 32), (50, 70), (301, 200), (200, 301), (480, 640), (7, 5), (1, 1), (64, 96)]


def noise(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype("uint8")


@pytest.mark.parametrize("make", [noise, picture])
@pytest.mark.parametrize("resample", [1, 2, 3])
@pytest.mark.parametrize("size", SIZES)
def test_resizes_as_pillow_does(size, resample, make):
    image = Image.fromarray(make(*size))
    fitted = ImagePreprocessing(64, 96, (64, 96), resample=resample).fit(image).numpy().astype(int)
    is_other_way = size[0] > 64 and size[1] < 96
    halfway = (size[1], 64) if is_other_way else (96, size[0])
    difference = np.abs(fitted - image.resize(halfway, resample).resize((96, 64), resample))
    assert difference.max() <= 1  # Pillow's weights are whole numbers of 1/2**22
    assert difference.mean() < 0.02
    # In one step Pillow sometimes takes rows first where both sides become shorter.
    assert np.abs(fitted - image.resize((96, 64), resample)).mean() < 0.5


def test_the_nearest_pixel():
    pixels = noise(4, 6)
    fit = ImagePreprocessing(2, 3, (2, 3), resample=0).fit
    np.testing.assert_array_equal(fit(pixels), pixels[1::2, 1::2])
    fit = ImagePreprocessing(8, 12, (8, 12), resample=0).fit
    np.testing.assert_array_equal(fit(pixels), pixels.repeat(2, axis=0).repeat(2, axis=1))


def test_an_image_of_the_right_size_stays_as_it_is():
    pixels = noise(8, 12)
    np.testing.assert_array_equal(ImagePreprocessing.for_shape(8, 12).fit(pixels), pixels)


@pytest.mark.parametrize(
    ("size", "expected"), [((40, 60), (20, 30)), ((60, 40), (30, 20)), ((33, 47), (20, 28))]
)
def test_the_shorter_side(size, expected):
    preprocessing = ImagePreprocessing(16, 16, 20, crop=True)
    assert tuple(preprocessing._resized(noise(*size)).shape) == (*expected, 3)
    assert preprocessing.fit(noise(*size)).shape == (16, 16, 3)


def test_the_middle_is_cut_out():
    pixels = noise(7, 9)
    fit = ImagePreprocessing(3, 4, crop=True).fit
    np.testing.assert_array_equal(fit(pixels), pixels[2:5, 2:6])
    fit = ImagePreprocessing(9, 12, crop=True).fit
    expected = np.pad(pixels, ((1, 1), (2, 1), (0, 0)))
    np.testing.assert_array_equal(fit(pixels), expected)


def test_values_are_rescaled_and_normalized():
    preprocessing = ImagePreprocessing(
        1, 2, (1, 2), rescale=0.01, mean=(0.5, 1.0, 1.5), deviation=(0.5, 2.0, 0.25)
    )
    pixels = np.array([[[0, 100, 200], [50, 0, 100]]], "uint8")
    expected = [[[-1, 0, 2], [0, -0.5, -2]]]
    np.testing.assert_allclose(preprocessing(pixels), expected, atol=1e-6)


def test_it_runs_in_a_graph_on_any_size():
    preprocessing = ImagePreprocessing(6, 6, 8, crop=True)
    graph = tf.function(preprocessing, input_signature=[tf.TensorSpec([None, None, 3], tf.uint8)])
    for size in SIZES:
        np.testing.assert_allclose(graph(noise(*size)), preprocessing(noise(*size)), atol=1e-6)


@pytest.mark.parametrize(
    "preprocessing",
    [
        ImagePreprocessing.for_shape(8, 12),
        ImagePreprocessing(6, 6, 8, True, 3, 1 / 127.5, (1.0, 1.0, 1.0), (0.1, 0.2, 0.3)),
        ImagePreprocessing(6, 5, (9, 8), True),
        ImagePreprocessing(6, 5, None, True, 0),
    ],
)
def test_saves_and_loads(preprocessing, tmp_path):
    preprocessing.save(tmp_path)
    loaded = ImagePreprocessing.load(tmp_path, preprocessing.height, preprocessing.width)
    assert loaded == preprocessing


def load(directory, height=8, width=8, **config):
    (directory / "preprocessor_config.json").write_text(json.dumps(config))
    return ImagePreprocessing.load(directory, height, width)


def test_old_configs(tmp_path):
    old = {"do_normalize": True, "do_resize": True, "image_mean": [0.5] * 3, "size": 8}
    assert load(tmp_path, **old) == ImagePreprocessing.for_shape(8, 8)
    bare = load(tmp_path, size=8, do_normalize=False, do_rescale=False)
    assert (bare.rescale, bare.mean, bare.deviation) == (1.0, (0.0,) * 3, (1.0,) * 3)
    assert load(tmp_path, 224, 224) == ImagePreprocessing.for_shape(224, 224)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"size": 16}, r"makes images of \(16, 16\), and the model reads \(8, 8\)"),
        ({"size": {"shortest_edge": 8}}, "makes images of 8, and"),
        ({"size": {"longest_edge": 8}}, "cannot be used: 'height'"),
        ({"size": {"shortest_edge": 8.5}, "do_center_crop": True, "crop_size": 8}, "not 8.5"),
        ({"size": {"shortest_edge": 10**400}}, "a side must be an integer from 1 to 65535"),
        ({"size": 8, "image_std": [0.5, 0.5, 0]}, "image_std must not be 0"),
        (
            {"size": 8, "image_mean": [0.5, 0.5, float("nan")]},
            "image_mean and image_std must be three num",
        ),
        ({"size": 8, "rescale_factor": 10**400}, "cannot be used: int too large"),
        ({"size": 8, "rescale_factor": "1"}, "rescale_factor must be a number, not '1'"),
        ({"size": 8, "resample": 5}, r"resample must be one of \[0, 1, 2, 3\], not 5"),
        ({"size": 8, "image_mean": [0.5]}, r"three numbers, not \[0.5\]"),
        ({"size": 8, "image_std": "abc"}, "three numbers, not 'abc'"),
    ],
)
def test_configs_that_cannot_be_used(config, message, tmp_path):
    with pytest.raises(UserError, match=message):
        load(tmp_path, **config)


def test_a_config_must_be_there_and_whole(tmp_path):
    with pytest.raises(UserError, match=r"must hold preprocessor_config.json"):
        ImagePreprocessing.load(tmp_path, 8, 8)
    (tmp_path / "preprocessor_config.json").write_text('{"size"')
    with pytest.raises(UserError, match=r"preprocessor_config.json cannot be used"):
        ImagePreprocessing.load(tmp_path, 8, 8)


def test_another_resolution_keeps_the_share_that_is_cut_off():
    cropping = ImagePreprocessing(6, 6, 8, crop=True).resized(12, 12)
    assert (cropping.height, cropping.resize, cropping.crop) == (12, 16, True)
    plain = ImagePreprocessing.for_shape(6, 6).resized(9, 12)
    assert (plain.resize, plain.crop) == ((9, 12), False)
