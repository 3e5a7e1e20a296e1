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
    "ImageRun": "recipes.images.run",
    "ImageSettings": "recipes.images.settings",
    "LabelledImages": "recipes.images.data",
    "LabelledTexts": "recipes.text.data",
    "MaskedLMRun": "recipes.pretraining.run",
    "ParallelTexts": "recipes.translation.data",
    "PretrainingSettings": "recipes.pretraining.settings",
    "TextRun": "recipes.text.run",
    "TextSettings": "recipes.text.settings",
    "TranslationRun": "recipes.translation.run",
    "TranslationSettings": "recipes.translation.settings",
    "UserError": "recipes.errors",
    "fit_images": "recipes.images.recipe",
    "fit_text": "recipes.text.recipe",
    "fit_translation": "recipes.translation.recipe",
    "pretrain_text": "recipes.pretraining.recipe",
    "read_labelled_images": "recipes.images.checks",
    "read_labelled_texts": "recipes.text.data",
    "read_parallel_texts": "recipes.translation.data",
}


def __getattr__(name):
    if name in ("layers", "models", "recipes"):
        return import_module(f".{name}", __name__)
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
