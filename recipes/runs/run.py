"""Keeps a run: what training leaves behind, in a directory that people can read.

run.json       task, settings, versions, data and its fingerprint, seed; digests of all files
config.yaml    sources and settings, to train the same again
model/         weights, config and tokenizer, in Hugging Face's layout
metrics.json   how good it is on the validation data
history.csv    one row an epoch
report/        index.html, all that is known of the training, and pictures
"""

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import keras

from ...models import disk
from ...models.checkpoints import save_checkpoint
from ...models.digests import RUN_RECORD, make_record
from ..errors import UserError
from ..tasks import TASKS
from .checkpoints import tell_segments
from .description import data_name, read_history, read_metrics, shown_scores, write_metrics
from .metadata import check_class_names, check_problem_type, read_metadata

SAMPLE_LENGTHS = (3, 8, 12, 16, 20, 28, 40, 60, 120, 240)  # words


class Answer:
    """Tells what a model says of one example; each task has a dataclass of its own."""

    def to_json(self) -> str:
        """Returns one line of JSON, without the fields that are None."""
        fields = {name: value for name, value in asdict(self).items() if value is not None}
        return json.dumps(fields, ensure_ascii=False)


class Run:
    """A trained model with what stands before it, as a run directory holds the two.

    A task's class has the `task`, which `run.json` names, the `model_class`, `open`, which gives
    the checkpoint in a run directory and its preprocessor, and `format_metrics`, which lays out
    metrics for a terminal.

    Args:
        model: The model.
        preprocessor: What makes its inputs: a tokenizer, or the preprocessing of images.
        metadata: What `run.json` holds.
        metrics: What `metrics.json` holds.

    Attributes:
        directory: The run directory that it was read from, or written into; None before that.
    """

    task: str
    model_class: type[keras.Model]

    next_steps = "regard predict {run} {example}, or regard export {run} DEST"
    example = '"some text"'

    def __init__(
        self, model, preprocessor, metadata: dict[str, Any], metrics: dict[str, Any] | None = None
    ):
        self.model = model
        self.preprocessor = preprocessor
        self.metadata = metadata
        self.metrics = metrics or {}
        self.directory: Path | None = None

    def __repr__(self) -> str:
        parts = [f"{TASKS[self.task].noun} of {data_name(self.metadata)}"]
        parts += [shown_scores(self.task, self.metrics)] if self.metrics else []
        parts += [f"in {self.directory}"] if self.directory else []
        return f"<{type(self).__name__}: {'; '.join(parts)}>"

    @property
    def described(self) -> str:
        """Returns what model it is, of what data, and where, in words."""
        where = f", in {self.directory}" if self.directory else ""
        return f"{TASKS[self.task].noun} of {data_name(self.metadata)}{where}"

    @cached_property
    def history(self) -> list[dict[str, float]]:
        """Returns the figures of each epoch, as `history.csv` has them.

        Raises:
            UserError: If the run's directory has no such file, or it cannot be read.
        """
        return [] if self.directory is None else read_history(self.directory)

    @classmethod
    def load(cls, directory: str | Path) -> Self:
        """Opens a run directory.

        Raises:
            UserError: If it is not a run of this task, or a file is not as it was written.
        """
        directory = Path(directory)
        metadata = read_metadata(directory, cls.task)
        try:
            metrics = read_metrics(directory)
            checkpoint, preprocessor = cls.open(directory)
            check_class_names(metadata, checkpoint.class_names)
            check_problem_type(metadata, checkpoint.problem_type)
            model = cls.model_of(checkpoint)
            run = cls(model, preprocessor, metadata, metrics)
        except (OSError, ValueError, KeyError, TypeError) as error:
            lacks = "it lacks " if isinstance(error, KeyError) else ""
            raise UserError(f"{directory} is damaged, it cannot be read: {lacks}{error}") from error
        run.directory = directory
        return run

    @classmethod
    def model_of(cls, checkpoint) -> keras.Model:
        """Makes the model of a checkpoint that `open` has read."""
        return cls.model_class.from_checkpoint(checkpoint)

    def export(self, destination: str | Path, precision: str = "float32") -> Path:
        """Writes the next version of a SavedModel for TF Serving, from raw inputs to answers.

        Args:
            destination: The model's base directory; the version goes into `destination/<integer>`.
            precision: "float32", or "bfloat16": half the size, and faster on processors with
                bfloat16 instructions; scores change in the third digit, and some translations.
                Defaults to "float32".

        Returns:
            The directory of the new version.

        Raises:
            UserError: If the destination cannot be written, or the task has no export.
            RuntimeError: If the export, loaded again, does not do what the run does.
        """
        raise UserError(f"A run of the task {self.task} cannot be exported.")

    def answer(self, questions: list, **choices: Any) -> Sequence[Any]:
        """Returns, for each of some questions, an answer, or in words what is wrong with it."""
        return self.predict(questions, **choices)

    def what_next(self, directory: str) -> str:
        """Returns the commands that go on from the run in a directory."""
        return self.next_steps.format(run=directory, example=self.example)

    def save(self, directory: Path) -> None:
        """Writes `model/` and `metrics.json` into an existing directory, then `run.json`.

        That has the digests of all files which are there by then.
        """
        model_directory = directory / "model"
        model_directory.mkdir()
        self.save_model(model_directory)
        write_metrics(directory, self.metrics)
        record = make_record(directory, RUN_RECORD, self.metadata)
        disk.write_bytes(directory / RUN_RECORD, record)

    def save_tensors(self, directory: Path) -> None:
        """Writes config and weights into an existing directory."""
        known = (self.metadata.get(name) for name in ("class_names", "problem_type"))
        save_checkpoint(self.model, directory, *known)

    def save_model(self, directory: Path) -> None:
        """Writes what `model/` holds: a checkpoint that `transformers` opens."""
        self.save_tensors(directory)
        self.preprocessor.save(directory)


class LanguageRun(Run):
    """A run whose preprocessor is a tokenizer."""

    def __init__(self, model, preprocessor, metadata, metrics=None):
        super().__init__(model, preprocessor, metadata, metrics)
        longest = model.config["max_sequence_length"]
        if self.max_sequence_length > longest:
            raise ValueError(
                f"`max_sequence_length` in run.json must be at most the model's {longest}. "
                f"Received: {self.max_sequence_length}"
            )

    @property
    def tokenizer(self):
        """Returns the preprocessor, which makes token ids of texts."""
        return self.preprocessor

    @property
    def max_sequence_length(self) -> int:
        """Returns the longest text the model reads, in tokens; a longer one is cut off there."""
        return self.metadata["settings"]["max_sequence_length"]

    def save_model(self, directory: Path) -> None:
        self.save_tensors(directory)
        self.tokenizer.save(directory, self.max_sequence_length)
        tell_segments(self.model, directory)


def sample_texts(pieces: Iterable[str]) -> list[str]:
    """Makes texts of several lengths, of a model's own words: nobody's data."""
    words = [piece for piece in pieces if piece[:1].isalnum()] or ["?"]
    draw = random.Random(0)
    return [" ".join(draw.choices(words, k=length)) for length in SAMPLE_LENGTHS]
