import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops
from safetensors.numpy import load_file, save_file

from layer_checks import check_layer, floats
from regard.models import IMAGE_PRESETS, TextClassifier, VisionTransformer
from regard.models.checkpoints import CheckpointError, save_checkpoint

GOLDEN = Path(__file__).parent / "fixtures" / "vit"
NAMES = ["square", "wide", "deep"]
SIZES = {
    "image_shape": (8, 20, 3),
    "num_classes": 5,
    "patch_size": 4,
    "hidden_dim": 12,
    "num_layers": 2,
    "num_heads": 2,
    "intermediate_dim": 17,
}
VARIANTS = [(s, p) for s in ("patches", "convolutions") for p in ("class", "average")]


def make_model(**kwargs):
    """A classifier whose every weight is random."""
    model = VisionTransformer(**{**SIZES, **kwargs})
    model.set_weights([0.3 * floats(*w.shape, seed=i) for i, w in enumerate(model.weights)])
    return model


@pytest.fixture
def directory(tmp_path):
    return shutil.copytree(GOLDEN / "square", tmp_path / "checkpoint")


def golden(name, prefix=""):
    inputs, expected = (
        dict(np.load(GOLDEN / name / f"{prefix}{which}.npz")) for which in ("inputs", "expected")
    )
    return inputs["images"], expected


def hidden_states(model, images):
    return ops.convert_to_numpy(model.encoder(model.embedding(images)))


def edit_config(directory, **changes):
    path = directory / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(("stem", "pooling"), [("convolutions", "learned_kernel")])
def test_keeps_the_layer_checks(stem, pooling):
    config = {
        **SIZES,
        "image_shape": [8, 20, 3],
        "dropout": 0.3,
        "attention_dropout": 0.2,
        "stochastic_depth": 0.4,
        "activation": "relu",
        "layer_norm_epsilon": 1e-6,
        "stem": stem,
        "pooling": pooling,
        "family": "deit",
        "variation": {"block": {"qkv_bias": False}},
    }
    check_layer(VisionTransformer, config, floats(3, 8, 20, 3))


@pytest.mark.parametrize("name", NAMES)
def test_computes_what_transformers_does(name):
    images, expected = golden(name)
    model = VisionTransformer.from_checkpoint(GOLDEN / name)
    assert np.ptp(expected["logits"]) > 0.5
    np.testing.assert_allclose(model(images), expected["logits"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(
        hidden_states(model, images), expected["hidden_states"], rtol=0, atol=1e-5
    )


def test_computes_what_transformers_does_on_images_of_another_size():
    images, expected = golden("square", "other_")
    model = VisionTransformer.from_checkpoint(GOLDEN / "square", image_shape=(6, 15, 3))
    np.testing.assert_allclose(model(images), expected["logits"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_read_is_written_bit_for_bit(name, tmp_path):
    model = VisionTransformer.from_checkpoint(GOLDEN / name)
    save_checkpoint(model, tmp_path, [f"class {index}" for index in range(4)])
    before, after = (load_file(d / "model.safetensors") for d in (GOLDEN / name, tmp_path))
    assert before.keys() == after.keys()
    for key, values in before.items():
        np.testing.assert_array_equal(values, after[key])
    read, written = (json.loads((d / "config.json").read_text()) for d in (GOLDEN / name, tmp_path))
    same = ("architectures", "image_size", "patch_size", "num_channels", "layer_norm_eps")
    assert {key: read[key] for key in same} == {key: written[key] for key in same}


@pytest.mark.parametrize(("stem", "pooling"), VARIANTS)
def test_variants_are_written_and_read(stem, pooling, tmp_path):
    model = make_model(stem=stem, pooling=pooling)
    save_checkpoint(model, tmp_path)
    again = VisionTransformer.from_checkpoint(tmp_path)
    images = floats(3, 8, 20, 3)
    np.testing.assert_array_equal(model(images), again(images))
    assert (again.config["stem"], again.config["pooling"]) == (stem, pooling)
    model_type = json.loads((tmp_path / "config.json").read_text())["model_type"]
    assert (model_type == "vit") == ((stem, pooling) == ("patches", "class"))


def test_a_checkpoint_of_one_class_is_one(tmp_path):
    save_checkpoint(make_model(num_classes=1), tmp_path, ["only"])
    assert VisionTransformer.from_checkpoint(tmp_path).config["num_classes"] == 1


def test_another_number_of_classes_is_a_new_head(directory, caplog):
    caplog.set_level("INFO", logger="regard")
    model = VisionTransformer.from_checkpoint(directory, num_classes=7)
    assert model.output_shape == (None, 7)
    assert "its classifier is replaced by a new one" in caplog.text


def test_rows_of_a_head_go_to_the_classes_of_the_same_names(tmp_path):
    save_checkpoint(make_model(num_classes=3), tmp_path, ["red", "green", "blue"])
    old = load_file(tmp_path / "model.safetensors")["classifier.weight"].T  # (D, 3)
    model = VisionTransformer.from_checkpoint(tmp_path, class_names=["blue", "odd", "red"])
    np.testing.assert_array_equal(np.array(model.head.kernel)[:, [0, 2]], old[:, [2, 0]])
    assert not np.isclose(np.array(model.head.kernel)[:, 1:2], old).all(axis=0).any()


def test_a_model_without_a_classifier(directory, caplog):
    tensors = load_file(directory / "model.safetensors")
    bare = {
        name.removeprefix("vit."): values
        for name, values in tensors.items()
        if not name.startswith("classifier")
    }
    bare["pooler.dense.weight"], bare["pooler.dense.bias"] = np.ones((12, 12)), np.ones(12)
    save_file(bare, directory / "model.safetensors", metadata={"format": "pt"})
    edit_config(directory, architectures=["ViTModel"])
    with pytest.raises(CheckpointError, match=r"no classifier.*num_classes=None"):
        VisionTransformer.from_checkpoint(directory)
    images, expected = golden("square")
    model = VisionTransformer.from_checkpoint(directory, num_classes=3)
    np.testing.assert_allclose(
        hidden_states(model, images), expected["hidden_states"], rtol=0, atol=1e-5
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_size": 10}, "image_size must be a multiple of patch_size, 3, not 10"),
        ({"image_size": [9, 9, 9]}, "image_size must be a positive integer or two"),
        ({"image_size": "9"}, "image_size must be a positive integer or two, not '9'"),
        ({"image_size": 12}, "position_embeddings has shape"),
        ({"patch_size": [3, 3]}, r"patch_size must be a positive integer, not \[3, 3\]"),
        ({"num_channels": 0}, "num_channels must be a positive integer, not 0"),
        ({"qkv_bias": "some"}, "qkv_bias must be one of True, False, not 'some'"),
        ({"num_attention_heads": 3}, "hidden_size must be a multiple of num_attention_heads"),
        (
            {"model_type": "swin"},
            "type 'swin' is not read; of images ViT, DeiT, .* are, and",
        ),
    ],
)
def test_a_config_that_does_not_fit(directory, changes, message):
    edit_config(directory, **changes)
    with pytest.raises(CheckpointError, match=message):
        VisionTransformer.from_checkpoint(directory)


def test_a_text_model_is_no_vit():
    with pytest.raises(CheckpointError, match=r"checkpoint of BERT, DistilBERT, .* not of ViT"):
        TextClassifier.from_checkpoint(GOLDEN / "square", 2)


def test_resized_and_back_is_nearly_the_same():
    model = make_model()
    there = model.resized((16, 40, 3))
    assert there.input_shape == (None, 16, 40, 3)
    smooth = ops.convert_to_numpy(model.embedding.position_embedding.embeddings) * 0 + 0.5
    model.embedding.position_embedding.embeddings.assign(smooth)
    back = model.resized((16, 40, 3)).resized((8, 20, 3))
    images = floats(3, 8, 20, 3)
    np.testing.assert_allclose(back(images), model(images), atol=1e-5)


def test_resizing_refuses_other_channels_and_torn_patches():
    with pytest.raises(ValueError, match=r"must stay 3.*image_shape=\(8, 20, 1\)"):
        make_model().resized((8, 20, 1))
    with pytest.raises(ValueError, match=r"image_shape=\(9, 20, 3\), patch_size=4"):
        make_model().resized((9, 20, 3))


def test_refuses_an_unknown_pooling():
    with pytest.raises(
        ValueError, match=r"one of class, patches, .*average, .*Received: pooling='max'"
    ):
        make_model(pooling="max")


def test_the_company_in_a_batch_changes_nothing():
    model, images = make_model(), floats(5, 8, 20, 3)
    alone = np.concatenate([model(images[i : i + 1]) for i in range(5)])
    np.testing.assert_allclose(model(images), alone, atol=1e-5)


# Millions of parameters, as Dosovitskiy et al. and Touvron et al. give them in their tables 1.
PUBLISHED = {
    "vit_tiny_16": 5,
    "vit_small_16": 22,
    "vit_base_16": 86,
    "vit_large_16": 307,
    "vit_huge_14": 632,
}


COMPACT = {
    "vit_compact": "vit",
    "vit_compact_conv": "regard_convolutional_average_vit",
    "vit_mini_conv": "regard_convolutional_average_vit",
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_sizes_are_those_of_the_papers(name):
    with keras.StatelessScope(initialize_variables=False):  # never filled: made in a moment
        model = VisionTransformer.from_preset(name, num_classes=1000)
        assert model.count_params() / 1e6 == pytest.approx(PUBLISHED[name], rel=0.15)
    keras.utils.clear_session()  # forget the variables, or Keras would fill them later


@pytest.mark.parametrize(("name", "model_type"), COMPACT.items())
def test_the_presets_for_small_images_are_small(name, model_type):
    model = VisionTransformer.from_preset(name, num_classes=10)
    assert model.count_params() < 3e6
    assert model.layout.model_type == model_type
    assert set(IMAGE_PRESETS) >= set(PUBLISHED)
