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

# What a classifier's settings are where nothing else decides. With a teacher, texts are plenty and
# their targets soft, so nothing else keeps a model from remembering them: without dropout it comes
# closer to the teacher, in half the time.
WITHOUT_TEACHER = {
    "epochs": EPOCHS,
    "batch_tokens": BATCH_TOKENS,
    "label_smoothing": 0.1,
    "token_dropout": 0.1,
    "adversarial": 0.0,
}
WITH_TEACHER = {
    "epochs": 4,  # each with synthetic texts as well
    "batch_tokens": 4096,
    "label_smoothing": 0.0,
    "token_dropout": 0.0,
    "dropout": 0.0,
    "adversarial": 0.0,
}


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


@dataclass(frozen=True)
class TextSettings(TrainingSettings):
    """The settings of a training of a text classifier.

    Attributes:
        label_smoothing: Share of a target, in [0, 1), that is spread over all classes. Defaults to
            0 from a checkpoint or with a teacher, else to 0.1.
        token_dropout: Probability in [0, 1) of hiding a token in training. Likewise.
        layer_decay: Learning rate of a layer as a multiple of that of the layer above, in (0, 1].
            Defaults to 0.8 from a checkpoint, 1 from scratch.
        adversarial: Norm of the perturbation of a text's embeddings that misleads the model most,
            as a share of theirs, at least 0; see `regard.recipes.adversarial`. A step takes twice
            the time unless it is 0. Defaults to 0.02 from a checkpoint, but 0 from scratch, with
            LoRA or with a teacher.
        freeze: Number of layers, from below, that stay as they are, with the embedding. Defaults
            to 0, which leaves the embedding free as well.
        lora: Rank of the matrices that LoRA trains in place of the encoder's weights; they are
            merged when training ends. Defaults to no LoRA.
        teacher: Whether a linear model of n-grams teaches as well, where the data is small enough
            to need it; see `regard.recipes.teacher`. It helps where words and phrases decide, as in
            most real texts, and misleads where only their order does. Defaults to True from
            scratch, False from a checkpoint or with `adversarial`.

    `epochs` defaults to 3 from a checkpoint; from scratch to 4 with a teacher, each with synthetic
    texts as well, and to 20 without; `vocabulary_size` to 16,000; `dropout` with a teacher to 0.
    `patience` is not asked with a teacher, where the mean of the last steps' weights is kept. The
    rest is that of `TrainingSettings`.
    """

    vocabulary_size: int = 16_000
    label_smoothing: float | None = None
    token_dropout: float | None = None
    layer_decay: float | None = None
    adversarial: float | None = None
    freeze: int = 0
    lora: int | None = None
    teacher: bool | None = None

    def _check(self) -> None:
        super()._check()
        for name in ("label_smoothing", "token_dropout"):
            self._must(name, lambda share: 0 <= share < 1, "in [0, 1)")
        self._must("layer_decay", lambda decay: 0 < decay <= 1, "in (0, 1]")
        self._must("adversarial", lambda size: 0 <= size < math.inf, "finite and at least 0")
        self._must("freeze", lambda layers: layers >= 0, "at least 0")
        self._must("lora", lambda rank: rank >= 1, "at least 1")
        received = f"Received: freeze={self.freeze}, lora={self.lora}"
        if self.checkpoint is None and (self.freeze or self.lora):
            raise UserError(
                f"Without a checkpoint there is nothing to keep as it is: name one. {received}"
            )
        if self.freeze and self.lora:
            raise UserError(f"LoRA keeps all layers: give freeze or lora, not both. {received}")
        if self.teacher and self.adversarial:
            raise UserError(
                "A teacher's lesson is learned without perturbations: give one of the two. "
                f"Received: teacher={self.teacher}, adversarial={self.adversarial}"
            )

    def completed(self) -> Self:
        settings = super().completed()
        if self.checkpoint is None:
            return settings.with_defaults(layer_decay=1.0, teacher=not self.adversarial)
        return settings.with_defaults(
            label_smoothing=0.0,
            token_dropout=0.0,
            layer_decay=0.8,  # as in ELECTRA, table 7, https://arxiv.org/abs/2003.10555
            adversarial=0.0 if self.lora or self.teacher else 0.02,
            teacher=False,
            epochs=EPOCHS_FROM_CHECKPOINT,
        )

    def for_lesson(self, has_teacher: bool) -> Self:
        """The same with what depends on a teacher, once the data tells whether there is one."""
        defaults = WITH_TEACHER if has_teacher else WITHOUT_TEACHER
        return replace(self, teacher=has_teacher).with_defaults(**defaults)

    def average_every(self) -> int | None:
        """Steps between those whose weights are averaged; None where no mean is kept.

        A pretrained model has so many weights that a mean of all steps would take a tenth of one.
        """
        if self.teacher:
            return 1
        return None if self.checkpoint is None else 4

    def for_checkpoint(self, width: int, longest: int) -> Self:
        # LoRA's few weights start from nothing; the other rate is that of ELECTRA, as above.
        settings = self.with_defaults(learning_rate=(0.384 if self.lora else 0.0768) / width)
        return super(TextSettings, settings).for_checkpoint(width, longest)


@dataclass(frozen=True)
class PretrainingSettings(TrainingSettings):
    """The settings of masked language modelling.

    Attributes:
        masked_share: Share of the words, in (0, 1), to hide. Defaults to 0.15, as in BERT.

    `epochs` defaults to 20 from scratch and 3 from a checkpoint. The rest is that of
    `TrainingSettings`; texts longer than `max_sequence_length` are cut into several, and
    nothing of them is lost.
    """

    masked_share: float = 0.15

    def _check(self) -> None:
        super()._check()
        self._must("masked_share", lambda share: 0 < share < 1, "in (0, 1)")

    def completed(self) -> Self:
        epochs = EPOCHS if self.checkpoint is None else EPOCHS_FROM_CHECKPOINT
        return super().completed().with_defaults(epochs=epochs, batch_tokens=BATCH_TOKENS)
