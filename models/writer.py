"""What every way of writing translations shares: sequences, a step with a cache, and the loops.

The K sequences of a source are queries of one and the same memory, and the keys and values that
they have left behind stay where they were written: `entries` says which of them a sequence consists
of, and is all that moves when a beam goes on from another.
"""

from typing import Any, NamedTuple

import keras
from keras import ops

from ..layers.cache import GROWS
from ..layers.checks import check_positive

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
        entries: (B, K, L), which of the K keys of a position the sequence has.
        scores: (B, K), logarithms of probabilities.
    """

    newest: Any
    token_ids: Any
    entries: Any
    scores: Any


class Continuations(NamedTuple):
    """How sequences may go on.

    Attributes:
        tokens: (B, K), the next tokens.
        parents: (B, K), which of the sequences they go on from.
        scores: (B, K), logarithms of probabilities.
    """

    tokens: Any
    parents: Any
    scores: Any


class Sources(NamedTuple):
    """What is translated.

    Attributes:
        memory: For each decoder block keys and values of its cross-attention, (B, N, S, H).
        padding_mask: (B, S), True at real tokens.
        limits: (B,), the largest number of tokens to write.
    """

    memory: Any
    padding_mask: Any
    limits: Any


class Writer:
    """Writes K sequences of each source, token by token."""

    def __init__(
        self, translator, encoder_token_ids, encoder_padding_mask, num_sequences, max_length
    ):
        self.translator = translator
        self.num_sequences = num_sequences
        self.batch_size = ops.shape(encoder_token_ids)[0]
        longest = translator.config["max_sequence_length"]
        limits = ops.broadcast_to(ops.minimum(max_length, longest), (self.batch_size,))
        is_known = isinstance(max_length, int)  # when a graph is made
        if is_known:
            check_positive(max_length=max_length)
        self.length = min(max_length, longest) if is_known else ops.max(limits)
        memory = translator.encode(encoder_token_ids, encoder_padding_mask)
        memory = translator.decoder.project_memory(memory)
        self.sources = Sources(memory, ops.cast(encoder_padding_mask, "bool"), limits)

    def new_caches(self):
        mask = self.sources.padding_mask
        return self.translator.new_caches(mask, self.num_sequences, self.length)

    def search(self, write_next, is_open, beams, found):
        """Writes on until no source is open; gives what has been found.

        Whenever half of the sources have been closed, the others go on by themselves, but not in
        JAX, where a shape cannot depend on values.

        Args:
            write_next: From sources, position, which of them are open, beams, what has been found,
                and caches, to the same after one more token, but for the sources.
            is_open: (B,), booleans.
            beams: The first `Sequences`.
            found: The first `Translations`.
        """

        def write(enough, sources, position, *state):
            """Writes until no more than so many sources are open, or there is no more room."""

            def is_going_on(position, is_open, *_):
                count = ops.sum(ops.cast(is_open, "int32"))
                return ops.logical_and(position < self.length, count > enough)

            return ops.while_loop(
                is_going_on, lambda *state: write_next(sources, *state), (position, *state)
            )

        state = (is_open, beams, found, self.new_caches())
        if not GROWS:
            return write(0, self.sources, 0, *state)[3]

        def open_ones(is_open, *parts):
            """The parts of what is open, each (B, ...)."""
            (places,) = ops.nonzero(is_open)
            return keras.tree.map_structure(lambda part: ops.take(part, places, axis=0), parts)

        def write_some(results, position, places, sources, *state):
            half = ops.shape(places)[0] // 2
            position, is_open, beams, found, caches = write(half, sources, position, *state)
            results = [
                ops.scatter_update(result, places[:, None], part)
                for result, part in zip(results, found, strict=True)
            ]
            parts = (places, sources, is_open, beams, found, caches)
            return (results, position, *open_ones(is_open, *parts))

        def is_going_on(results, position, places, *_):
            return ops.logical_and(position < self.length, ops.shape(places)[0] > 0)

        parts = (ops.arange(self.batch_size), self.sources, *state)
        state = (list(found), 0, *open_ones(is_open, *parts))
        results, *_ = ops.while_loop(is_going_on, write_some, state)
        return Translations(*results)

    def nothing_written(self):
        """All sequences before the first token. Only the first counts: the others are the same."""
        shape = (self.batch_size, self.num_sequences)
        pad_id = self.translator.config["pad_id"]
        order = ops.arange(self.num_sequences)
        return Sequences(
            ops.full(shape, pad_id, "int32"),
            ops.full((*shape, self.length), pad_id, "int32"),
            ops.broadcast_to(order[:, None], (*shape, self.length)),
            ops.broadcast_to(ops.where(order == 0, 0.0, NEVER), shape),
        )

    def step(self, sources, sequences, caches, position):
        """Logits (B, K, V) of what comes after the newest tokens, and the caches with these."""
        entries = sequences.entries[:, :, : position + 1] if GROWS else sequences.entries
        sees = entries[..., None] == ops.arange(self.num_sequences)  # (B, K, t, K)
        if not GROWS:
            sees = ops.logical_and(sees, ops.arange(self.length)[:, None] <= position)
        shape = (ops.shape(sees)[0], self.num_sequences, -1)
        return self.translator.step(
            sequences.newest,
            caches,
            position,
            ops.reshape(sees, shape),  # (B, K, t·K)
            sources.memory,
            sources.padding_mask,
        )

    def best_continuations(self, beams, logits):
        """The 2K most probable of all that the K beams can go on to."""
        batch_size, count = ops.shape(logits)[0], 2 * self.num_sequences
        of_each = min(count, self.translator.config["vocabulary_size"])
        values, tokens = ops.top_k(logits, of_each)  # (B, K, 2K)
        values, highest = values - values[..., :1], values[..., :1]
        total = ops.sum(ops.exp(logits - highest), axis=-1, keepdims=True)
        values = values - ops.log(total) + beams.scores[..., None]  # log-probabilities
        scores, order = ops.top_k(ops.reshape(values, (batch_size, -1)), count)  # (B, 2K)
        tokens = ops.take_along_axis(ops.reshape(tokens, (batch_size, -1)), order, axis=1)
        return Continuations(tokens, order // of_each, scores)

    def written(self, beams, continuations, position):
        """What beams have written with continuations at a position: (B, K, L)."""
        token_ids = take_sequences(beams.token_ids, continuations.parents)
        return self.with_tokens(token_ids, continuations.tokens, position)

    def with_tokens(self, token_ids, newest, position):
        """Puts the newest tokens (B, K) into sequences (B, K, L)."""
        return ops.where(ops.arange(self.length) == position, newest[..., None], token_ids)

    def own_from(self, entries, position):
        """Makes all entries (B, K, L) from a position on those of the sequence itself."""
        order = ops.arange(self.num_sequences)[:, None]  # (K, 1)
        return ops.where(ops.arange(self.length) >= position, order, entries)

    def is_over(self, sources, newest, position):
        """Which sequences end with the newest token, or have no room for another."""
        is_last = position >= sources.limits[:, None] - 1  # (B, 1)
        return ops.logical_or(newest == self.translator.config["end_id"], is_last)

    def write(self, choose, length_penalty=1.0):
        """Writes every sequence by itself; `choose(logits, position)` gives the tokens (B, K)."""
        pad_id = self.translator.config["pad_id"]
        sequences = self.nothing_written()
        sequences = sequences._replace(scores=ops.zeros_like(sequences.scores))
        is_over = sequences.scores < 0  # (B, K): none

        def is_going_on(position, is_over, *_):
            return ops.logical_and(position < self.length, ops.any(ops.logical_not(is_over)))

        def write_next(position, is_over, sequences, lengths, caches):
            logits, caches = self.step(self.sources, sequences, caches, position)
            tokens = ops.cast(choose(logits, position), "int32")  # (B, K)
            chosen = ops.squeeze(ops.take_along_axis(logits, tokens[..., None], axis=-1), axis=-1)
            score = chosen - ops.logsumexp(logits, axis=-1)
            tokens = ops.where(is_over, pad_id, tokens)
            sequences = Sequences(
                tokens,
                self.with_tokens(sequences.token_ids, tokens, position),
                sequences.entries,
                sequences.scores + ops.where(is_over, 0.0, score),
            )
            lengths = lengths + ops.where(is_over, 0.0, 1.0)
            is_over = ops.logical_or(is_over, self.is_over(self.sources, tokens, position))
            return position + 1, is_over, sequences, lengths, caches

        state = (0, is_over, sequences, ops.zeros_like(sequences.scores), self.new_caches())
        _, _, sequences, lengths, _ = ops.while_loop(is_going_on, write_next, state)
        return Translations(sequences.token_ids, sequences.scores / lengths**length_penalty)


def best_of(sequences, count):
    """So many of the sequences, by their scores: each field is (B, more than that, ...)."""
    scores, order = ops.top_k(sequences.scores, count)
    others = {
        name: take_sequences(values, order)
        for name, values in sequences._asdict().items()
        if name != "scores"
    }
    return type(sequences)(scores=scores, **others)


def take_sequences(values, order):
    """The sequences (B, K', ...) at the places (B, K) of those of each source."""
    batch_size, count = ops.shape(values)[:2]
    rows = ops.arange(batch_size)[:, None] * count + order  # (B, K)
    flat = ops.reshape(values, (batch_size * count, *ops.shape(values)[2:]))
    return ops.take(flat, rows, axis=0)
