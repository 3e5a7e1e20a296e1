"""Finds entities with a trained classifier of tokens, in Python, at a terminal and on a server."""

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ...models import TokenClassifier
from ..attention.attention import Attention
from ..data.memory import texts_of
from ..declarations import takes
from ..runs.checkpoints import open_checkpoint
from ..runs.run import Answer, LanguageRun, sample_texts
from ..tokenizers.strings import Text, as_bytes
from ..training.token_budget import TokenBudget
from .attention import attend_to_entities
from .data import LabelledTokens, read_labelled_tokens
from .encoding import TokenEncoder, find_targets
from .evaluation import check_kinds, entity_metrics, format_metrics
from .serving import export_token_classifier
from .settings import TokenReading
from .spans import Span
from .tagging import Tagged, tag_all, tagging_function
from .tags import kinds_of

TEXTS_AT_ONCE = 256
_HALF = re.compile(r"[\ud800-\udfff]")  # of a character: a surrogate
EMBEDDING_TOKENS = 8192  # in a batch, with padding


@dataclass(frozen=True)
class Entity:
    """Holds an entity of a text.

    Attributes:
        start: Its first character, as Python counts them.
        end: The character after its last.
        label: What it is.
        score: The mean of the probabilities of its words.
        text: The text from start to end.
    """

    start: int
    end: int
    label: str
    score: float
    text: str


@dataclass(frozen=True)
class TaggedText(Answer):
    """Holds a text with the entities in it.

    Attributes:
        text: The text.
        entities: The entities, in their order.
        truncated: True where the text was too long to be read as a whole, else None.
    """

    text: str
    entities: list[Entity]
    truncated: bool | None = None

    def to_line(self) -> str:
        """Returns each entity with label, place and score, then the text, with tabs between."""
        said = [
            f"{_flat(each.label)} {each.start}:{each.end} {each.score:.4f} {_flat(each.text)}"
            for each in self.entities
        ]
        return "\t".join([*said, _flat(self.text)])


def _flat(text: str) -> str:
    return " ".join(text.split())


class TokenRun(LanguageRun):
    """Holds a trained classifier of tokens with its tokenizer, as a run directory does.

    Example:
        >>> run = TokenRun.load("runs/names")
        >>> run.predict(["Ada Byron lives in Rome."])[0].entities[0]
        Entity(start=0, end=9, label='PER', score=0.99, text='Ada Byron')
    """

    task = "tokens"
    model_class = TokenClassifier
    open = staticmethod(partial(open_checkpoint, task="tokens"))
    format_metrics = staticmethod(format_metrics)

    def __init__(self, model, preprocessor, metadata, metrics=None):
        super().__init__(model, preprocessor, metadata, metrics)
        names, count = metadata["class_names"], model.config["num_classes"]
        if len(names) != count:
            raise ValueError(f"run.json must name {count} classes. Received: class_names={names}")
        self.class_names = list(names)

    @property
    def encoder(self) -> TokenEncoder:
        """Returns what encodes texts, long ones as in training."""
        return TokenEncoder(
            self.tokenizer, self.max_sequence_length, self.metadata["settings"]["long_texts"]
        )

    @cached_property
    def _tag(self):
        return tagging_function(self.model, self.encoder)

    def tag(self, texts: Sequence[Text]) -> list[Tagged]:
        """Returns what the model says of the words of texts."""
        parts = (
            texts[first : first + TEXTS_AT_ONCE] for first in range(0, len(texts), TEXTS_AT_ONCE)
        )
        return tag_all(self._tag, (as_bytes(part) for part in parts))

    def predict(self, texts: Sequence[str]) -> list[TaggedText]:
        """Finds the entities in texts; any string will do, an empty one too.

        Args:
            texts: A list, a generator, an array or a series of texts; or a data frame with the
                column of the training data.

        Raises:
            TypeError: If given one string, where a list of strings is wanted.
            UserError: If one is no text.
        """
        texts = [_sound(text) for text in self._texts_of(texts)]
        return [
            TaggedText(text, list(self._entities(text, tagged)), tagged.truncated or None)
            for text, tagged in zip(texts, self.tag(texts), strict=True)
        ]

    def _entities(self, text: str, tagged: Tagged) -> Iterator[Entity]:
        for (start, end, kind), score in tagged.entities(self.class_names):
            yield Entity(start, end, kind, score, text[start:end])

    def _texts_of(self, texts: Any) -> list[Text]:
        column = self.metadata["data"]["train"].get("text_column")
        return texts_of(texts, [column] if column else [])

    def attention(self, text: str) -> Attention:
        """Tells what the model attends to in a text.

        Returns:
            The weights of all heads, rollout, and what each token contributes to each entity.

        Raises:
            UserError: As `predict`.
        """
        (prediction,) = self.predict([text])
        return attend_to_entities(self, prediction)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Returns the mean of the last hidden states of each text, over all of its tokens.

        Args:
            texts: As for `predict`; of a long one, the tokens that are read at once count.

        Returns:
            Vectors of shape (number of texts, D), float32.

        Raises:
            TypeError, UserError: As `predict`.
        """
        texts = self._texts_of(texts)
        vectors = np.zeros((len(texts), self.model.config["hidden_dim"]), "float32")
        if not len(texts):
            return vectors
        token_ids = self.tokenizer.encode_all(texts, self.max_sequence_length)
        for rows in TokenBudget(token_ids.row_lengths().numpy(), EMBEDDING_TOKENS).in_order():
            inputs = self.tokenizer.pack(tf.gather(token_ids, rows))
            states = self._encoder.predict_on_batch(inputs)  # (B, T, D)
            vectors[rows] = states.mean(axis=1, where=inputs["padding_mask"].numpy()[..., None])
        return vectors

    @cached_property
    def _encoder(self) -> keras.Model:
        """Returns the model without its head: hidden states (B, T, D)."""
        return keras.Model(self.model.input, self.model.encoder.output)

    @takes(TokenReading)
    def evaluate(self, data: Any, **reading: Any) -> dict[str, Any]:
        """Measures the model on texts with their entities.

        Args:
            data: What `read_labelled_tokens` takes, or has read; of a folder with splits the test
                data, or else the validation data.
            **reading: Attributes of `TokenReading`.

        Returns:
            What `entity_metrics` gives, and `examples_per_second` from raw text.

        Raises:
            UserError: If the data cannot be read, or has entities that training never saw.
        """
        if not isinstance(data, LabelledTokens):
            data = read_labelled_tokens(data, "test", "validation", **reading)
        check_kinds(data.entities, kinds_of(self.class_names), data.source)
        self.tag(data.texts[:1])  # traced before the clock starts
        began = time.perf_counter()
        tagged = self.tag(data.texts)
        seconds = time.perf_counter() - began
        metrics = self.measure(self.marked(data), tagged)
        return {**metrics, "examples_per_second": round(len(data) / seconds, 1)}

    def marked(self, data: LabelledTokens) -> list[list[Span]]:
        """Returns the entities that are marked in data, from the first of their words on."""
        located = self.encoder.locate_all(data.texts)
        words = self.encoder.words(located)
        count = located.ids.flat_values.shape[0]
        return find_targets(words, data.entities, count, self.class_names).entities

    def measure(self, marked: Sequence[Sequence[Span]], tagged: Sequence[Tagged]) -> dict[str, Any]:
        """Returns what `entity_metrics` gives of what is marked and said of texts."""
        found = [[span for span, _ in each.entities(self.class_names)] for each in tagged]
        num_words = sum(len(each.classes) for each in tagged)
        return entity_metrics(marked, found, kinds_of(self.class_names), num_words)

    def export(self, destination: str | Path, precision: str = "float32") -> Path:
        texts = sample_texts(self.tokenizer.vocabulary)  # to try and warm it up with
        return export_token_classifier(
            self.model, self.encoder, self.class_names, Path(destination), texts, precision
        )


def _sound(text: Text) -> str:
    """Returns a text whose characters are those that the graph counts: half ones are replaced."""
    if isinstance(text, bytes):
        return text.decode("utf-8", "replace")
    return _HALF.sub("\ufffd", text)
