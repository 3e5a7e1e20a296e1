"""Classifiers that pool in other ways, or attend to windows: what they compute, keep and refuse."""

import json

import keras
import numpy as np
import pytest
from keras import ops

from layer_checks import floats
from regard.layers import AveragePooling, KernelPooling
from regard.models import TextClassifier, VisionTransformer
from regard.models.checkpoints import CheckpointError, save_checkpoint

B, T, V, C = 3, 5, 13, 7
SIZES = {"hidden_dim": 22, "num_layers": 2, "num_heads": 2, "intermediate_dim": 17}
IMAGE_SIZES = {**SIZES, "image_shape": (8, 20, 3), "num_classes": C, "patch_size": 4}
IS_REAL = np.arange(T) < np.array([[5], [2], [3]])  # (B, T)
POOLINGS = ("average", "kernel", "learned_kernel", "attention")
BOXCAR = KernelPooling("boxcar", width=1.2)


def make_inputs(width=T, token_id=0):
    rng = np.random.default_rng(7)
    token_ids = np.pad(rng.integers(1, V, (B, T)), ((0, 0), (0, width - T)))
    padding_mask = np.pad(IS_REAL, ((0, 0), (0, width - T)))
    token_ids = np.where(padding_mask, token_ids, token_id).astype("int32")
    return {"token_ids": token_ids, "padding_mask": padding_mask}


def randomized(model):
    model.set_weights([0.3 * floats(*w.shape, seed=i) for i, w in enumerate(model.weights)])
    return model


def of_texts(**kwargs):
    return randomized(TextClassifier(V, C, **{**SIZES, **kwargs}))


def of_images(**kwargs):
    return randomized(VisionTransformer(**{**IMAGE_SIZES, **kwargs}))


@pytest.mark.parametrize("pooling", [*POOLINGS, BOXCAR], ids=str)
def test_texts_are_pooled(pooling):
    """The head of the pooled hidden states; padding changes nothing, and `.keras` keeps it."""
    model, inputs = of_texts(pooling=pooling), make_inputs()
    x = model.embedding(inputs["token_ids"], 0 * inputs["token_ids"])
    hidden_states = model.encoder(x, padding_mask=IS_REAL)
    logits = model(inputs)
    pooled = model.pooler(hidden_states, padding_mask=IS_REAL)
    np.testing.assert_allclose(logits, model.head(pooled), atol=1e-5)
    np.testing.assert_allclose(model.classify(hidden_states, IS_REAL), logits, atol=1e-5)
    np.testing.assert_allclose(model(make_inputs(width=9, token_id=4)), logits, atol=1e-5)
    if pooling == "average":
        states = ops.convert_to_numpy(hidden_states)
        means = [states[b, mask].mean(axis=0) for b, mask in enumerate(IS_REAL)]
        np.testing.assert_allclose(pooled, means, atol=1e-5)


@pytest.mark.parametrize("pooling", [*POOLINGS, BOXCAR], ids=str)
def test_images_are_pooled(pooling):
    model, images = of_images(pooling=pooling), floats(B, 8, 20, 3)
    states = ops.convert_to_numpy(model.encoder(model.embedding(images)))  # (B, P, D)
    assert states.shape == (B, 10, 22)
    pooler = states.mean(axis=1)
    if pooling != "average":
        pooler = model.get_layer("pooler")(states)
    np.testing.assert_allclose(model(images), model.head(pooler), atol=1e-5)


def test_a_layer_is_copied_and_kept(tmp_path):
    models = [of_texts(pooling=BOXCAR, dtype="mixed_bfloat16") for _ in range(2)]
    assert models[0].pooler is not models[1].pooler is not BOXCAR
    pooler = models[0].pooler
    assert (pooler.name, pooler.dtype_policy.name) == ("pooler", "mixed_bfloat16")
    config = json.loads(json.dumps(models[0].get_config()))
    assert config["pooling"]["config"]["kernel"] == "boxcar"
    models[0].save(tmp_path / "model.keras")
    loaded, inputs = keras.models.load_model(tmp_path / "model.keras"), make_inputs()
    np.testing.assert_array_equal(loaded(inputs), models[0](inputs))
    assert loaded.get_config() == models[0].get_config()


def test_a_config_from_before_is_of_the_first_token_and_all_positions():
    model = of_texts()
    config = model.get_config()
    for name in ("pooling", "window"):
        config.pop(name)
    assert TextClassifier.from_config(config).get_config() == model.get_config()


@pytest.mark.parametrize(
    ("model", "match"),
    [
        (lambda: of_texts(pooling="average"), "'bert' .*pooling='first'.*pooling='average'.*keras"),
        (lambda: of_texts(window=2), r"'bert' .*window=None.*Received: window=2\. .*model\.keras"),
        (lambda: of_images(pooling="attention"), "pooling='average'.*pooling='attention'"),
        (lambda: of_images(pooling=AveragePooling()), "pooling='average'.*AveragePooling"),
    ],
)
def test_no_checkpoint_claims_to_be_what_it_is_not(model, match, tmp_path):
    with pytest.raises(CheckpointError, match=match):
        save_checkpoint(model(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_may_be_pooled_otherwise_and_attend_to_windows(tmp_path):
    """The encoder is the checkpoint's; its pooler is not needed."""
    save_checkpoint(of_texts(), tmp_path)
    model = TextClassifier.from_checkpoint(tmp_path, pooling="attention", window=2)
    assert (model.config["pooling"], model.config["window"]) == ("attention", 2)
    expected = {w.path: w for w in of_texts().weights if not w.path.startswith("pooler")}
    found = {w.path: w for w in model.weights if not w.path.startswith("pooler")}
    assert found.keys() == expected.keys()
    for path, weight in expected.items():
        np.testing.assert_array_equal(found[path], weight)


def test_a_window_lets_a_classifier_read_8192_tokens():
    model = of_texts(max_sequence_length=8192, window=64, pooling="average")
    token_ids = np.random.default_rng(7).integers(1, V, (1, 8192)).astype("int32")
    inputs = {"token_ids": token_ids, "padding_mask": np.arange(8192)[None] < 8000}
    logits = ops.convert_to_numpy(model(inputs))
    assert np.isfinite(logits).all()
    token_ids[:, 7999] = token_ids[:, 7999] % (V - 1) + 1  # the last real one counts
    assert np.abs(model(inputs) - logits).max() > 1e-6


@pytest.mark.parametrize("make", [of_texts, of_images])
@pytest.mark.parametrize("pooling", ["max", None, 3])
def test_other_poolings_are_refused(make, pooling):
    with pytest.raises(ValueError, match=f"average, kernel, .*Received: pooling={pooling!r}"):
        make(pooling=pooling)
