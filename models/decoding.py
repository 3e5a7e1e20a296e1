"""Writes translations: greedily, by beam search or by sampling, over one step with a cache.

Each way is a `while_loop`, so that it runs in a graph as it does eagerly. It stops when every
sequence has ended.
"""

import keras
from keras import ops

from ..layers.checks import check_positive
from .sequences import NEVER, Translations
from .writer import Writer

__all__ = ["Translations", "beam_search", "greedy", "sample"]


def greedy(translator, encoder_token_ids, encoder_padding_mask, max_length, first_id=None):
    """Writes the most probable token each time.

    Args:
        translator: A `Translator`.
        encoder_token_ids: (B, S): the sources.
        encoder_padding_mask: (B, S), True at real tokens.
        max_length: Largest number of tokens to write, an integer or a tensor: a scalar, or (B,)
            with a number for each source. The model's `max_sequence_length` bounds it.
        first_id: The token that every translation begins with, such as that of its language. Its
            probability counts as 1. Defaults to none.

    Returns:
        `Translations`, one of each source.
    """
    sources = encoder_token_ids, encoder_padding_mask
    return beam_search(translator, *sources, max_length, num_beams=1, first_id=first_id)


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
    first_id=None,
):
    """Draws translations at random, with the probabilities that the model gives them.

    Args:
        translator: A `Translator`.
        encoder_token_ids: (B, S): the sources.
        encoder_padding_mask: (B, S), True at real tokens.
        max_length: As for `greedy`.
        num_samples: Number of translations K of each source. Defaults to 1.
        temperature: Divisor of the logits, above 0; below 1 it favours probable tokens. Defaults
            to 1.
        top_k: Number of tokens to draw from, the most probable ones. Defaults to all.
        top_p: Probability in (0, 1] that the tokens to draw from, the most probable ones, must
            have together. Defaults to 1.
        seed: An integer or a `keras.random.SeedGenerator`. Defaults to another one in each call.
        first_id: As for `greedy`. Defaults to none.

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
    _check_sampling(temperature, top_k, top_p, vocabulary_size)
    sources = encoder_token_ids, encoder_padding_mask
    writer = Writer(translator, *sources, num_samples, max_length, first_id)
    shape = (writer.batch_size, num_samples, writer.length)
    chances = keras.random.uniform(shape, seed=seed)  # (B, K, L)

    def draw(logits, position):
        tokens, shares = _nucleus(logits / temperature, top_k, top_p)  # (B, K, top_k)
        chance = ops.take(chances, position, axis=2)[..., None]  # (B, K, 1)
        up_to = ops.cumsum(shares, axis=-1)
        rank = ops.sum(ops.cast(up_to <= chance * up_to[..., -1:], "int32"), axis=-1)
        rank = ops.minimum(rank, top_k - 1)
        return ops.squeeze(ops.take_along_axis(tokens, rank[..., None], axis=-1), axis=-1)

    return writer.write(draw)


def _check_sampling(temperature, top_k, top_p, vocabulary_size):
    if not (temperature > 0 and 0 < top_p <= 1 and top_k <= vocabulary_size):
        raise ValueError(
            "`temperature` must be above 0, `top_p` in (0, 1], and `top_k` at most the size of the "
            f"vocabulary, {vocabulary_size}. Received: temperature={temperature}, top_p={top_p}, "
            f"top_k={top_k}"
        )


def _nucleus(logits, top_k, top_p):
    """Returns the tokens to draw from, most probable first, and their shares.

    Tokens that are not among the most probable ones of `top_p` have a share of 0.
    """
    logits, tokens = ops.top_k(logits, top_k)  # (B, K, top_k), falling
    shares = ops.softmax(logits)
    below = ops.cumsum(shares, axis=-1) - shares  # what the tokens before each have together
    return tokens, ops.where(below < top_p, shares, 0.0)


def beam_search(
    translator,
    encoder_token_ids,
    encoder_padding_mask,
    max_length,
    num_beams=4,
    length_penalty=1.0,
    early_stopping=False,
    first_id=None,
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
        early_stopping: Whether to stop once K translations are found. Defaults to False: search
            goes on while the best beginning, at its length, scores above the worst of the K.
        first_id: As for `greedy`. Defaults to none.

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
    sources = encoder_token_ids, encoder_padding_mask
    writer = Writer(translator, *sources, num_beams, max_length, first_id)
    if num_beams == 1:
        return writer.write(lambda logits, position: ops.argmax(logits, axis=-1), length_penalty)

    def write_next(sources, position, is_open, beams, found, caches):
        logits, caches = writer.step(sources, beams, caches, position)
        candidates = writer.best_continuations(beams, logits)  # (B, 2K)
        is_over = writer.is_over(sources, candidates.tokens, position)  # (B, 2K)
        penalty = ops.cast(position + 1, "float32") ** length_penalty
        is_found = ops.logical_and(is_over, is_open[:, None])  # (B, 2K)
        found = writer.with_found(found, beams, candidates, is_found, position, penalty)
        beams = writer.go_on(beams, candidates, is_over, position)
        worst = found.scores[:, -1]
        hope = worst <= NEVER if early_stopping else beams.scores[:, 0] / penalty > worst
        return position + 1, ops.logical_and(is_open, hope), beams, found, caches

    return writer.search(write_next)
