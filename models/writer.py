"""Provides the step and the loops that all ways of writing translations share.

The K sequences of a source are queries of one and the same memory. The keys and values that they
have left behind stay where they were written. `entries` says which of them a sequence consists of:
where a beam goes on from another, it is all that moves.
"""

import keras
from keras import ops

from ..layers.cache import GROWS
from ..layers.checks import check_positive
from .sequences import (
    NEVER,
    Continuations,
    Sequences,
    Sources,
    Translations,
    best_of,
    take_sequences,
)


class Writer:
    """Writes K sequences of each source, token by token.

    Args:
        translator: A `Translator`.
        inputs: A dict of the sources, as in `regard.models.decoding.greedy`.
        num_sequences: Number of sequences K of each source.
        max_length: Largest number of tokens to write, likewise.
        first_id: Likewise.
    """

    def __init__(self, translator, inputs, num_sequences, max_length, first_id=None):
        token_ids, padding_mask = inputs["encoder_token_ids"], inputs["encoder_padding_mask"]
        self.translator = translator
        self.first_id = first_id
        self.num_sequences = num_sequences
        self.batch_size = ops.shape(token_ids)[0]
        longest = translator.config["max_sequence_length"]
        limits = ops.broadcast_to(ops.minimum(max_length, longest), (self.batch_size,))
        is_known = isinstance(max_length, int)  # when a graph is made
        if is_known:
            check_positive(max_length=max_length)
        self.length = min(max_length, longest) if is_known else ops.max(limits)
        memory = translator.encode(token_ids, padding_mask)
        memory = translator.decoder.project_memory(memory)
        self.sources = Sources(memory, ops.cast(padding_mask, "bool"), limits)

    def new_caches(self):
        """Returns an empty cache for each decoder block."""
        mask = self.sources.padding_mask
        return self.translator.new_caches(mask, self.num_sequences, self.length)

    def nothing_written(self):
        """Returns all sequences before the first token.

        The K of a source are equal, so only the first of them has a score that counts.
        """
        shape = (self.batch_size, self.num_sequences)
        pad_id = self.translator.config["pad_id"]
        order = ops.arange(self.num_sequences)
        return Sequences(
            ops.full(shape, self.translator.start_id, "int32"),
            ops.full((*shape, self.length), pad_id, "int32"),
            ops.broadcast_to(order[:, None], (*shape, self.length)),
            ops.broadcast_to(ops.where(order == 0, 0.0, NEVER), shape),
        )

    def step(self, sources, sequences, caches, position):
        """Returns logits (B, K, V) of the tokens after the newest, and caches with the newest."""
        entries = sequences.entries[:, :, : position + 1] if GROWS else sequences.entries
        sees = entries[..., None] == ops.arange(self.num_sequences)  # (B, K, t, K)
        if not GROWS:
            sees = ops.logical_and(sees, ops.arange(self.length)[:, None] <= position)
        shape = (ops.shape(sees)[0], self.num_sequences, -1)
        logits, caches = self.translator.step(
            sequences.newest,
            caches,
            position,
            ops.reshape(sees, shape),  # (B, K, t·K)
            sources.memory,
            sources.padding_mask,
        )
        if self.first_id is None:
            return logits, caches
        is_other = ops.arange(logits.shape[-1]) != self.first_id
        is_out = ops.logical_and(is_other, position == 0)  # (V,)
        return ops.where(is_out, NEVER, logits), caches

    def is_over(self, sources, newest, position):
        """Tells which sequences end with the newest token, or have no room for another."""
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

    def search(self, write_next):
        """Writes on until no source is open, and returns the translations found.

        Whenever half of the sources have been closed, the loop goes on with the others alone, but
        not in JAX, where a shape cannot depend on values.

        Args:
            write_next: A function that writes one more token. It takes the `Sources`, the
                position, `is_open`, the beams, the translations found and the caches. It returns
                all of these but the sources, as they then are.
        """
        beams = self.nothing_written()
        found = Translations(beams.token_ids, ops.full_like(beams.scores, NEVER))
        is_open = beams.scores[:, 0] == 0  # (B,): all of them
        state = (is_open, beams, found, self.new_caches())
        if not GROWS:
            return self._write_until(0, write_next, self.sources, 0, *state)[3]

        def is_going_on(results, position, indices, *_):
            return ops.logical_and(position < self.length, ops.shape(indices)[0] > 0)

        def write_some(results, position, indices, sources, *state):
            half = ops.shape(indices)[0] // 2
            position, *state = self._write_until(half, write_next, sources, position, *state)
            is_open, _, found, _ = state
            results = [
                ops.scatter_update(result, indices[:, None], part)
                for result, part in zip(results, found, strict=True)
            ]
            return results, position, *_take_open(is_open, indices, sources, *state)

        parts = _take_open(is_open, ops.arange(self.batch_size), self.sources, *state)
        results, *_ = ops.while_loop(is_going_on, write_some, (list(found), 0, *parts))
        return Translations(*results)

    def _write_until(self, enough, write_next, sources, position, *state):
        """Writes until at most `enough` sources are open, or there is no more room."""

        def is_going_on(position, is_open, *_):
            count = ops.sum(ops.cast(is_open, "int32"))
            return ops.logical_and(position < self.length, count > enough)

        return ops.while_loop(
            is_going_on, lambda *state: write_next(sources, *state), (position, *state)
        )

    def best_continuations(self, beams, logits):
        """Returns the 2K most probable continuations of the K beams of each source."""
        batch_size, count = ops.shape(logits)[0], 2 * self.num_sequences
        of_each = min(count, self.translator.target_vocabulary_size)
        values, tokens = ops.top_k(logits, of_each)  # (B, K, 2K)
        values, highest = values - values[..., :1], values[..., :1]
        total = ops.sum(ops.exp(logits - highest), axis=-1, keepdims=True)
        values = values - ops.log(total) + beams.scores[..., None]  # log-probabilities
        scores, order = ops.top_k(ops.reshape(values, (batch_size, -1)), count)  # (B, 2K)
        tokens = ops.take_along_axis(ops.reshape(tokens, (batch_size, -1)), order, axis=1)
        return Continuations(tokens, order // of_each, scores)

    def with_found(self, found, beams, candidates, is_found, position, penalty):
        """Returns the K best of the translations found before and those found now.

        Only the K best candidates may be found. The others are there to go on in their place.

        Args:
            found: The `Translations` found before.
            beams: The `Sequences` that the candidates go on from.
            candidates: `Continuations` (B, 2K), the best first.
            is_found: (B, 2K), True where a candidate ends a translation.
            position: The position of the candidates' tokens.
            penalty: The divisor of the candidates' scores.
        """
        best = Continuations(*(part[:, : self.num_sequences] for part in candidates))  # (B, K)
        is_found = is_found[:, : self.num_sequences]
        scores = ops.where(is_found, best.scores / penalty, NEVER)
        token_ids = self.written(beams, best, position)  # (B, K, L)
        both = Translations(
            ops.concatenate([found.token_ids, token_ids], axis=1),
            ops.concatenate([found.scores, scores], axis=1),
        )
        return best_of(both, self.num_sequences)

    def go_on(self, beams, candidates, is_over, position):
        """Returns the K best beams that go on, of all candidates (B, 2K)."""
        scores = ops.where(is_over, candidates.scores + NEVER, candidates.scores)
        chosen = best_of(candidates._replace(scores=scores), self.num_sequences)  # (B, K)
        return Sequences(
            chosen.tokens,
            self.written(beams, chosen, position),
            self.own_from(take_sequences(beams.entries, chosen.parents), position + 1),
            chosen.scores,
        )

    def written(self, beams, continuations, position):
        """Returns the tokens (B, K, L) of beams with continuations at a position."""
        token_ids = take_sequences(beams.token_ids, continuations.parents)
        return self.with_tokens(token_ids, continuations.tokens, position)

    def with_tokens(self, token_ids, newest, position):
        """Puts the newest tokens (B, K) into sequences (B, K, L)."""
        return ops.where(ops.arange(self.length) == position, newest[..., None], token_ids)

    def own_from(self, entries, position):
        """Makes all entries (B, K, L) from a position on those of the sequence itself."""
        order = ops.arange(self.num_sequences)[:, None]  # (K, 1)
        return ops.where(ops.arange(self.length) >= position, order, entries)


def _take_open(is_open, *parts):
    """Takes the open sources of parts that are each (B, ...)."""
    (indices,) = ops.nonzero(is_open)
    return keras.tree.map_structure(lambda part: ops.take(part, indices, axis=0), parts)
