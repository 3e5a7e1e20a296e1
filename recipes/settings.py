"""Declares the settings that several tasks have; a task's own are in its folder."""

from dataclasses import fields, replace
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from typing import Any, Self

from ..models.presets import text_preset
from .declarations import Declared, declared, setting
from .errors import UserError

STRATEGIES = ("auto", "single", "mirrored", "multiworker")
SHARE = {"at_least": 0, "below": 1}
PRECISIONS = ("float32", "bfloat16", "float16")

FEWEST_TO_TELL = 100  # examples to validate on, to tell the best epoch
FEWEST_TO_CALIBRATE = 200  # likewise to fit a temperature: of fewer it does harm as often as good
EPOCHS, FEWEST_STEPS = 20, 1000  # of a BERT from scratch
EPOCHS_FROM_CHECKPOINT, FEWEST_STEPS_FROM_CHECKPOINT = 3, 200
EPOCHS_HELP = (
    f"{EPOCHS} from scratch, {EPOCHS_FROM_CHECKPOINT} from a checkpoint; more where they would "
    f"have fewer than {FEWEST_STEPS} or {FEWEST_STEPS_FROM_CHECKPOINT} steps"
)
BATCH_TOKENS = 1024


@declared()
class Settings(Declared):
    """Settings of every training; None is a default that depends."""

    checkpoint: str | None = setting(
        "Start from a pretrained model in Hugging Face's layout, or from a run.",
        default_is="nothing: random weights",
        metavar="DIR|hf://ORG/NAME",
    )
    preset: str | None = setting("Size of a model from scratch, by name.")
    epochs: int | None = setting("Most passes over the training data.", at_least=1)
    learning_rate: float | None = setting("Highest learning rate.", above=0)
    dropout: float | None = setting(
        "Probability of dropping a unit in training.",
        default_is="the checkpoint's or the preset's",
        **SHARE,
    )
    precision: str | None = setting(
        "Precision of matrix products in training; weights and results are float32 all the same.",
        default_is="bfloat16 on GPUs that have it, else float32",
        choices=PRECISIONS,
    )
    strategy: str = setting(
        "Train on one device, on all GPUs of this machine, or on the machines that TF_CONFIG "
        "names; auto takes the most that there are.",
        "auto",
        choices=STRATEGIES,
    )
    xla: bool | None = setting(
        "Let XLA compile the model, for every shape of a batch.",
        default_is="on GPUs, where all are of one shape",
    )
    accumulate: int = setting(
        "Add up the gradients of N batches for each step.", 1, at_least=1, metavar="N"
    )
    patience: int | None = setting(
        "Epochs without a better one after which training stops.",
        default_is=f"a third of the epochs, at least 10; with fewer than {FEWEST_TO_TELL} examples "
        "to validate on, which cannot tell, the last epoch is kept",
        at_least=1,
    )
    seed: int = setting("Seed of all chance.", 0, at_least=0, below=2**31)
    tensorboard: str | None = setting(
        "Write TensorBoard's logs of the epochs.", default_is="no logs", metavar="DIR"
    )

    def __post_init__(self):
        for each in fields(self):
            if isinstance(value := getattr(self, each.name), Path):
                object.__setattr__(self, each.name, str(value))
        super().__post_init__()

    def _check_together(self) -> None:
        if self.tensorboard is not None and find_spec("tensorboard") is None:
            raise UserError(
                "TensorBoard's logs need the package tensorboard, which is not installed: run "
                f"`pip install tensorboard`. Received: tensorboard={self.tensorboard}"
            )
        if self.checkpoint is not None and self.preset is not None:
            raise UserError(
                "A checkpoint has its own size: name a checkpoint or a preset, not both. "
                f"Received: checkpoint={self.checkpoint}, preset={self.preset}"
            )

    def with_epochs(self, epochs: int, steps_per_epoch: int, fewest_steps: int) -> Self:
        """Returns the same with the number of epochs, if it is not given.

        There are `epochs`, or more where these would have fewer than so many steps.
        """
        enough = ceil(fewest_steps / max(1, steps_per_epoch))
        return self.with_defaults(epochs=max(epochs, enough))

    def longest_wait(self) -> int:
        """Returns the epochs without a better one after which training stops."""
        return self.patience or max(10, self.epochs // 3)

    def model_options(self) -> dict[str, Any]:
        """Returns the arguments of a model's constructor that the settings decide."""
        dtype = "float32" if self.precision in (None, "float32") else f"mixed_{self.precision}"
        return {"dtype": dtype} | ({} if self.dropout is None else {"dropout": self.dropout})


def find_preset(find, name: str) -> dict[str, Any]:
    """Looks a preset up.

    Raises:
        UserError: If there is no such preset; the message names the nearest.
    """
    try:
        return find(name)
    except ValueError as error:
        raise UserError(str(error)) from error


def preset_name(find):
    """Makes what checks the name of a preset as it is typed."""

    def parse(name: str) -> str:
        find(name)
        return name

    return parse


@declared()
class ClassifierSettings(Declared):
    """Settings of what is chosen on the validation data of a classifier."""

    calibrate: bool | None = setting(
        "Divide the logits by a temperature that is fitted on the validation data, so that scores "
        "are as high as they are right.",
        default_is=f"where there are at least {FEWEST_TO_CALIBRATE} examples to validate on",
    )
    abstain_below: float | None = setting(
        "Leave the label empty where the score is too low, so that at most that share of the other "
        "labels is wrong on new data, with a probability of 95%.",
        default_is="all have a label",
        above=0,
        below=1,
        metavar="ERROR",
    )


@declared()
class LanguageSettings(Settings):
    """Settings of every training of a text model."""

    batch_tokens: int | None = setting("Tokens in a batch, with padding.", at_least=1)
    max_sequence_length: int = setting(
        "Tokens of a text that are read at once, special ones included.", 256, at_least=3
    )
    vocabulary_size: int | None = setting(
        "Word pieces to learn from scratch.", 8000, at_least=1, flag=False
    )


@declared(
    checkpoint={"help": "Start from a pretrained BERT in Hugging Face's layout, or from a run."},
    preset={
        "help": "Size from scratch: scratch, tiny, mini, small, medium, base or large.",
        "default_is": "scratch",
        "parse": preset_name(text_preset),
        "metavar": "NAME",
    },
)
class BertSettings(LanguageSettings):
    """Settings of every training of a BERT."""

    embeddings: str | None = setting(
        "Start from scratch with word vectors as token embeddings: a text file of GloVe, word2vec "
        "or fastText, also as .gz or .zip; FILE.zip/NAME for one of several in it.",
        default_is="random ones",
        metavar="FILE",
    )

    def _check_together(self) -> None:
        super()._check_together()
        if self.embeddings is not None and self.checkpoint is not None:
            raise UserError(
                "A checkpoint has its own embeddings: leave out the one or the other. Received: "
                f"embeddings={self.embeddings}, checkpoint={self.checkpoint}"
            )

    def completed(self) -> Self:
        """Returns the same from scratch with what the preset decides filled in.

        Raises:
            UserError: If there is no such preset; the message names the nearest.
        """
        if self.checkpoint is not None:
            return self
        preset = self.preset or "scratch"
        width = find_preset(text_preset, preset)["hidden_dim"]
        return self.with_defaults(preset=preset, learning_rate=0.128 / width)

    def for_steps(self, steps_per_epoch: int) -> Self:
        """Returns the same with the number of epochs, once the steps of one are known."""
        if self.checkpoint is None:
            return self.with_epochs(EPOCHS, steps_per_epoch, FEWEST_STEPS)
        fewest = FEWEST_STEPS_FROM_CHECKPOINT
        return self.with_epochs(EPOCHS_FROM_CHECKPOINT, steps_per_epoch, fewest)

    def checkpoint_rate(self) -> float:
        """Returns the highest learning rate from a checkpoint, times the width."""
        return 0.0384  # 5e-5 for BERT's 768

    def for_checkpoint(self, width: int, longest: int) -> Self:
        """Returns the same with what a checkpoint's width and longest text, in tokens, decide."""
        settings = self.with_defaults(learning_rate=self.checkpoint_rate() / width)
        return replace(settings, max_sequence_length=min(self.max_sequence_length, longest))


@declared()
class Reading(Declared):
    """Says how files are read."""

    encoding: str | None = setting(
        "Encoding of the files.", default_is="utf-8, or utf-16 or utf-32 where the bytes say so"
    )


def _one_character(text: str) -> str:
    """Returns the character that is typed; a tab is typed as such, as \\t or as tab."""
    character = {"tab": "\t", "\\t": "\t"}.get(text, text)
    if len(character) != 1:
        raise ValueError(f"a delimiter is one character. Received: {text!r}")
    return character


@declared()
class TableLayout(Reading):
    """Says how the rows and fields of a table are told apart."""

    delimiter: str | None = setting(
        "Character between the fields of CSV and TSV files.",
        default_is="what divides the rows evenly",
        parse=_one_character,
        metavar="CHAR",
    )
    header: bool | None = setting(
        "Whether these files begin with the names of the columns.",
        default_is="unless the first row looks like the others",
    )
    sheet: str | None = setting(
        "Sheet of a workbook.", default_is="the first that is seen and not empty", metavar="NAME"
    )

    def _check_together(self) -> None:
        super()._check_together()
        if self.delimiter is not None and len(self.delimiter) != 1:
            raise UserError(f"A delimiter is one character. Received: {self.delimiter!r}")


@declared()
class TableReading(TableLayout):
    """Says how tables and files of lines are read."""

    skip_bad_rows: bool = setting("Count and skip bad rows, not stop.", False)


def file_or_fraction(text: str) -> str | float:
    """Makes a file's name, or a share of the training data, of what is typed."""
    try:
        fraction = float(text)
    except ValueError:
        return text
    if not 0 < fraction < 1:
        raise ValueError(f"a fraction must be between 0 and 1. Received: {text}")
    return fraction
