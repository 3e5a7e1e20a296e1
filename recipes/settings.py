"""What decides a training: checked before any work, complete, and written down in `run.json`."""

import math
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

from ..models.presets import text_preset
from .errors import UserError

STRATEGIES = ("auto", "single", "mirrored", "multiworker")
PRECISIONS = ("float32", "bfloat16", "float16")

EPOCHS = 20
EPOCHS_FROM_CHECKPOINT = 3
BATCH_TOKENS = 1024


@dataclass(frozen=True)
class Settings:
    """The settings that every training has; None is a default that depends.

    Attributes:
        checkpoint: What to start from: a directory, or `hf://ORG/NAME[@REVISION]`. Defaults to
            nothing: random weights.
        preset: Size of a model from scratch, by name.
        epochs: Largest number of passes over the training data.
        learning_rate: Highest learning rate.
        dropout: Probability in [0, 1) of dropping a unit in training. Defaults to the checkpoint's
            or the preset's.
        precision: "float32", "bfloat16" or "float16": matrix products of that precision in
            training, with weights and results in float32 all the same. Defaults to "bfloat16" on
            GPUs that have it, else "float32".
        strategy: What to train on: "single", one device; "mirrored", all GPUs of this machine;
            "multiworker", the machines that `TF_CONFIG` names; "auto", the last if there is a
            `TF_CONFIG`, the second if there are several GPUs, else the first. Defaults to "auto".
        xla: Whether XLA compiles the model, for every shape of a batch. Defaults to True on GPUs
            where all batches are of one shape, as those of images are, else False.
        accumulate: Number of batches whose gradients make one step. Defaults to 1.
        patience: Epochs without a better one after which training stops. Defaults to 10.
        seed: Seed of everything random. Defaults to 0.

    Raises:
        UserError: If a setting is out of range, or two exclude each other.
    """

    checkpoint: str | None = None
    preset: str | None = None
    epochs: int | None = None
    learning_rate: float | None = None
    dropout: float | None = None
    precision: str | None = None
    strategy: str = "auto"
    xla: bool | None = None
    accumulate: int = 1
    patience: int = 10
    seed: int = 0

    def __post_init__(self):
        if isinstance(self.checkpoint, Path):
            object.__setattr__(self, "checkpoint", str(self.checkpoint))
        self._check()

    def _check(self) -> None:
        for name in ("epochs", "patience", "accumulate"):
            self._must(name, lambda value: value >= 1, "at least 1")
        self._must("learning_rate", lambda rate: 0 < rate < math.inf, "finite and above 0")
        self._must("dropout", lambda rate: 0 <= rate < 1, "in [0, 1)")
        self._must("precision", PRECISIONS.__contains__, f"one of {', '.join(PRECISIONS)}")
        self._must("strategy", STRATEGIES.__contains__, f"one of {', '.join(STRATEGIES)}")
        self._must("seed", lambda seed: 0 <= seed < 2**31, "at least 0 and below 2**31")
        if self.checkpoint is not None and self.preset is not None:
            raise UserError(
                "A checkpoint has its own size: name a checkpoint or a preset, not both. "
                f"Received: checkpoint={self.checkpoint}, preset={self.preset}"
            )

    def _must(self, name: str, is_good, what: str) -> None:
        value = getattr(self, name)
        if value is not None and not is_good(value):
            raise UserError(f"`{name}` must be {what}. Received: {name}={value}")

    def model_options(self) -> dict[str, Any]:
        """Arguments of a model's constructor that the settings decide."""
        dtype = "float32" if self.precision in (None, "float32") else f"mixed_{self.precision}"
        return (
            {"dtype": dtype} if self.dropout is None else {"dtype": dtype, "dropout": self.dropout}
        )

    def with_defaults(self, **defaults: Any) -> Self:
        """The same with values for the settings that are None."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{n: value for n, value in defaults.items() if given[n] is None})


@dataclass(frozen=True)
class TrainingSettings(Settings):
    """The settings that every training of a text model has.

    Attributes:
        preset: A key of `regard.models.TEXT_PRESETS`. Defaults to "scratch".
        learning_rate: Highest learning rate. Defaults to 0.128 / width from scratch, 0.0384 / width
            from a checkpoint, so 5e-5 for BERT's 768; to fine-tune, twice that.
        batch_tokens: Tokens in a batch, padding included. Defaults to 1,024, or 4,096 with a
            teacher.
        max_sequence_length: Tokens of a text that are read, [CLS] and [SEP] included; a longer
            text is cut. Defaults to 256, or less where a checkpoint reads less.
        dropout: Probability in [0, 1) of dropping a unit in training. Defaults to the
            checkpoint's, or from scratch to 0.1, but 0 with a teacher.
        vocabulary_size: Word pieces to learn from scratch. Defaults to 8,000.

    The rest is that of `Settings`.
    """

    batch_tokens: int | None = None
    max_sequence_length: int = 256
    vocabulary_size: int = 8000

    def _check(self) -> None:
        super()._check()
        for name in ("batch_tokens", "vocabulary_size"):
            self._must(name, lambda value: value >= 1, "at least 1")
        self._must("max_sequence_length", lambda length: length >= 3, "at least 3")

    def completed(self) -> Self:
        """The same from scratch with what the preset decides filled in.

        Raises:
            UserError: If there is no such preset; the message names the nearest.
        """
        if self.checkpoint is not None:
            return self
        preset = self.preset or "scratch"
        try:
            width = text_preset(preset)["hidden_dim"]
        except ValueError as error:
            raise UserError(str(error)) from error
        return self.with_defaults(preset=preset, learning_rate=0.128 / width)

    def for_checkpoint(self, width: int, longest: int) -> Self:
        """The same with what a checkpoint's width and its longest text, in tokens, decide."""
        settings = self.with_defaults(learning_rate=0.0384 / width)
        longest = min(settings.max_sequence_length, longest)
        return replace(settings, max_sequence_length=longest)
