"""The recipe of images, on a few pictures of three colours and a very small model.

`test_runs` has what all tasks have.
"""

import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import small_runs
from image_files import encode, huge_png, picture, with_orientation, write_folder
from regard import ImageRun, UserError, fit_images, read_labelled_images
from regard.models import IMAGE_PRESETS
from regard.recipes.images.preprocessing import ImagePreprocessing

SMALL = {"preset": "small_run", "batch_size": 16, "epochs": 4, "learning_rate": 0.01}


@pytest.fixture(scope="module", autouse=True)
def small_preset():
    """A preset small enough for tests."""
    IMAGE_PRESETS["small_run"] = small_runs.VIT
    yield
    del IMAGE_PRESETS["small_run"]


@pytest.fixture(scope="module")
def directory(plain_run):
    return plain_run("images")


@pytest.fixture(scope="module")
def folder(directory):
    return directory.parent / "colours"


@pytest.fixture(scope="module")
def run(directory):
    return ImageRun.load(directory)


def fit(folder, output, **settings):
    return fit_images(folder, 0.25, output=output, **{**SMALL, **settings})


def test_it_learns(run):
    assert run.metrics["accuracy"] > 0.9


def test_predictions_of_a_folder(run, folder):
    after = run.predict([folder])
    assert [row.image for row in after] == read_labelled_images(folder).files
    row = after[0]
    assert row.scores[row.label] == row.score == max(row.scores.values())
    assert sum(row.scores.values()) == pytest.approx(1, abs=1e-6)
    assert json.loads(row.to_json())["image"] == row.image
    assert row.to_line() == f"{row.label}\t{row.score:.4f}\t{row.image}"


def test_images_as_bytes_and_of_every_kind(run, folder):
    red = folder / "red" / "0.png"
    pixels = tf.io.decode_png(red.read_bytes()).numpy()
    kinds = [red.read_bytes(), encode(pixels, "BMP"), encode(pixels, "GIF"), encode(pixels, "JPEG")]
    assert {row.label for row in run.predict(kinds)} == {"red"}
    upright = run.predict([encode(pixels, "JPEG", quality=100)])[0]
    lying = run.predict([with_orientation(np.rot90(pixels), 6)])[0]
    assert lying.score == pytest.approx(upright.score, abs=0.01)
    assert run.predict([]) == []


def test_images_of_whatever_holds_them(run, folder):
    files = [str(folder / "red" / "0.png"), str(folder / "green" / "0.png")]
    expected = run.predict(files)
    assert [row.image for row in expected] == files
    series = pd.Series(files, index=[7, 3])
    for images in (series, np.array(files), map(Path, files), (file for file in files)):
        assert run.predict(images) == expected
    scores = [list(row.scores.values()) for row in expected]
    np.testing.assert_allclose(run.predict_probabilities(series), scores, atol=1e-6)
    assert run.predict_probabilities([]).shape == (0, len(run.class_names))
    np.testing.assert_array_equal(run.embed(iter(files)), run.embed(files))
    assert run.predict(iter([])) == [] and run.embed(pd.Series([], dtype=str)).shape[0] == 0
    with pytest.raises(UserError, match="image at position 1 must be a file, a folder, or the"):
        run.predict([files[0], None])
    with pytest.raises(UserError, match="give one of them, not all"):
        run.predict(pd.DataFrame({"file": files}))
    run.metadata["data"]["train"]["columns"] = ["file", "label"]  # as if it had learned from such
    try:
        assert run.predict(pd.DataFrame({"n": [1, 2], "file": files})) == expected
    finally:
        run.metadata["data"]["train"]["columns"] = None


def test_what_cannot_be_predicted(run, folder, tmp_path, caplog):
    with pytest.raises(TypeError, match="must be a list"):
        run.predict(str(folder))
    with pytest.raises(UserError, match="all be files and folders, or all bytes"):
        run.predict([folder, b"bytes"])
    (tmp_path / "a.png").write_bytes(encode(picture()))
    (tmp_path / "b.png").write_bytes(huge_png())
    with pytest.raises(UserError, match=r"b.png: it must have 1 to .* pixels"):
        run.predict([tmp_path])
    assert len(run.predict([tmp_path], skip_bad_files=True)) == 1
    assert "bad files left out: 1" in caplog.text


def test_evaluation(run, folder):
    metrics = run.evaluate(folder)
    assert metrics["num_examples"] == sum(small_runs.COLOURS.values())
    assert metrics["accuracy"] > 0.9
    assert metrics["examples_per_second"] > 0


def test_a_label_that_training_never_saw(run, tmp_path):
    write_folder(tmp_path, {"red": 1, "violet": 1})
    with pytest.raises(UserError, match="violet"):
        run.evaluate(read_labelled_images(tmp_path))
    with pytest.raises(UserError, match="is not there"):
        run.evaluate(tmp_path / "missing")


@pytest.mark.slow
def test_a_run_is_a_checkpoint_to_go_on_from(folder, run, directory, tmp_path, caplog):
    caplog.set_level(logging.INFO, "regard")
    options = {"preset": None, "checkpoint": directory, "epochs": 1, "batch_size": None}
    second = fit(folder, tmp_path / "second", **{**options, "learning_rate": None})
    assert second.metadata["settings"]["layer_decay"] == 0.75
    assert second.metrics["accuracy"] > 0.9  # as good as it was
    options |= {"learning_rate": None, "augmentation": "none"}
    larger = fit(folder, tmp_path / "larger", **options, image_size=(24, 32))
    assert larger.model.config["image_shape"] == (24, 32, 3)
    assert larger.preprocessor == ImagePreprocessing.for_shape(24, 32)
    assert larger.metrics["accuracy"] > 0.8
    assert ImageRun.load(tmp_path / "larger").predict([folder])


def test_other_classes_are_a_new_head(run, directory, tmp_path, caplog):
    caplog.set_level(logging.INFO, "regard")
    write_folder(tmp_path / "two", {"x": 8, "y": 8})
    second = fit_images(
        tmp_path / "two", 0.25, output=tmp_path / "run", checkpoint=directory, epochs=1
    )
    assert second.class_names == ["x", "y"]
    assert "its classifier is replaced by a new one" in caplog.text


def test_sizes_must_fit_patches(folder, tmp_path):
    with pytest.raises(UserError, match=r"image_shape=\(18, 18, 3\), patch_size=4"):
        fit(folder, tmp_path / "run", image_size=18)
    assert not list(tmp_path.iterdir())


def test_what_else_an_export_has(run, folder, plain_export):
    version = plain_export("images")
    names = (version / "assets" / "labels.txt").read_text("utf-8").splitlines()
    assert names == list(small_runs.COLOURS)
    loaded = tf.saved_model.load(str(version))
    files = read_labelled_images(folder).files[::9]
    contents = tf.constant([open(file, "rb").read() for file in files])  # noqa: SIM115
    expected = run.predict(files)
    pixels = np.stack([tf.io.decode_png(each).numpy() for each in contents.numpy()])
    answer = loaded.signatures["images"](images=tf.constant(pixels, tf.float32))
    np.testing.assert_allclose(answer["score"], [e.score for e in expected], atol=1e-5)
    bad = tf.constant([contents.numpy()[0], b"no image"])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"counted from 0:\W*\[?1\b"):
        loaded.signatures["serving_default"](image_bytes=bad)
