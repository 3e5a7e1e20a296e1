"""Describes DINOv2, without and with registers, as Hugging Face writes it down.

References:
    Oquab et al., "DINOv2", https://arxiv.org/abs/2304.07193; Darcet et al., "Vision Transformers
    Need Registers", https://arxiv.org/abs/2309.16588
"""

from dataclasses import replace

from .config_entries import positive_problems
from .json_files import CheckpointError
from .rows import bare, dense, norm, where
from .vit_layout import (
    ATTENTION,
    QKV_BIASES,
    VIT,
    class_token,
    dimensions,
    encoder,
    of_blocks,
    patches,
    read_image_shape,
    square_problems,
)

LAYER_SCALE = [
    bare("layer_scale1.lambda1", "attention_scale", "D"),
    bare("layer_scale2.lambda1", "feed_forward_scale", "D"),
]
_BLOCK = [
    norm("norm1", "attention_norm"),
    *ATTENTION,
    *QKV_BIASES,
    norm("norm2", "feed_forward_norm"),
    *where(
        "is_plain",
        dense("mlp.fc1", "feed_forward/intermediate", "FD"),
        dense("mlp.fc2", "feed_forward/output", "DF"),
    ),
    *where(
        "is_gated",
        dense("mlp.weights_in", "feed_forward/intermediate", "GD"),
        dense("mlp.weights_out", "feed_forward/output", "DF"),
    ),
    *LAYER_SCALE,
]


def intermediate_dim(hidden_dim, ratio, gated):
    """Returns the width of the feed-forward layers, as in transformers."""
    width = int(hidden_dim * ratio)
    return (int(width * 2 / 3) + 7) // 8 * 8 if gated else width


def _ratio(arguments):
    """Returns the `mlp_ratio` that gives the width of the feed-forward layers, an integer."""
    width, hidden_dim = arguments["intermediate_dim"], arguments["hidden_dim"]
    gated = bool(of_blocks(arguments, "gated"))
    for ratio in range(1, 65):
        if intermediate_dim(hidden_dim, ratio, gated) == width:
            return ratio
    raise CheckpointError(
        "A checkpoint of DINOv2 must have feed-forward layers that are a whole multiple as wide. "
        f"Received: {hidden_dim=}, intermediate_dim={width}. Keep it by model.save('model.keras')."
    )


def _read(config):
    gated = config["use_swiglu_ffn"]
    block = {
        "gated": gated,
        "qkv_bias": config["qkv_bias"],
        "layer_scale": config["layerscale_value"],
    }
    size = intermediate_dim(config["hidden_size"], config["mlp_ratio"], gated)
    own = {"activation": "silu"} if gated else {}  # whatever the config says of another
    return {
        **read_image_shape(config),
        **own,
        "intermediate_dim": size,
        "variation": {"block": block},
    }


def _read_with_registers(config):
    read = _read(config)
    embedding = {"num_registers": config["num_register_tokens"]}
    return {**read, "variation": {**read["variation"], "embedding": embedding}}


def _problems(config):
    """Yields what is wrong with the images, or with the width of the feed-forward layers."""
    yield from square_problems(config)
    for name in ("mlp_ratio", "layerscale_value"):
        value = config.get(name)
        if type(value) not in (int, float) or not 0 < value < 1000:
            yield f"{name} must be a positive number, not {value!r:.40}"
    yield from width_problems(config)


def width_problems(config):
    """Yields that a width is too large to be multiplied, in words."""
    if type(width := config.get("hidden_size")) is int and width > 2**20:
        yield f"hidden_size must be at most {2**20}, not {width!r:.40}"


def _problems_with_registers(config):
    yield from _problems(config)
    yield from positive_problems(config, "num_register_tokens")


def _dimensions(arguments):
    gated = bool(of_blocks(arguments, "gated"))
    return {
        **dimensions(arguments),
        "G": 2 * arguments["intermediate_dim"],
        "A": 2 * arguments["hidden_dim"],  # what the head reads
        "R": num_registers(arguments),
        "is_gated": int(gated),
        "is_plain": int(not gated),
    }


def num_registers(arguments):
    """Returns the number of registers of a model."""
    return (arguments.get("variation") or {}).get("embedding", {}).get("num_registers", 0)


def _groups(prefix, *tokens):
    return {
        "patches": patches(prefix),
        "class token": [*class_token(prefix), *tokens],
        "encoder": encoder(prefix, _BLOCK),
        "classifier": [dense("classifier", "head", "CA")],
    }


DINOV2 = replace(
    VIT,
    model_type="dinov2",
    title="DINOv2",
    architectures={"Dinov2ForImageClassification": ("classifier",), "Dinov2Model": ()},
    groups=_groups("dinov2."),
    sizes={name: VIT.sizes[name] for name in VIT.sizes if name != "intermediate_dim"},
    constants={"family": "dinov2", "stem": "patches", "pooling": "class_and_patches"},
    dimensions=_dimensions,
    further_arguments=_read,
    further_problems=_problems,
    defaults={
        **VIT.defaults,
        "mlp_ratio": 4,
        "layer_norm_eps": 1e-6,
        "layerscale_value": 1.0,
        "use_swiglu_ffn": False,
    },
    allowed={"qkv_bias": (True, False), "use_swiglu_ffn": (True, False)},
    written={
        **VIT.written,
        "mlp_ratio": _ratio,
        "layerscale_value": lambda arguments: of_blocks(arguments, "layer_scale"),
        "use_swiglu_ffn": lambda arguments: bool(of_blocks(arguments, "gated")),
        "use_mask_token": False,
    },
    idle=("dinov2.embeddings.mask_token",),
    prefix="dinov2.",
)
_REGISTERS = "dinov2_with_registers.embeddings.register_tokens"
DINOV2_WITH_REGISTERS = replace(
    DINOV2,
    model_type="dinov2_with_registers",
    title="DINOv2 with registers",
    architectures={
        "Dinov2WithRegistersForImageClassification": ("classifier",),
        "Dinov2WithRegistersModel": (),
    },
    groups=_groups("dinov2_with_registers.", bare(_REGISTERS, "embedding/registers", "1RD")),
    constants={**DINOV2.constants, "family": "dinov2_with_registers"},
    further_arguments=_read_with_registers,
    further_problems=_problems_with_registers,
    defaults={**DINOV2.defaults, "num_register_tokens": 4},
    written={
        **{name: DINOV2.written[name] for name in DINOV2.written if name != "use_mask_token"},
        "num_register_tokens": num_registers,
    },
    zeros={"dinov2_with_registers.embeddings.mask_token": "1D"},
    idle=("dinov2_with_registers.embeddings.mask_token",),
    prefix="dinov2_with_registers.",
)
