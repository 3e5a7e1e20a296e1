"""Describes DeiT, with its distillation token, as Hugging Face writes it down.

DeiT without that token is a ViT there.

References:
    Touvron et al., "Training data-efficient image transformers & distillation through attention",
    https://arxiv.org/abs/2012.12877
"""

from dataclasses import replace

from .rows import bare, dense, where
from .vit_layout import BLOCK, VIT, class_token, dimensions, encoder, patches, read_vit

BOTH = "class_and_distillation"  # the pooling for two heads
_TWO_HEADS = "DeiTForImageClassificationWithTeacher"


def _read(config):
    has_two = _TWO_HEADS in (config["architectures"] or ())
    return {**read_vit(config), "pooling": BOTH if has_two else "class"}


def _dimensions(arguments):
    has_two = arguments["pooling"] == BOTH
    return {
        **dimensions(arguments, num_first=2),
        "has_one_head": int(not has_two),
        "has_two_heads": int(has_two),
    }


DEIT = replace(
    VIT,
    model_type="deit",
    title="DeiT",
    architectures={
        "DeiTForImageClassification": ("classifier",),
        _TWO_HEADS: ("classifier",),
        "DeiTForMaskedImageModeling": (),
        "DeiTModel": (),
    },
    groups={
        "patches": patches("deit."),
        "class token": [
            *class_token("deit."),
            bare("deit.embeddings.distillation_token", "embedding/distillation_token", "11D"),
        ],
        "encoder": encoder("deit.", BLOCK),
        "classifier": [
            *where("has_one_head", dense("classifier", "head", "CD")),
            *where(
                "has_two_heads",
                dense("cls_classifier", "head/class_token", "CD"),
                dense("distillation_classifier", "head/distillation_token", "CD"),
            ),
        ],
    },
    constants={"family": "deit", "stem": "patches"},
    dimensions=_dimensions,
    further_arguments=_read,
    idle=("deit.embeddings.mask_token",),
    unneeded=("decoder.", "deit.pooler."),
    prefix="deit.",
)
