"""Describes DINOv3's ViT as Hugging Face writes it down, and our classifier on top.

`transformers` has no classifier for it, so that ours has a type of its own.

References:
    Siméoni et al., "DINOv3", https://arxiv.org/abs/2508.10104
"""

from dataclasses import replace

from .config_entries import positive_problems
from .dinov2_layout import LAYER_SCALE, num_registers
from .rows import bare, bias, blocks, convolution, dense, fused, kernel, norm, where
from .vit_layout import QKV_BIAS, VIT, dimensions, image_problems, of_blocks, read_image_shape

_QKV = "attention/query_key_value"
_NAMES = ("q_proj", "k_proj", "v_proj")
_BLOCK = [
    norm("norm1", "attention_norm"),
    *fused("attention.", _NAMES, _QKV, "DD", make=kernel),
    *where(QKV_BIAS, *fused("attention.", _NAMES, _QKV, "D", make=bias)),
    *where(
        "has_two_biases",
        bare("attention.q_proj.bias", f"{_QKV}/query_bias", "D"),
        bare("attention.v_proj.bias", f"{_QKV}/value_bias", "D"),
    ),
    dense("attention.o_proj", "attention/output", "DD"),
    norm("norm2", "feed_forward_norm"),
    *where("is_plain", dense("mlp.up_proj", "feed_forward/intermediate", "FD")),
    *where(
        "is_gated",
        *fused("mlp.", ("gate_proj", "up_proj"), "feed_forward/intermediate", "FD"),
    ),
    dense("mlp.down_proj", "feed_forward/output", "DF"),
    *LAYER_SCALE,
]
# By whether queries, keys and values have biases; other combinations are none of DINOv3's.
_BIASES = {
    (True, False, True): "query_value",
    (True, True, True): True,
    (False, False, False): False,
}


def _biases(config):
    return tuple(config.get(f"{name}_bias") for name in ("query", "key", "value"))


def _read(config):
    block = {
        "gated": config["use_gated_mlp"],
        "qkv_bias": _BIASES[_biases(config)],
        "layer_scale": config["layerscale_value"],
    }
    return {
        **read_image_shape(config),
        "variation": {
            "block": block,
            "embedding": {"num_registers": config["num_register_tokens"]},
            "rotary": {"theta": config["rope_theta"]},
        },
    }


def _problems(config):
    """Yields what is wrong with the images, the registers, the angles or the biases."""
    yield from image_problems(config)
    if config["num_register_tokens"] != 0:
        yield from positive_problems(config, "num_register_tokens")
    for name in ("rope_theta", "layerscale_value"):
        if type(config.get(name)) not in (int, float) or not config[name] > 0:
            yield f"{name} must be a positive number, not {config.get(name)!r:.40}"
    if _biases(config) not in list(_BIASES):
        yield f"query_bias, key_bias and value_bias must be {list(_BIASES)}, not {_biases(config)}"
    width, heads = config.get("hidden_size"), config.get("num_attention_heads")
    if type(width) is type(heads) is int and heads > 0 and width % (4 * heads):
        yield f"hidden_size must be a multiple of 4 x num_attention_heads, not {width}"


def _dimensions(arguments):
    gated, biases = bool(of_blocks(arguments, "gated")), of_blocks(arguments, "qkv_bias")
    return {
        **dimensions(arguments),
        QKV_BIAS: int(biases is True),
        "has_two_biases": int(biases == "query_value"),
        "has_registers": int(num_registers(arguments) > 0),
        "R": num_registers(arguments),
        "is_gated": int(gated),
        "is_plain": int(not gated),
    }


def _written_bias(name):
    position = ("query", "key", "value").index(name)
    by_value = {value: flags[position] for flags, value in _BIASES.items()}
    return lambda arguments: by_value[of_blocks(arguments, "qkv_bias")]


DINOV3 = replace(
    VIT,
    model_type="dinov3_vit",
    title="DINOv3",
    architectures={"DINOv3ViTModel": ()},
    groups={
        "patches": [convolution("embeddings.patch_embeddings", "embedding/patches", "DIpp")],
        "class token": [
            bare("embeddings.cls_token", "embedding/class_token", "11D"),
            *where(
                "has_registers", bare("embeddings.register_tokens", "embedding/registers", "1RD")
            ),
        ],
        "encoder": [
            *blocks("layer.*.", "encoder/block_*/", "num_layers", _BLOCK),
            norm("norm", "encoder/final_norm"),
        ],
        "classifier": [dense("classifier", "head", "CD")],
    },
    rates={"attention_dropout": "attention_dropout", "layer_norm_epsilon": "layer_norm_eps"},
    constants={"family": "dinov3_vit", "stem": "patches", "pooling": "class"},
    dimensions=_dimensions,
    further_arguments=_read,
    further_problems=_problems,
    defaults={  # DINOv3ViTConfig's
        **VIT.defaults,
        "layer_norm_eps": 1e-5,
        "attention_dropout": 0.0,
        "rope_theta": 100.0,
        "layerscale_value": 1.0,
        "num_register_tokens": 0,
        "use_gated_mlp": False,
        "query_bias": True,
        "key_bias": False,
        "value_bias": True,
        "proj_bias": True,
        "mlp_bias": True,
    },
    allowed={"use_gated_mlp": (True, False), "proj_bias": (True,), "mlp_bias": (True,)},
    written={
        **{name: VIT.written[name] for name in VIT.written if name != "qkv_bias"},
        "rope_theta": lambda arguments: arguments["variation"]["rotary"]["theta"],
        "layerscale_value": lambda arguments: of_blocks(arguments, "layer_scale"),
        "num_register_tokens": num_registers,
        "use_gated_mlp": lambda arguments: bool(of_blocks(arguments, "gated")),
        **{f"{name}_bias": _written_bias(name) for name in ("query", "key", "value")},
    },
    idle=("embeddings.mask_token", "embeddings.register_tokens"),
    prefix="",
    prefixed=(),
)
DINOV3_CLASSIFIER = replace(
    DINOV3,
    model_type="regard_dinov3_vit",
    architectures={"DINOv3ViTForImageClassification": ("classifier",)},
)
