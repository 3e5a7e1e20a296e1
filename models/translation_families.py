"""Lists the families of translators: how each is written down, and how it differs from Marian."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import keras

from ..layers import LearnedEmbedding, SinusoidalEmbedding
from .families import find_family
from .layout import Layout
from .m2m_100_layout import M2M100
from .marian_layout import MARIAN
from .mbart_layout import MBART, UNUSED_POSITIONS

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class TranslationFamily(NamedTuple):
    """A family of translators.

    Attributes:
        layout: How its models are written down.
        embedding_class: What turns token ids into vectors.
        embedding: Arguments of the embeddings of all of its models.
        of_targets: Arguments of a call that embeds targets.
        stack: Arguments of their `Encoder` and `Decoder`.
        head: Arguments of their `TiedOutput`.
        start: The token that a target is read after: "pad_id" or "end_id".
    """

    layout: Layout
    embedding_class: type[keras.layers.Layer] = SinusoidalEmbedding
    embedding: Mapping[str, Any] = _NOTHING
    of_targets: Mapping[str, Any] = _NOTHING
    stack: Mapping[str, Any] = _NOTHING
    head: Mapping[str, Any] = _NOTHING
    start: str = "pad_id"


_ROWS = (
    TranslationFamily(MARIAN),
    TranslationFamily(
        M2M100,
        embedding={"first_position": 2, "endpoint": True},  # as fairseq counts positions
        stack={"normalize_first": True},
        head={"use_bias": False},
        start="end_id",
    ),
    TranslationFamily(
        MBART,
        LearnedEmbedding,
        embedding={"first_position": UNUSED_POSITIONS},
        of_targets={"is_target": True},
        stack={"normalize_first": True},
        start="end_id",
    ),
)
TRANSLATION_FAMILIES = {family.layout.model_type: family for family in _ROWS}
TRANSLATION_LAYOUTS = tuple(family.layout for family in _ROWS)


def translation_family(name: str) -> TranslationFamily:
    """Returns a family by its `model_type` in a config.

    Raises:
        ValueError: If there is no such family; the message names the nearest.
    """
    return find_family(name, TRANSLATION_FAMILIES)
