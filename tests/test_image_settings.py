"""What a training of images is, where the images decide: their number, size and classes."""

import numpy as np
import pytest
from PIL import Image

from image_files import encode, write_folder
from regard import ImageSettings, LabelledImages, fit_images, read_labelled_images
from regard.recipes.images.looking import look_at


def completed(number, side=100, mirrors=False, **given):
    return ImageSettings(**given).completed().for_images(number, side, mirrors)


@pytest.mark.parametrize("number", [2, 9, 27, 108, 540, 1350, 5000, 45_000, 10**6])
def test_few_images_are_seen_often_and_many_are_not_seen_for_ever(number):
    settings = completed(number)
    assert settings.batch_size <= min(number, 128)
    steps = max(1, number // settings.batch_size) * settings.epochs
    assert steps >= 400
    assert settings.epochs * number <= 10 * max(number, 10_000 * number**0.5)


@pytest.mark.parametrize("number", [2, 27, 108, 540, 1350, 10_000])
def test_fine_tuning_has_enough_steps(number):
    settings = completed(number, checkpoint="dir")
    assert number // settings.batch_size * settings.epochs >= 200
    assert settings.epochs >= 5
    assert settings.batch_size <= 32


@pytest.mark.parametrize(
    ("side", "size", "patch_size"),
    [(8, 32, 4), (32, 32, 4), (50, 48, 6), (100, 64, 8), (3000, 64, 8)],
)
def test_images_are_read_at_their_own_size_up_to_a_bound(side, size, patch_size):
    settings = completed(1000, side)
    assert (settings.image_size, settings.patch_size) == (size, patch_size)
    assert settings.preset == "vit_mini_conv"
    assert completed(10_000, side).preset == "vit_compact_conv"


@pytest.mark.parametrize(
    ("number", "augmentation"),
    [(9, "strong"), (499, "strong"), (500, "light"), (9999, "light"), (10_000, "medium")],
)
def test_few_images_are_changed_the_most(number, augmentation):
    assert completed(number).augmentation == augmentation
    assert completed(number, checkpoint="dir").augmentation == "light"


@pytest.mark.parametrize(
    ("image_size", "patch_size"), [(16, 4), (128, 16), ((24, 100), 4), (100, 10), (18, 6)]
)
def test_patches_fit_the_size_that_is_given(image_size, patch_size):
    assert completed(99, image_size=image_size).patch_size == patch_size


def test_a_published_preset_has_its_own_size():
    settings = completed(99, preset="vit_tiny_16")
    assert (settings.image_size, settings.patch_size) == (None, None)


def test_what_is_given_stays():
    given = {
        "preset": "vit_compact",
        "epochs": 7,
        "batch_size": 33,
        "image_size": 40,
        "patch_size": 5,
        "augmentation": "strong",
        "mirror": False,
        "patience": 2,
    }
    settings = completed(1000, mirrors=True, **given)
    assert {name: getattr(settings, name) for name in given} == given
    assert completed(20, batch_size=33).batch_size == 20


def pictures(draw, labels, count=200):
    """Images of several labels, in turn, that `draw` makes of a label and a random generator."""
    random = np.random.default_rng(0)
    labels = [labels[number % len(labels)] for number in range(count)]
    contents = [encode(draw(label, random)) for label in labels]
    names = [f"{number}.png" for number in range(count)]
    return LabelledImages("pictures", names, labels, [], contents=contents)


def arrow(label, random):
    pixels = random.integers(0, 60, (24, 30, 3)).astype("uint8")
    tip = np.abs(np.arange(24) - 12)[:, None] < np.arange(30)[None] * 12 / 30
    pixels[tip if label == "left" else tip[:, ::-1]] += 150
    return pixels


def shade(label, random):
    low = 0 if label == "dark" else 40
    return random.integers(low, low + 150, (24, 30, 3)).astype("uint8")


def noise(label, random):
    return random.integers(0, 256, (24, 30, 3)).astype("uint8")


@pytest.mark.parametrize(
    ("draw", "labels", "mirrors"),
    [
        (shade, ("dark", "bright"), True),
        (arrow, ("left", "right"), False),
        (noise, ("heads", "tails"), False),  # in doubt
        (noise, tuple(map(str, range(100))), False),
    ],
)
def test_images_are_mirrored_only_where_their_mirror_images_show_the_same(draw, labels, mirrors):
    look = look_at(pictures(draw, labels), seed=0)
    assert (look.number, look.side, look.mirrors) == (200, 24, mirrors)


@pytest.mark.slow
def test_a_few_pictures_that_differ_in_colour_are_learned_by_default(tmp_path):
    folder = write_folder(tmp_path / "colours", {"red": 10, "green": 10, "blue": 10}, (40, 50))
    run = fit_images(folder, output=tmp_path / "run", epochs=12)
    settings = run.metadata["settings"]
    assert (settings["image_size"], settings["batch_size"]) == ((32, 32), 8)
    test = write_folder(tmp_path / "test", {"red": 13, "green": 13, "blue": 13}, (40, 50))
    assert run.evaluate(read_labelled_images(test))["accuracy"] > 0.9


def test_looking_at_images_of_several_sizes(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for side in (20, 30, 90):
            Image.new("RGB", (side, 2 * side)).save(tmp_path / name / f"{side}.jpg")
    look = look_at(read_labelled_images(tmp_path), seed=0)
    assert (look.number, look.side) == (6, 30)
