"""Draws a token at random from those that a sampler leaves."""

from dataclasses import dataclass
from typing import Any

from keras import ops

from ..layers.checks import check_positive_or_none


@dataclass(frozen=True)
class Sampler:
    """Says what the next token is drawn from, and with which shares.

    Args:
        temperature: Divisor of the logits, above 0; below 1 it favours probable tokens. Defaults
            to 1.
        top_k: Number of tokens to draw from, the most probable ones. Defaults to all.
        top_p: Probability in (0, 1] that the tokens to draw from, the most probable ones, must
            have together. Defaults to 1.
        seed: An integer or a `keras.random.SeedGenerator`. Defaults to another one in each call.

    Raises:
        ValueError: If an argument is out of range.

    References:
        Holtzman et al., "The Curious Case of Neural Text Degeneration", section 3,
        https://arxiv.org/abs/1904.09751
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    seed: Any = None

    def __post_init__(self):
        check_positive_or_none(top_k=self.top_k)
        if not (self.temperature > 0 and 0 < self.top_p <= 1):
            raise ValueError(
                "`temperature` must be above 0, and `top_p` in (0, 1]. Received: "
                f"temperature={self.temperature}, top_p={self.top_p}"
            )

    def check_vocabulary(self, vocabulary_size):
        """Raises `ValueError` if there are fewer tokens than `top_k`."""
        if self.top_k is not None and self.top_k > vocabulary_size:
            raise ValueError(
                f"`top_k` must be at most the size of the vocabulary, {vocabulary_size}. "
                f"Received: top_k={self.top_k}"
            )

    def draw(self, logits, chances):
        """Returns the tokens that some chances fall on.

        Args:
            logits: (B, K, V).
            chances: (B, K), each in [0, 1): how much of the probability, from the most probable
                token on, lies before the one to draw.

        Returns:
            Token ids of shape (B, K).
        """
        tokens, shares = self._candidates(logits / self.temperature)  # (B, K, top_k)
        up_to = ops.cumsum(shares, axis=-1)
        is_before = up_to <= chances[..., None] * up_to[..., -1:]
        rank = ops.sum(ops.cast(is_before, "int32"), axis=-1)
        rank = ops.minimum(rank, ops.shape(tokens)[-1] - 1)
        return ops.squeeze(ops.take_along_axis(tokens, rank[..., None], axis=-1), axis=-1)

    def _candidates(self, logits):
        """Returns the tokens to draw from, most probable first, and their shares.

        Tokens that are not among the most probable ones of `top_p` have a share of 0.
        """
        top_k = logits.shape[-1] if self.top_k is None else self.top_k
        logits, tokens = ops.top_k(logits, top_k)  # (B, K, top_k), falling
        shares = ops.softmax(logits)
        below = ops.cumsum(shares, axis=-1) - shares  # what the tokens before each have together
        return tokens, ops.where(below < self.top_p, shares, 0.0)
