import json
import logging

import numpy as np
import pytest
import tensorflow as tf

from regard.recipes.cli import run_command
from regard.recipes.errors import UserError
from regard.recipes.images.checks import read_labelled_images
from regard.recipes.pretraining.data import read_texts
from regard.recipes.text.data import read_labelled_texts


@pytest.fixture(scope="module")
def tfds():
    """The library, with data sets of our own among those it knows."""
    import tensorflow_datasets as tfds

    class RegardToyReviews(tfds.core.GeneratorBasedBuilder):
        BUILDER_CONFIGS = [  # noqa: RUF012
            tfds.core.BuilderConfig(name="plain", version="1.0.0"),
            tfds.core.BuilderConfig(name="extra", version="1.0.0"),
        ]

        def _info(self):
            label = tfds.features.ClassLabel(names=["bad", "good"])
            features = {"id": tfds.features.Scalar(np.int64), "sentence": tfds.features.Text()}
            features |= {"label": label, "even": tfds.features.Scalar(np.bool_)}
            features |= {"image": tfds.features.Image(shape=(2, 2, 3))}
            return tfds.core.DatasetInfo(
                builder=self, features=tfds.features.FeaturesDict(features), disable_shuffling=True
            )

        def _split_generators(self, dl_manager):
            print("a builder may print")
            return {"train": self._generate_examples(4), "odd": self._generate_examples(3, hole=1)}

        def _generate_examples(self, count, hole=None):
            for i in range(count):
                yield (
                    i,
                    {
                        "id": i,
                        "sentence": f"{self.builder_config.name} {i} 好",
                        "label": -1 if i == hole else i % 2,
                        "even": i % 2 == 0,
                        "image": np.zeros((2, 2, 3), np.uint8),
                    },
                )

    class RegardOffline(RegardToyReviews):
        def _split_generators(self, dl_manager):
            raise ConnectionError("example.org cannot be reached")

    class RegardToyPairs(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            names = {"first": tfds.features.Text(), "second": tfds.features.Text()}
            label = tfds.features.ClassLabel(names=["no", "yes"])
            features = tfds.features.FeaturesDict({**names, "label": label})
            return tfds.core.DatasetInfo(builder=self, features=features, disable_shuffling=True)

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            yield 0, {"first": "is 0 even?", "second": "0 是", "label": "yes"}
            yield 1, {"first": "is 1 even?", "second": "1 是", "label": "no"}

    return tfds


@pytest.fixture
def tfds_dir(tfds, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    return tmp_path


def test_tfds(tfds_dir, caplog, capsys):
    caplog.set_level(logging.INFO, logger="regard")
    table = read_labelled_texts("tfds:regard_toy_reviews")
    assert table.texts == [f"plain {i} 好" for i in range(4)]
    assert table.labels == ["bad", "good", "bad", "good"]
    assert (table.source, table.text_column) == ("tfds:regard_toy_reviews", "sentence")
    assert (tfds_dir / "regard_toy_reviews" / "plain" / "1.0.0").is_dir()
    assert "reading regard_toy_reviews/plain/1.0.0, split train" in caplog.text
    assert "column 'sentence' taken as the text" in caplog.text
    assert capsys.readouterr().out == ""


def test_tfds_config_split_and_columns(tfds_dir):
    table = read_labelled_texts("tfds:regard_toy_reviews/extra:train[:50%]", label_column="even")
    assert table.texts == ["extra 0 好", "extra 1 好"]
    assert table.labels == ["true", "false"]
    table = read_labelled_texts("tfds:regard_toy_reviews:odd", label_column="id")
    assert table.labels == ["0", "1", "2"]


def test_tfds_bad_rows(tfds_dir):
    source = "tfds:regard_toy_reviews:odd"
    with pytest.raises(UserError, match=f"{source}, row 2: the label in column 'label' is missing"):
        read_labelled_texts(source)
    assert read_labelled_texts(source, skip_bad_rows=True).num_skipped == 1
    assert read_labelled_texts(f"{source}[:1]", text_column="id").texts == ["0"]
    with pytest.raises(UserError, match="row 1: the label in column 'image' must be a string"):
        read_labelled_texts(source, label_column="image")
    with pytest.raises(UserError, match=r"no column 'stars'.*'sentence', 'label'.*--label-column"):
        read_labelled_texts(source, label_column="stars")


def test_tfds_data_whose_code_is_not_known(tfds, tfds_dir):
    known = tfds.builder_cls("regard_toy_reviews")

    class RegardElsewhere(known, skip_registration=True):
        pass

    RegardElsewhere(config="extra", data_dir=tfds_dir).download_and_prepare()
    table = read_labelled_texts("tfds:regard_elsewhere/extra")
    assert table.texts == [f"extra {i} 好" for i in range(4)]
    assert table.labels == ["bad", "good", "bad", "good"]


def test_tfds_images(tfds_dir):
    data = read_labelled_images("tfds:regard_toy_reviews:train[1:]")
    assert data.labels == ["good", "bad", "good"]
    assert data.files[0] == "tfds:regard_toy_reviews:train[1:], row 1"
    shapes = [tf.io.decode_image(contents).shape for contents in data.contents]
    assert shapes == [(2, 2, 3)] * 3
    assert len(set(data.digests)) == 1
    with pytest.raises(UserError, match="odd, row 2: there must be an image and a label"):
        read_labelled_images("tfds:regard_toy_reviews:odd")


def test_tfds_unknown_names(tfds_dir):
    with pytest.raises(UserError, match=r"named 'imdb_review'. Did you mean imdb_reviews"):
        read_labelled_texts("tfds:imdb_review")
    with pytest.raises(UserError, match=r"named 'zzqqzzqq'. Check the name"):
        read_labelled_texts("tfds:zzqqzzqq")
    with pytest.raises(UserError, match=r"'regard_toy_reviews/long'.*configurations: plain, extra"):
        read_labelled_texts("tfds:regard_toy_reviews/long")
    with pytest.raises(UserError, match=r"there is no split 'dev'. Splits: train, odd"):
        read_labelled_texts("tfds:regard_toy_reviews:dev")
    with pytest.raises(UserError, match="tfds:: TFDS cannot prepare ''"):
        read_labelled_texts("tfds:")


def test_tfds_that_cannot_be_downloaded(tfds_dir):
    with pytest.raises(
        UserError, match=r"cannot prepare 'regard_offline'.*ConnectionError.*example.org"
    ):
        read_labelled_texts("tfds:regard_offline")


def test_tfds_pairs(tfds_dir):
    table = read_labelled_texts("tfds:regard_toy_pairs", text_column="first", pair_column="second")
    assert table.texts == ["is 0 even?", "is 1 even?"]
    assert table.pairs == ["0 是", "1 是"]
    assert table.labels == ["yes", "no"]


def test_tfds_texts_without_labels(tfds_dir):
    texts = read_texts(["tfds:regard_toy_reviews:odd", "tfds:regard_toy_reviews/extra:train[:1]"])
    assert texts.texts == ["plain 0 好", "plain 1 好", "plain 2 好", "extra 0 好"]


@pytest.mark.slow
def test_fit_text_from_the_command_line(tfds_dir, tmp_path, capsys):
    run = tmp_path / "run"
    source = "tfds:regard_toy_reviews/extra"
    arguments = ["--epochs", "1", "--no-teacher", "--preset", "tiny", "--output", str(run)]
    assert run_command(["fit", "text", source, "--validation", f"{source}:odd", *arguments]) == 2
    assert f"{source}:odd, row 2: the label in column 'label' is missing" in capsys.readouterr().err
    assert not run.exists()
    arguments = [*arguments, "--skip-bad-rows"]
    assert run_command(["fit", "text", source, "--validation", f"{source}:odd", *arguments]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"run: {run}"
    data = json.loads((run / "run.json").read_text())["data"]
    assert (data["train"]["source"], data["train"]["num_examples"]) == (source, 4)
    assert data["train"]["class_counts"] == {"bad": 2, "good": 2}
    assert (data["validation"]["num_examples"], data["validation"]["num_skipped"]) == (2, 1)
