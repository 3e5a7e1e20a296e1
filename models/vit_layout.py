"""Describes ViT as Hugging Face writes it down, and our variants: other stems, other pooling."""

from collections.abc import Iterable
from dataclasses import replace

from ..layers.convolutional_stem import stem_strides
from .layout import Layout
from .rows import Row, bare, bias, blocks, convolution, dense, fused, kernel, norm, where

QKV_BIAS = "has_qkv_bias"
_STEM = "vit.embeddings.convolutional_stem"
_CONVOLUTIONS = [
    convolution(f"{_STEM}.first", "embedding/convolutions/first", "QI33"),
    norm(f"{_STEM}.first_norm", "embedding/convolutions/first_norm", "Q"),
    convolution(f"{_STEM}.second", "embedding/convolutions/second", "EQ33"),
    norm(f"{_STEM}.second_norm", "embedding/convolutions/second_norm", "E"),
    convolution(f"{_STEM}.third", "embedding/convolutions/third", "DEkk"),
]
ATTENTION = [
    *fused(
        "attention.attention.",
        ("query", "key", "value"),
        "attention/query_key_value",
        "DD",
        make=kernel,
    ),
    dense("attention.output.dense", "attention/output", "DD"),
]
QKV_BIASES = where(
    QKV_BIAS,
    *fused(
        "attention.attention.",
        ("query", "key", "value"),
        "attention/query_key_value",
        "D",
        make=bias,
    ),
)
BLOCK = [
    norm("layernorm_before", "attention_norm"),
    *ATTENTION,
    *QKV_BIASES,
    norm("layernorm_after", "feed_forward_norm"),
    dense("intermediate.dense", "feed_forward/intermediate", "FD"),
    dense("output.dense", "feed_forward/output", "DF"),
]
_CLASSIFIER = [dense("classifier", "head", "CD")]


def patches(prefix: str) -> list[Row]:
    """Returns the rows of the patches; `prefix` ends with a dot."""
    return [
        convolution(f"{prefix}embeddings.patch_embeddings.projection", "embedding/patches", "DIpp")
    ]


def class_token(prefix: str) -> list[Row]:
    """Returns the row of the class token."""
    return [bare(f"{prefix}embeddings.cls_token", "embedding/class_token", "11D")]


def positions(prefix: str) -> list[Row]:
    """Returns the row of the positions, of the class token and the like as well as of patches."""
    name = "embedding/position_embedding/embeddings"
    return [bare(f"{prefix}embeddings.position_embeddings", name, "1PD", is_row=True)]


def encoder(prefix: str, block: list[Row]) -> list[Row]:
    """Returns the rows of positions, blocks and the last normalization."""
    return [
        *positions(prefix),
        *blocks(f"{prefix}encoder.layer.*.", "encoder/block_*/", "num_layers", block),
        norm(f"{prefix}layernorm", "encoder/final_norm"),
    ]


def read_image_shape(config):
    """Returns the argument that a config writes as `image_size` and `num_channels`."""
    sides = config["image_size"]
    height, width = sides if isinstance(sides, list) else (sides, sides)
    return {"image_shape": (height, width, config["num_channels"])}


def read_vit(config):
    """Returns the arguments of a ViT that need more than another name."""
    bias = {} if config["qkv_bias"] else {"variation": {"block": {"qkv_bias": False}}}
    return {**read_image_shape(config), **bias}


def write_image_size(arguments):
    """Returns one side of the images, or both if they differ."""
    height, width, _ = arguments["image_shape"]
    return height if height == width else [height, width]


def of_blocks(arguments, name, default=None):
    """Returns an argument of the blocks that a model's variation may name."""
    return (arguments.get("variation") or {}).get("block", {}).get(name, default)


def has_qkv_bias(arguments):
    return bool(of_blocks(arguments, "qkv_bias", True))


def num_patches(arguments):
    height, width, _ = arguments["image_shape"]
    size = arguments["patch_size"]
    return (height // size) * (width // size)


def dimensions(arguments, num_first=1):
    """Returns what the letters stand for, and the conditions.

    Args:
        arguments: The arguments of a model.
        num_first: Number of positions before those of the patches. Defaults to 1.
    """
    return {
        "I": arguments["image_shape"][2],
        "p": arguments["patch_size"],
        "P": num_patches(arguments) + num_first,
        QKV_BIAS: int(has_qkv_bias(arguments)),
    }


def _dimensions(arguments):
    return {
        **dimensions(arguments, int(arguments["pooling"] == "class")),
        "E": arguments["hidden_dim"] // 2,  # of a convolutional stem
        "Q": arguments["hidden_dim"] // 4,
        "3": 3,
        "k": stem_strides(arguments["patch_size"])[-1] + 1,
    }


def image_problems(config) -> Iterable[str]:
    """Yields what is wrong with the image of a config, in words."""
    sides, patch = config.get("image_size"), config.get("patch_size")
    sides = sides if isinstance(sides, list) else [sides, sides]
    is_good = len(sides) == 2 and all(type(side) is int and side > 0 for side in sides)
    if not is_good:
        yield f"image_size must be a positive integer or two, not {config.get('image_size')!r:.40}"
    elif type(patch) is int and patch > 0 and any(side % patch for side in sides):
        yield f"image_size must be a multiple of patch_size, {patch}, not {config['image_size']}"
    channels = config.get("num_channels")
    if type(channels) is not int or channels < 1:
        yield f"num_channels must be a positive integer, not {channels!r:.40}"


def square_problems(config) -> Iterable[str]:
    """Yields the same, and if it is not as wide as high, which others cannot interpolate."""
    yield from image_problems(config)
    sides = config.get("image_size")
    if isinstance(sides, list) and len(set(map(str, sides))) > 1:
        yield f"image_size must be one number, for images as wide as high, not {sides!r:.40}"


VIT = Layout(
    model_type="vit",
    title="ViT",
    kind="images",
    architectures={
        "ViTForImageClassification": ("classifier",),
        "ViTModel": (),
        "ViTForMaskedImageModeling": (),
    },
    always=("patches", "class token", "encoder"),
    groups={
        "patches": patches("vit."),
        "class token": class_token("vit."),
        "encoder": encoder("vit.", BLOCK),
        "classifier": _CLASSIFIER,
    },
    sizes={
        "patch_size": "patch_size",
        "hidden_dim": "hidden_size",
        "num_layers": "num_hidden_layers",
        "num_heads": "num_attention_heads",
        "intermediate_dim": "intermediate_size",
    },
    rates={
        "dropout": "hidden_dropout_prob",
        "attention_dropout": "attention_probs_dropout_prob",
        "layer_norm_epsilon": "layer_norm_eps",
    },
    activation="hidden_act",
    dimensions=_dimensions,
    further_arguments=read_vit,
    further_problems=image_problems,
    constants={"family": "vit", "stem": "patches", "pooling": "class"},
    defaults={  # ViTConfig's
        "patch_size": 16,
        "image_size": 224,
        "num_channels": 3,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "layer_norm_eps": 1e-12,
        "hidden_act": "gelu",
        "num_labels": 2,
        "qkv_bias": True,
    },
    allowed={"qkv_bias": (True, False)},
    written={
        "image_size": write_image_size,
        "num_channels": lambda arguments: arguments["image_shape"][2],
        "qkv_bias": has_qkv_bias,
        "initializer_range": 0.02,
    },
    idle=(
        "vit.pooler.dense.weight",
        "vit.pooler.dense.bias",
        "vit.embeddings.mask_token",
        "decoder.0.weight",  # of masked image modelling
        "decoder.0.bias",
    ),
    prefix="vit.",
    prefixed=("embeddings.", "encoder.", "layernorm.", "pooler."),
    has_classes=True,
)


def _variant(stem, pooling):
    """Returns the layout of a model that `transformers` does not have.

    It has a type of its own, so that other programs refuse it.
    """
    groups = {"patches": patches("vit.")} if stem == "patches" else {"stem": _CONVOLUTIONS}
    if pooling == "class":
        groups["class token"] = class_token("vit.")
    groups["encoder"] = VIT.groups["encoder"]
    parts = ["convolutional"] if stem == "convolutions" else []
    parts += ["average"] if pooling == "average" else []
    return replace(
        VIT,
        model_type="_".join(["regard", *parts, "vit"]),
        architectures={"ViTForImageClassification": ("classifier",)},
        always=tuple(groups),
        groups={**groups, "classifier": _CLASSIFIER},
        constants={"family": "vit", "stem": stem, "pooling": pooling},
        idle=(),
    )


# Masked autoencoders, whose encoder is a ViT: read, and written as that.
VIT_MAE = replace(
    VIT,
    model_type="vit_mae",
    title="ViT-MAE",
    architectures={"ViTMAEForPreTraining": (), "ViTMAEModel": ()},
    idle=(),
    unneeded=("decoder.",),
)


LAYOUTS = {
    ("patches", "class"): VIT,
    ("patches", "average"): _variant("patches", "average"),
    ("convolutions", "class"): _variant("convolutions", "class"),
    ("convolutions", "average"): _variant("convolutions", "average"),
}
