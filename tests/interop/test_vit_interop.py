"""ViT beside `transformers`, live: models, preprocessing, and whole runs."""

from importlib import import_module

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

import regard
from image_files import encode, picture, write_folder
from regard.models import VisionTransformer
from regard.models.checkpoints import save_checkpoint
from regard.recipes.images.preprocessing import ImagePreprocessing

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
vit = import_module("fixtures.make_vit_fixtures")


@pytest.mark.parametrize("activation", ["gelu", "gelu_pytorch_tanh", "relu", "silu"])
@pytest.mark.parametrize("size", ["square", "wide", "deep"])
def test_hidden_states_and_logits(size, activation, tmp_path):
    theirs = vit.make_model(size, activation, seed=11)
    theirs.save_pretrained(tmp_path)
    ours = VisionTransformer.from_checkpoint(tmp_path)
    images = vit.make_images(theirs.config)
    expected = vit.expected_outputs(theirs, images)
    np.testing.assert_allclose(ours(images), expected["logits"], atol=1e-5)
    hidden_states = ours.encoder(ours.embedding(images))
    np.testing.assert_allclose(hidden_states, expected["hidden_states"], atol=1e-5)


@pytest.mark.parametrize("sides", [(6, 6), (9, 9), (12, 24), (27, 6)])
def test_interpolated_positions(sides, tmp_path):
    theirs = vit.make_model("square", "gelu", seed=11)
    theirs.save_pretrained(tmp_path)
    images = vit.make_images(theirs.config, *sides)
    expected = vit.expected_outputs(theirs, images, interpolate_pos_encoding=True)
    ours = VisionTransformer.from_checkpoint(tmp_path, image_shape=(*sides, 3))
    np.testing.assert_allclose(ours(images), expected["logits"], atol=1e-5)


@pytest.mark.parametrize("size", ["square", "wide", "deep"])
def test_round_trip(size, tmp_path):
    theirs = vit.make_model(size, "gelu", seed=11)
    theirs.save_pretrained(tmp_path / "theirs")
    ours = VisionTransformer.from_checkpoint(tmp_path / "theirs")
    (tmp_path / "ours").mkdir()
    save_checkpoint(ours, tmp_path / "ours", [f"class {index}" for index in range(4)])
    before, after = (
        load_file(tmp_path / which / "model.safetensors") for which in ("theirs", "ours")
    )
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before)
    again = transformers.AutoModelForImageClassification.from_pretrained(tmp_path / "ours")
    pixels = torch.tensor(vit.make_images(theirs.config)).permute(0, 3, 1, 2)
    with torch.no_grad():
        assert torch.equal(again(pixels).logits, theirs(pixels).logits)


CONFIGS = [
    {},
    {"resample": 3},
    {"resample": 1},
    {"size": {"height": 48, "width": 80}},
    {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]},
    {"size": {"height": 64, "width": 64}, "do_normalize": False},
]


@pytest.mark.parametrize("config", CONFIGS)
def test_preprocessing(config, tmp_path):
    theirs = transformers.models.vit.image_processing_pil_vit.ViTImageProcessorPil(**config)
    theirs.save_pretrained(tmp_path)
    size = {"height": 224, "width": 224, **config.get("size", {})}
    ours = ImagePreprocessing.load(tmp_path, **size)
    differences = []
    for height, width in ((32, 32), (50, 70), (301, 200), (480, 640), (7, 5), (1, 1)):
        pixels = picture(height, width)
        expected = theirs(Image.fromarray(pixels), return_tensors="np")["pixel_values"][0]
        differences.append(np.abs(ours(pixels).numpy() - expected.transpose(1, 2, 0)))
    assert np.mean([difference.mean() for difference in differences]) < 1e-3
    assert max(difference.max() for difference in differences) < 0.05  # a few shades of 255


@pytest.fixture(scope="module")
def run_and_files(tmp_path_factory):
    directory = tmp_path_factory.mktemp("vit")
    write_folder(directory / "data", {"blue": 24, "green": 24, "red": 24}, (20, 30))
    theirs = vit.make_model("square", "gelu", num_labels=3)
    theirs.save_pretrained(directory / "start")
    ImagePreprocessing.for_shape(9, 9).save(directory / "start")
    run = regard.fit_images(
        directory / "data", checkpoint=directory / "start", epochs=2, output=directory / "run"
    )
    files = [directory / f"{number}.png" for number in range(20)]
    for number, file in enumerate(files):
        file.write_bytes(encode(picture(10 + number, 30 - number, seed=number)))
    return run, directory / "run" / "model", files


def test_a_run_opens_as_a_pipeline(run_and_files):
    run, model, files = run_and_files
    classify = transformers.pipeline("image-classification", model=str(model))
    theirs = classify([str(file) for file in files])
    for row, answer in zip(run.predict(files), theirs, strict=True):
        assert {each["label"] for each in answer} == set(run.class_names)
        for each in answer:  # Pillow may take rows first, and so be a shade of 255 off
            assert row.scores[each["label"]] == pytest.approx(each["score"], abs=0.03)


def test_a_variant_is_refused_by_transformers(tmp_path):
    model = VisionTransformer.from_preset("vit_compact_conv", num_classes=2)
    save_checkpoint(model, tmp_path)
    with pytest.raises(ValueError, match="regard_convolutional_average_vit"):
        transformers.AutoModelForImageClassification.from_pretrained(tmp_path)
