"""Writes translations: greedily, by beam search or by sampling, over one step with a cache.

Each way is a `while_loop`, so that it runs in a graph as it does eagerly. It stops when every
sequence has ended.
"""

import keras
from keras import ops

from ..layers.checks import check_positive
from .sampler import Sampler
from .sequences import NEVER, Translations
from .writer import Writer

__all__ = ["Sampler", "Translations", "beam_search", "greedy", "sample"]


def greedy(translator, inputs, max_length, first_id=None):
    """Writes the most probable token each time.

    Args:
        translator: A `Translator`.
        inputs: A dict of the sources, as the translator is called with: `encoder_token_ids`
            (B, S), and `encoder_padding_mask` (B, S), True at real tokens.
        max_length: Largest number of tokens to write, an integer or a tensor: a scalar, or (B,)
            with a number for each source. The model's `max_sequence_length` bounds it.
        first_id: The token that every translation begins with, such as that of its language. Its
            probability counts as 1. Defaults to none.

    Returns:
        `Translations`, one of each source.
    """
    return beam_search(translator, inputs, max_length, num_beams=1, first_id=first_id)


def sample(translator, inputs, max_length, num_samples=1, sampler=None, first_id=None):
    """Draws translations at random, with the probabilities that the model gives them.

    Args:
        translator: A `Translator`.
        inputs: As for `greedy`.
        max_length: As for `greedy`.
        num_samples: Number of translations K of each source. Defaults to 1.
        sampler: A `Sampler`, which says what a token is drawn from. Defaults to `Sampler()`.
        first_id: As for `greedy`. Defaults to none.

    Returns:
        `Translations`, in the order in which they were drawn. Their scores are those of the model,
        whatever the temperature.

    Raises:
        ValueError: If an argument is out of range.
    """
    sampler = Sampler() if sampler is None else sampler
    check_positive(num_samples=num_samples)
    sampler.check_vocabulary(translator.target_vocabulary_size)
    writer = Writer(translator, inputs, num_samples, max_length, first_id)
    shape = (writer.batch_size, num_samples, writer.length)
    chances = keras.random.uniform(shape, seed=sampler.seed)  # (B, K, L)
    return writer.write(
        lambda logits, position: sampler.draw(logits, ops.take(chances, position, axis=2))
    )


def beam_search(
    translator,
    inputs,
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
        inputs: As for `greedy`.
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
    writer = Writer(translator, inputs, num_beams, max_length, first_id)
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
