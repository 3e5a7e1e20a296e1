"""Regard: transformer layers, models and recipes for Keras 3, from your data to a model server.

    >>> import regard
    >>> run = regard.fit_text("reviews.csv", output="runs/reviews")
    >>> run.predict(["A lovely little hotel."])
    >>> run.evaluate("test.csv")
    >>> run.export("served/reviews")

What is named here is imported on first use, so that `import regard` itself takes no time.
"""

import sys
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from wrapt import register_post_import_hook

if TYPE_CHECKING:  # for editors
    from . import layers, models, recipes
    from .recipes.errors import UserError
    from .recipes.images.checks import read_labelled_images
    from .recipes.images.data import LabelledImages
    from .recipes.images.recipe import fit_images
    from .recipes.images.run import ImageRun
    from .recipes.images.settings import ImageSettings
    from .recipes.pretraining.recipe import pretrain_text
    from .recipes.pretraining.run import MaskedLMRun
    from .recipes.pretraining.settings import PretrainingSettings
    from .recipes.text.data import LabelledTexts, read_labelled_texts
    from .recipes.text.recipe import fit_text
    from .recipes.text.run import TextRun
    from .recipes.text.settings import TextSettings
    from .recipes.tokens.data import LabelledTokens, read_labelled_tokens
    from .recipes.tokens.recipe import fit_tokens
    from .recipes.tokens.run import TokenRun
    from .recipes.tokens.settings import TokenSettings
    from .recipes.translation.data import ParallelTexts, read_parallel_texts
    from .recipes.translation.recipe import fit_translation
    from .recipes.translation.run import TranslationRun
    from .recipes.translation.settings import TranslationSettings

__version__ = "0.1.0"
__all__ = [
    "ImageRun",
    "ImageSettings",
    "LabelledImages",
    "LabelledTexts",
    "LabelledTokens",
    "MaskedLMRun",
    "ParallelTexts",
    "PretrainingSettings",
    "TextRun",
    "TextSettings",
    "TokenRun",
    "TokenSettings",
    "TranslationRun",
    "TranslationSettings",
    "UserError",
    "fit_images",
    "fit_text",
    "fit_tokens",
    "fit_translation",
    "layers",
    "models",
    "pretrain_text",
    "read_labelled_images",
    "read_labelled_texts",
    "read_labelled_tokens",
    "read_parallel_texts",
    "recipes",
]

_HOMES = {
    "LabelledImages": "recipes.images.data",
    "LabelledTexts": "recipes.text.data",
    "LabelledTokens": "recipes.tokens.data",
    "ParallelTexts": "recipes.translation.data",
    "UserError": "recipes.errors",
    "read_labelled_images": "recipes.images.checks",
    "read_labelled_texts": "recipes.text.data",
    "read_labelled_tokens": "recipes.tokens.data",
    "read_parallel_texts": "recipes.translation.data",
}


def __getattr__(name):
    if name in ("layers", "models", "recipes"):
        return import_module(f".{name}", __name__)
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    if name in __all__:
        return import_module(".recipes.tasks", __name__).find(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])


def _register(loaded) -> None:
    """Registers every layer and model, so that `keras.models.load_model` knows them."""
    others = [sys.modules[name] for name in _WITH_KERAS if name in sys.modules]
    is_partial = any(each.__spec__._initializing for each in others if each is not loaded)
    if is_partial or "keras" not in sys.modules:
        return  # this is called again once what is being imported is whole
    for name in ("layers", "models"):
        package = import_module(f".{name}", __name__)
        for each in package.__all__:
            getattr(package, each)


_WITH_KERAS = [
    name
    for room in ("layers", "models")
    for name in (
        f"{__name__}.{room}",
        *(each.name for each in iter_modules([f"{__path__[0]}/{room}"], f"{__name__}.{room}.")),
    )
]
if __name__ == "regard":  # pytest also imports this file by the name of its folder
    for _name in ("keras", *_WITH_KERAS):
        register_post_import_hook(_register, _name)  # now, if it is there, else once it is
