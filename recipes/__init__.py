"""Recipes: data, training, evaluation, serving and the command line."""

from .log import show_lines

__all__ = ["strategy"]

show_lines()


def __getattr__(name):
    if name == "strategy":  # on first use: it needs TensorFlow, which takes seconds to import
        from .devices.strategy import strategy

        return strategy
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
