"""Holds what a model attends to, as plain arrays, and follows it through the layers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


class Token(NamedTuple):
    """A token as people read it.

    Attributes:
        text: Its characters, without marks of where words begin.
        is_special: Whether it is none of the text's own, such as [CLS].
        is_spaced: Whether there is a space before it.
    """

    text: str
    is_special: bool = False
    is_spaced: bool = True


class Heads(NamedTuple):
    """The weights with which T queries read S keys, in L blocks of N heads.

    Attributes:
        queries: The tokens that read, or patches.
        keys: Those that are read.
        weights: (L, N, T, S), float32, as the model computes them; the last axis sums to 1.
        rollout: (T, S), float32, of self-attention; else None.
        is_causal: Whether a query reads no keys after its own position.
    """

    queries: list[Token]
    keys: list[Token]
    weights: np.ndarray
    rollout: np.ndarray | None = None
    is_causal: bool = False


class Outcome(NamedTuple):
    """Something that a model says or may say.

    Attributes:
        label: A class, a token that fills a [MASK], or one of a translation.
        score: Its probability.
        position: The query that says it, where each says something of its own.
    """

    label: str
    score: float
    position: int | None = None


@dataclass(frozen=True, eq=False, repr=False)
class AttentionArrays:
    """Holds what a model attends to while it answers one question.

    Attributes:
        subject: What model it is, in words.
        prediction: The run's answer, as from `predict`.
        title: The answer in short.
        score: Its probability, what a translation is ranked by, or the value that is told.
        heads: The weights by what attends: "encoder", and of a translator "decoder" and "cross"; of
            a recurrent one "cross" alone.
        outcomes: What the model says or may say: classes, the most probable first; the best tokens
            for each [MASK]; or each token of a translation.
        contributions: (A, S), float32: gradient × input of the logit of each of the A outcomes, at
            each of the S tokens or patches that the encoder reads.
        reader: The query that the answer is made from, if it is one alone; else None.
        note: What was not read, in words; empty if nothing was cut off.
        picture: An image as the model reads it: uint8 (H, W, 3).
        grid: Its number of rows and of columns of patches.
        is_value: Whether the answer is a number, and no class with a probability.
        alternatives: The same for the other translations of an n-best list.
    """

    subject: str
    prediction: Any
    title: str
    score: float
    heads: dict[str, Heads]
    outcomes: list[Outcome]
    contributions: np.ndarray
    reader: int | None = None
    note: str = ""
    picture: np.ndarray | None = None
    grid: tuple[int, int] | None = None
    is_value: bool = False
    alternatives: Sequence["AttentionArrays"] = ()

    @property
    def tokens(self) -> list[str]:
        """Returns the S tokens that the encoder reads."""
        return [token.text for token in self._first.keys]

    @property
    def weights(self) -> np.ndarray:
        """Returns the weights of the encoder: (L, N, S, S), float32; else those of `heads`."""
        return self._first.weights

    @property
    def rollout(self) -> np.ndarray | None:
        """Returns the rollout of the encoder: (S, S), float32."""
        return self._first.rollout

    @property
    def _first(self) -> Heads:
        return next(iter(self.heads.values()))


def self_attention(tokens: list[Token], weights: np.ndarray) -> Heads:
    """Makes the heads of self-attention, with their rollout, of weights (L, N, T, T)."""
    return Heads(tokens, tokens, weights, rollout(weights))


def rollout(weights: np.ndarray) -> np.ndarray:
    """Follows attention through the layers, down to the tokens that came in.

    A block's output is half what it reads, by the mean of its heads, and half what it had before:
    (A + I) / 2. The product over the blocks tells how much of each input token is in each output.

    Args:
        weights: (L, N, T, T), the last axis with a sum of 1.

    Returns:
        float32, (T, T): rows are positions of the output, and sum to 1.

    References:
        Abnar and Zuidema, "Quantifying Attention Flow in Transformers", section 3.1,
        https://arxiv.org/abs/2005.00928
    """
    followed = np.eye(weights.shape[-1])
    for block in weights.mean(axis=1, dtype=np.float64):  # (T, T)
        followed = (block + np.eye(len(block))) / 2 @ followed
    return followed.astype(np.float32)
