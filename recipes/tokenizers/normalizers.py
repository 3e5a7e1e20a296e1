"""Normalizes texts in a graph, as the normalizers of `tokenizers` do."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import tensorflow as tf
import tensorflow_text as tf_text

from .characters import decompose_and_strip, lowercase, strip_accents
from .charsmap import make_charsmap
from .regex import SPACES
from .words import flatten

Normalizer = Callable[[tf.Tensor], tf.Tensor]
FORMS = ("NFC", "NFD", "NFKC", "NFKD")
# Whatever means the same in the regular expressions of both libraries.
_PLAIN = re.compile(r"(?:[\w ,|]|\\[nrts]|\{\d+,?\d*\}|\+|\[(?:[\w ]|\\[nrt])+\])+")


def make_normalizer(state: Mapping[str, Any] | None) -> Normalizer:
    """Makes what normalizes texts (N,) in UTF-8.

    `state` is a normalizer as `tokenizer.json` writes it.

    Raises:
        ValueError: If it is one that cannot be done here.
    """
    steps = _steps(flatten(state, "normalizers"))

    def normalize(texts: tf.Tensor) -> tf.Tensor:
        for step in steps:
            texts = step(texts)
        return texts

    return normalize


def _steps(states: list[Mapping[str, Any]]) -> list[Normalizer]:
    """Makes each step, and one of a decomposition with the dropping of accents after it."""
    if not states:
        return []
    kind, rest = states[0]["type"], states[1:]
    if kind in ("NFD", "NFKD") and rest and rest[0]["type"] == "StripAccents":
        return [partial(decompose_and_strip, form=kind), *_steps(rest[1:])]
    return [_step(states[0]), *_steps(rest)]


def _step(state: Mapping[str, Any]) -> Normalizer:
    kind = state["type"]
    if kind in FORMS:
        return lambda texts: tf_text.normalize_utf8(texts, kind)
    makers = {
        "Lowercase": lambda _: lowercase,
        "StripAccents": lambda _: strip_accents,
        "Strip": _strip,
        "Replace": _replace,
        "Precompiled": lambda state: make_charsmap(state["precompiled_charsmap"]),
    }
    if kind not in makers:
        known = ", ".join((*FORMS, *makers))
        raise ValueError(f"texts must be normalized by {known}. Received: {kind}")
    return makers[kind](state)


def _strip(state: Mapping[str, Any]) -> Normalizer:
    left, right = (f"^{SPACES}+", f"{SPACES}+$")
    sides = [side for name, side in (("strip_left", left), ("strip_right", right)) if state[name]]
    pattern = "|".join(sides)
    return lambda texts: tf.strings.regex_replace(texts, pattern, "") if pattern else texts


def _replace(state: Mapping[str, Any]) -> Normalizer:
    pattern, content = state["pattern"], state["content"].replace("\\", "\\\\")
    if "String" in pattern:
        pattern = re.escape(pattern["String"])
    elif _PLAIN.fullmatch(pattern["Regex"]):
        pattern = pattern["Regex"].replace(r"\s", SPACES)
    else:
        raise ValueError(f"a pattern to replace must be a simple one. Received: {pattern['Regex']}")
    return lambda texts: tf.strings.regex_replace(texts, pattern, content)
