"""Says what is read in place of a checkpoint that is not."""

from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from typing import Any

from .layout import Layout

# Entries of configs that models of images have, and no models of texts.
_OF_IMAGES = ("image_size", "patch_size", "num_channels", "vision_config")


def unread(config: Mapping[str, Any], layouts: Iterable[Layout]) -> str:
    """Returns in words that a model of a config's type is not read, and what is in its place.

    That is what is read of the same kind: of texts, of images or of translations.
    """
    kind, model_type = kind_of(config), config.get("model_type")
    alike = [layout for layout in layouts if layout.kind == kind]
    nearest = max(alike, key=lambda layout: _likeness(layout, model_type))
    titles = list(dict.fromkeys(layout.title for layout in alike))
    read = f"of {kind} {joined(titles)} {'are' if len(titles) > 1 else 'is'}"
    hint = f", and {nearest.title} is the nearest" if len(titles) > 1 else ""
    return f"a model of type {model_type!r:.40} is not read; {read}{hint}"


def kind_of(config: Mapping[str, Any]) -> str:
    """Returns what a model is for, by the entries of its config."""
    if any(config.get(name) is not None for name in _OF_IMAGES):
        return "images"
    return "translations" if config.get("is_encoder_decoder") is True else "texts"


def joined(titles: Iterable[str], last: str = "and") -> str:
    """Returns names in words, each once: "BERT, RoBERTa and ALBERT"."""
    *others, end = dict.fromkeys(titles)
    return f"{', '.join(others)} {last} {end}" if others else end


def _likeness(layout: Layout, model_type: Any) -> float:
    return SequenceMatcher(None, layout.model_type, str(model_type)[:40]).ratio()
