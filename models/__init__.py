"""Provides models made of `regard.layers`, in the sizes of the published ones."""

from importlib import import_module

from .presets import IMAGE_PRESETS, TEXT_PRESETS, TRANSLATION_PRESETS

__all__ = [
    "IMAGE_PRESETS",
    "TEXT_PRESETS",
    "TRANSLATION_PRESETS",
    "MaskedLanguageModel",
    "RecurrentTranslator",
    "TextClassifier",
    "TokenClassifier",
    "Translator",
    "VisionTransformer",
]

_HOMES = {
    "MaskedLanguageModel": "masked_language_model",
    "RecurrentTranslator": "recurrent_translator",
    "TextClassifier": "text_classifier",
    "TokenClassifier": "token_classifier",
    "Translator": "translator",
    "VisionTransformer": "vision_transformer",
}


def __getattr__(name):
    if name in _HOMES:  # on first use: the presets alone must not import Keras
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__})
