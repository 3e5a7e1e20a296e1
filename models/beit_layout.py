"""Describes BEiT as Hugging Face writes it down.

References:
    Bao et al., "BEiT: BERT Pre-Training of Image Transformers", https://arxiv.org/abs/2106.08254
"""

from dataclasses import replace

from .rows import bare, blocks, dense, fused, kernel, norm, where
from .vit_layout import (
    VIT,
    class_token,
    dimensions,
    num_patches,
    of_blocks,
    patches,
    positions,
    read_image_shape,
    square_problems,
)

_OF_ALL = "relative_position_bias.relative_position_bias_table"
_OWN = f"attention.attention.{_OF_ALL}"
_QKV = "attention/query_key_value"
_BLOCK = [
    norm("layernorm_before", "attention_norm"),
    *fused("attention.attention.", ("query", "key", "value"), _QKV, "DD", make=kernel),
    bare("attention.attention.query.bias", f"{_QKV}/query_bias", "D"),
    bare("attention.attention.value.bias", f"{_QKV}/value_bias", "D"),
    *where("has_own_distances", bare(_OWN, "position_bias/embeddings", "KN")),
    dense("attention.output.dense", "attention/output", "DD"),
    norm("layernorm_after", "feed_forward_norm"),
    dense("intermediate.dense", "feed_forward/intermediate", "FD"),
    dense("output.dense", "feed_forward/output", "DF"),
    *where(
        "has_scales",
        bare("lambda_1", "attention_scale", "D"),
        bare("lambda_2", "feed_forward_scale", "D"),
    ),
]
_SWITCHES = (
    "use_absolute_position_embeddings",
    "use_relative_position_bias",
    "use_shared_relative_position_bias",
    "use_mean_pooling",
)


def _read(config):
    scale = config["layer_scale_init_value"]
    return {
        **read_image_shape(config),
        "pooling": "patches" if config["use_mean_pooling"] else "class",
        "variation": {
            "embedding": {"positions": config["use_absolute_position_embeddings"]},
            "block": {"layer_scale": scale if scale > 0 else None},
            "distances": {
                "of_each_block": config["use_relative_position_bias"],
                "of_all_blocks": config["use_shared_relative_position_bias"],
            },
        },
    }


def _problems(config):
    """Yields what is wrong with the images, or with what the scales begin from."""
    yield from square_problems(config)
    scale = config.get("layer_scale_init_value")
    if type(scale) not in (int, float) or not 0 <= scale < 1000:
        yield f"layer_scale_init_value must be a number, at least 0, not {scale!r:.40}"


def _part(arguments, part, name):
    return bool((arguments.get("variation") or {}).get(part, {}).get(name))


def _dimensions(arguments):
    rows = arguments["image_shape"][0] // arguments["patch_size"]
    is_mean = arguments["pooling"] == "patches"
    return {
        **dimensions(arguments),
        "K": (2 * rows - 1) * (2 * num_patches(arguments) // rows - 1) + 3,
        "N": arguments["num_heads"],
        "has_positions": int(_part(arguments, "embedding", "positions")),
        "has_own_distances": int(_part(arguments, "distances", "of_each_block")),
        "has_shared_distances": int(_part(arguments, "distances", "of_all_blocks")),
        "has_scales": int(of_blocks(arguments, "layer_scale") is not None),
        "is_mean": int(is_mean),
        "is_first": int(not is_mean),
    }


BEIT = replace(
    VIT,
    model_type="beit",
    title="BEiT",
    architectures={
        "BeitForImageClassification": ("pooler", "classifier"),
        "BeitForMaskedImageModeling": (),
        "BeitModel": (),
    },
    groups={
        "patches": patches("beit."),
        "class token": class_token("beit."),
        "encoder": [
            *where("has_positions", *positions("beit.")),
            *where(
                "has_shared_distances",
                bare(f"beit.encoder.{_OF_ALL}", "encoder/position_bias/embeddings", "KN"),
            ),
            *blocks("beit.encoder.layer.*.", "encoder/block_*/", "num_layers", _BLOCK),
            *where("is_first", norm("beit.layernorm", "encoder/final_norm")),
        ],
        "pooler": [*where("is_mean", norm("beit.pooler.layernorm", "encoder/final_norm"))],
        "classifier": [dense("classifier", "head", "CD")],
    },
    constants={"family": "beit", "stem": "patches"},
    dimensions=_dimensions,
    further_arguments=_read,
    further_problems=_problems,
    defaults={
        **{name: VIT.defaults[name] for name in VIT.defaults if name != "qkv_bias"},
        **dict.fromkeys(_SWITCHES, False),
        "use_mean_pooling": True,
        "layer_scale_init_value": 0.1,
    },
    allowed=dict.fromkeys(_SWITCHES, (True, False)),
    written={
        **{name: VIT.written[name] for name in VIT.written if name != "qkv_bias"},
        "use_absolute_position_embeddings": lambda each: _part(each, "embedding", "positions"),
        "use_relative_position_bias": lambda each: _part(each, "distances", "of_each_block"),
        "use_shared_relative_position_bias": lambda each: _part(each, "distances", "of_all_blocks"),
        "use_mean_pooling": lambda each: each["pooling"] == "patches",
        "layer_scale_init_value": lambda each: float(of_blocks(each, "layer_scale") or 0),
        "use_mask_token": False,
    },
    idle=("beit.embeddings.mask_token", "beit.encoder.*relative_position_index"),
    unneeded=("lm_head.", "layernorm."),
    prefix="beit.",
)
