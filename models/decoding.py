"""Writing translations: greedy, beam search and sampling, over one step with a cache.

Each is one `while_loop`, so that it runs in a graph as it does eagerly, and stops when every
sequence has ended. The K sequences of a source are queries of one and the same memory, and the keys
and values that they have left behind stay where they were written: `entries` says which of them a
sequence consists of, and is all that moves when a beam goes on from another.
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


class _Sequences(NamedTuple):
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


def greedy(translator, encoder_token_ids, encoder_padding_mask, max_length):
    """Writes the most probable token each time.

    Args:
        translator: A `Translator`.
        encoder_token_ids: (B, S): the sources.
        encoder_padding_mask: (B, S), True at real tokens.
        max_length: Largest number of tokens to write, an integer or a tensor: a scalar, or (B,)
            with a number for each source. The model's `max_sequence_length` bounds it.

    Returns:
        `Translations`, one of each source.
    """
    return beam_search(translator, encoder_token_ids, encoder_padding_mask, max_length, num_beams=1)


def sample(
    translator,
    encoder_token_ids,
    encoder_padding_mask,
    max_length,
    num_samples=1,
    temperature=1.0,
    top_k=None,
    top_p=1.0,
    seed=None,
):
    """Draws translations at random, as probable as the model finds them.

    Args:
        translator: A `Translator`.
        encoder_token_ids: (B, S): the sources.
        encoder_padding_mask: (B, S), True at real tokens.
        max_length: As for `greedy`.
        num_samples: Number of translations K of each source. Defaults to 1.
        temperature: Divides the logits; below 1 it favours what is probable. Above 0. Defaults to
            1.
        top_k: Number of tokens to draw from, the most probable ones. Defaults to all.
        top_p: Draw from the most probable tokens that together have at least this probability, in
            (0, 1]. Defaults to 1.
        seed: An integer or a `keras.random.SeedGenerator`. Defaults to another one in each call.

    Returns:
        `Translations`, in the order in which they were drawn. Their scores are those of the model,
        whatever the temperature.

    Raises:
        ValueError: If an argument is out of range.

    References:
        Holtzman et al., "The Curious Case of Neural Text Degeneration", section 3,
        https://arxiv.org/abs/1904.09751
    """
    vocabulary_size = translator.config["vocabulary_size"]
    top_k = vocabulary_size if top_k is None else top_k
    check_positive(num_samples=num_samples, top_k=top_k)
    if not (temperature > 0 and 0 < top_p <= 1 and top_k <= vocabulary_size):
        raise ValueError(
            "`temperature` must be above 0, `top_p` in (0, 1], and `top_k` at most the size of the "
            f"vocabulary, {vocabulary_size}. Received: temperature={temperature}, top_p={top_p}, "
            f"top_k={top_k}"
        )
    writer = _Writer(translator, encoder_token_ids, encoder_padding_mask, num_samples, max_length)
    shape = (writer.batch_size, num_samples, writer.length)
    chances = keras.random.uniform(shape, seed=seed)  # (B, K, L)

    def draw(logits, position):
        logits, tokens = ops.top_k(logits / temperature, top_k)  # (B, K, top_k), falling
        shares = ops.softmax(logits)
        below = ops.cumsum(shares, axis=-1) - shares  # what the tokens before each have together
        shares = ops.where(below < top_p, shares, 0.0)
        chance = ops.take(chances, position, axis=2)[..., None]  # (B, K, 1)
        up_to = ops.cumsum(shares, axis=-1)
        rank = ops.sum(ops.cast(up_to <= chance * up_to[..., -1:], "int32"), axis=-1)
        rank = ops.minimum(rank, top_k - 1)
        return ops.squeeze(ops.take_along_axis(tokens, rank[..., None], axis=-1), axis=-1)

    return writer.write(draw)


def beam_search(
    translator,
    encoder_token_ids,
    encoder_padding_mask,
    max_length,
    num_beams=4,
    length_penalty=1.0,
    early_stopping=False,
):
    """Keeps the K best beginnings at every length, and the K best translations found so far.

    The results are those of `transformers`. With one beam it is greedy.

    Args:
        translator: A `Translator`.
        encoder_token_ids: (B, S): the sources.
        encoder_padding_mask: (B, S), True at real tokens.
        max_length: As for `greedy`.
        num_beams: Number of beams K, and of translations of each source. Defaults to 4.
        length_penalty: Power of the length that scores are divided by; above 0 it favours long
            translations. Defaults to 1.
        early_stopping: Whether to stop at the first K translations. Defaults to False: search goes
            on while the best beginning has a better score, at its length, than the worst of them.

    Returns:
        `Translations`, the best first.

    Raises:
        ValueError: If `num_beams` is not a positive integer.

    References:
        Sutskever et al., "Sequence to Sequence Learning with Neural Networks", section 3.2,
        https://arxiv.org/abs/1409.3215; Wu et al., "Google's Neural Machine Translation System",
        section 7, https://arxiv.org/abs/1609.08144
    """
    check_positive(num_beams=num_beams)
    writer = _Writer(translator, encoder_token_ids, encoder_padding_mask, num_beams, max_length)
    if num_beams == 1:
        return writer.write(lambda logits, position: ops.argmax(logits, axis=-1), length_penalty)
    beams = writer.nothing_written()
    found = Translations(beams.token_ids, ops.full_like(beams.scores, NEVER))
    is_open = beams.scores[:, 0] == 0  # (B,): all of them

    def write_next(sources, position, is_open, beams, found, caches):
        logits, caches = writer.step(sources, beams, caches, position)
        candidates = writer.best_continuations(beams, logits)  # (B, 2K)
        is_over = writer.is_over(sources, candidates.tokens, position)  # (B, 2K)
        penalty = ops.cast(position + 1, "float32") ** length_penalty
        # Only the K best of all may be found: the others are there to go on in their place.
        best = _Continuations(*(part[:, :num_beams] for part in candidates))
        is_found = ops.logical_and(is_over[:, :num_beams], is_open[:, None])  # (B, K)
        scores = ops.where(is_found, best.scores / penalty, NEVER)
        token_ids = writer.written(beams, best, position)  # (B, K, L)
        found = _best(
            Translations(
                ops.concatenate([found.token_ids, token_ids], axis=1),
                ops.concatenate([found.scores, scores], axis=1),
            ),
            num_beams,
        )
        scores = ops.where(is_over, candidates.scores + NEVER, candidates.scores)
        chosen = _best(candidates._replace(scores=scores), num_beams)  # (B, K)
        beams = _Sequences(
            chosen.tokens,
            writer.written(beams, chosen, position),
            writer.own_from(_take(beams.entries, chosen.parents), position + 1),
            chosen.scores,
        )
        worst = found.scores[:, -1]
        hope = worst <= NEVER if early_stopping else beams.scores[:, 0] / penalty > worst
        return position + 1, ops.logical_and(is_open, hope), beams, found, caches

    return writer.search(write_next, is_open, beams, found)


class _Continuations(NamedTuple):
    """How sequences may go on.

    Attributes:
        tokens: (B, K), the next tokens.
        parents: (B, K), which of the sequences they go on from.
        scores: (B, K), logarithms of probabilities.
    """

    tokens: Any
    parents: Any
    scores: Any


class _Sources(NamedTuple):
    """What is translated.

    Attributes:
        memory: For each decoder block keys and values of its cross-attention, (B, N, S, H).
        padding_mask: (B, S), True at real tokens.
        limits: (B,), the largest number of tokens to write.
    """

    memory: Any
    padding_mask: Any
    limits: Any


class _Writer:
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
        self.sources = _Sources(memory, ops.cast(encoder_padding_mask, "bool"), limits)

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
            beams: The first `_Sequences`.
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
        return _Sequences(
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
        return _Continuations(tokens, order // of_each, scores)

    def written(self, beams, continuations, position):
        """What beams have written with continuations at a position: (B, K, L)."""
        token_ids = _take(beams.token_ids, continuations.parents)
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
            sequences = _Sequences(
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


def _best(sequences, count):
    """So many of the sequences, by their scores: each field is (B, more than that, ...)."""
    scores, order = ops.top_k(sequences.scores, count)
    others = {
        name: _take(values, order)
        for name, values in sequences._asdict().items()
        if name != "scores"
    }
    return type(sequences)(scores=scores, **others)


def _take(values, order):
    """The sequences (B, K', ...) at the places (B, K) of those of each source."""
    batch_size, count = ops.shape(values)[:2]
    rows = ops.arange(batch_size)[:, None] * count + order  # (B, K)
    flat = ops.reshape(values, (batch_size * count, *ops.shape(values)[2:]))
    return ops.take(flat, rows, axis=0)
