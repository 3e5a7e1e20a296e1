"""Turns Python strings into string tensors."""

import logging
from collections.abc import Iterator, Sequence

import tensorflow as tf

from .portions import LONGEST_READ

logger = logging.getLogger("regard")

Text = str | bytes

CHUNK = 1024  # texts


def as_bytes(texts: Sequence[Text]) -> tf.Tensor:
    """Makes a tensor of any strings, even those that are not valid Unicode.

    Lone surrogates stand for themselves, or, as in Python's file system encoding, for bytes that
    were not UTF-8. The tokenizer drops either.
    """
    encoded = [text if isinstance(text, bytes) else _utf8(text) for text in texts]
    return tf.constant(encoded, tf.string)


def in_chunks(texts: Sequence[Text] | Sequence[tuple[Text, Text]]) -> Iterator[list[tf.Tensor]]:
    """Yields a few texts at a time: a tensor (B,) of texts, or two of both texts of pairs.

    How many are so long that a tokenizer does not read all of them is said at the end.
    """
    num_cut = 0
    for start in range(0, len(texts), CHUNK):
        chunk = texts[start : start + CHUNK]
        columns = zip(*chunk, strict=True) if isinstance(chunk[0], tuple) else [chunk]
        columns = [as_bytes(column) for column in columns]
        is_cut = [tf.strings.length(column) > LONGEST_READ for column in columns]
        num_cut += int(tf.math.count_nonzero(is_cut))
        yield columns
    if num_cut:
        logger.warning("texts longer than %s bytes, cut there: %d", f"{LONGEST_READ:,}", num_cut)


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
