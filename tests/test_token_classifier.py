"""Token classifiers: what they compute, and the checkpoints of every family, in and out."""

import json
import logging
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from keras import ops
from safetensors.numpy import load_file, save_file

from layer_checks import check_layer, floats
from regard.models import TextClassifier, TokenClassifier
from regard.models.checkpoints import Checkpoint, CheckpointError, save_checkpoint
from regard.models.text_families import TEXT_FAMILIES

GOLDEN = Path(__file__).parent / "fixtures" / "families"
B, T, V, C, D = 3, 5, 13, 7, 22
SIZES = {"hidden_dim": D, "num_layers": 2, "num_heads": 2, "intermediate_dim": 17}
LENGTHS = np.array([5, 2, 3])
NAMES = ["O", "B-PER", "I-PER", "B-LOC"]


def make_inputs(width=T):
    rng = np.random.default_rng(7)
    padding_mask = np.arange(width) < LENGTHS[:, None]
    shape = padding_mask.shape
    return {
        "token_ids": np.where(padding_mask, rng.integers(1, V, shape), 0).astype("int32"),
        "segment_ids": np.where(padding_mask, rng.integers(0, 2, shape), 0).astype("int32"),
        "padding_mask": padding_mask,
    }


def make_model(**kwargs):
    """A model whose every weight is random, so that logits are far from equal."""
    model = TokenClassifier(V, C, **{**SIZES, **kwargs})
    model.set_weights([0.3 * floats(*w.shape, seed=i) for i, w in enumerate(model.weights)])
    return model


def test_keeps_the_layer_checks():
    config = {
        "vocabulary_size": V,
        "num_classes": C,
        **SIZES,
        "num_layers": 1,
        "max_sequence_length": 11,
        "num_segments": 3,
        "dropout": 0.3,
        "activation": "relu",
        "layer_norm_epsilon": 1e-6,
        "family": "albert",
        "variation": {
            "embedding": {"embedding_dim": 3, "pad_id": 0},
            "encoder": {"num_groups": 1, "group_size": 2},
        },
    }
    check_layer(TokenClassifier, config, make_inputs())


def test_logits_against_numpy_and_padding_changes_none():
    model, inputs = make_model(), make_inputs()
    x = model.embedding(inputs["token_ids"], inputs["segment_ids"])
    states = ops.convert_to_numpy(model.encoder(x, padding_mask=inputs["padding_mask"]))
    kernel, bias = model.head.get_weights()
    logits = ops.convert_to_numpy(model(inputs))
    assert (logits.shape, logits.dtype) == ((B, T, C), "float32")
    np.testing.assert_allclose(logits, states @ kernel + bias, atol=1e-5)
    wider = {name: np.pad(each, ((0, 0), (0, 4))) for name, each in inputs.items()}
    padded = ops.convert_to_numpy(model(wider))[:, :T]
    real = inputs["padding_mask"]
    np.testing.assert_allclose(padded[real], logits[real], atol=1e-5)


def under_token_head(family, directory):
    """A golden checkpoint of `transformers` with a head for tokens, and what that computes."""
    source = GOLDEN / ("bert_tokens" if family == "bert" else family)
    shutil.copytree(source, directory)
    config = json.loads((directory / "config.json").read_text())
    name = next(each for each in TEXT_FAMILIES[family].layout.architectures if "TokenClass" in each)
    config |= {"architectures": [name], "id2label": dict(enumerate(NAMES))}
    config["label2id"] = {name: index for index, name in enumerate(NAMES)}
    (directory / "config.json").write_text(json.dumps(config))
    tensors = load_file(directory / "model.safetensors")
    expected = dict(np.load(source / "expected.npz"))
    width = expected["hidden_states"].shape[-1]
    heads = ("classifier", "pre_classifier", "pooler", "albert.pooler")
    kept = {each: value for each, value in tensors.items() if not each.startswith(heads)}
    kernel, bias = floats(len(NAMES), width, seed=1), floats(len(NAMES), seed=2)
    kept |= {"classifier.weight": kernel, "classifier.bias": bias}
    save_file(kept, directory / "model.safetensors", metadata={"format": "pt"})
    states = expected["hidden_states"][-1]
    if "head.dense.weight" in kept:  # of ModernBERT
        states = transformed(states, kept["head.dense.weight"], kept["head.norm.weight"])
    logits = states @ kernel.T + bias
    return kept, dict(np.load(source / "inputs.npz")), logits


def transformed(states, kernel, gamma):
    """What a dense layer, GELU and a normalization without biases make of hidden states."""
    wide = states @ kernel.T
    active = wide * (1 + np.vectorize(math.erf)(wide / np.sqrt(2))) / 2
    centred = active - active.mean(-1, keepdims=True)
    return gamma * centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)


@pytest.mark.parametrize("family", TEXT_FAMILIES)
def test_a_checkpoint_of_any_family_gives_its_logits_and_is_written_alike(family, tmp_path):
    tensors, inputs, expected = under_token_head(family, tmp_path / "start")
    checkpoint = Checkpoint(tmp_path / "start")
    model = TokenClassifier.from_checkpoint(checkpoint)
    real = inputs["padding_mask"]
    logits = ops.convert_to_numpy(model(inputs))
    np.testing.assert_allclose(logits[real], expected[real], atol=1e-5)
    assert checkpoint.class_names == NAMES
    again = tmp_path / "again"
    again.mkdir()
    save_checkpoint(model, again, NAMES)
    written = load_file(again / "model.safetensors")
    assert written.keys() == tensors.keys()
    for name in tensors:
        np.testing.assert_array_equal(written[name], tensors[name], err_msg=name)
    before, after = (
        json.loads((tmp_path / each / "config.json").read_text()) for each in ("start", "again")
    )
    assert before["architectures"] == after["architectures"]
    assert before["id2label"] == after["id2label"]


def test_a_classifier_of_texts_takes_no_classes_of_tokens_and_the_other_way_round(tmp_path, caplog):
    under_token_head("bert", tmp_path / "tokens")
    with pytest.raises(CheckpointError, match="has no classifier, so the number of classes must"):
        TextClassifier.from_checkpoint(tmp_path / "tokens")
    with caplog.at_level(logging.INFO, "regard"):
        TextClassifier.from_checkpoint(tmp_path / "tokens", num_classes=2)
    assert f"{tmp_path / 'tokens'}: its token classifier is not needed" in caplog.messages
    with pytest.raises(CheckpointError, match="has no token classifier, so the number of classes"):
        TokenClassifier.from_checkpoint(GOLDEN / "roberta")
    model = TokenClassifier.from_checkpoint(GOLDEN / "distilbert", class_names=NAMES)
    assert model.config["num_classes"] == len(NAMES)


def test_the_rows_of_classes_of_the_same_names_are_kept(tmp_path):
    tensors, *_ = under_token_head("electra", tmp_path / "start")
    names = ["O", "B-LOC", "I-LOC", "B-PER"]
    model = TokenClassifier.from_checkpoint(tmp_path / "start", class_names=names)
    kernel, bias = model.head.get_weights()
    for name in ("O", "B-LOC", "B-PER"):
        row = NAMES.index(name)
        own = names.index(name)
        np.testing.assert_array_equal(kernel[:, own], tensors["classifier.weight"][row])
        np.testing.assert_array_equal(bias[own], tensors["classifier.bias"][row])
