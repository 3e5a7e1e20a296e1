"""Finds a family of models by its name."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TypeVar

Family = TypeVar("Family")


def find_family(name: str, families: Mapping[str, Family]) -> Family:
    """Returns one of the families by its name, the `model_type` of its configs.

    Raises:
        ValueError: If there is none; the message names the nearest.
    """
    if name in list(families):
        return families[name]
    nearest = get_close_matches(str(name).lower(), families, n=1)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    raise ValueError(
        f"`family` must be one of {', '.join(families)}.{hint} Received: family={name!r}"
    )
