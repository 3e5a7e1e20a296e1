"""The options of the command line that several commands share, and the kinds of their values."""

import math
from pathlib import Path

import click

from ..models.presets import text_preset


class Preset(click.ParamType):
    """The name of a preset."""

    name = "name"

    def convert(self, value, param, ctx):
        try:
            text_preset(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return value


class PositiveNumber(click.ParamType):
    """A finite number above 0."""

    name = "number"

    def convert(self, value, param, ctx):
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not 0 < number < math.inf:
            self.fail(f"must be a finite number above 0. Received: {value}", param, ctx)
        return number


class FileOrFraction(click.ParamType):
    """A file, or a share of the training data."""

    name = "file|fraction"

    def convert(self, value, param, ctx):
        try:
            fraction = float(value)
        except ValueError:
            return value
        if not 0 < fraction < 1:
            self.fail(f"a fraction must be between 0 and 1. Received: {value}", param, ctx)
        return fraction


def _together(*options):
    """A decorator that adds options to a command, in this order."""

    def add(command):
        for option in reversed(options):
            command = option(command)
        return command

    return add


text_column = click.option(
    "--text-column", metavar="NAME", help="Column of the texts; guessed if not given."
)
label_column = click.option(
    "--label-column", metavar="NAME", help="Column of the labels, likewise."
)
pair_column = click.option(
    "--pair-column", metavar="NAME", help="Column of second texts, for pairs of texts."
)
file_options = _together(
    click.option("--encoding", default="utf-8", help="Encoding of the files."),
    click.option("--skip-bad-rows", is_flag=True, help="Count and skip bad rows, not stop."),
)
labelled_data = _together(text_column, pair_column, label_column, file_options)
unlabelled_data = _together(text_column, file_options)

training = _together(
    click.option(
        "--checkpoint",
        metavar="DIR|hf://ORG/NAME",
        help="Start from a pretrained BERT in Hugging Face's layout, or from a run.",
    ),
    click.option(
        "--preset",
        type=Preset(),
        help="Size from scratch: scratch, tiny, mini, small, medium, base or large.",
    ),
    click.option(
        "--epochs",
        type=click.IntRange(1),
        help="Most passes over the data.  [default: 3 from a checkpoint; from scratch 20, but 4 "
        "with a teacher]",
    ),
    click.option(
        "--learning-rate",
        type=PositiveNumber(),
        help="Highest learning rate.  [default: 0.128 / width from scratch; from a checkpoint "
        "0.0768 / width, 0.384 / width with LoRA, 0.0384 / width to pre-train]",
    ),
    click.option(
        "--batch-tokens",
        type=click.IntRange(1),
        help="Tokens in a batch, with padding.  [default: 1024, but 4096 with a teacher]",
    ),
    click.option(
        "--max-sequence-length",
        type=click.IntRange(3),
        default=256,
        help="Tokens of a text that are read at once.",
    ),
    click.option(
        "--dropout",
        type=click.FloatRange(0, 1, max_open=True),
        help="Probability of dropping a unit.  [default: the checkpoint's; from scratch 0.1, but 0 "
        "with a teacher]",
    ),
    click.option(
        "--precision",
        type=click.Choice(["float32", "bfloat16"]),
        default="float32",
        help="Precision of matrix products in training.",
    ),
    click.option(
        "--seed", type=click.IntRange(0, 2**31 - 1), default=0, help="Seed of all chance."
    ),
)
classifier_training = _together(
    training,
    click.option(
        "--seeds",
        type=click.IntRange(1),
        default=1,
        help="Train with that many seeds, keep the best.",
    ),
    click.option(
        "--layer-decay",
        type=click.FloatRange(0, 1, min_open=True),
        help="Learning rate of a layer as a multiple of the next one's.  [default: 0.8 from a "
        "checkpoint, else 1]",
    ),
    click.option(
        "--adversarial",
        type=click.FloatRange(0),
        metavar="SHARE",
        help="Move embeddings against the model by that share of their length, for twice the time."
        "  [default: 0.02 from a checkpoint; 0 from scratch, with LoRA or a teacher]",
    ),
    click.option(
        "--freeze",
        type=click.IntRange(0),
        default=0,
        metavar="N",
        help="Keep the embedding and the lowest N layers of the checkpoint as they are.",
    ),
    click.option(
        "--lora", type=click.IntRange(1), metavar="RANK", help="Train low-rank matrices only."
    ),
    click.option(
        "--teacher/--no-teacher",
        default=None,
        help="Let a linear model of n-grams teach as well, if the data is small.  [default: only "
        "from scratch]",
    ),
)


def output(default: str):
    """The directory to write, and whether to replace it."""
    return _together(
        click.option(
            "--output",
            type=click.Path(path_type=Path),
            metavar="RUN",
            help=f"Directory to write.  [default: {default}]",
        ),
        click.option("--overwrite", is_flag=True, help="Replace RUN if it exists."),
    )
