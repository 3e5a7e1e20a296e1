"""Turns Python strings into string tensors."""

from collections.abc import Sequence

import tensorflow as tf

Text = str | bytes


def as_bytes(texts: Sequence[Text]) -> tf.Tensor:
    """Makes a tensor of any strings, even those that are not valid Unicode.

    Lone surrogates stand for themselves, or, as in Python's file system encoding, for bytes that
    were not UTF-8. The tokenizer drops either.
    """
    encoded = [text if isinstance(text, bytes) else _utf8(text) for text in texts]
    return tf.constant(encoded, tf.string)


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
