"""A head that learns alone, on the features of a model that stays as it is."""

import json
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
from interruptions import in_two_sittings

import small_runs
from image_files import write_folder
from layer_checks import floats
from regard import ImageRun, UserError, fit_images
from regard.models import VisionTransformer
from regard.models.checkpoints import save_checkpoint
from regard.recipes.images import features
from regard.recipes.images.checks import read_labelled_images
from regard.recipes.images.preprocessing import ImagePreprocessing
from regard.recipes.images.settings import ImageSettings
from regard.recipes.images.targets import Targets

SIZES = {"patch_size": 4, "hidden_dim": 16, "num_layers": 1, "num_heads": 2}
SIZES |= {"image_shape": (8, 8, 3), "intermediate_dim": 32, "num_classes": 2}


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """A DINOv2 of random weights: what it sees in colours is enough to tell them apart."""
    directory = tmp_path_factory.mktemp("frozen")
    model = VisionTransformer(**SIZES, family="dinov2", pooling="class_and_patches", dropout=0.2)
    for seed, weight in enumerate(model.weights):
        weight.assign(0.3 * floats(*weight.shape, seed=seed))
    save_checkpoint(model, directory)
    ImagePreprocessing.for_shape(8, 8).save(directory)
    write_folder(directory / "data", {"blue": 30, "green": 30, "red": 30}, (8, 8))
    return directory


@pytest.fixture(scope="module")
def trained(start):
    passes = []

    def counted(model, images, preprocessing):
        passes.append(len(images))
        return features_of(model, images, preprocessing)

    features_of = features.features_of
    with mock.patch.object(features, "features_of", counted), small_runs.blank_pictures():
        run = fit_images(
            start / "data", checkpoint=start, freeze="all", output=start / "run", epochs=40
        )
    return run, passes


def test_each_image_is_looked_at_once_and_the_head_learns(trained):
    run, passes = trained
    assert sorted(passes) == [9, 81]  # to validate on and to learn from, whatever the epochs
    assert len(run.history) == 40
    assert run.metrics["accuracy"] > 0.9


def test_all_but_the_head_is_as_it_was(trained, start):
    run, _ = trained
    before = VisionTransformer.from_checkpoint(start)
    values = {weight.path: np.array(weight) for weight in before.weights}
    for weight in run.model.weights:
        if not weight.path.startswith("head/"):
            np.testing.assert_array_equal(np.array(weight), values[weight.path], weight.path)


def test_the_whole_model_answers_as_its_head_on_the_features(trained, start):
    run, _ = trained
    images = read_labelled_images(start / "data")
    vectors = features.features_of(run.model, images, run.preprocessor)
    expected = tf.nn.softmax(run.model.head(vectors)).numpy()
    np.testing.assert_allclose(run.predict_probabilities(images), expected, atol=1e-5)
    np.testing.assert_allclose(run.embed(images.files), vectors, atol=1e-5)


def test_batches_of_features_are_in_the_order_of_those_of_images():
    x, y = np.arange(10.0, dtype="float32")[:, None], np.eye(10, dtype="float32")
    stream = features.training_features(x, Targets(y), 4, 3)
    batches = [each[0].numpy().ravel() for each in stream.take(5)]
    assert sorted(np.concatenate(batches)[:10]) == list(range(10))  # every image once in an epoch
    from_the_third = features.training_features(x, Targets(y), 4, 3, first_step=2)
    later = [each[0].numpy().ravel() for each in from_the_third.take(3)]
    np.testing.assert_array_equal(later, batches[2:])
    for vectors, targets in stream.take(2):
        np.testing.assert_array_equal(vectors[:, 0], np.argmax(targets, axis=1))


def test_rare_classes_weigh_more_as_they_do_of_images():
    x, y = np.arange(5.0, dtype="float32")[:, None], np.eye(2, dtype="float32")[[0, 0, 0, 0, 1]]
    weights = np.array([0.5, 3.0], "float32")
    vectors, _, found = next(iter(features.training_features(x, Targets(y, weights), 5, 0)))
    expected = np.where(vectors[:, 0] == 4, 3.0, 0.5)
    np.testing.assert_allclose(found, expected)


def as_table(start, name, labels):
    """A table of the images, whose labels are those of their folders."""
    rows = [
        {"image": f"data/{folder}/{number}.png", "label": label}
        for folder, label in labels.items()
        for number in range(30)
    ]
    table = start / name
    table.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return table


def served(run, directory, files):
    """What an export says of files: the scores or the values, whichever it gives."""
    loaded = tf.saved_model.load(str(run.export(directory)))
    contents = tf.constant([file.read_bytes() for file in files])
    found = loaded.signatures["serving_default"](image_bytes=contents)
    return next(found[name].numpy() for name in ("scores", "value") if name in found)


@pytest.mark.slow
def test_scores_are_calibrated_and_served(start, tmp_path, unverified):
    """The temperature is in the head of the whole model: in the run as in its export."""
    settings = {"checkpoint": start, "freeze": "all", "epochs": 40, "calibrate": True}
    with small_runs.blank_pictures():
        run = fit_images(start / "data", output=tmp_path / "run", **settings)
    assert run.metadata["temperature"] != 1
    files = [start / "data" / name / "0.png" for name in run.class_names]
    again = ImageRun.load(tmp_path / "run")
    expected = [list(each.scores.values()) for each in again.predict(files)]
    np.testing.assert_allclose(served(again, tmp_path / "served", files), expected, atol=1e-5)
    metrics = again.evaluate(start / "data")
    assert metrics["accuracy"] > 0.9 and metrics["temperature"] == run.metadata["temperature"]


def test_several_labels(start, tmp_path):
    table = as_table(
        start, "several.jsonl", {"blue": ["cold"], "green": ["cold", "mild"], "red": []}
    )
    with small_runs.blank_pictures():
        run = fit_images(
            table, 0.3, output=tmp_path / "run", checkpoint=start, freeze="all", epochs=40
        )
    assert run.metadata["problem_type"] == "multi_label_classification"
    assert run.metrics["macro_f1"] > 0.9
    assert run.evaluate(table)["macro_f1"] > 0.9


@pytest.mark.slow
def test_a_number_is_told_by_both_heads_of_a_deit(start, tmp_path, unverified):
    """Both heads take in the scale of the values, so that their mean is on it."""
    model = VisionTransformer(**SIZES, family="deit", pooling="class_and_distillation")
    for seed, weight in enumerate(model.weights):
        weight.assign(0.3 * floats(*weight.shape, seed=seed))
    (tmp_path / "deit").mkdir()
    save_checkpoint(model, tmp_path / "deit")
    ImagePreprocessing.for_shape(8, 8).save(tmp_path / "deit")
    table = as_table(start, "values.jsonl", {"blue": 1010, "green": 1020, "red": 1060})
    settings = {"checkpoint": tmp_path / "deit", "problem_type": "regression", "freeze": "all"}
    with small_runs.blank_pictures():
        run = fit_images(
            table, 0.3, output=tmp_path / "run", **settings, epochs=60, learning_rate=0.03
        )
    assert run.metrics["mean_absolute_error"] < 5
    again = fit_images(
        table, 0.3, output=tmp_path / "again", **{**settings, "checkpoint": tmp_path / "run"},
        epochs=1, learning_rate=1e-12,
    )  # fmt: skip
    files = [start / "data" / name / "0.png" for name in ("blue", "red")]
    known = [each.value for each in run.predict(files)]
    np.testing.assert_allclose([each.value for each in again.predict(files)], known, rtol=1e-3)
    np.testing.assert_allclose(served(run, tmp_path / "served", files), known, rtol=1e-5)


@pytest.mark.slow
def test_what_is_interrupted_ends_the_same(start, tmp_path):
    """Features are computed again, and are the same."""
    settings = {"checkpoint": start, "freeze": "all", "epochs": 3, "batch_size": 9}
    paths = [tmp_path / name / "model/model.safetensors" for name in ("whole", "resumed")]

    def train(name):
        return fit_images(start / "data", output=tmp_path / name, **settings)

    with small_runs.blank_pictures():
        train("whole")
        in_two_sittings(lambda: train("resumed"))
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"freeze": "all"}, "nothing to keep as it is: name one. Received: freeze=all"),
        ({"freeze": "all", "checkpoint": "d", "augmentation": "light"}, "augmentation=light"),
        (
            {"freeze": "all", "checkpoint": "d", "dropout": 0.1, "mirror": True},
            "leave out mirror and dropout, or freeze. Received: .*mirror=True, dropout=0.1",
        ),
        ({"freeze": "some", "checkpoint": "d"}, "freeze"),
    ],
)
def test_what_cannot_be_frozen(given, message):
    with pytest.raises(UserError, match=message):
        ImageSettings(**given)


def test_a_head_alone_has_its_own_defaults():
    settings = ImageSettings(checkpoint="d", freeze="all").completed().for_images(1500, 200, True)
    assert (settings.augmentation, settings.mirror, settings.layer_decay) == ("none", False, 1.0)
    assert 1500 // settings.batch_size * settings.epochs >= 600
