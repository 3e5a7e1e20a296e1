"""Layers and models on Keras' other backends, where they do what they do on TensorFlow.

Run as a script, it does on the backend of `KERAS_BACKEND` what a test has done on TensorFlow.
"""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from regard.models import (
    MaskedLanguageModel,
    RecurrentTranslator,
    TextClassifier,
    TokenClassifier,
    Translator,
    VisionTransformer,
)

TESTS = Path(__file__).parents[1]
ALL = (
    *("attention", "decoder", "dense", "disentangled", "embeddings", "encoder", "feed_forward"),
    *("hard_attention", "kernel_pooling", "keras_masks", "masked_language_model"),
    *("masked_lm_head", "memory", "normalization", "patches", "pooling", "poolers", "positions"),
    *("predictive_attention", "recurrent_decoder", "recurrent_translator", "relative_positions"),
    *("rotary_attention", "scores", "text_classifier", "token_classifier", "translator"),
    "vision_transformer",
)
# JAX compiles every model, which takes minutes; the saved ones are all compared.
FILES = {
    "torch": ALL,
    "jax": (
        *("attention", "embeddings", "keras_masks", "kernel_pooling", "pooling", "scores"),
        "rotary_attention",
    ),
}
V, B, T, SHAPE = 13, 3, 5, (8, 12, 3)
SIZES = {"hidden_dim": 12, "num_layers": 1, "num_heads": 2, "intermediate_dim": 17, "dropout": 0.0}
QUARTERS = {**SIZES, "hidden_dim": 16}  # heads of a multiple of 4
COMPACT = {"stem": "convolutions", "pooling": "average"}
MODELS = {
    "classifier": lambda: TextClassifier(V, 4, **SIZES),
    "masked": lambda: MaskedLanguageModel(V, **SIZES),
    "translator": lambda: Translator(V, **SIZES),
    "vit": lambda: VisionTransformer(SHAPE, 4, 4, **SIZES),
    "tokens": lambda: TokenClassifier(V, 4, **SIZES),
    "disentangled": lambda: TextClassifier(V, 4, **SIZES, family="deberta-v2"),
    "turned": lambda: TextClassifier(V, 4, **SIZES, family="modernbert"),
    "shared": lambda: TextClassifier(V, 4, **SIZES, family="albert"),
    "patches turned": lambda: VisionTransformer(SHAPE, 4, 4, **QUARTERS, family="dinov3_vit"),
    "patches apart": lambda: VisionTransformer((8, 8, 3), 4, 4, **SIZES, family="beit"),
    "multilingual": lambda: Translator(V, **SIZES, family="m2m_100"),
    "learned positions": lambda: Translator(V, **SIZES, family="mbart"),
    "vocabularies apart": lambda: Translator(V, **SIZES, target_vocabulary_size=V + 2),
    "recurrent": lambda: RecurrentTranslator(V, 12, 8, dropout=0.0),
    "compact": lambda: VisionTransformer(SHAPE, 4, 4, **SIZES, **COMPACT),
}


@pytest.fixture(scope="module", params=["jax", "torch"])
def backend(request):
    pytest.importorskip(request.param)
    return request.param


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The folder of the models as saved on TensorFlow, and what they compute and learn there."""
    folder, expected = tmp_path_factory.mktemp("saved"), {}
    for name, make in MODELS.items():
        keras.utils.set_random_seed(7)
        model = make()
        inputs = make_inputs(model)
        model.save(folder / f"{name}.keras")
        np.savez(folder / f"{name}.npz", **inputs)
        expected[name] = outputs_and_a_step(model, inputs)
    return folder, expected


def make_inputs(model):
    rng = np.random.default_rng(7)
    if isinstance(model, VisionTransformer):
        return {"images": rng.normal(size=(B, *model.config["image_shape"])).astype("float32")}
    token_ids = rng.integers(2, V - 1, (B, T)).astype("int32")
    masks = {n: np.arange(T) < [[5], [2], [3]] for n in model.input if n.endswith("mask")}
    positions = {"segment_ids": token_ids % 2, "masked_positions": token_ids[:, :2] % 2}
    return {name: {**masks, **positions}.get(name, token_ids) for name in model.input}


def outputs_and_a_step(model, inputs):
    """Returns a model's outputs, and its weights after a step."""
    outputs = model.predict_on_batch(inputs)
    model.compile(keras.optimizers.SGD(0.5), "mse")
    model.train_on_batch(inputs, np.ones_like(outputs))
    return [outputs, *model.get_weights()]


def run(backend, *arguments):
    """Runs Python on a backend of Keras', in a process of its own."""
    command = [sys.executable, *map(str, arguments)]
    variables = {**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(command, env=variables, cwd=TESTS.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]


@pytest.mark.slow
def test_they_keep_the_layer_checks(backend):
    """Calls, shapes, gradients, a step of `fit`, saving, dropout, mixed precision, masks."""
    files = [TESTS / f"test_{name}.py" for name in FILES[backend]]
    options = ("-p", "no:cacheprovider", "-p", "no:xdist", "--tb=short")
    run(backend, "-m", "pytest", *options, "-k", "layer_checks or conforms or keras_masks", *files)


def test_what_tensorflow_saved_computes_and_learns_the_same(backend, saved):
    folder, expected = saved
    run(backend, __file__, folder)
    for name, arrays in expected.items():
        found = np.load(folder / f"{name}.{backend}.npz")
        assert len(found.files) == len(arrays)
        for key, array in zip(found.files, arrays, strict=True):
            np.testing.assert_allclose(
                found[key], array, rtol=1e-5, atol=1e-4, err_msg=f"{name} {key}"
            )


def main(folder):
    for path in sorted(folder.glob("*.keras")):
        model, inputs = keras.models.load_model(path), dict(np.load(path.with_suffix(".npz")))
        arrays = outputs_and_a_step(model, inputs)
        np.savez(path.with_suffix(f".{keras.backend.backend()}.npz"), *arrays)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
