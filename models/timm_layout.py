"""Describes ViT, DeiT and DINOv2 as timm writes them down, by names of models and of tensors.

A `config.json` of timm has the name of an architecture where others have sizes. What is read is
written as Hugging Face's family of the same model.

References:
    Wightman, "PyTorch Image Models", https://github.com/huggingface/pytorch-image-models
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from .deit_layout import BOTH
from .dinov2_layout import width_problems
from .json_files import CheckpointError
from .rows import bare, bias, blocks, convolution, dense, kernel, norm, where
from .vit_layout import (
    QKV_BIAS,
    VIT,
    dimensions,
    has_qkv_bias,
    image_problems,
    of_blocks,
    read_image_shape,
)

# Width, blocks, heads, and the width of the feed-forward layers as a multiple; timm,
# vision_transformer.py and deit.py
_SIZES = {
    "tiny": (192, 12, 3, 4),
    "small": (384, 12, 6, 4),
    "base": (768, 12, 12, 4),
    "large": (1024, 24, 16, 4),
    "huge": (1280, 32, 16, 4),
    "giant": (1408, 40, 16, 48 / 11),
    "gigantic": (1664, 48, 16, 64 / 13),
}
_SWIGLU = {"giant": (1536, 40, 24, 2.66667 * 2)}  # of DINOv2
_NAME = re.compile(
    rf"(vit|deit)_({'|'.join(_SIZES)})(_distilled)?_patch(\d+)"
    r"(?:_(\d+)(?:_(?:in21k|dino|mae|miil))?|_(dinov2))"
)
_ARGUMENTS = {  # of timm's constructor, with their names in a config of ours
    "embed_dim": "hidden_size",
    "depth": "num_hidden_layers",
    "num_heads": "num_attention_heads",
    "mlp_ratio": "mlp_ratio",
    "patch_size": "patch_size",
    "img_size": "image_size",
    "in_chans": "num_channels",
    "qkv_bias": "qkv_bias",
    "init_values": "layer_scale",
    "num_classes": "num_classes",
    "global_pool": "global_pool",
}
READ = (
    "vit_SIZE_patchP_S, deit_SIZE_patchP_S, deit_SIZE_distilled_patchP_S and vit_SIZE_patchP_dinov2"
)


def is_timm(config: Mapping[str, Any]) -> bool:
    """Returns whether a `config.json` is timm's, or names a model of timm's."""
    is_named = isinstance(config.get("architecture"), str)
    return is_named and config.get("model_type", "timm_wrapper") == "timm_wrapper"


def is_input_size(size: Any) -> bool:
    """Returns whether it is channels, height and width, as timm writes them."""
    is_three = isinstance(size, list | tuple) and len(size) == 3
    return is_three and all(type(each) is int and 0 < each < 2**16 for each in size)


def timm_entries(config: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Returns a config of timm's as entries that have the names of ViT's.

    Raises:
        CheckpointError: If the model is none that is read; the message names the nearest.
    """
    name = config["architecture"]
    match = _NAME.fullmatch(name)
    given, written = (config.get(each) or {} for each in ("model_args", "pretrained_cfg"))
    if not isinstance(given, dict) or not isinstance(written, dict):
        raise CheckpointError(f"{path}: model_args and pretrained_cfg must be objects.")
    unknown = [each for each in given if each not in _ARGUMENTS]
    if match is None or unknown:
        raise CheckpointError(f"{path}: {_unread(name, unknown)}")
    _, size, distilled, patch, side, dinov2 = match.groups()
    sizes = _SWIGLU.get(size, _SIZES[size]) if dinov2 else _SIZES[size]
    names = ("hidden_size", "num_hidden_layers", "num_attention_heads", "mlp_ratio")
    side = int(side or 518)
    shape = written.get("input_size") or [3, side, side]
    if not is_input_size(shape):
        raise CheckpointError(f"{path}: input_size must be three integers, not {shape!r:.40}.")
    entries = {
        **dict(zip(names, sizes, strict=True)),
        "patch_size": int(patch),
        "image_size": list(shape[1:]),
        "num_channels": shape[0],
        "qkv_bias": not name.endswith("_miil"),
        "layer_scale": 1e-5 if dinov2 else None,
        "num_classes": config.get("num_classes"),
        "global_pool": config.get("global_pool", "token"),
        **{_ARGUMENTS[each]: value for each, value in given.items()},
    }
    own = {"distilled": bool(distilled), "dinov2": bool(dinov2)}
    own["gated"] = bool(dinov2) and size in _SWIGLU
    return {"model_type": "timm", **entries, **own, **_classes(config, entries["num_classes"])}


def _classes(config, number):
    names = config.get("label_names")
    if isinstance(names, list) and len(names) == number:
        return {"id2label": {str(index): name for index, name in enumerate(names)}}
    return {"num_labels": number or 1}


def _unread(name, unknown):
    if unknown:
        return f"model_args of timm's models may be {', '.join(_ARGUMENTS)}, not {unknown!r:.80}."
    known = [f"{kind}_{size}_patch16_224" for kind in ("vit", "deit") for size in _SIZES]
    known += [f"vit_{size}_patch14_dinov2" for size in _SIZES]
    nearest = get_close_matches(name, known, n=1, cutoff=0)[0]
    return (
        f"timm's {name!r:.60} is not read; of timm's models {READ} are. The nearest is {nearest}."
    )


def _read(config):
    """Returns the arguments, which say what family the model is of."""
    width = int(config["hidden_size"] * config["mlp_ratio"])
    block = {} if config["qkv_bias"] else {"qkv_bias": False}
    family = {"family": "deit", "pooling": BOTH} if config["distilled"] else {"family": "vit"}
    if config["dinov2"]:
        family = {"family": "dinov2", "pooling": "class_and_patches"}
        block |= {"layer_scale": config["layer_scale"], "gated": config["gated"]}
        family |= {"activation": "silu"} if config["gated"] else {}
    return {
        **read_image_shape(config),
        "pooling": "class",
        **family,
        "intermediate_dim": width // 2 if config["gated"] else width,
        "variation": {"block": block} if block else {},
    }


def _problems(config):
    """Yields what is wrong with the entries, in words."""
    yield from image_problems(config)
    yield from width_problems(config)
    ratio = config.get("mlp_ratio")
    if type(ratio) not in (int, float) or not 0 < ratio < 1000:
        yield f"mlp_ratio must be a positive number, not {ratio!r:.40}"
    if config["global_pool"] != "token" and config["num_classes"]:
        yield f"global_pool must be 'token', not {config['global_pool']!r:.40}"


def _dimensions(arguments):
    family, width = arguments["family"], arguments["intermediate_dim"]
    is_distilled = family == "deit"
    return {
        **dimensions(arguments, num_first=1 + is_distilled),
        QKV_BIAS: int(has_qkv_bias(arguments)),
        "T": 3 * arguments["hidden_dim"],
        "M": 2 * width if of_blocks(arguments, "gated") else width,
        "A": arguments["hidden_dim"] * (2 if family == "dinov2" else 1),
        "is_distilled": int(is_distilled),
        "is_single": int(not is_distilled),
        "is_scaled": int(family == "dinov2"),
    }


_BLOCK = [
    norm("norm1", "attention_norm"),
    kernel("attn.qkv", "attention/query_key_value", "TD"),
    *where(QKV_BIAS, bias("attn.qkv", "attention/query_key_value", "T")),
    dense("attn.proj", "attention/output", "DD"),
    *where("is_scaled", bare("ls1.gamma", "attention_scale", "D")),
    norm("norm2", "feed_forward_norm"),
    dense("mlp.fc1", "feed_forward/intermediate", "MD"),
    dense("mlp.fc2", "feed_forward/output", "DF"),
    *where("is_scaled", bare("ls2.gamma", "feed_forward_scale", "D")),
]
TIMM = replace(
    VIT,
    model_type="timm",
    title="timm's ViT",
    architectures={},
    groups={
        "patches": [convolution("patch_embed.proj", "embedding/patches", "DIpp")],
        "class token": [
            bare("cls_token", "embedding/class_token", "11D"),
            *where("is_distilled", bare("dist_token", "embedding/distillation_token", "11D")),
        ],
        "encoder": [
            bare("pos_embed", "embedding/position_embedding/embeddings", "1PD", is_row=True),
            *blocks("blocks.*.", "encoder/block_*/", "num_layers", _BLOCK),
            norm("norm", "encoder/final_norm"),
        ],
        "classifier": [
            *where("is_single", dense("head", "head", "CA")),
            *where(
                "is_distilled",
                dense("head", "head/class_token", "CD"),
                dense("head_dist", "head/distillation_token", "CD"),
            ),
        ],
    },
    sizes={name: VIT.sizes[name] for name in VIT.sizes if name != "intermediate_dim"},
    constants={"stem": "patches"},
    dimensions=_dimensions,
    further_arguments=_read,
    further_problems=_problems,
    defaults={**VIT.defaults, "layer_norm_eps": 1e-6},
    idle=(),
    prefix="",
    prefixed=(),
)
