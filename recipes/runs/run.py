"""A run: what training leaves behind, in a directory that people can read.

run.json       task, settings, versions, data and its fingerprint, seed
model/         weights, config and tokenizer, in Hugging Face's layout
metrics.json   how good it is on the validation data
history.csv    one row an epoch
report/        learning curves, and what else shows how good it is
"""

import csv
import hashlib
import json
import platform
import random
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import keras

from ...models.checkpoints import save_checkpoint
from ...models.layout import write_json
from .directories import model_directory, read_metadata
from ..errors import UserError

SAMPLE_LENGTHS = (3, 8, 12, 16, 20, 28, 40, 60, 120, 240)  # words


class Run:
    """A trained model with what stands before it, as a run directory holds the two.

    A task's class has the `task`, which `run.json` names, the `model_class`, and `open`, which
    gives the checkpoint in a run directory and its preprocessor.

    Args:
        model: The model.
        preprocessor: What makes its inputs: a tokenizer, or the preprocessing of images.
        metadata: What `run.json` holds.
        metrics: What `metrics.json` holds.
    """

    task: str
    model_class: type[keras.Model]

    def __init__(
        self, model: keras.Model, preprocessor, metadata: dict[str, Any], metrics: dict[str, Any]
    ):
        self.model = model
        self.preprocessor = preprocessor
        self.metadata = metadata
        self.metrics = metrics

    @classmethod
    def load(cls, directory: str | Path) -> Self:
        """Opens a run directory.

        Raises:
            UserError: If it is not a run of this task, or its files are damaged.
        """
        directory = Path(directory)
        metadata = read_metadata(directory, cls.task)
        try:
            checkpoint, preprocessor = cls.open(directory)
            model = cls.model_class.from_checkpoint(checkpoint)
            metrics = json.loads((directory / "metrics.json").read_text(encoding="utf-8"))
            return cls(model, preprocessor, metadata, metrics)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{directory} is damaged, it cannot be read: {error}") from error

    def save(self, directory: Path) -> None:
        """Writes `run.json`, `metrics.json` and `model/` into an existing directory."""
        model_directory = directory / "model"
        model_directory.mkdir()
        self.save_model(model_directory)
        write_json(directory / "run.json", self.metadata)
        write_json(directory / "metrics.json", self.metrics)

    def save_model(self, directory: Path) -> None:
        """Writes what `model/` holds: a checkpoint that `transformers` opens."""
        save_checkpoint(self.model, directory, self.metadata.get("class_names"))
        self.preprocessor.save(directory)


class LanguageRun(Run):
    """A run whose preprocessor is a tokenizer."""

    @property
    def tokenizer(self):
        """What makes token ids of texts."""
        return self.preprocessor

    @property
    def max_sequence_length(self) -> int:
        """The longest text the model reads, in tokens; the rest of a longer one is cut off."""
        return self.metadata["settings"]["max_sequence_length"]

    def save_model(self, directory: Path) -> None:
        save_checkpoint(self.model, directory, self.metadata.get("class_names"))
        self.tokenizer.save(directory, self.max_sequence_length)


def class_names_of(model: keras.Model, metadata: dict[str, Any]) -> list[str]:
    """The names of a classifier's classes, in the order of its logits.

    Raises:
        ValueError: If there are more or fewer than classes.
    """
    names, count = metadata["class_names"], model.config["num_classes"]
    if len(names) != count:
        raise ValueError(f"run.json must name {count} classes. Received: class_names={names}")
    return list(names)


def sample_texts(pieces: Iterable[str]) -> list[str]:
    """Texts of several lengths: a model's own words, nobody's data."""
    words = [piece for piece in pieces if piece[:1].isalnum()] or ["?"]
    draw = random.Random(0)
    return [" ".join(draw.choices(words, k=length)) for length in SAMPLE_LENGTHS]


def write_history(path: Path, history: Sequence[dict[str, float]]) -> None:
    """Writes one row an epoch."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(history[0]))
        writer.writeheader()
        writer.writerows(history)


def versions() -> dict[str, str]:
    """The versions that a result depends on."""
    packages = ("regard", "keras", "tensorflow", "tensorflow-text", "tokenizers", "numpy")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


def code_fingerprint() -> str:
    """Of this package's own code, so that several machines can tell whether they run the same."""
    root = Path(__file__).resolve().parents[2]
    rooms = (path for room in ("layers", "models", "recipes") for path in (root / room).rglob("*.py"))
    return _digest(sorted([*root.glob("*.py"), *rooms]))


def fingerprint(checkpoint: str | None) -> str | None:
    """Of the files of a checkpoint in a directory; any other is told by its name."""
    if checkpoint is None or checkpoint.startswith("hf://"):
        return checkpoint
    directory = Path(model_directory(checkpoint))
    return _digest(path for path in sorted(directory.iterdir()) if path.is_file())


def _digest(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
