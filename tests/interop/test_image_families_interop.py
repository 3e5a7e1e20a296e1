"""Image classifiers of all families beside `transformers` and timm: in, out, through a run."""

from importlib import import_module

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

import regard
from image_family_outputs import assert_close, opened, outputs_of
from image_files import encode, picture, write_folder
from regard.models.checkpoints import save_checkpoint
from regard.recipes.images.preprocessing import ImagePreprocessing
from tiers import only_first

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
families = import_module("fixtures.make_image_family_fixtures")

CHANGES = {
    "vit_without_bias": {"hidden_act": "relu"},
    "deit": {"qkv_bias": False, "hidden_act": "relu"},
    "dinov2": {"layer_norm_eps": 1e-5, "hidden_act": "gelu_new"},
    "dinov2_gated": {"mlp_ratio": 3, "qkv_bias": True},
    "dinov2_with_registers": {"use_swiglu_ffn": True, "num_register_tokens": 1},
    "clip": {"hidden_act": "gelu", "layer_norm_eps": 1e-6},
    "siglip": {"vision_use_head": True},
}
CLASSIFIERS = [case for case in families.FAMILIES if families.FAMILIES[case][1] != "Model"]
CASES = [("small", False), ("deep", False), ("deep", True)]
UNREAD = ("mask_token", ".head.")  # beginnings and ends of names of what no classifier reads


def kept(directory):
    tensors = load_file(directory / "model.safetensors")
    return {name: tensors[name] for name in tensors if not any(part in name for part in UNREAD)}


@pytest.mark.parametrize(("size", "changed"), CASES, ids=["small", "deep", "changed"])
@pytest.mark.parametrize("case", CLASSIFIERS)
def test_in_and_out(case, size, changed, tmp_path):
    changes = CHANGES.get(case, {}) if changed else {}
    theirs = families.make_model(case, size, seed=len(case), **changes)
    theirs.save_pretrained(tmp_path)
    images = families.make_images(theirs.config)
    expected = families.expected_outputs(theirs, images, case)
    checkpoint, model = opened(tmp_path)
    assert_close(outputs_of(model, images), expected)

    again = tmp_path / "again"
    again.mkdir()
    save_checkpoint(model, again, checkpoint.class_names)
    before, after = kept(tmp_path), kept(again)
    assert before.keys() == after.keys()
    for name in before:
        np.testing.assert_array_equal(before[name], after[name], err_msg=name)
    auto = transformers.AutoModelForImageClassification
    reopened, report = auto.from_pretrained(again, output_loading_info=True)
    assert type(reopened) is type(theirs)
    assert not any(report.values()), report
    for name, array in families.expected_outputs(reopened.eval(), images, case).items():
        np.testing.assert_array_equal(array, expected[name], err_msg=name)


WITHOUT_CLASSIFIER = [
    ("vit_without_bias", "Model", {}),
    ("deit", "Model", {}),
    ("deit", "ForMaskedImageModeling", {"encoder_stride": 3}),
    ("dinov2", "Model", {"use_mask_token": True}),
    ("dinov2_with_registers", "Model", {}),
    ("clip", "Model", {}),
    ("clip", "VisionModel", {}),
    ("clip", "VisionModelWithProjection", {}),
    ("siglip", "Model", {"vision_use_head": True}),
    ("siglip", "VisionModel", {"vision_use_head": True}),
    ("beit", "Model", {"use_relative_position_bias": False}),
    ("beit", "ForMaskedImageModeling", {"use_shared_relative_position_bias": True}),
    ("dinov3", "Model", {"num_register_tokens": 0}),
    ("dinov3", "Model", {"query_bias": True, "key_bias": True, "rope_theta": 50.0}),
    ("dinov3_gated", "Model", {}),
]


@pytest.mark.parametrize(("case", "ending", "changes"), WITHOUT_CLASSIFIER)
def test_encoders_without_a_classifier(case, ending, changes, tmp_path):
    theirs = families.make_model(case, "deep", ending, **changes)
    theirs.save_pretrained(tmp_path)
    images = families.make_images(theirs.config)
    expected = families.expected_outputs(theirs, images, case)
    assert_close(outputs_of(opened(tmp_path)[1], images, has_logits=False), expected)


@pytest.mark.parametrize("side", [6, 12, 15])
@pytest.mark.parametrize("case", [case for case in families.FAMILIES if case != "dinov2_gated"])
def test_interpolated_positions(case, side, tmp_path):
    theirs = families.make_model(case, "deep")
    theirs.save_pretrained(tmp_path)
    images = families.make_images(theirs.config, side)
    by_itself = case.startswith(("dinov2", "beit", "dinov3"))
    options = {} if by_itself else {"interpolate_pos_encoding": True}
    expected = families.expected_outputs(theirs, images, case, **options)
    model = opened(tmp_path, image_shape=(side, side, 3))[1]
    assert_close(outputs_of(model, images, "logits" in expected), expected)


def test_masked_autoencoders(tmp_path):
    names = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
    small = {f"decoder_{name}": size for name, size in zip(names, (8, 1, 2, 8), strict=True)}
    sizes = dict(zip(families.NAMES, families.SIZES["deep"], strict=True))
    config = transformers.ViTMAEConfig(**sizes, **small, mask_ratio=0.0)
    theirs = transformers.ViTMAEForPreTraining(config).eval()
    theirs.save_pretrained(tmp_path)
    images = families.make_images(config)
    with torch.no_grad():  # patches are shuffled there, but for a noise that sorts them already
        noise = torch.arange(9.0).repeat(len(images), 1)
        pixels = torch.tensor(images).permute(0, 3, 1, 2)
        states = theirs.vit(pixels, noise=noise).last_hidden_state.numpy()
    outputs = outputs_of(opened(tmp_path)[1], images, has_logits=False)
    assert_close(outputs, {"hidden_states": states})


PROCESSORS = [
    ("deit", "DeiT", {}),
    ("deit", "DeiT", {"size": 31, "crop_size": 26, "resample": 2}),
    ("bit", "Bit", {"size": {"shortest_edge": 37}, "crop_size": 32}),
    ("clip", "CLIP", {}),
    ("clip", "CLIP", {"size": 24, "crop_size": 24, "do_normalize": False}),
    ("siglip", "Siglip", {"size": {"height": 30, "width": 30}}),
    ("beit", "Beit", {"size": 40, "do_center_crop": True, "crop_size": 33}),
]


@pytest.mark.parametrize(("module", "name", "config"), PROCESSORS)
def test_each_familys_preprocessing(module, name, config, tmp_path):
    package = getattr(transformers.models, module)
    theirs = getattr(package, f"image_processing_pil_{module}")
    theirs = getattr(theirs, f"{name}ImageProcessorPil")(**config)
    theirs.save_pretrained(tmp_path)
    ours = ImagePreprocessing.load(tmp_path, 0, 0, any_size=True)
    ours.save(tmp_path)  # by the name of a processor that does the same
    again = transformers.AutoImageProcessor.from_pretrained(tmp_path)
    for height, width in ((32, 32), (50, 70), (301, 200), (7, 5)):
        pixels = picture(height, width)
        expected = theirs(Image.fromarray(pixels), return_tensors="np")["pixel_values"][0]
        difference = np.abs(ours(pixels).numpy() - expected.transpose(1, 2, 0))
        assert difference.mean() < 2e-3
        assert difference.max() < 0.07  # a few shades of 255
        written = again(Image.fromarray(pixels), return_tensors="np")["pixel_values"][0]
        np.testing.assert_allclose(written, expected, atol=1e-6)


RUNS = [  # with the side of images that are not resized
    ("deit_distilled", "deit", "DeiT", {"size": 12, "crop_size": 9}, 12),
    ("dinov2", "bit", "Bit", {"size": {"shortest_edge": 14}, "crop_size": 12}, 14),
    ("clip", "clip", "CLIP", {"size": 9, "crop_size": 9}, 9),
    ("dinov2_with_registers", "bit", "Bit", {"size": {"shortest_edge": 14}, "crop_size": 12}, 14),
    ("siglip", "siglip", "Siglip", {"size": {"height": 9, "width": 9}}, 9),
]


@pytest.mark.parametrize(("case", "module", "name", "config", "side"), only_first(RUNS))
def test_a_run_is_written_as_the_family_it_began_from(case, module, name, config, side, tmp_path):
    """The pipeline says what the run says, of images that need no resizing."""
    write_folder(tmp_path / "data", {"blue": 24, "green": 24, "red": 24}, (20, 20))
    families.make_model(case, "deep").save_pretrained(tmp_path / "start")
    processors = getattr(getattr(transformers.models, module), f"image_processing_pil_{module}")
    processor = getattr(processors, f"{name}ImageProcessorPil")(**config)
    processor.save_pretrained(tmp_path / "start")
    run = regard.fit_images(
        tmp_path / "data", checkpoint=tmp_path / "start", epochs=1, output=tmp_path / "run"
    )
    files = [tmp_path / f"{number}.png" for number in range(8)]
    for number, file in enumerate(files):
        file.write_bytes(encode(picture(side, side, seed=number)))
    classify = transformers.pipeline("image-classification", model=str(tmp_path / "run" / "model"))
    answers = classify([str(file) for file in files])
    for row, answer in zip(run.predict(files), answers, strict=True):
        for each in answer:
            assert row.scores[each["label"]] == pytest.approx(each["score"], abs=1e-5)


def test_models_of_timm(tmp_path):
    timm = pytest.importorskip("timm")
    sizes = {"embed_dim": 12, "depth": 2, "num_heads": 3, "mlp_ratio": 1.5, "img_size": 12}
    sizes["patch_size"] = 3
    cases = {
        "vit_tiny_patch16_224": {},
        "vit_base_patch16_224_miil": {},
        "deit_small_distilled_patch16_224": {},
        "vit_small_patch14_dinov2": {"num_classes": 0},
    }
    for name, more in cases.items():
        torch.manual_seed(3)
        own = {"num_classes": 3, **more}
        theirs = timm.create_model(name, **sizes, **own).eval()
        with torch.no_grad():
            for path, parameter in theirs.named_parameters():
                parameter.normal_(1.0 if "norm" in path and "weight" in path else 0.0, 0.3)
        directory = tmp_path / name
        cfg = {**theirs.pretrained_cfg, "input_size": (3, 12, 12)}
        timm.models.save_for_hf(theirs, directory, model_config=cfg, model_args=sizes)
        images = np.random.default_rng(7).normal(size=(2, 12, 12, 3)).astype("float32")
        with torch.no_grad():
            pixels = torch.tensor(images).permute(0, 3, 1, 2)
            expected = {"hidden_states": theirs.forward_features(pixels).numpy()}
            expected["logits"] = theirs(pixels).numpy()
        model = opened(directory)[1]
        assert_close(outputs_of(model, images, bool(own["num_classes"])), expected)
        transform = timm.data.create_transform(**timm.data.resolve_data_config(cfg))
        ours = ImagePreprocessing.load(directory, 12, 12)
        for height, width in ((40, 40), (31, 57)):
            image = picture(height, width)
            difference = (
                ours(image).numpy() - transform(Image.fromarray(image)).permute(1, 2, 0).numpy()
            )
            assert np.abs(difference).mean() < 0.05
