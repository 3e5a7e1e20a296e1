"""Regard: transformer layers, models and recipes for Keras 3, from your data to a model server.

    >>> import regard
    >>> run = regard.fit_text("reviews.csv", output="runs/reviews")
    >>> run.predict(["A lovely little hotel."])
    >>> run.evaluate("test.csv")
    >>> run.export("served/reviews")

What is named here is imported on first use, so that `import regard` itself takes no time.
"""

from importlib import import_module

__version__ = "0.1.0"
__all__ = [
    "ImageRun",
    "ImageSettings",
    "LabelledImages",
    "LabelledTexts",
    "MaskedLMRun",
    "ParallelTexts",
    "PretrainingSettings",
    "TextRun",
    "TextSettings",
    "TranslationRun",
    "TranslationSettings",
    "UserError",
    "fit_images",
    "fit_text",
    "fit_translation",
    "layers",
    "models",
    "pretrain_text",
    "read_labelled_images",
    "read_labelled_texts",
    "read_parallel_texts",
    "recipes",
]

_HOMES = {
    "ImageRun": "recipes.image_runs",
    "ImageSettings": "recipes.image_settings",
    "LabelledImages": "recipes.data.images",
    "LabelledTexts": "recipes.data.texts",
    "MaskedLMRun": "recipes.masked_lm_runs",
    "ParallelTexts": "recipes.data.parallel",
    "PretrainingSettings": "recipes.settings",
    "TextRun": "recipes.text_runs",
    "TextSettings": "recipes.settings",
    "TranslationRun": "recipes.translation_runs",
    "TranslationSettings": "recipes.translation_settings",
    "UserError": "recipes.errors",
    "fit_images": "recipes.images",
    "fit_text": "recipes.text",
    "fit_translation": "recipes.translation",
    "pretrain_text": "recipes.pretraining",
    "read_labelled_images": "recipes.image_checks",
    "read_labelled_texts": "recipes.data.tables",
    "read_parallel_texts": "recipes.data.parallel",
}


def __getattr__(name):
    if name in ("layers", "models", "recipes"):
        return import_module(f".{name}", __name__)
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
