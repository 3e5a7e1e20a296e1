"""The commands that train: `regard fit` and `regard pretrain`."""

import logging
import os
import shlex
from pathlib import Path

import click

from ..devices.cluster import read_cluster
from ..images.data import check_source as check_images
from ..images.settings import ImageSettings
from ..pretraining.settings import PretrainingSettings
from ..runs.directories import RUN_CONTENTS, check_output, default_output
from ..text.settings import TextSettings
from ..translation.settings import TranslationSettings
from . import options as options
from .launcher import launch
from .support import check_start, load_tfds, quiet, say


def share_work(strategy: str, workers: int | None, output: str | Path) -> None:
    """Says at once what is wrong with the machines that are asked for; starts `--workers`."""
    if workers is None:
        if not _is_chief(strategy):
            logging.getLogger("regard").setLevel(logging.WARNING)  # the chief says it for all
        return
    if strategy not in ("auto", "multiworker"):
        raise click.UsageError(f"--workers does not go with --strategy {strategy}.")
    if os.environ.get("TF_CONFIG"):
        raise click.UsageError("--workers starts workers of its own: unset TF_CONFIG.")
    arguments = click.get_current_context().find_root().obj
    kept = without_option(arguments, "--workers")
    raise click.exceptions.Exit(
        launch(workers, [*kept, "--strategy", "multiworker"], output=Path(output))
    )


def without_option(arguments: list[str], name: str) -> list[str]:
    """The arguments of a command line without an option and its value."""
    kept, words = [], iter(arguments)
    for word in words:
        if word == name:
            next(words)
        elif not word.startswith(f"{name}="):
            kept.append(word)
    return kept


def _is_chief(strategy: str) -> bool:
    cluster = read_cluster() if strategy in ("auto", "multiworker") else None
    return cluster is None or cluster.index == 0


def finish(strategy: str, metrics: str, output, following: str) -> None:
    """Prints what came of a training, on the chief of several workers."""
    if _is_chief(strategy):
        click.echo(f"{metrics}\n\nrun: {output}")
        say(f"Next: {following}")


READING = ("text_column", "pair_column", "label_column", "encoding", "skip_bad_rows")


@click.group()
def fit() -> None:
    """Train a model on your own data."""


@fit.command("text")
@click.argument("train")
@click.option(
    "--validation",
    type=options.FileOrFraction(),
    default="0.1",
    help="Data to validate on, or the share of TRAIN to hold out for it.",
)
@options.labelled_data
@options.classifier_training
@options.output(default="runs/ and the name of TRAIN")
def fit_text_command(train, validation, output, overwrite, **settings) -> None:
    """Train a text classifier on TRAIN: .csv, .tsv, .jsonl, .parquet or tfds:NAME[/CONFIG]."""
    from ..text.data import read_train_and_validation

    reading = {name: settings.pop(name) for name in READING}
    seeds, workers = settings.pop("seeds"), settings.pop("workers")
    TextSettings(**settings)
    check_start(settings["checkpoint"])
    output = output or default_output(train)
    check_output(output, RUN_CONTENTS, overwrite)
    share_work(settings["strategy"], workers, output)
    load_tfds(train, validation)
    train, validation = read_train_and_validation(train, validation, settings["seed"], **reading)
    with quiet():
        from ..runs.display import format_metrics
        from ..text.recipe import fit_text
    run = fit_text(train, validation, seeds=seeds, output=output, overwrite=overwrite, **settings)
    path = shlex.quote(str(output))
    finish(
        settings["strategy"],
        format_metrics(run.metrics),
        output,
        f'regard predict {path} "some text", or regard export {path} DEST',
    )


@fit.command("translation")
@click.argument("table", required=False)
@options.parallel_data
@click.option("--validation-source", metavar="FILE", help="Data to validate on, likewise.")
@click.option("--validation-target", metavar="FILE", help="Its translations.")
@click.option(
    "--validation",
    type=options.FileOrFraction(),
    default="0.05",
    help="A table to validate on, or the share of the data to hold out for it.",
)
@options.translator_training
@options.output(default="runs/ and the name of the data")
def fit_translation_command(
    table,
    source,
    target,
    validation_source,
    validation_target,
    validation,
    output,
    overwrite,
    **settings,
) -> None:
    """Train a translator on two text files, line beside line, or on a TABLE with two columns.

    \b
      regard fit translation --source train.en --target train.de
      regard fit translation pairs.tsv --source-column en --target-column de
    """
    from ..translation.data import read_train_and_validation

    names = ("source_column", "target_column", "encoding", "skip_bad_rows")
    reading = {name: settings.pop(name) for name in names}
    workers = settings.pop("workers")
    TranslationSettings(**settings)
    check_start(settings["checkpoint"])
    options.check_parallel(table, source, target)
    if (validation_source is None) != (validation_target is None):
        raise click.UsageError("--validation-source and --validation-target go together.")
    output = output or default_output(table or source)
    check_output(output, RUN_CONTENTS, overwrite)
    share_work(settings["strategy"], workers, output)
    load_tfds(table, validation)
    held_out = (validation_source, validation_target) if validation_source else validation
    train, held_out = read_train_and_validation(
        table or source, target, held_out, settings["seed"], **reading
    )
    with quiet():
        from ..runs.display import format_translation_metrics
        from ..translation.recipe import fit_translation
    run = fit_translation(
        train, validation_source=held_out, output=output, overwrite=overwrite, **settings
    )
    path = shlex.quote(str(output))
    finish(
        settings["strategy"],
        format_translation_metrics(run.metrics),
        output,
        f'regard predict {path} "some text", or regard export {path} DEST',
    )


@fit.command("images")
@click.argument("train")
@click.option(
    "--validation",
    type=options.FileOrFraction(),
    help="Images to validate on, likewise, or the share of TRAIN to hold out for it.  [default: "
    "TRAIN/validation if it is there, else 0.1]",
)
@options.labelled_images
@options.image_training
@options.output(default="runs/ and the name of TRAIN")
def fit_images_command(train, validation, output, overwrite, **settings) -> None:
    """Train an image classifier on TRAIN: a folder of images for each class, or for each split.

    \b
      regard fit images flowers                 flowers/<class>/*
      regard fit images cifar10                 cifar10/{train,validation,test}/<class>/*
      regard fit images photos.csv              a table of paths and labels
      regard fit images tfds:NAME
    """
    names = ("image_column", "label_column", "encoding", "skip_bad_files")
    reading = {name: settings.pop(name) for name in names}
    workers = settings.pop("workers")
    ImageSettings(**settings).completed()
    check_start(settings["checkpoint"])
    output = output or default_output(train)
    check_output(output, RUN_CONTENTS, overwrite)
    share_work(settings["strategy"], workers, output)
    check_images(train)
    load_tfds(train, validation)
    with quiet():
        from ..images.recipe import fit_images
        from ..runs.display import format_metrics
    run = fit_images(train, validation, output=output, overwrite=overwrite, **reading, **settings)
    path = shlex.quote(str(output))
    finish(
        settings["strategy"],
        format_metrics(run.metrics),
        output,
        f"regard predict {path} IMAGE, or regard export {path} DEST",
    )


@click.group()
def pretrain() -> None:
    """Pre-train a model on your own unlabelled data."""


@pretrain.command("text")
@click.argument("sources", nargs=-1, required=True, metavar="FILE...")
@options.unlabelled_data
@options.training
@options.output(default="runs/pretrained- and the name of the first FILE")
def pretrain_text_command(sources, output, overwrite, **settings) -> None:
    """Pre-train a BERT on texts: .txt with a text a line, or tables with a column of texts.

    It learns to say which words are hidden. `regard fit text --checkpoint RUN` goes on from there.
    """
    from ..pretraining.data import read_texts

    reading = {name: settings.pop(name) for name in ("text_column", "encoding", "skip_bad_rows")}
    workers = settings.pop("workers")
    PretrainingSettings(**settings)
    check_start(settings["checkpoint"])
    output = output or default_output(sources[0], "pretrained-")
    check_output(output, RUN_CONTENTS, overwrite)
    share_work(settings["strategy"], workers, output)
    load_tfds(*sources)
    texts = read_texts(sources, **reading)
    with quiet():
        from ..pretraining.recipe import pretrain_text
    run = pretrain_text(texts, output=output, overwrite=overwrite, **settings)
    perplexity, accuracy = (run.metrics[name] for name in ("perplexity", "accuracy"))
    finish(
        settings["strategy"],
        f"perplexity  {perplexity:.2f}\naccuracy    {accuracy:.4f}",
        output,
        f"regard fit text DATA --checkpoint {shlex.quote(str(output))}",
    )
