"""Holds sequences of tokens that are written: unfinished, continued and finished ones."""

from typing import Any, NamedTuple

from keras import ops

NEVER = -1e9  # the score of what does not exist


class Translations(NamedTuple):
    """Translations of B sources, K of each, the best first.

    Attributes:
        token_ids: (B, K, L), integers: each ends with the model's `end_id`, unless it was cut off
            before, and has its `pad_id` after that. L is the largest number of tokens asked for.
        scores: (B, K), float32: the logarithm of a translation's probability, divided by its number
            of tokens, the end included, to the power of the length penalty.
    """

    token_ids: Any
    scores: Any


class Sequences(NamedTuple):
    """Sequences that are being written, K of each source.

    Attributes:
        newest: (B, K), the token to go on from.
        token_ids: (B, K, L), `pad_id` where nothing is written yet.
        entries: (B, K, L), the index, among the K keys of a position, of the sequence's own.
        scores: (B, K), logarithms of probabilities.
    """

    newest: Any
    token_ids: Any
    entries: Any
    scores: Any


class Continuations(NamedTuple):
    """Tokens that sequences may go on with.

    Attributes:
        tokens: (B, K), the next tokens.
        parents: (B, K), the indices of the sequences that they go on from.
        scores: (B, K), logarithms of probabilities.
    """

    tokens: Any
    parents: Any
    scores: Any


class Sources(NamedTuple):
    """Encoded sources, and how much may be written of each.

    Attributes:
        memory: For each decoder block keys and values of its cross-attention, (B, N, S, H).
        padding_mask: (B, S), True at real tokens.
        limits: (B,), the largest number of tokens to write.
    """

    memory: Any
    padding_mask: Any
    limits: Any


def best_of(sequences, count):
    """Keeps the `count` best of the sequences of each source, best first.

    Args:
        sequences: A named tuple with `scores`, whose fields are (B, at least `count`, ...).
        count: Number of sequences to keep.
    """
    scores, order = ops.top_k(sequences.scores, count)
    others = {
        name: take_sequences(values, order)
        for name, values in sequences._asdict().items()
        if name != "scores"
    }
    return type(sequences)(scores=scores, **others)


def take_sequences(values, order):
    """Takes the sequences at the indices (B, K) from the (B, K', ...) of each source."""
    batch_size, count = ops.shape(values)[:2]
    rows = ops.arange(batch_size)[:, None] * count + order  # (B, K)
    flat = ops.reshape(values, (batch_size * count, *ops.shape(values)[2:]))
    return ops.take(flat, rows, axis=0)
