"""Splits texts into words in a graph, as the pre-tokenizers of `tokenizers` do."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import tensorflow as tf

from . import byte_level
from .regex import SPACES, split_by

Splitter = Callable[[tf.Tensor], tf.RaggedTensor]
BYTE_LEVEL, METASPACE = "ByteLevel", "Metaspace"


def make_splitter(state: Mapping[str, Any] | None) -> Splitter:
    """Makes what splits texts (N,) into words (N, None); an empty text has none.

    `state` is a pre-tokenizer as `tokenizer.json` writes it.

    Raises:
        ValueError: If it is one that cannot be done here.
    """
    stages = [_stage(each) for each in flatten(state, "pretokenizers")]

    def split(texts: tf.Tensor) -> tf.RaggedTensor:
        is_word = tf.cast(texts != "", tf.int64)
        words = tf.RaggedTensor.from_row_lengths(tf.boolean_mask(texts, texts != ""), is_word)
        for stage in stages:
            words = words.with_values(stage(words.flat_values)).merge_dims(1, 2)
        return words

    return split


def word_start(state: Mapping[str, Any] | None) -> str:
    """Returns how a vocabulary marks a piece that begins a word."""
    kinds = {each["type"]: each for each in flatten(state, "pretokenizers")}
    if METASPACE in kinds:
        return kinds[METASPACE]["replacement"]
    return byte_level.byte_characters()[ord(" ")]


def flatten(state: Mapping[str, Any] | None, parts: str) -> list[Mapping[str, Any]]:
    """Lists the parts of a sequence, those of sequences in it as well."""
    if state is None:
        return []
    if state["type"] != "Sequence":
        return [state]
    return [each for part in state[parts] for each in flatten(part, parts)]


def _stage(state: Mapping[str, Any]) -> Splitter:
    makers = {
        BYTE_LEVEL: _byte_level,
        METASPACE: _metaspace,
        "WhitespaceSplit": lambda _: partial(split_by, pattern=f"{SPACES}+"),
    }
    if state["type"] not in makers:
        known = ", ".join(makers)
        raise ValueError(f"words must be split by {known}. Received: {state['type']}")
    return makers[state["type"]](state)


def _byte_level(state: Mapping[str, Any]) -> Splitter:
    has_prefix, is_split = state["add_prefix_space"], state.get("use_regex", True)

    def split(texts: tf.Tensor) -> tf.RaggedTensor:
        texts = _with_prefix(texts, " ") if has_prefix else texts
        return byte_level.split_words(texts) if is_split else _as_words(texts)

    return split


def _metaspace(state: Mapping[str, Any]) -> Splitter:
    mark, scheme = state["replacement"], state["prepend_scheme"]
    if scheme not in ("always", "never"):
        raise ValueError(f"a space must be put before each text or none. Received: {scheme}")
    word = f"{re.escape(mark)}[^{re.escape(mark)}]*"

    def split(texts: tf.Tensor) -> tf.RaggedTensor:
        texts = tf.strings.regex_replace(texts, " ", mark)
        texts = _with_prefix(texts, mark) if scheme == "always" else texts
        if not state.get("split", True):
            return _as_words(texts)
        return split_by(texts, word, word)

    return split


def _as_words(texts: tf.Tensor) -> tf.RaggedTensor:
    return tf.RaggedTensor.from_tensor(texts[:, tf.newaxis])


def _with_prefix(texts: tf.Tensor, prefix: str) -> tf.Tensor:
    """Puts a prefix before texts (N,) that do not begin with it."""
    has_prefix = tf.strings.substr(texts, 0, len(prefix.encode())) == prefix
    return tf.where(has_prefix, texts, tf.strings.join([prefix, texts]))
