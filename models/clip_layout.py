"""Describes the vision towers of CLIP and SigLIP as Hugging Face writes them down.

They are read from whole checkpoints, whose text towers are left out, and from their own. Above them
stands the mean of the patches, as in the classifiers of `transformers`.

References:
    Radford et al., "CLIP", https://arxiv.org/abs/2103.00020; Zhai et al., "Sigmoid Loss for
    Language Image Pre-Training", https://arxiv.org/abs/2303.15343
"""

from dataclasses import replace

from .rows import bare, blocks, convolution, dense, embedding, fused, kernel, norm
from .vit_layout import VIT, dimensions, num_patches, read_image_shape, square_problems

_TOWER = "vision_model."
_BLOCK = [
    norm("layer_norm1", "attention_norm"),
    *fused("self_attn.", ("q_proj", "k_proj", "v_proj"), "attention/query_key_value", "DD"),
    dense("self_attn.out_proj", "attention/output", "DD"),
    norm("layer_norm2", "feed_forward_norm"),
    dense("mlp.fc1", "feed_forward/intermediate", "FD"),
    dense("mlp.fc2", "feed_forward/output", "DF"),
]
_ENCODER = [
    embedding(f"{_TOWER}embeddings.position_embedding", "embedding/position_embedding", "PD"),
    *blocks(f"{_TOWER}encoder.layers.*.", "encoder/block_*/", "num_layers", _BLOCK),
    norm(f"{_TOWER}post_layernorm", "encoder/final_norm"),
]
_PATCHES = f"{_TOWER}embeddings.patch_embedding"
_SHARED = {
    "classifier": [dense("classifier", "head", "CD")],
    "encoder": _ENCODER,
}


def _of_tower(model_type, **more):
    """Returns the entries to write that the tower has, with its own type."""
    own = {name: VIT.written[name] for name in ("image_size", "num_channels", "initializer_range")}
    return {**own, "model_type": model_type, **more}


CLIP = replace(
    VIT,
    model_type="clip",
    title="CLIP",
    architectures={
        "CLIPForImageClassification": ("classifier",),
        "CLIPModel": (),
        "CLIPVisionModel": (),
        "CLIPVisionModelWithProjection": (),
    },
    groups={
        "patches": [kernel(_PATCHES, "embedding/patches", "DIpp")],
        "class token": [bare(f"{_TOWER}embeddings.class_embedding", "embedding/class_token", "D")],
        "encoder": [*_ENCODER, norm(f"{_TOWER}pre_layrnorm", "embedding/norm")],
        "classifier": _SHARED["classifier"],
    },
    rates={"attention_dropout": "attention_dropout", "layer_norm_epsilon": "layer_norm_eps"},
    constants={"family": "clip", "stem": "patches", "pooling": "patches"},
    dimensions=dimensions,
    further_arguments=read_image_shape,
    further_problems=square_problems,
    defaults={  # CLIPVisionConfig's
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "num_channels": 3,
        "image_size": 224,
        "patch_size": 32,
        "hidden_act": "quick_gelu",
        "layer_norm_eps": 1e-5,
        "attention_dropout": 0.0,
        "num_labels": 2,
    },
    allowed={},
    written=_of_tower("clip_vision_model"),
    idle=(f"{_TOWER}embeddings.position_ids",),
    unneeded=("text_model.", "text_projection.", "visual_projection.", "logit_scale"),
    prefix=_TOWER,
    prefixed=("embeddings.", "encoder.", "pre_layrnorm.", "post_layernorm."),
    aliases=("clip_vision_model",),
    section="vision_config",
)
SIGLIP = replace(
    CLIP,
    model_type="siglip",
    title="SigLIP",
    architectures={
        "SiglipForImageClassification": ("classifier",),
        "SiglipModel": (),
        "SiglipVisionModel": (),
    },
    always=("patches", "encoder"),
    groups={
        "patches": [convolution(_PATCHES, "embedding/patches", "DIpp")],
        **_SHARED,
    },
    constants={"family": "siglip", "stem": "patches", "pooling": "average"},
    dimensions=lambda arguments: {**dimensions(arguments), "P": num_patches(arguments)},
    defaults={
        **CLIP.defaults,
        "patch_size": 16,
        "hidden_act": "gelu_pytorch_tanh",
        "layer_norm_eps": 1e-6,
    },
    written=_of_tower("siglip_vision_model", vision_use_head=False),
    unneeded=("text_model.", f"{_TOWER}head.", "logit_scale", "logit_bias"),
    prefixed=("embeddings.", "encoder.", "post_layernorm.", "head."),
    aliases=("siglip_vision_model",),
)
