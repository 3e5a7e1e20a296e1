"""KerasHub, live: its presets begin a run, and a run's checkpoint opens there."""

from importlib import import_module

import numpy as np
import pytest
import tensorflow as tf
from safetensors.numpy import load_file

import regard
from bert_outputs import assert_close
from preset_outputs import outputs_of_preset
from regard.models import TextClassifier, VisionTransformer
from regard.models.checkpoints import Checkpoint, save_checkpoint
from regard.recipes.text.data import LabelledTexts
from regard.recipes.text.reviews import generate_reviews
from regard.recipes.tokenizers.opening import open_tokenizer

keras_hub = pytest.importorskip("keras_hub")
presets = import_module("fixtures.make_keras_hub_fixtures")

import keras  # noqa: E402

KINDS = ("bert", "distilbert", "roberta", "vit")


@pytest.mark.parametrize("size", presets.SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_preset_in(kind, size, tmp_path):
    classifier = presets.make_classifier(kind, size, seed=len(kind))
    classifier.save_to_preset(str(tmp_path))
    inputs = presets.make_inputs(kind, seed=3)
    expected = presets.expected_outputs(classifier, inputs)
    assert_close(outputs_of_preset(tmp_path, inputs)[0], expected)


@pytest.mark.parametrize("kind", KINDS[:3])
def test_its_tokenizer_gives_the_same_ids(kind, tmp_path):
    classifier = presets.make_classifier(kind)
    classifier.save_to_preset(str(tmp_path))
    texts = ["the quickest brown fox jumped.", "A fox, a ab abc", "", "ab ba  a"]
    theirs = classifier.preprocessor.tokenizer(texts)
    ours = open_tokenizer(tmp_path).tokenize(tf.constant(texts))
    assert ours.to_list() == [[int(each) for each in ids] for ids in theirs]


def opened(directory, num_classes):
    """Opens the checkpoint of a classifier of texts in KerasHub, as docs/text.md says."""
    classifier = keras_hub.models.TextClassifier.from_preset(
        str(directory), num_classes=num_classes, preprocessor=None
    )
    weights = load_file(directory / "model.safetensors")
    names = {"pre_classifier": "pooled_dense", "classifier": "output_dense",
             "classifier.dense": "pooled_dense", "classifier.out_proj": "output_dense"}  # fmt: skip
    for name, layer in names.items():
        if f"{name}.weight" in weights:
            getattr(classifier, layer).kernel.assign(weights[f"{name}.weight"].T)
            getattr(classifier, layer).bias.assign(weights[f"{name}.bias"])
    if isinstance(classifier, keras_hub.models.BertTextClassifier):
        for layer in classifier.backbone.transformer_layers:
            layer._feedforward_intermediate_dense.activation = keras.activations.gelu
    return classifier


@pytest.mark.parametrize("family", KINDS[:3])
def test_a_classifier_of_texts_out(family, tmp_path):
    constants = {"distilbert": {"num_segments": 0}, "roberta": {"num_segments": 1}}
    epsilon = 1e-5 if family == "roberta" else 1e-12
    model = TextClassifier(
        17, 3, 12, 2, 2, 13, presets.LENGTH, layer_norm_epsilon=epsilon, family=family,
        **constants.get(family, {}),
    )  # fmt: skip
    rng = np.random.default_rng(3)
    for weight in model.weights:
        weight.assign(rng.normal(1.0 if weight.name == "gamma" else 0.0, 0.3, weight.shape))
    if family == "roberta":  # KerasHub has no segments; what is fine-tuned from it has none either
        model.embedding.segment_embedding.embeddings.assign(np.zeros((1, 12)))
    save_checkpoint(model, tmp_path)
    inputs = presets.make_inputs(family)
    segments = inputs.get("segment_ids", np.zeros_like(inputs["token_ids"]))
    mask = inputs["padding_mask"].astype(bool)
    ours = np.array(
        model({"token_ids": inputs["token_ids"], "segment_ids": segments, "padding_mask": mask})
    )
    classifier = opened(tmp_path, 3)
    np.testing.assert_allclose(classifier(inputs), ours, atol=1e-5)
    backbone = keras_hub.models.Backbone.from_preset(str(tmp_path))
    features = backbone(inputs)
    features = features["sequence_output"] if family == "bert" else features
    embedded = model.embedding(inputs["token_ids"], segments)
    wanted = np.array(model.encoder(embedded, padding_mask=mask)) * mask[..., None]
    far = np.abs(np.array(features) * mask[..., None] - wanted).max()
    if family == "bert":  # whose gelu is approximate there
        assert 1e-5 < far < 0.05
    else:
        assert far < 1e-5


def test_a_classifier_of_images_out(tmp_path):
    model = VisionTransformer(
        num_classes=3, image_shape=(8, 8, 3), patch_size=4, hidden_dim=12, num_layers=2,
        num_heads=2, intermediate_dim=13, layer_norm_epsilon=1e-6,
    )  # fmt: skip
    rng = np.random.default_rng(3)
    for weight in model.weights:
        weight.assign(rng.normal(1.0 if weight.name == "gamma" else 0.0, 0.3, weight.shape))
    save_checkpoint(model, tmp_path)
    images = rng.normal(size=(3, 8, 8, 3)).astype("float32")
    classifier = keras_hub.models.ImageClassifier.from_preset(str(tmp_path), preprocessor=None)
    np.testing.assert_allclose(classifier(images), model(images), atol=1e-5)


def test_from_keras_hub_through_a_run_and_back(tmp_path):
    """A run that began from a preset opens there with its own logits, activation and all."""
    texts, labels = generate_reviews(40, 0, held_out=False)
    data = LabelledTexts("reviews.csv", texts, labels, "review", "sentiment")
    start = tmp_path / "start"
    presets.make_classifier("bert", "deep").save_to_preset(str(start))
    run = regard.fit_text(
        data, checkpoint=str(start), output=tmp_path / "run", epochs=1, refit=False,
        batch_tokens=2048,
    )  # fmt: skip
    directory = tmp_path / "run" / "model"
    checkpoint = Checkpoint(directory)
    assert checkpoint.layout.model_type == "bert"
    inputs = presets.make_inputs("bert")
    backbone = keras_hub.models.Backbone.from_preset(str(directory))
    embedded = run.model.embedding(inputs["token_ids"], inputs["segment_ids"])
    mask = inputs["padding_mask"].astype(bool)
    ours = np.array(run.model.encoder(embedded, padding_mask=mask)) * mask[..., None]
    theirs = np.array(backbone(inputs)["sequence_output"]) * mask[..., None]
    np.testing.assert_allclose(theirs, ours, atol=1e-5)
