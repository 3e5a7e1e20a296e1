"""Keeps a masked language model, which says what stands behind [MASK]."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ...models import MaskedLanguageModel
from ..attention.attention import Attention
from ..data.memory import texts_of
from ..errors import UserError
from ..runs.checkpoints import open_checkpoint
from ..runs.run import Answer, LanguageRun
from ..tokenizers.strings import as_bytes, in_chunks
from ..training.token_budget import TokenBudget
from .attention import attend_to_masks
from .batches import masked_positions

TOP = 5  # guesses for each [MASK]
EMBEDDING_TOKENS = 8192  # in a batch, with padding


@dataclass(frozen=True)
class Guess:
    """A piece that may stand behind a [MASK], and its probability."""

    token: str
    score: float


@dataclass(frozen=True)
class FilledText(Answer):
    """A text with guesses for each [MASK] in it, the most probable first."""

    text: str
    masks: list[list[Guess]]

    def to_line(self) -> str:
        """Returns the guesses of each mask with their probabilities, then the text, by tabs."""
        guesses = (", ".join(f"{g.token} {g.score:.4f}" for g in mask) for mask in self.masks)
        return "\t".join([*guesses, " ".join(self.text.split())])


class MaskedLMRun(LanguageRun):
    """A trained masked language model with its tokenizer, as a run directory holds it.

    Example:
        >>> run = MaskedLMRun.load("runs/pretrained")
        >>> run.predict(["The room was [MASK]."])[0].masks[0][0].token
        'clean'
    """

    task = "masked_lm"
    model_class = MaskedLanguageModel
    open = staticmethod(partial(open_checkpoint, task="masked_lm"))
    next_steps = "regard fit text DATA --checkpoint {run}"

    @staticmethod
    def format_metrics(metrics: dict[str, Any]) -> str:
        """Lays metrics out for a terminal."""
        perplexity, accuracy = (metrics[name] for name in ("perplexity", "accuracy"))
        return f"perplexity  {perplexity:.2f}\naccuracy    {accuracy:.4f}"

    def predict(self, texts: Sequence[str], top: int = TOP) -> list[FilledText]:
        """Says what may stand behind each [MASK].

        Args:
            texts: Texts, each with at least one [MASK] among the tokens that the model reads.
            top: Number of guesses for each. Defaults to 5.

        Raises:
            UserError: If a text has no [MASK].
        """
        return [self._fill(text, top) for text in texts_of(texts)]

    def attention(self, text: str) -> Attention:
        """Tells what the model attends to in a text with at least one [MASK].

        Returns:
            The weights of all heads, rollout, and what each token contributes to each guess.

        Raises:
            UserError: If the text has no [MASK].
        """
        (prediction,) = self.predict([text])
        return attend_to_masks(self, text, prediction)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Returns the mean of the last hidden states of each text, over all of its tokens.

        Args:
            texts: Texts; of a long one, the tokens that the model reads count.

        Returns:
            Vectors of shape (number of texts, D), float32.

        Raises:
            TypeError: If given one string, where a list of strings is wanted.
        """
        texts = texts_of(texts)
        vectors = np.zeros((len(texts), self.model.config["hidden_dim"]), "float32")
        if not len(texts):
            return vectors
        chunks = [
            self.tokenizer.encode(*each, self.max_sequence_length) for each in in_chunks(texts)
        ]
        token_ids = tf.concat(chunks, axis=0)
        for rows in TokenBudget(token_ids.row_lengths().numpy(), EMBEDDING_TOKENS).in_order():
            inputs = self.tokenizer.pack(tf.gather(token_ids, rows))
            states = self._encoder.predict_on_batch(inputs)  # (B, T, D)
            is_token = inputs["padding_mask"].numpy()[..., np.newaxis]  # (B, T, 1)
            vectors[rows] = states.mean(axis=1, where=is_token)
        return vectors

    @cached_property
    def _encoder(self) -> keras.Model:
        """Returns the model without its head: hidden states (B, T, D)."""
        inputs = {n: each for n, each in self.model.input.items() if n != "masked_positions"}
        return keras.Model(inputs, self.model.encoder.output)

    def _fill(self, text: str, top: int) -> FilledText:
        token_ids = self.tokenizer.encode(as_bytes([text]), self.max_sequence_length)
        positions, _ = masked_positions(token_ids == self.tokenizer.mask_id)
        if not positions.shape[1]:
            mask = self.tokenizer.special_tokens.mask
            raise UserError(
                f"A masked language model says what stands behind {mask}, so every text must hold "
                f"one in its first {self.max_sequence_length} tokens. Received: {text:.80}"
            )
        inputs = {**self.tokenizer.pack(token_ids), "masked_positions": positions}
        scores, tokens = tf.math.top_k(tf.nn.softmax(self.model(inputs)[0]), top)  # (M, top)
        pieces = np.array(self.tokenizer.vocabulary, object)[tokens.numpy()].tolist()
        rows = zip(pieces, scores.numpy().tolist(), strict=True)
        return FilledText(text, [list(map(Guess, *row)) for row in rows])
