"""Keeps a translator: from texts to translations.

Its `model/` is a Marian checkpoint, unless the model is the recurrent one.
"""

import logging
import math
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import starmap
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ...models.checkpoints import Checkpoint
from ...models.layout import write_json
from ..attention.attention import Attention
from ..data.memory import texts_of
from ..declarations import takes
from ..errors import UserError
from ..runs.checkpoints import open_model
from ..runs.run import Answer, LanguageRun, sample_texts
from ..tokenizers.sentencepiece import SPACE, SentencePieceTokenizer
from ..tokenizers.strings import Text
from ..training.losses import TokenCrossentropy
from .attention import attend_to_translations
from .batches import BATCH, Pairs, cut_in_order, pack
from .data import ParallelTexts, read_parallel_texts
from .evaluation import format_translation_metrics, translation_metrics
from .models import translator_of
from .report import Alignment
from .serving import export_translator, n_best_function, translate_n_best
from .settings import ParallelReading

logger = logging.getLogger("regard")

EVALUATION_BATCH_TOKENS = 4096
_BREAKS = re.compile(r"[ \t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+")  # spaces and ends of lines


def open_translator(source: str | Path) -> tuple[Checkpoint, SentencePieceTokenizer]:
    """Opens a translator's checkpoint, or that of a run, with its tokenizer.

    Raises:
        CheckpointError: If it is not a whole checkpoint.
        UserError: If its tokenizer is missing or damaged, or has ids that the model has not.
    """
    checkpoint = open_model(source, "translation")
    tokenizer = SentencePieceTokenizer.load(checkpoint.directory)
    arguments = checkpoint.arguments
    size = arguments["vocabulary_size"]
    target_size = arguments.get("target_vocabulary_size") or size
    ids = {"end_id": tokenizer.end_id, "pad_id": tokenizer.pad_id}
    expected = {name: arguments.get(name) for name in ids}
    for side, limit in ((tokenizer.source, size), (tokenizer.target, target_size)):
        largest = max(side.vocabulary.values())
        if largest >= limit or ids != expected:
            raise UserError(
                f"{checkpoint.directory}: the tokenizer must have the model's ids, below {limit} "
                f"and with {expected}. Received: ids up to {largest}, with {ids}"
            )
    tokenizer.cover(target_size)
    return checkpoint, tokenizer


@dataclass(frozen=True)
class Alternative:
    """One of several translations of a text, with its score as that of a `Translation`."""

    translation: str
    score: float


@dataclass(frozen=True)
class Translation(Answer):
    """A text with its translation.

    Attributes:
        text: The text.
        translation: Its translation.
        score: The logarithm of its probability, divided by its number of tokens to the power of the
            length penalty.
        truncated: True where the text was too long to be read as a whole, else None.
        n_best: The best translations, this one first, where several were asked for, else None.
    """

    text: str
    translation: str
    score: float
    truncated: bool | None = None
    n_best: list[Alternative] | None = None

    def to_line(self) -> str:
        """Returns the translation alone, in one line; several of them with tabs between."""
        texts = [each.translation for each in self.n_best or [self]]
        # Spaces that keep words together, as before French marks, are part of a translation.
        return "\t".join(_BREAKS.sub(" ", text).strip(" ") for text in texts)


class TranslationRun(LanguageRun):
    """A trained translator with its tokenizer, as a run directory holds it.

    Example:
        >>> run = TranslationRun.load("runs/train")
        >>> run.predict(["A dog runs."])[0].translation
        'Ein Hund rennt.'
    """

    task = "translation"
    model_of = staticmethod(translator_of)
    open = staticmethod(open_translator)
    format_metrics = staticmethod(format_translation_metrics)

    def __init__(self, model, tokenizer, metadata, metrics=None):
        super().__init__(model, tokenizer, metadata, metrics)
        if None in self._search().values():
            raise ValueError(f"run.json must say how to search. Received: {self._search()}")
        self._translators = {}

    def predict(
        self,
        texts: Sequence[Text],
        num_beams: int | None = None,
        length_penalty: float | None = None,
        n_best: int | None = None,
    ) -> list[Translation]:
        """Translates texts; any string will do, an empty one too.

        Args:
            texts: A list, a generator, an array or a series; or a data frame with the column of
                sources of the training data.
            num_beams: Beams of the search. Defaults to the run's, or `n_best` if that is larger.
            length_penalty: Power of the length that scores are divided by. Defaults to the run's.
            n_best: Translations to list of each text, in the attribute `n_best`. Defaults to the
                best alone, without a list.

        Raises:
            TypeError: If given one string, where a list of strings is wanted.
            UserError: If one is no text, or fewer beams are asked for than translations.
        """
        texts = texts_of(texts, (self.metadata["data"]["train"].get("columns") or ())[:1])
        self.tokenizer.check_sources(texts)
        if not texts:
            return []
        search = self._search()
        count = 1 if n_best is None else n_best
        num_beams = max(search["num_beams"], count) if num_beams is None else num_beams
        if not 1 <= count <= num_beams:
            raise UserError(
                "`n_best` must be at least 1, and at most `num_beams`. Received: "
                f"n_best={n_best}, num_beams={num_beams}"
            )
        penalty = search["length_penalty"] if length_penalty is None else length_penalty
        translate = self._translator(num_beams, penalty, count)
        found, truncated = translate_n_best(translate, texts)
        return [
            Translation(text, *pairs[0], was_cut or None, n_best and [*starmap(Alternative, pairs)])
            for text, pairs, was_cut in zip(texts, found, truncated, strict=True)
        ]

    def _search(self) -> dict[str, Any]:
        """Returns how the run searches where nothing else is asked for."""
        return {name: self.metadata["settings"][name] for name in ("num_beams", "length_penalty")}

    def _translator(self, *search):
        """Returns the function from strings to strings, traced once for each way of searching."""
        if search not in self._translators:
            self._translators[search] = n_best_function(
                self.model, self.tokenizer, self.max_sequence_length, *search
            )
        return self._translators[search]

    def align(self, text: str, translation: str) -> Alignment:
        """Tells how much each piece of a translation, by whomever, reads of each of its source.

        That is the mean over the heads of the last block but one, where attention is most like an
        alignment.

        References:
            Garg et al., "Jointly Learning to Align and Translate with Transformer Models", section
            3.1, https://arxiv.org/abs/1909.02074
        """
        pairs = self.tokenizer.encode_pairs([text], [translation], self.max_sequence_length)
        inputs, targets, _ = self.pack(pairs, np.array([0]))
        weights = np.mean(self.model.alignments(inputs)[0], axis=1)  # (L, T, S)
        return Alignment(
            self.tokenizer.source.names(pairs[0][0]),
            self.tokenizer.target.names(targets[0]),
            weights[max(0, len(weights) - 2)],
        )

    def attention(self, text: str, n_best: int | None = None) -> Attention:
        """Tells what the translator attends to while it writes the best translations of a text.

        Args:
            text: As one of those that `predict` takes.
            n_best: Number of translations. Defaults to the number of beams of the run.

        Returns:
            The weights of all heads of encoder, decoder and cross-attention for the best one, with
            what each token of the source contributes to each of the translation; and the same for
            the others, as its `alternatives`.

        Raises:
            UserError: If the text is no text, or `n_best` is below 1.
        """
        n_best = self._search()["num_beams"] if n_best is None else n_best
        (prediction,) = self.predict([text], n_best=n_best)
        return attend_to_translations(self, prediction)

    @takes(ParallelReading)
    def evaluate(self, data: Any, **reading: Any) -> dict[str, Any]:
        """Measures the translator on parallel text.

        Args:
            data: The texts and their translations: a table or data in memory, as
                `read_parallel_texts` takes them, or what that has read.
            **reading: Attributes of `ParallelReading`.

        Returns:
            What `translation_metrics` gives, the `perplexity` of a token of the references, and
            `sentences_per_second` from raw text.

        Raises:
            UserError: If the data cannot be read.
        """
        if not isinstance(data, ParallelTexts):
            data = read_parallel_texts(data, None, "test", "validation", **reading)
        return self.measure(data)[0]

    def measure(self, data: ParallelTexts) -> tuple[dict[str, Any], list[str]]:
        """Returns what `evaluate` does, and the translations that it is of."""
        self._tell_long(data)
        self.predict(data.sources[:1])  # the graph is traced before the clock starts
        began = time.perf_counter()
        translations = [row.translation for row in self.predict(data.sources)]
        seconds = time.perf_counter() - began
        metrics = {
            **translation_metrics(translations, data.references or data.targets),
            "perplexity": self.perplexity(data),
            "sentences_per_second": round(len(data) / seconds, 1),
        }
        return metrics, translations

    def _tell_long(self, data: ParallelTexts) -> None:
        """Says how many texts are cut, if any are: sources, and references for the perplexity."""
        tokenizer, longest = self.tokenizer, self.max_sequence_length
        sides = tokenizer.encode_sources(data.sources), tokenizer.encode_targets(data.targets)
        count = sum(len(row) > longest for rows in sides for row in rows)
        if count:
            message = "%s: texts longer than %d tokens (--max-sequence-length), cut there: %d"
            logger.warning(message, data.source, longest, count)

    def perplexity(self, data: ParallelTexts) -> float:
        """Returns the perplexity of a token of the targets, ends included."""
        pairs = self.tokenizer.encode_pairs(data.sources, data.targets, self.max_sequence_length)
        cross_entropy = TokenCrossentropy()
        for batch in cut_in_order(pairs, EVALUATION_BATCH_TOKENS):
            inputs, targets, weights = self.pack(pairs, batch)
            cross_entropy.update_state(targets, self._logits(inputs), weights)
        return math.exp(float(cross_entropy.result()))

    def pack(self, pairs: Pairs, batch: np.ndarray) -> tuple[dict, np.ndarray, np.ndarray]:
        """Returns what the model is given of some pairs, the targets, and their weights."""
        return pack(pairs, batch, self.tokenizer.pad_id, start_id=self.model.start_id)

    @cached_property
    def _logits(self) -> Callable[[dict], tf.Tensor]:
        """Returns the model, traced once for batches of any size."""
        return tf.function(
            lambda inputs: self.model(inputs, training=False), BATCH[:1], autograph=False
        )

    def export(self, destination: str | Path, precision: str = "float32") -> Path:
        words = (piece.removeprefix(SPACE) for piece in self.tokenizer.vocabulary)
        search = {"max_sequence_length": self.max_sequence_length, **self._search()}
        return export_translator(
            self.model, self.tokenizer, Path(destination), sample_texts(words), precision, **search
        )

    def save_model(self, directory: Path) -> None:
        super().save_model(directory)
        pad_id, first = self.tokenizer.pad_id, self.tokenizer.target_ids
        config = {  # makes `transformers` search as we do
            **self._search(),
            "max_length": self.max_sequence_length,
            "bad_words_ids": [[pad_id]],
            "renormalize_logits": True,
            "decoder_start_token_id": self.model.start_id,
            "pad_token_id": pad_id,
            "eos_token_id": self.tokenizer.end_id,
            **({"forced_bos_token_id": first[0]} if first else {}),
        }
        write_json(directory / "generation_config.json", config)
