"""Answers with a trained text classifier, in Python, at a terminal and on a server."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...models import TextClassifier
from ..attention.attention import Attention
from ..data.memory import texts_of
from ..declarations import takes
from ..errors import UserError
from ..runs.checkpoints import open_checkpoint
from ..runs.classifier import Classified, ClassifierRun
from ..runs.metadata import takes_pairs
from ..runs.run import LanguageRun, sample_texts
from ..tokenizers.strings import Text
from .attention import attend_to_text
from .batches import prediction_batches
from .data import LabelledTexts, check_pairs, read_like
from .encoding import Encoded, TextEncoder
from .serving import export_text_classifier
from .settings import TextReading


@dataclass(frozen=True)
class Prediction(Classified):
    """Holds a text with what a classifier says of it; what its run does not answer with is None.

    Attributes:
        text: The text.
        label: The most probable class, where a text has one.
        score: Its probability.
        scores: The probability of every class.
        pair: The second text, where pairs of texts are classified.
        truncated: True where the text was too long to be read as a whole, else None.
        labels: The classes from their thresholds on, the most probable first, where a text may
            have several.
        value: The number that is told, where it is one.
    """

    text: str
    label: str | None = None
    score: float | None = None
    scores: dict[str, float] | None = None
    pair: str | None = None
    truncated: bool | None = None
    labels: list[str] | None = None
    value: float | None = None

    def to_line(self) -> str:
        """Returns label, score and texts, with tabs between, and no line breaks or tabs within.

        Several labels have | between them, and no score; a number stands by itself.
        """
        texts = [self.text] if self.pair is None else [self.text, self.pair]
        return "\t".join([*self.columns(), *(" ".join(text.split()) for text in texts)])


class TextRun(ClassifierRun, LanguageRun):
    """Holds a trained text classifier with its tokenizer, as a run directory does.

    Example:
        >>> run = TextRun.load("runs/reviews")
        >>> run.predict(["A lovely little hotel."])[0].label
        'positive'
    """

    task = "text"
    model_class = TextClassifier
    open = staticmethod(open_checkpoint)

    @property
    def is_pair(self) -> bool:
        """Returns whether it classifies pairs of texts."""
        return takes_pairs(self.metadata)

    @property
    def encoder(self) -> TextEncoder:
        """Returns what encodes texts, long ones as in training."""
        long_texts = self.metadata["settings"].get("long_texts", "cut")  # older runs do not say
        return TextEncoder(self.tokenizer, self.max_sequence_length, long_texts)

    def predict_probabilities(
        self, examples: Sequence[Text] | Sequence[tuple[Text, Text]] | Encoded
    ) -> np.ndarray:
        if not isinstance(examples, Encoded):
            examples = self._texts_of(examples)
            examples = self.encoder.encode_all(examples) if len(examples) else examples
        return super().predict_probabilities(examples)

    def classify(self, texts: Encoded) -> np.ndarray:
        """Returns the scores of every class for texts or pairs: float32, (number, C).

        Those of a text in windows are made of the mean of their logits.
        """
        logits = self._by_row(texts, self.logits_of)
        if len(logits) > len(texts):
            logits = texts.means(logits.astype("float64")).astype("float32")
        return self.problem.scores(logits).numpy()

    def embed(self, texts: Sequence[Text] | Sequence[tuple[Text, Text]]) -> np.ndarray:
        """Returns the vector that the classifier's last layer reads of each text.

        That is the output of BERT's pooler; of a text that is read in windows, the mean of theirs.

        Args:
            texts: As for `predict`.

        Returns:
            Vectors of shape (number of texts, D), float32.

        Raises:
            TypeError, UserError: As `predict`.
        """
        texts = self._texts_of(texts)
        if not texts:
            return np.zeros((0, self.model.config["hidden_dim"]), "float32")
        encoded = self.encoder.encode_all(texts)
        return encoded.means(self._by_row(encoded, self.vectors_of)).astype("float32")

    def _by_row(
        self, texts: Encoded, outputs_of: Callable[[Iterable[dict]], np.ndarray]
    ) -> np.ndarray:
        """Returns outputs of the model for the rows of texts, in their order: (R, ...)."""
        order: list[np.ndarray] = []

        def batches():
            for inputs, indices in prediction_batches(texts, self.tokenizer):
                order.append(indices)
                yield inputs

        in_order = outputs_of(batches())
        outputs = np.empty((len(texts.owners), *in_order.shape[1:]), in_order.dtype)
        outputs[np.concatenate(order)] = in_order
        return outputs

    def predict(self, texts: Sequence[str] | Sequence[tuple[str, str]]) -> list[Prediction]:
        """Classifies texts, or pairs of texts; any string will do, an empty one too.

        Args:
            texts: A list, a generator, an array or a series of texts, or of pairs as tuples; or a
                data frame with the columns of the training data.

        Raises:
            TypeError: If given one string, where a list of strings is wanted.
            UserError: If one is no text, or given pairs where single texts are wanted, or the other
                way round.
        """
        texts = self._texts_of(texts)
        pairs = texts if self.is_pair else [(text, None) for text in texts]
        if not len(texts):
            return []
        encoded = self.encoder.encode_all(texts)
        truncated = self.encoder.truncates(encoded).tolist()
        rows = zip(pairs, self.answers_of(encoded), truncated, strict=True)
        return [
            Prediction(text, pair=pair, truncated=cut or None, **answer)
            for (text, pair), answer, cut in rows
        ]

    def attention(self, text: str | tuple[str, str]) -> Attention:
        """Tells what the classifier attends to in a text, or in a pair of texts.

        Args:
            text: As one of those that `predict` takes.

        Returns:
            The weights of all heads, rollout, and what each token contributes to each class.

        Raises:
            UserError: As `predict`.
        """
        (prediction,) = self.predict([text])
        return attend_to_text(self, text, prediction)

    def _texts_of(self, texts: Any) -> list[Text] | list[tuple[Text, Text]]:
        """Returns texts, or pairs, of whatever holds them; of a data frame those of its columns."""
        trained = self.metadata["data"]["train"]
        columns = [trained["text_column"], trained.get("pair_column")]
        texts = texts_of(texts, list(filter(None, columns)))
        wanted = "pairs of texts, each a tuple of two" if self.is_pair else "single texts"
        for text in texts:
            if isinstance(text, tuple) != self.is_pair:
                raise UserError(f"The run classifies {wanted}. Received: {text!r:.50}")
        return texts

    @takes(TextReading)
    def evaluate(self, data: Any, **reading: Any) -> dict[str, Any]:
        """Measures the classifier on labelled texts.

        Args:
            data: What `read_labelled_texts` takes, or has read; of a folder with splits the test
                data, or else the validation data.
            **reading: Attributes of `TextReading`. Columns default to those of the training data,
                if they are there; else they are guessed.

        Returns:
            The problem's figures, such as those of `classification_metrics`, and
            `examples_per_second` from raw text.

        Raises:
            UserError: If the data cannot be read, or holds a label that training never saw.
        """
        if not isinstance(data, LabelledTexts):
            data = read_like(self.metadata["data"]["train"], data, "test", "validation", **reading)
        check_pairs(data, trained_on_pairs=self.is_pair)
        self.encoder.tell_long(self.encoder.encode_all(data.examples()))
        self.predict_probabilities(data.examples()[:1])  # traced before the clock starts
        return self.measure(data.examples(), data)

    def export(self, destination: str | Path, precision: str = "float32") -> Path:
        texts = sample_texts(self.tokenizer.vocabulary)  # to try and warm it up with
        return export_text_classifier(
            self.model,
            self.encoder,
            self.problem,
            Path(destination),
            list(zip(texts, reversed(texts), strict=True)) if self.is_pair else texts,
            precision,
        )
