"""Image classifiers other than ViT: loaded, computed, resized, written; and timm's names."""

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from image_family_outputs import assert_close, opened, outputs_of
from layer_checks import floats
from regard.models import VisionTransformer
from regard.models.checkpoints import Checkpoint, CheckpointError, save_checkpoint
from regard.models.image_families import IMAGE_FAMILIES
from regard.models.timm_layout import timm_entries

GOLDEN = Path(__file__).parent / "fixtures" / "image_families"
CASES = sorted(each.name for each in GOLDEN.iterdir())
UNREAD = ("mask_token",)  # what a classifier does not read, and is not kept
SIZES = {"num_classes": 3, "patch_size": 2, "hidden_dim": 6, "num_layers": 2, "num_heads": 2}
SIZES |= {"image_shape": (4, 4, 3), "intermediate_dim": 8}


def copied(name, tmp_path, change=lambda tensors: tensors, **entries):
    """A copy of a golden checkpoint with other tensors, or with other entries in its config."""
    directory = shutil.copytree(GOLDEN / name, tmp_path / name)
    path = directory / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))
    tensors = change(load_file(directory / "model.safetensors"))
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    return directory


def golden(name):
    images = np.load(GOLDEN / name / "inputs.npz")["images"]
    return images, dict(np.load(GOLDEN / name / "expected.npz"))


def tensors_of(directory):
    tensors = load_file(directory / "model.safetensors")
    return {name: tensors[name] for name in tensors if not name.endswith(UNREAD)}


@pytest.mark.parametrize("case", CASES)
def test_computes_what_transformers_does_and_writes_the_same_files(case, tmp_path):
    checkpoint, model = opened(GOLDEN / case)
    images, expected = golden(case)
    has_logits = "logits" in expected
    assert np.ptp(expected["logits" if has_logits else "hidden_states"]) > 0.5
    assert_close(outputs_of(model, images, has_logits), expected)
    if not has_logits:  # `transformers` has no classifier, so that ours is of a type of its own
        return

    save_checkpoint(model, tmp_path, checkpoint.class_names)
    before, after = tensors_of(GOLDEN / case), tensors_of(tmp_path)
    assert before.keys() == after.keys()
    for tensor in before:
        np.testing.assert_array_equal(before[tensor], after[tensor], err_msg=tensor)
    old, new = (json.loads((d / "config.json").read_text()) for d in (GOLDEN / case, tmp_path))
    ignored = {"use_mask_token", "label2id"} | (
        {"hidden_act"} if old.get("use_swiglu_ffn") else set()
    )
    for part in ("vision_config", None):
        had, has = (each.get(part, {}) if part else each for each in (old, new))
        for name in has.keys() - ignored - {"vision_config"}:
            assert had.get(name, has[name]) == has[name], name


def test_golden_files_are_small():
    sizes = [path.stat().st_size for path in GOLDEN.rglob("*.*")]
    assert sum(sizes) < 300_000


@pytest.mark.parametrize("family", [name for name in IMAGE_FAMILIES if name != "vit"])
def test_a_new_model_of_a_family_is_written_as_one(family, tmp_path):
    constants = IMAGE_FAMILIES[family].layout.constants
    model = VisionTransformer(**{**SIZES, "hidden_dim": 8}, **constants)
    assert model.get_config()["family"] == family
    save_checkpoint(model, tmp_path)
    loaded = VisionTransformer.from_checkpoint(tmp_path)
    images = floats(2, 4, 4, 3)
    np.testing.assert_array_equal(model(images), loaded(images))


@pytest.mark.parametrize("names", [None, ["x", "y", "z", "LABEL_1"]], ids=["number", "names"])
@pytest.mark.parametrize("family", IMAGE_FAMILIES)
def test_a_new_head_leaves_the_rest_as_it_is_stored(family, names, tmp_path):
    constants = IMAGE_FAMILIES[family].layout.constants
    model = VisionTransformer(**{**SIZES, "hidden_dim": 8}, **constants)
    save_checkpoint(model, tmp_path)
    loaded = VisionTransformer.from_checkpoint(tmp_path, num_classes=4, class_names=names)
    stored = {variable.path: np.array(variable) for variable in model.variables}
    changed = {v.path for v in loaded.variables if not np.array_equal(v, stored.get(v.path))}
    assert changed == {"head/kernel", "head/bias"}


def test_a_classifier_that_others_lack_opens_here_alone(tmp_path):
    model = opened(GOLDEN / "dinov3")[1]
    save_checkpoint(model, tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "regard_dinov3_vit"
    before, after = tensors_of(GOLDEN / "dinov3"), tensors_of(tmp_path)
    assert set(after) - set(before) == {"classifier.weight", "classifier.bias"}
    assert all(np.array_equal(before[name], after[name]) for name in before)
    images = golden("dinov3")[0]
    loaded = VisionTransformer.from_checkpoint(tmp_path)
    np.testing.assert_array_equal(loaded(images), model(images))


@pytest.mark.parametrize("family", ["beit", "dinov3_vit"])
def test_patches_without_positions_are_read_at_another_size(family):
    constants = IMAGE_FAMILIES[family].layout.constants
    model = VisionTransformer(**{**SIZES, "hidden_dim": 8}, **constants)
    larger = model.resized((8, 8, 3))
    assert larger(floats(2, 8, 8, 3)).shape == (2, 3)
    flat = np.ones((2, 8, 8, 3), "float32")  # of one colour: only places differ
    assert np.isfinite(np.array(larger(flat))).all()


@pytest.mark.parametrize("family", ["dinov2", "dinov2_with_registers", "deit"])
def test_positions_of_patches_alone_are_interpolated(family):
    constants = IMAGE_FAMILIES[family].layout.constants
    model = VisionTransformer(**SIZES, **constants)
    larger = model.resized((8, 8, 3))
    assert larger(floats(2, 8, 8, 3)).shape == (2, 3)
    before, after = (
        np.array(each.embedding.position_embedding.embeddings) for each in (model, larger)
    )
    first = len(before) - 4
    np.testing.assert_array_equal(after[:first], before[:first])
    assert len(after) == first + 16


def test_only_square_images_where_others_compute_no_others():
    with pytest.raises(ValueError, match=r"DINOv2 must be as wide as high.*\(4, 6, 3\)"):
        VisionTransformer(**{**SIZES, "image_shape": (4, 6, 3)}, family="dinov2")


def test_a_family_that_there_is_not_names_the_nearest():
    with pytest.raises(ValueError, match=r"Did you mean 'dinov2'.*Received: family='dinov'"):
        VisionTransformer(**SIZES, family="dinov")


def test_a_norm_that_the_classifier_does_not_read_is_not_trained():
    model = opened(GOLDEN / "clip")[1]
    assert "encoder/final_norm/gamma" not in {each.path for each in model.trainable_variables}
    assert "encoder/final_norm/gamma" in {each.path for each in model.variables}


def test_both_heads_of_deit_take_the_rows_of_the_classes_they_know(caplog):
    directory, names = GOLDEN / "deit_distilled", ["class 2", "new", "class 0"]
    old = load_file(directory / "model.safetensors")
    model = VisionTransformer.from_checkpoint(directory, class_names=names)
    for head, name in zip(model.head.heads, ("cls", "distillation"), strict=True):
        theirs = old[f"{name}_classifier.weight"].T  # (D, C)
        np.testing.assert_array_equal(np.array(head.kernel)[:, [0, 2]], theirs[:, [2, 0]])


def test_a_text_tower_is_left_out_and_named(tmp_path, caplog):
    more = {"text_model.final_layer_norm.bias": np.ones(4), "logit_scale": np.ones(())}
    directory = copied("clip", tmp_path, lambda tensors: {**tensors, **more})
    with caplog.at_level(logging.INFO, "regard"):
        VisionTransformer.from_checkpoint(directory)
    assert "not needed: logit_scale; text_model.final_layer_norm.bias" in caplog.text


def test_an_encoder_of_masked_images_is_a_vit(tmp_path, caplog):
    def change(tensors):
        kept = {name: tensors[name] for name in tensors if not name.startswith("classifier")}
        return {**kept, "decoder.mask_token": np.ones((1, 1, 8), "float32")}

    entries = {"model_type": "vit_mae", "architectures": ["ViTMAEForPreTraining"]}
    directory = copied("vit_without_bias", tmp_path, change, **entries)
    checkpoint, model = opened(directory)
    images, expected = golden("vit_without_bias")
    assert_close(outputs_of(model, images, has_logits=False), expected)
    assert checkpoint.left_out == ["decoder.mask_token"]
    assert model.layout.model_type == "vit"


@pytest.mark.parametrize(
    ("case", "changes", "message"),
    [
        ("dinov2", {"mlp_ratio": "4"}, "mlp_ratio must be a positive number, not '4'"),
        ("dinov2", {"mlp_ratio": 3}, "mlp.fc1.weight has shape"),
        ("dinov2", {"image_size": [6, 12]}, "must be one number, for images as wide as high"),
        ("dinov2_with_registers", {"num_register_tokens": 0}, "must be a positive integer, not 0"),
        ("dinov2_with_registers", {"num_register_tokens": 2}, "register_tokens has shape"),
        ("beit", {"use_mean_pooling": "yes"}, "use_mean_pooling must be one of True, False"),
        ("beit", {"layer_scale_init_value": -1}, "must be a number, at least 0, not -1"),
        ("dinov3", {"key_bias": True, "query_bias": False}, "query_bias, key_bias and value_bias"),
        ("dinov3", {"rope_theta": 0}, "rope_theta must be a positive number, not 0"),
        ("clip", {"vision_config": 3}, "vision_config must be an object, not 3"),
        ("clip", {"vision_config": {"hidden_act": "mish"}}, "hidden_act must be one of"),
        ("deit", {"image_size": 5}, "image_size must be a multiple of patch_size, 3, not 5"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(case, changes, message, tmp_path):
    with pytest.raises(CheckpointError) as error:
        Checkpoint(copied(case, tmp_path, **changes))
    assert message in str(error.value)


def as_timm(tensors):
    """The tensors of a golden DeiT by timm's names, queries, keys and values in one."""
    theirs = {}
    for name, values in tensors.items():
        name = name.removeprefix("deit.embeddings.").removeprefix("deit.")
        if ".attention.attention.query." in name:
            parts = [tensors[f"deit.{name.replace('query', part)}"] for part in ("key", "value")]
            values = np.concatenate([values, *parts])
        for ours, other in TIMM_NAMES.items():
            name = name.replace(ours, other)
        if not any(part in name for part in (".key.", ".value.")):
            theirs[name] = values
    return theirs


TIMM_NAMES = {
    "distillation_classifier": "head_dist",
    "cls_classifier": "head",
    "distillation_token": "dist_token",
    "position_embeddings": "pos_embed",
    "patch_embeddings.projection": "patch_embed.proj",
    "encoder.layer": "blocks",
    "attention.attention.query": "attn.qkv",
    "attention.output.dense": "attn.proj",
    "layernorm_before": "norm1",
    "layernorm_after": "norm2",
    "layernorm": "norm",
    "intermediate.dense": "mlp.fc1",
    "output.dense": "mlp.fc2",
}
ARGUMENTS = {"embed_dim": 8, "depth": 1, "num_heads": 2, "mlp_ratio": 11 / 8, "patch_size": 3}
TIMM = {
    "architecture": "deit_small_distilled_patch16_224",
    "num_classes": 3,
    "pretrained_cfg": {"input_size": [3, 6, 6]},
    "model_args": ARGUMENTS,
}


def timm_directory(tmp_path, **changes):
    directory = tmp_path / "timm"
    directory.mkdir()
    (directory / "config.json").write_text(json.dumps({**TIMM, **changes}))
    tensors = as_timm(load_file(GOLDEN / "deit_distilled" / "model.safetensors"))
    save_file(tensors, directory / "model.safetensors")
    return directory


def test_a_checkpoint_of_timm_is_read_and_written_as_the_family_it_is_of(tmp_path):
    directory = timm_directory(tmp_path, label_names=["red", "green", "blue"])
    checkpoint, model = opened(directory)
    assert checkpoint.class_names == ["red", "green", "blue"]
    images, expected = golden("deit_distilled")
    assert_close(outputs_of(model, images), expected)
    save_checkpoint(model, tmp_path, checkpoint.class_names)
    before, after = tensors_of(GOLDEN / "deit_distilled"), tensors_of(tmp_path)
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize(
    ("name", "width", "depth", "heads", "image_size"),
    [
        ("vit_tiny_patch16_224", 192, 12, 3, 224),
        ("vit_base_patch16_224_in21k", 768, 12, 12, 224),
        ("deit_base_distilled_patch16_384", 768, 12, 12, 384),
        ("vit_huge_patch14_224", 1280, 32, 16, 224),
        ("vit_large_patch14_dinov2", 1024, 24, 16, 518),
        ("vit_giant_patch14_dinov2", 1536, 40, 24, 518),
    ],
)
def test_names_of_timm_say_the_sizes(name, width, depth, heads, image_size):
    entries = timm_entries({"architecture": name, "num_classes": 0}, Path("config.json"))
    found = [entries[each] for each in ("hidden_size", "num_hidden_layers", "num_attention_heads")]
    assert found == [width, depth, heads]
    assert entries["image_size"] == [image_size, image_size]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "resnet50"}, "timm's 'resnet50' is not read"),
        ({"architecture": "vit_base_patch16_clip_224"}, "The nearest is vit_base_patch16_224"),
        ({"architecture": "vit_small_patch14_reg4_dinov2"}, "nearest is vit_small_patch14_dinov2"),
        ({"model_args": {"pre_norm": True}}, r"not ['pre_norm']"),
        ({"pretrained_cfg": {"input_size": 224}}, "input_size must be three integers, not 224"),
        ({"pretrained_cfg": [224]}, "must be objects"),
        ({"global_pool": "avg"}, "global_pool must be 'token', not 'avg'"),
        ({"model_args": {**ARGUMENTS, "mlp_ratio": 2}}, "mlp.fc1.weight has shape"),
    ],
)
def test_what_of_timm_is_not_read_names_the_nearest(changes, message, tmp_path):
    with pytest.raises(CheckpointError) as error:
        Checkpoint(timm_directory(tmp_path, **changes))
    assert message in str(error.value)
