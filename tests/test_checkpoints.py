import json

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from regard.models import TextClassifier
from regard.models.checkpoints import Checkpoint, CheckpointError, save_checkpoint

INPUTS = {
    "token_ids": np.array([[2, 7, 5, 3], [2, 9, 3, 0]]),
    "segment_ids": np.zeros((2, 4), int),
    "padding_mask": np.array([[True] * 4, [True, True, True, False]]),
}
CLASSES = ["negative", "neutral", "positive"]


@pytest.fixture
def model():
    model = TextClassifier(
        vocabulary_size=11,
        num_classes=3,
        hidden_dim=6,
        num_layers=2,
        num_heads=2,
        intermediate_dim=10,
        max_sequence_length=7,
        dropout=0.3,
        activation="relu",
        layer_norm_epsilon=1e-5,
    )
    for weight in model.weights:  # no zeros or ones left, so that every tensor tells
        weight.assign(keras.random.normal(weight.shape))
    return model


def test_round_trip_is_exact(model, tmp_path):
    save_checkpoint(model, tmp_path, CLASSES)
    checkpoint = Checkpoint(tmp_path)
    assert checkpoint.class_names == CLASSES
    loaded = TextClassifier.from_checkpoint(checkpoint)
    assert loaded.config == model.config
    for ours, theirs in zip(model.weights, loaded.weights, strict=True):
        assert ours.path == theirs.path
        np.testing.assert_array_equal(np.array(ours), np.array(theirs))
    np.testing.assert_array_equal(np.array(model(INPUTS)), np.array(loaded(INPUTS)))


def test_layout_is_that_of_bert(model, tmp_path):
    save_checkpoint(model, tmp_path, CLASSES)
    tensors = load_file(tmp_path / "model.safetensors")
    prefix = "bert.encoder.layer.1"
    attention = model.encoder.blocks[1].attention
    kernel, bias = (
        np.array(attention.query_key_value.kernel),
        np.array(attention.query_key_value.bias),
    )
    for index, name in enumerate(("query", "key", "value")):
        columns = slice(6 * index, 6 * index + 6)
        weight = tensors[f"{prefix}.attention.self.{name}.weight"]
        np.testing.assert_array_equal(weight, kernel[:, columns].T)
        np.testing.assert_array_equal(
            tensors[f"{prefix}.attention.self.{name}.bias"], bias[columns]
        )
    assert tensors[f"{prefix}.intermediate.dense.weight"].shape == (10, 6)
    assert tensors["classifier.weight"].shape == (3, 6)
    assert len(tensors) == 5 + 2 * 16 + 4
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["architectures"] == ["BertForSequenceClassification"]
    assert config["id2label"] == {"0": "negative", "1": "neutral", "2": "positive"}
    assert (config["vocab_size"], config["hidden_act"]) == (11, "relu")


def test_tensors_that_do_not_fit_are_all_named(model, tmp_path):
    save_checkpoint(model, tmp_path, CLASSES)
    tensors = load_file(tmp_path / "model.safetensors")
    del tensors["classifier.bias"]
    tensors["classifier.scale"] = np.zeros(3, "float32")
    tensors["bert.pooler.dense.bias"] = np.zeros(5, "float32")
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError) as error:
        Checkpoint(tmp_path)
    assert "classifier.bias is missing" in str(error.value)
    assert "classifier.scale is not part of the model" in str(error.value)
    assert "bert.pooler.dense.bias has shape (5,), not (6,)" in str(error.value)
