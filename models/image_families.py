"""Lists the families of image classifiers: how each is written down, and how it differs from ViT.

A family is a layout and a row here. What is the same in all of its models is in the row. What
differs from one to another is a `variation`: arguments of their layers, which the layout reads.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, NamedTuple

from . import vit_layout
from .beit_layout import BEIT
from .clip_layout import CLIP, SIGLIP
from .deit_layout import BOTH, DEIT
from .dinov2_layout import DINOV2, DINOV2_WITH_REGISTERS
from .dinov3_layout import DINOV3, DINOV3_CLASSIFIER
from .layout import Layout
from .timm_layout import TIMM

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class ImageFamily(NamedTuple):
    """A family of image classifiers.

    Attributes:
        layout: How its models are written down.
        embedding: Arguments of the `ImageEmbedding` of all of its models.
        block: Arguments of the blocks of all of its models.
        norm: Where the last normalization is: of the "outputs" of the encoder; of what is "pooled";
            or "unused", where others' classifiers have it and leave it alone.
        is_square: Whether others compute it for images alone that are as wide as high.
        antialias: Whether positions are smoothed when they are interpolated for fewer patches.
        any_size: Whether others interpolate positions for the size that the preprocessing gives,
            whatever the config says of images.
        variation: Arguments of `ImageEmbedding` and the blocks, as "embedding" and "block", that
            its models may have otherwise, with their defaults. "distances" says which blocks add a
            bias of the patches' distances, "rotary" has the arguments of rotary attention.
    """

    layout: Layout
    embedding: Mapping[str, Any] = _NOTHING
    block: Mapping[str, Any] = _NOTHING
    norm: str = "outputs"
    is_square: bool = True
    antialias: bool = False
    any_size: bool = False
    variation: Mapping[str, Mapping[str, Any]] = _NOTHING


_DINOV2 = {"layer_scale": 1.0, "gated": False}
_ROWS = (
    ImageFamily(vit_layout.VIT, is_square=False),
    ImageFamily(DEIT, embedding={"distillation_token": True}, is_square=False),
    ImageFamily(DINOV2, any_size=True, variation={"block": _DINOV2}),
    ImageFamily(
        DINOV2_WITH_REGISTERS,
        antialias=True,
        any_size=True,
        variation={"block": _DINOV2, "embedding": {"num_registers": 4}},
    ),
    ImageFamily(CLIP, embedding={"patch_bias": False, "normalize": True}, norm="unused"),
    ImageFamily(SIGLIP),
    ImageFamily(
        BEIT,
        block={"qkv_bias": "query_value"},
        norm="pooled",
        any_size=True,
        variation={
            "block": {"layer_scale": 0.1},
            "embedding": {"positions": False},
            "distances": {"of_each_block": True, "of_all_blocks": False},
        },
    ),
    ImageFamily(
        DINOV3_CLASSIFIER,
        embedding={"positions": False},
        is_square=False,
        any_size=True,
        variation={
            "block": {"layer_scale": 1.0, "gated": False, "qkv_bias": "query_value"},
            "embedding": {"num_registers": 4},
            "rotary": {"theta": 100.0},
        },
    ),
)
IMAGE_FAMILIES = {family.layout.constants["family"]: family for family in _ROWS}
IMAGE_LAYOUTS = (
    *vit_layout.LAYOUTS.values(),
    *(family.layout for family in _ROWS[1:]),
    vit_layout.VIT_MAE,
    DINOV3,
    TIMM,
)
# Poolings that read a class token; the others know none.
OF_CLASS_TOKEN = ("class", "patches", "class_and_patches", BOTH)


def image_family(name: str) -> ImageFamily:
    """Returns a family by its name, the `model_type` of its configs.

    Raises:
        ValueError: If there is none; the message names the nearest.
    """
    if name in IMAGE_FAMILIES:
        return IMAGE_FAMILIES[name]
    nearest = get_close_matches(str(name).lower(), IMAGE_FAMILIES, n=1)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    raise ValueError(
        f"`family` must be one of {', '.join(IMAGE_FAMILIES)}.{hint} Received: family={name!r}"
    )
