"""Lists the families of text encoders: how each is written down, and how it differs from BERT.

A family is a layout and a row here. What is the same in all of its models is in the row. What
differs from one to another is a `variation`: arguments of their layers, which the layout reads.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from .albert_layout import ALBERT
from .bert_layout import BERT
from .deberta_layout import DEBERTA_V2
from .distilbert_layout import DISTILBERT
from .electra_layout import ELECTRA
from .families import find_family
from .layout import Layout
from .modernbert_layout import MODERNBERT
from .mpnet_layout import MPNET, NUM_BUCKETS
from .roberta_layout import CAMEMBERT, ROBERTA, XLM_ROBERTA

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class TextFamily(NamedTuple):
    """A family of text encoders.

    Attributes:
        layout: How its models are written down.
        embedding: Arguments of the `TextEmbedding` of all of its models.
        encoder: Arguments of their `Encoder`.
        pooler: Arguments of their `FirstTokenPooling`.
        normalizes_pooled: Whether the pooler ends with a normalization.
        drops_first: Whether a classifier has dropout before the pooler, as well as after it.
        transforms_tokens: Whether what the pooler computes is computed of every token where tokens
            are classified.
        variation: Arguments of `TextEmbedding` and `Encoder`, as "embedding" and "encoder", that
            its models may have otherwise, with their defaults; and as "pooler" whether it
            `reads_mean`, that of all tokens in place of the first.
    """

    layout: Layout
    embedding: Mapping[str, Any] = _NOTHING
    encoder: Mapping[str, Any] = _NOTHING
    pooler: Mapping[str, Any] = _NOTHING
    normalizes_pooled: bool = False
    drops_first: bool = False
    transforms_tokens: bool = False
    variation: Mapping[str, Mapping[str, Any]] = _NOTHING


_FROM_PADDING = {"embedding": {"pad_id": 1}}
_SHARED = {"embedding": {"embedding_dim": 128}, "encoder": {"num_groups": 1, "group_size": 1}}
# As the base sizes of DeBERTa-v3 and ModernBERT have it.
_BY_DISTANCE = {
    "max_distance": 512,
    "num_buckets": 256,
    "normalize": True,
    "terms": ["p2c", "c2p"],
    "shares_projections": True,
}
_DISENTANGLED = {
    "embedding": {"has_positions": False},
    "encoder": {"disentangled": _BY_DISTANCE, "convolution": None},
}
_ALTERNATING = {
    "embedding": {"pad_id": 0},
    "encoder": {
        "window": 64,
        "global_every": 3,
        "rotary_base": 160_000.0,
        "local_rotary_base": 10_000.0,
    },
    "pooler": {"reads_mean": False},
}
_ROWS = (
    TextFamily(BERT),
    TextFamily(DISTILBERT, pooler={"activation": "relu"}),
    TextFamily(ROBERTA, drops_first=True, variation=_FROM_PADDING),
    TextFamily(XLM_ROBERTA, drops_first=True, variation=_FROM_PADDING),
    TextFamily(CAMEMBERT, drops_first=True, variation=_FROM_PADDING),
    TextFamily(ELECTRA, pooler={"activation": "gelu"}, drops_first=True),
    TextFamily(ALBERT, variation=_SHARED),
    TextFamily(
        MPNET, encoder={"num_buckets": NUM_BUCKETS}, drops_first=True, variation=_FROM_PADDING
    ),
    TextFamily(DEBERTA_V2, pooler={"activation": "gelu"}, variation=_DISENTANGLED),
    TextFamily(
        MODERNBERT,
        embedding={"has_positions": False, "center": False},
        encoder={
            "normalize_first": True,
            "skips_first_norm": True,
            "use_bias": False,
            "block": {"gated": True},
        },
        pooler={"activation": "gelu", "use_bias": False},
        normalizes_pooled=True,
        transforms_tokens=True,
        variation=_ALTERNATING,
    ),
)
TEXT_FAMILIES = {family.layout.model_type: family for family in _ROWS}
TEXT_LAYOUTS = tuple(family.layout for family in _ROWS)


def text_family(name: str) -> TextFamily:
    """Returns a family by its name, the `model_type` of its configs.

    Raises:
        ValueError: If there is none; the message names the nearest.
    """
    return find_family(name, TEXT_FAMILIES)


def whole_variation(
    family: TextFamily, given: Mapping[str, Mapping[str, Any]] | None
) -> dict[str, dict[str, Any]]:
    """Returns a variation with the family's defaults for what is not given."""
    parts = {**family.variation, **(given or {})}
    return {part: {**family.variation.get(part, {}), **parts[part]} for part in parts}
