"""The command line: results on stdout, all else on stderr.

Exit status 0 means done, 2 the user's mistake, 1 ours. TensorFlow takes seconds to import, so it is
imported only when every argument has been found good.
"""

import json
import logging
import os
import shlex
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import click

from .. import __version__
from . import cli_options as options
from .directories import (
    DEMO_CONTENTS,
    RUN_CONTENTS,
    check_output,
    check_writable,
    default_output,
    read_metadata,
    takes_pairs,
)
from .errors import UserError
from .settings import PretrainingSettings, TextSettings

READING = ("text_column", "pair_column", "label_column", "encoding", "skip_bad_rows")
PREDICTIONS_AT_ONCE = 1024  # lines of input, so that long input is answered as it is read
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100, "show_default": True}


@click.group(context_settings=CONTEXT)
@click.version_option(__version__, prog_name="regard")
def cli() -> None:
    """Train a transformer on your own data, and hand it to a model server or to Hugging Face.

    \b
      regard demo text                          see it work, in about a minute
      regard fit text reviews.csv               learn from your own texts and labels;
                 --checkpoint DIR|hf://ORG/NAME start from a pretrained BERT
      regard pretrain text notes.txt            make one, from texts without labels
      regard evaluate runs/reviews test.csv     how good is it?
      regard predict runs/reviews "Lovely!"     what does it say?
      regard export runs/reviews served         write a SavedModel for TF Serving
    """


@cli.group()
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
    from .data.tables import read_train_and_validation

    reading = {name: settings.pop(name) for name in READING}
    seeds = settings.pop("seeds")
    TextSettings(**settings)
    check_start(settings["checkpoint"])
    output = output or default_output(train)
    check_output(output, RUN_CONTENTS, overwrite)
    load_tfds(train, validation)
    train, validation = read_train_and_validation(train, validation, settings["seed"], **reading)
    with quiet():
        from .display import format_metrics
        from .text import fit_text
    run = fit_text(train, validation, seeds=seeds, output=output, overwrite=overwrite, **settings)
    click.echo(f"{format_metrics(run.metrics)}\n\nrun: {output}")
    path = shlex.quote(str(output))
    say(f'Next: regard predict {path} "some text", or regard export {path} DEST')


@cli.group()
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
    from .data.unlabelled import read_texts

    reading = {name: settings.pop(name) for name in ("text_column", "encoding", "skip_bad_rows")}
    PretrainingSettings(**settings)
    check_start(settings["checkpoint"])
    output = output or default_output(sources[0], "pretrained-")
    check_output(output, RUN_CONTENTS, overwrite)
    load_tfds(*sources)
    texts = read_texts(sources, **reading)
    with quiet():
        from .pretraining import pretrain_text
    run = pretrain_text(texts, output=output, overwrite=overwrite, **settings)
    click.echo(f"perplexity  {run.metrics['perplexity']:.2f}")
    click.echo(f"accuracy    {run.metrics['accuracy']:.4f}\n\nrun: {output}")
    say(f"Next: regard fit text DATA --checkpoint {shlex.quote(str(output))}")


@cli.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("data")
@options.labelled_data
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def evaluate(run, data, as_json, **reading) -> None:
    """Measure RUN on the labelled texts of DATA."""
    from .data.tables import read_like
    from .display import format_metrics

    trained = read_metadata(run, "text")["data"]["train"]
    load_tfds(data)
    table = read_like(trained, data, **reading)
    metrics = load_run(run).evaluate(table)
    click.echo(json.dumps(metrics, ensure_ascii=False) if as_json else format_metrics(metrics))


@cli.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("texts", nargs=-1, metavar="[TEXT ...]")
@click.option("--pair", metavar="TEXT", help="The second text, for a RUN that classifies pairs.")
@click.option("--input", "source", metavar="FILE|-", help="Classify each line of a file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def predict(run, texts, pair, source, as_json) -> None:
    """Classify each TEXT, or each line of --input (- is standard input).

    Prints label, probability and text, separated by tabs. For pairs of texts, give one TEXT and
    --pair, or lines of two texts with a tab between them. A pretrained RUN says what may stand
    behind each [MASK] instead.
    """
    if bool(texts) == bool(source):
        raise click.UsageError("Give texts as arguments, or --input FILE: one of the two.")
    if pair is not None and len(texts) != 1:
        raise click.UsageError("--pair goes with exactly one TEXT.")
    is_pair = takes_pairs(read_metadata(run))
    if pair is not None and not is_pair:
        raise UserError(f"{run} takes single texts: leave out --pair.")
    lines = read_lines(source) if source else iter(texts)
    if is_pair:
        lines = split_pairs(lines, source) if pair is None else iter([(texts[0], pair)])
    trained = load_run(run)
    while batch := list(islice(lines, PREDICTIONS_AT_ONCE)):
        for prediction in trained.predict(batch):
            click.echo(prediction.to_json() if as_json else prediction.to_line())


@cli.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("destination", metavar="DEST", type=click.Path(path_type=Path))
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16"]),
    default="float32",
    help="Of the matrix products; bfloat16 is faster where the server's processors have it.",
)
def export(run, destination, precision) -> None:
    """Write RUN as a SavedModel for TF Serving, into DEST/<next integer>."""
    read_metadata(run, "text")
    check_writable(destination)
    click.echo(load_run(run).export(destination, precision))


@cli.group(invoke_without_command=True)
@click.pass_context
def demo(context) -> None:
    """See a recipe at work on data that it makes itself; `text` if none is named."""
    if context.invoked_subcommand is None:
        context.invoke(demo_text, output=Path("runs/demo-text"), overwrite=False)


@demo.command("text")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default="runs/demo-text",
    metavar="DIR",
    help="Directory to write.",
)
@click.option("--overwrite", is_flag=True, help="Replace DIR if it exists.")
def demo_text(output, overwrite) -> None:
    """Train, evaluate, predict and export on generated reviews, in English and Chinese."""
    check_output(output, DEMO_CONTENTS, overwrite)
    with quiet():
        from .demo import run_text_demo
    for line in run_text_demo(output, overwrite):
        click.echo(line)


def check_start(checkpoint: str | None) -> None:
    """Says at once if a directory to start from is not there."""
    if checkpoint is None or checkpoint.startswith("hf://") or Path(checkpoint).is_dir():
        return
    raise UserError(
        f"A checkpoint must be a directory or hf://ORG/NAME. Received: {checkpoint}, which is not "
        "a directory."
    )


def load_run(directory: Path):
    """Opens a run, TensorFlow and all."""
    task = read_metadata(directory)["task"]
    with quiet():
        from .masked_lm_runs import MaskedLMRun
        from .runs import TextRun
    return {"text": TextRun, "masked_lm": MaskedLMRun}[task].load(directory)


def read_lines(source: str) -> Iterator[str]:
    """The lines of a file or of standard input; bytes that are not UTF-8 pass through."""
    try:
        file = sys.stdin.buffer if source == "-" else open(source, "rb")  # noqa: SIM115
    except OSError as error:
        raise UserError(f"{source} cannot be read: {error.strerror}.") from error
    return (line.rstrip(b"\r\n").decode("utf-8", "surrogateescape") for line in file)


def split_pairs(lines: Iterator[str], source: str | None) -> Iterator[tuple[str, str]]:
    """Two texts of each line, with a tab between them."""
    for number, line in enumerate(lines, start=1):
        first, tab, second = line.partition("\t")
        if not tab:
            where = f"{source}, line {number}" if source else f"text {number}"
            raise UserError(
                f"{where}: the run classifies pairs of texts, so there must be a tab between the "
                f"two; or give one text and --pair. Received: {line:.50}"
            )
        yield first, second


def say(message: str) -> None:
    """Says what is not a result."""
    click.echo(message, err=True)


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps from the terminal what TensorFlow prints while it loads, unless loading fails."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as noise:
        os.dup2(noise.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_physical_devices()
            tf.get_logger().setLevel("ERROR")
            yield
        except BaseException:
            noise.seek(0)
            os.write(terminal, noise.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


def load_tfds(*sources) -> None:
    """Imports TensorFlow Datasets, without its noise, if one of the sources needs it."""
    if any(str(source).startswith("tfds:") for source in sources):
        with quiet():
            from .data import tfds  # noqa: F401


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and exits.

    Args:
        arguments: The words after `regard`. Defaults to those of this process.
    """
    for stream in (sys.stdout, sys.stderr):  # lone surrogates come out as JSON escapes them
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    logger = logging.getLogger("regard")
    logger.setLevel(logging.INFO)
    logger.handlers[:] = [logging.StreamHandler(sys.stderr)]
    logger.propagate = False
    sys.exit(run_command(arguments))


def run_command(arguments: list[str] | None = None) -> int:
    """Runs a command and returns its exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        with cli.make_context("regard", list(arguments)) as context:
            cli.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as exit_:  # --help and --version
        return exit_.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except UserError as error:
        say(f"Error: {error}")
        return 2
    except (click.Abort, KeyboardInterrupt):
        say("Stopped.")
        return 130
    except BrokenPipeError:  # the reader of our output has gone, as in `regard predict ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception:
        traceback.print_exc()
        say("This is a defect in regard, not a mistake of yours.")
        return 1
    return 0


if __name__ == "__main__":
    main()
