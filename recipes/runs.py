"""A run: what training leaves behind, in a directory that people can read.

run.json       task, settings, versions, data and its fingerprint, seed
model/         weights, config and tokenizer, in Hugging Face's layout
metrics.json   how good it is on the validation data
history.csv    one row an epoch
report/        learning curves, confusion matrix, reliability diagram
"""

import csv
import json
import platform
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ..models import TextClassifier
from ..models.checkpoints import Checkpoint, save_checkpoint
from .data.batching import TokenBudget, ordered_dataset
from .data.tables import LabelledTexts, read_like
from .directories import read_metadata
from .errors import UserError
from .evaluation import classification_metrics, encode_labels
from .tokenizers import WordPieceTokenizer

PREDICTION_BATCH_TOKENS = 8192  # enough to fill the cores, little enough for any memory

SAMPLE_LENGTHS = (3, 8, 12, 16, 20, 28, 40, 60, 120, 240)  # words


@dataclass(frozen=True)
class Prediction:
    """What a classifier makes of a text.

    Attributes:
        text: The text.
        label: The most probable class.
        score: Its probability.
        scores: The probability of every class.
    """

    text: str
    label: str
    score: float
    scores: dict[str, float]

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    def to_line(self) -> str:
        """Label, score and text, separated by tabs; the text without line breaks or tabs."""
        label, text = (" ".join(part.split()) for part in (self.label, self.text))
        return f"{label}\t{self.score:.4f}\t{text}"


class TextRun:
    """A trained text classifier with its tokenizer, as a run directory holds it.

    Args:
        model: The classifier.
        tokenizer: Its tokenizer.
        class_names: The name of each class, in the order of the logits.
        metadata: What `run.json` holds.
        metrics: What `metrics.json` holds.

    Example:
        >>> run = TextRun.load("runs/reviews")
        >>> run.predict(["A lovely little hotel."])[0].label
        'positive'
    """

    def __init__(
        self,
        model: TextClassifier,
        tokenizer: WordPieceTokenizer,
        class_names: Sequence[str],
        metadata: dict[str, Any],
        metrics: dict[str, Any],
    ):
        self.model = model
        self.tokenizer = tokenizer
        self.class_names = list(class_names)
        self.metadata = metadata
        self.metrics = metrics

    @property
    def max_sequence_length(self) -> int:
        """The longest text the model reads, in tokens; the rest of a longer one is cut off."""
        return self.model.config["max_sequence_length"]

    @classmethod
    def load(cls, directory: str | Path) -> "TextRun":
        """Opens a run directory.

        Raises:
            UserError: If it is not a run of a text classifier, or its files are damaged.
        """
        directory = Path(directory)
        metadata = read_metadata(directory)
        try:
            checkpoint = Checkpoint(directory / "model")
            model = TextClassifier.from_checkpoint(checkpoint)
            tokenizer = WordPieceTokenizer.load(directory / "model")
            metrics = json.loads((directory / "metrics.json").read_text(encoding="utf-8"))
            check_vocabulary_size(tokenizer, model)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{directory} is damaged, it cannot be read: {error}") from error
        return cls(model, tokenizer, checkpoint.class_names, metadata, metrics)

    def predict_probabilities(self, texts: Sequence[str | bytes]) -> np.ndarray:
        """The probability of every class for every text: float32, (number of texts, C)."""
        if not len(texts):
            return np.zeros((0, len(self.class_names)), "float32")
        token_ids = self.tokenizer.encode_all(texts, self.max_sequence_length)
        plan = TokenBudget(token_ids.row_lengths().numpy(), PREDICTION_BATCH_TOKENS)
        inputs = ordered_dataset(plan, token_ids, self.tokenizer).map(lambda inputs, _: inputs)
        logits = self.model.predict(inputs, verbose=0)
        probabilities = np.empty_like(logits)
        probabilities[np.concatenate(plan.in_order())] = tf.nn.softmax(logits).numpy()
        return probabilities

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """Classifies texts; any string will do, an empty one too.

        Raises:
            TypeError: If given one string, where a list of strings is wanted.
        """
        if isinstance(texts, str | bytes):
            raise TypeError(f"`texts` must be a list of strings. Received: texts={texts!r:.50}")
        return [
            Prediction(
                text,
                self.class_names[int(np.argmax(row))],
                float(np.max(row)),
                dict(zip(self.class_names, row.tolist(), strict=True)),
            )
            for text, row in zip(texts, self.predict_probabilities(texts), strict=True)
        ]

    def evaluate(
        self,
        data: str | Path | LabelledTexts,
        *,
        text_column: str | None = None,
        label_column: str | None = None,
        encoding: str = "utf-8",
        skip_bad_rows: bool = False,
    ) -> dict[str, Any]:
        """Measures the classifier on labelled texts.

        Args:
            data: A file, `tfds:NAME`, or a table already read.
            text_column: Column of the texts. Defaults to that of the training data if there is
                one, else it is guessed.
            label_column: Column of the labels, likewise.
            encoding: Encoding of the file. Defaults to UTF-8.
            skip_bad_rows: Whether to count and skip bad rows. Defaults to False.

        Returns:
            What `classification_metrics` gives, and `examples_per_second` from raw text.

        Raises:
            UserError: If the data cannot be read, or holds a label that training never saw.
        """
        if not isinstance(data, LabelledTexts):
            data = read_like(
                self.metadata["data"]["train"],
                data,
                text_column=text_column,
                label_column=label_column,
                encoding=encoding,
                skip_bad_rows=skip_bad_rows,
            )
        labels = encode_labels(data.labels, self.class_names, data.source)
        self.predict_probabilities(data.texts[:1])  # the graph is traced before the clock starts
        began = time.perf_counter()
        probabilities = self.predict_probabilities(data.texts)
        seconds = time.perf_counter() - began
        metrics = classification_metrics(labels, probabilities, self.class_names)
        return {**metrics, "examples_per_second": round(len(data) / seconds, 1)}

    def export(self, destination: str | Path) -> Path:
        """Writes the next version of a SavedModel for TF Serving: raw text in, labels out.

        Args:
            destination: The model's base directory; the version goes into `destination/<integer>`.

        Returns:
            The directory of the new version.

        Raises:
            UserError: If the destination cannot be written.
            RuntimeError: If the export, loaded again, does not do what the run does.
        """
        from .serving import export_text_classifier

        return export_text_classifier(
            self.model,
            self.tokenizer,
            self.class_names,
            self.max_sequence_length,
            Path(destination),
            self._sample_texts(),
        )

    def _sample_texts(self) -> list[str]:
        """Texts to try and warm up an export with: the model's own words, nobody's data."""
        words = [piece for piece in self.tokenizer.vocabulary if piece[0].isalnum()] or ["?"]
        draw = random.Random(0)
        return [" ".join(draw.choices(words, k=length)) for length in SAMPLE_LENGTHS]

    def save(self, directory: Path) -> None:
        """Writes `run.json`, `metrics.json` and `model/` into an existing directory."""
        model_directory = directory / "model"
        model_directory.mkdir()
        save_checkpoint(self.model, model_directory, self.class_names)
        self.tokenizer.save(model_directory, self.max_sequence_length)
        write_json(directory / "run.json", self.metadata)
        write_json(directory / "metrics.json", self.metrics)


def write_json(path: Path, value: Any) -> None:
    """Writes a JSON file that people can read."""
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_history(path: Path, history: Sequence[dict[str, float]]) -> None:
    """Writes one row an epoch."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(history[0]))
        writer.writeheader()
        writer.writerows(history)


def describe_data(table: LabelledTexts) -> dict[str, Any]:
    """Where data came from, how much there is, and its fingerprint."""
    counts = Counter(table.labels)
    return {
        "source": table.source,
        "text_column": table.text_column,
        "label_column": table.label_column,
        "num_examples": len(table),
        "num_skipped": table.num_skipped,
        "class_counts": {name: counts[name] for name in table.class_names()},
        "sha256": table.fingerprint(),
    }


def check_vocabulary_size(tokenizer: WordPieceTokenizer, model: TextClassifier) -> None:
    """Raises `ValueError` unless the tokenizer and the model have as many token ids."""
    pieces, embeddings = len(tokenizer.vocabulary), model.config["vocabulary_size"]
    if pieces != embeddings:
        raise ValueError(f"vocab.txt has {pieces} pieces, but config.json says {embeddings}")


def versions() -> dict[str, str]:
    """The versions that a result depends on."""
    packages = ("regard", "keras", "tensorflow", "tensorflow-text", "tokenizers", "numpy")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}
