"""The options of the command line that several commands share, and the kinds of their values."""

import math
from pathlib import Path

import click

from ...models.presets import IMAGE_PRESETS, image_preset, text_preset, translation_preset
from ..images.settings import STRENGTHS
from ..settings import PRECISIONS, STRATEGIES


class Preset(click.ParamType):
    """The name of a preset, which `find` looks up."""

    name = "name"

    def __init__(self, find):
        self.find = find

    def convert(self, value, param, ctx):
        try:
            self.find(value)
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


class ImageSize(click.ParamType):
    """A side in pixels, or height and width: 224, or 192x256."""

    name = "pixels"

    def convert(self, value, param, ctx):
        parts = value.split("x") if isinstance(value, str) else []
        if not (1 <= len(parts) <= 2 and all(part.isdecimal() and int(part) for part in parts)):
            self.fail(f"must be a number of pixels, or two as in 192x256. Received: {value}")
        return int(parts[0]) if len(parts) == 1 else tuple(map(int, parts))


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
    click.option(
        "--skip-bad-rows", is_flag=True, default=None, help="Count and skip bad rows, not stop."
    ),
)
labelled_data = _together(text_column, pair_column, label_column, file_options)
unlabelled_data = _together(text_column, file_options)
parallel_columns = _together(
    click.option("--source", metavar="FILE", help="The texts to translate, one a line."),
    click.option("--target", metavar="FILE", help="Their translations, one a line."),
    click.option(
        "--source-column", metavar="NAME", help="Column of the texts to translate, in a table."
    ),
    click.option("--target-column", metavar="NAME", help="Column of their translations."),
)
parallel_data = _together(parallel_columns, file_options)
image_column = click.option(
    "--image-column", metavar="NAME", help="Column of the paths of images, in a table."
)
skip_bad_files = click.option(
    "--skip-bad-files",
    is_flag=True,
    default=None,
    help="Count and skip images that cannot be read, not stop.",
)
labelled_images = _together(
    image_column,
    label_column,
    click.option("--encoding", default="utf-8", help="Encoding of a table."),
    skip_bad_files,
)
evaluation_data = _together(
    text_column,
    pair_column,
    label_column,
    parallel_columns,
    image_column,
    file_options,
    skip_bad_files,
)
decoding = _together(
    click.option(
        "--num-beams",
        type=click.IntRange(1),
        help="Beams of a translator's search.  [default: the RUN's, as is the next]",
    ),
    click.option(
        "--length-penalty",
        type=float,
        help="Power of the length in that search; a large one favours long translations.",
    ),
)

OF_TASK = {
    "text": {"text_column", "pair_column", "label_column", "skip_bad_rows"},
    "translation": {
        *("source", "target", "source_column", "target_column", "skip_bad_rows"),
        *("num_beams", "length_penalty"),
    },
    "masked_lm": set(),
    "images": {"image_column", "label_column", "skip_bad_files"},
}


def only_those_of(task: str, options: dict) -> dict:
    """The options that go with a task, those that are not given left out of the others'.

    Raises:
        click.UsageError: If an option is given that does not go with it.
    """
    others = set().union(*OF_TASK.values()) - OF_TASK[task]
    for name in others & set(options):
        if options[name] is not None:
            raise click.UsageError(f"--{name.replace('_', '-')} does not go with this RUN.")
    kept = {name: value for name, value in options.items() if name not in others}
    return {name: value for name, value in kept.items() if value is not None}


def check_parallel(table: str | None, source: str | None, target: str | None) -> None:
    """Raises `click.UsageError` unless there is one table, or a source and a target."""
    if (source is None) != (target is None):
        raise click.UsageError("--source and --target go together.")
    if (table is None) == (source is None):
        raise click.UsageError("Give a table, or --source and --target: one of the two.")


seed = click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), default=0, help="Seed of all chance."
)
devices = _together(
    click.option(
        "--precision",
        type=click.Choice(PRECISIONS),
        help="Precision of matrix products in training.  [default: bfloat16 on GPUs that have it, "
        "else float32]",
    ),
    click.option(
        "--strategy",
        type=click.Choice(STRATEGIES),
        default="auto",
        help="Train on one device, on all GPUs of this machine, or on the machines that TF_CONFIG "
        "names; auto takes the most that there are.",
    ),
    click.option(
        "--workers",
        type=click.IntRange(1),
        metavar="N",
        help="Train in that many processes of this machine, as if each were a machine.",
    ),
    click.option(
        "--xla/--no-xla",
        default=None,
        help="Let XLA compile the model, for every shape of a batch.  [default: on GPUs, where all "
        "are of one shape]",
    ),
    click.option(
        "--accumulate",
        type=click.IntRange(1),
        default=1,
        metavar="N",
        help="Add up the gradients of N batches for each step.",
    ),
)

SHARE = click.FloatRange(0, 1, max_open=True)


def checkpoint(kind: str):
    return click.option(
        "--checkpoint",
        metavar="DIR|hf://ORG/NAME",
        help=f"Start from a {kind} in Hugging Face's layout, or from a run.",
    )


def preset(find, names: str):
    return click.option("--preset", type=Preset(find), help=f"Size from scratch: {names}")


def epochs(default: str):
    text = f"Most passes over the data.  [default: {default}]"
    return click.option("--epochs", type=click.IntRange(1), help=text)


def patience(figure: str):
    text = f"Epochs without a better {figure} after which training stops."
    return click.option("--patience", type=click.IntRange(1), default=10, help=text)


def learning_rate(default: str):
    text = f"Highest learning rate.  [default: {default}]"
    return click.option("--learning-rate", type=PositiveNumber(), help=text)


def batch_tokens(what: str, default: str):
    text = f"Tokens in a batch{what}, with padding.  [default: {default}]"
    return click.option("--batch-tokens", type=click.IntRange(1), help=text)


def max_sequence_length(what: str):
    text = f"Tokens of a text that are {what}."
    return click.option("--max-sequence-length", type=click.IntRange(3), default=256, help=text)


def dropout(default: str):
    text = f"Probability of dropping a unit.  [default: {default}]"
    return click.option("--dropout", type=SHARE, help=text)


def label_smoothing(what: str):
    text = f"Shard of a target that is spread over all {what}."
    return click.option("--label-smoothing", type=SHARE, default=0.1, help=text)


def layer_decay(default: str):
    text = f"Learning rate of a layer as a multiple of the next one's.  [default: {default}]"
    return click.option("--layer-decay", type=click.FloatRange(0, 1, min_open=True), help=text)


training = _together(
    checkpoint("pretrained BERT"),
    preset(text_preset, "scratch, tiny, mini, small, medium, base or large."),
    epochs("3 from a checkpoint; from scratch 20, but 4 with a teacher"),
    learning_rate(
        "0.128 / width from scratch; from a checkpoint 0.0768 / width, 0.384 / width with LoRA, "
        "0.0384 / width to pre-train"
    ),
    batch_tokens("", "1024, but 4096 with a teacher"),
    max_sequence_length("read at once"),
    dropout("the checkpoint's; from scratch 0.1, but 0 with a teacher"),
    devices,
    seed,
)
classifier_training = _together(
    training,
    click.option(
        "--seeds",
        type=click.IntRange(1),
        default=1,
        help="Train with that many seeds, keep the best.",
    ),
    layer_decay("0.8 from a checkpoint, else 1"),
    click.option(
        "--adversarial",
        type=click.FloatRange(0),
        metavar="SHARE",
        help="Perturb embeddings against the model by that share of their norm, for twice the time."
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
translator_training = _together(
    checkpoint("Marian model"),
    preset(translation_preset, "transformer_small, transformer_base or transformer_big."),
    *(
        click.option(f"--{name}", type=click.IntRange(1), help=f"{what}  [default: the preset's]")
        for name, what in (
            ("num-layers", "Blocks of the encoder, and of the decoder."),
            ("num-decoder-layers", "Blocks of the decoder, if it has others."),
            ("hidden-dim", "Width."),
            ("num-heads", "Attention heads."),
            ("intermediate-dim", "Width inside the feed-forward layers."),
        )
    ),
    click.option(
        "--vocabulary-size",
        type=click.IntRange(10),
        help="Pieces of words to learn from scratch, for both languages together.  [default: 4000; "
        "37000 with transformer_base and transformer_big]",
    ),
    epochs("100 from scratch, 10 from a checkpoint"),
    patience("BLEU"),
    learning_rate("(width x warm-up steps)^-0.5 from scratch, 2e-4 from a checkpoint"),
    click.option(
        "--warmup-steps",
        type=click.IntRange(1),
        help="Steps to that rate.  [default: 1000; 4000 with transformer_base and transformer_big]",
    ),
    batch_tokens(", of its longer side", "1024 with transformer_small, else 4096"),
    max_sequence_length("read or written"),
    click.option(
        "--long-texts",
        type=click.Choice(["cut", "refuse"]),
        default="cut",
        help="What to do with longer ones in the data: cut and count them, or stop.",
    ),
    dropout("the checkpoint's or the preset's"),
    label_smoothing("tokens"),
    click.option(
        "--subword-dropout",
        type=SHARE,
        default=0.0,
        help="Probability of leaving out a merge of pieces, so that texts are cut up in other ways "
        "each time.",
    ),
    click.option(
        "--num-beams", type=click.IntRange(1), default=4, help="Beams of the search, once trained."
    ),
    click.option(
        "--length-penalty",
        type=float,
        default=1.0,
        help="Power of the length in that search; a large one favours long translations.",
    ),
    devices,
    seed,
)
image_training = _together(
    checkpoint("pretrained ViT"),
    preset(image_preset, f"{', '.join(IMAGE_PRESETS)}.  [default: vit_compact]"),
    click.option(
        "--image-size",
        type=ImageSize(),
        help="Side of the square that is read, or height x width.  [default: the checkpoint's or "
        "the preset's]",
    ),
    click.option(
        "--patch-size",
        type=click.IntRange(1),
        help="Side of a patch, in pixels, from scratch.  [default: the preset's]",
    ),
    epochs("30 from scratch, 5 from a checkpoint"),
    patience("macro-F1"),
    learning_rate("1e-3 from scratch, 1e-4 from a checkpoint"),
    click.option(
        "--batch-size",
        type=click.IntRange(1),
        help="Images in a batch.  [default: 128 from scratch, 32 from a checkpoint]",
    ),
    click.option(
        "--augmentation",
        type=click.Choice(STRENGTHS),
        help="What is done to images in training; medium and strong mirror them too.  [default: "
        "medium from scratch, light from a checkpoint]",
    ),
    label_smoothing("classes"),
    dropout("the checkpoint's or the preset's"),
    click.option(
        "--stochastic-depth",
        type=SHARE,
        help="Probability of leaving out a sub-layer.  [default: 0.1 from scratch, 0 from a "
        "checkpoint]",
    ),
    layer_decay("1 from scratch, 0.75 from a checkpoint"),
    click.option(
        "--weight-decay",
        type=SHARE,
        help="Shard of a weight that a step takes away, times the learning rate.  [default: 0.05]",
    ),
    devices,
    seed,
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
