"""Describes ViT as Hugging Face writes it down, and our variants: other stems, other pooling."""

from dataclasses import replace

from ..layers.convolutional_stem import stem_strides
from .layout import Layout
from .rows import bare, blocks, convolution, dense, fused, norm

_STEM = "vit.embeddings.convolutional_stem"
_PATCHES = [
    convolution("vit.embeddings.patch_embeddings.projection", "embedding/patches", "DIpp"),
]
_CONVOLUTIONS = [
    convolution(f"{_STEM}.first", "embedding/convolutions/first", "QI33"),
    norm(f"{_STEM}.first_norm", "embedding/convolutions/first_norm", "Q"),
    convolution(f"{_STEM}.second", "embedding/convolutions/second", "EQ33"),
    norm(f"{_STEM}.second_norm", "embedding/convolutions/second_norm", "E"),
    convolution(f"{_STEM}.third", "embedding/convolutions/third", "DEkk"),
]
_CLASS_TOKEN = [bare("vit.embeddings.cls_token", "embedding/class_token", "11D")]
_BLOCK = [
    norm("layernorm_before", "attention_norm"),
    *fused("attention.attention.", ("query", "key", "value"), "attention/query_key_value", "DD"),
    dense("attention.output.dense", "attention/output", "DD"),
    norm("layernorm_after", "feed_forward_norm"),
    dense("intermediate.dense", "feed_forward/intermediate", "FD"),
    dense("output.dense", "feed_forward/output", "DF"),
]
_ENCODER = [
    bare(
        "vit.embeddings.position_embeddings",
        "embedding/position_embedding/embeddings",
        "1PD",
        is_row=True,
    ),
    *blocks("vit.encoder.layer.*.", "encoder/block_*/", "num_layers", _BLOCK),
    norm("vit.layernorm", "encoder/final_norm"),
]
_CLASSIFIER = [dense("classifier", "head", "CD")]


def _read_image_shape(config):
    sides = config["image_size"]
    height, width = sides if isinstance(sides, list) else (sides, sides)
    return {"image_shape": (height, width, config["num_channels"])}


def _write_image_size(arguments):
    height, width, _ = arguments["image_shape"]
    return height if height == width else [height, width]


def _num_positions(arguments):
    height, width, _ = arguments["image_shape"]
    size = arguments["patch_size"]
    return (height // size) * (width // size) + (arguments["pooling"] == "class")


def _dimensions(arguments):
    return {
        "I": arguments["image_shape"][2],
        "p": arguments["patch_size"],
        "P": _num_positions(arguments),
        "E": arguments["hidden_dim"] // 2,  # of a convolutional stem
        "Q": arguments["hidden_dim"] // 4,
        "3": 3,
        "k": stem_strides(arguments["patch_size"])[-1] + 1,
    }


def _problems(config):
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
        "patches": _PATCHES,
        "class token": _CLASS_TOKEN,
        "encoder": _ENCODER,
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
    further_arguments=_read_image_shape,
    further_problems=_problems,
    constants={"stem": "patches", "pooling": "class"},
    defaults={  # ViTConfig's
        "patch_size": 16,
        "image_size": 224,
        "num_channels": 3,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "layer_norm_eps": 1e-12,
        "hidden_act": "gelu",
        "num_labels": 2,
    },
    allowed={"qkv_bias": (True, None)},
    written={
        "image_size": _write_image_size,
        "num_channels": lambda arguments: arguments["image_shape"][2],
        "qkv_bias": True,
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
    groups = {"patches": _PATCHES} if stem == "patches" else {"stem": _CONVOLUTIONS}
    if pooling == "class":
        groups["class token"] = _CLASS_TOKEN
    groups["encoder"] = _ENCODER
    parts = ["convolutional"] if stem == "convolutions" else []
    parts += ["average"] if pooling == "average" else []
    return replace(
        VIT,
        model_type="_".join(["regard", *parts, "vit"]),
        architectures={"ViTForImageClassification": ("classifier",)},
        always=tuple(groups),
        groups={**groups, "classifier": _CLASSIFIER},
        constants={"stem": stem, "pooling": pooling},
        idle=(),
    )


LAYOUTS = {
    ("patches", "class"): VIT,
    ("patches", "average"): _variant("patches", "average"),
    ("convolutions", "class"): _variant("convolutions", "class"),
    ("convolutions", "average"): _variant("convolutions", "average"),
}
