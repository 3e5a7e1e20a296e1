"""Runs the command line: results on stdout, all else on stderr.

Exit status 0 means done, 2 the user's mistake, 1 ours. TensorFlow takes seconds to import, so it is
imported only when every argument has been found good.
"""

import io
import json
import logging
import os
import sys
import traceback
from functools import partial
from pathlib import Path

import click
from click.shell_completion import shell_complete

from ... import __version__
from ..errors import (
    TERMINATED,
    WORKER_LOST,
    Terminated,
    UserError,
    WorkerLost,
    out_of_memory,
)
from ..log import OneLine
from ..runs.directories import check_writable
from ..runs.metadata import read_metadata, takes_pairs
from ..runs.scoring import score_table
from ..runs.table_output import check_table_output
from ..tasks import TASKS
from . import answers, options, questions
from .attend import attend
from .demo import demo
from .fit import fit, pretrain
from .next_steps import after_export
from .runs import info, list_runs
from .serve import serve
from .support import load_run, load_tfds
from .terminal import close_streams, complain, give, open_streams, problem_of_stdout, say, show
from .verify import verify

COMPLETE = "_REGARD_COMPLETE"  # click's name of what asks for a shell's completions
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
      regard fit translation --source train.en --target train.de
                                                learn to translate from your own pairs of texts
      regard fit images flowers                 learn from folders of images
      regard evaluate runs/reviews test.csv     how good is it?
      regard predict runs/reviews "Lovely!"     what does it say?
      regard attend runs/reviews "Lovely!"      what does it look at?
      regard export runs/reviews served         write a SavedModel for TF Serving
      regard serve served                       try it over HTTP, without Docker
      regard list                               which runs are there?
      regard verify runs/reviews                is every byte as it was written?
    """


for command in (fit, pretrain, demo, attend, info, list_runs, serve, verify):
    cli.add_command(command)


@cli.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("data", required=False)
@options.evaluation
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def evaluate(run, data, as_json, **reading) -> None:
    """Measure RUN on DATA: labelled texts or images, or, for a translator, pairs of texts.

    A translator may have --source and --target, text files line beside line, in place of DATA. Of a
    folder of images with splits, the images to test on are taken.
    """
    metadata = read_metadata(run, *(task.name for task in options.SERVED))
    task = TASKS[metadata["task"]]
    reading = options.only_those_of(task, "reading", reading)
    load_tfds({"data": data})
    measured = task.load("sources", "read_evaluation")(metadata, data, **reading)
    trained = load_run(run)
    metrics = trained.evaluate(**measured)
    if as_json:
        give(json.dumps(metrics, ensure_ascii=False))
    else:
        show(trained.format_metrics(metrics))


@cli.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("texts", nargs=-1, metavar="[TEXT|IMAGE ...]")
@click.option("--pair", metavar="TEXT", help="The second text, for a RUN that classifies pairs.")
@click.option(
    "--input",
    "source",
    metavar="FILE|-",
    multiple=True,
    callback=questions.one_input,
    help="Take the rows of a table, of a folder of tables or of a pattern in quotes, or lines.",
)
@options.output("FILE", "Write a table: all columns of the input, and the answers.")
@click.option("--scores", is_flag=True, help="Write there the probability of every class, too.")
@click.option(
    "--escape-formulas",
    is_flag=True,
    help="Begin cells that a spreadsheet takes for formulas with a quote.",
)
@options.prediction
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def predict(run, texts, pair, source, output, overwrite, as_json, **choices) -> None:
    """Classify or translate each TEXT, or the rows or lines of --input (- is standard input).

    A classifier prints label, probability and text, separated by tabs; a translator a translation a
    line. Of a table, by its suffix (.csv, .jsonl, .xlsx ...), the column of texts is taken, of
    another file each line. For pairs of texts, give one TEXT and --pair, a table, or lines with a
    tab between the two; for a classifier of images, each TEXT is a file or a folder. A pretrained
    RUN says what may stand behind each [MASK] instead.

    \b
      regard predict runs/reviews --input new.csv --output scored.csv
    """
    scores, escape = choices.pop("scores"), choices.pop("escape_formulas")
    flags = {"scores": scores, "overwrite": overwrite, "escape_formulas": escape}
    questions.check_usage(texts, pair, source, output, json=as_json, **flags)
    metadata = read_metadata(run)
    task = TASKS[metadata["task"]]
    reading, choices = options.those_of(task, ["questions", "asking"], choices)
    if output is not None and choices.get("n_best"):
        raise click.UsageError("--n-best prints: leave out --output.")
    if pair is not None and not takes_pairs(metadata):
        raise UserError(f"{run} takes single texts: leave out --pair.")
    if output is not None:
        check_table_output(output, source, overwrite)
        columns = answers.answer_columns(task, metadata, scores)
    asked = questions.find_questions(task, metadata, source, texts, pair, reading)
    trained = load_run(run)
    if output is not None:
        answer = partial(trained.answer, **choices)
        score_table(asked, answer, output, columns, overwrite, escape)
        return
    empty = answers.answers_of(task, metadata)
    for line in answers.answer_lines(asked, trained, choices, empty, as_json):
        give(line)


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
    metadata = read_metadata(run, *(task.name for task in options.SERVED))
    check_writable(destination)
    version = load_run(run).export(destination, precision)
    give(version)
    from ..server.saved_model import read_signatures

    is_translator = metadata["task"] == "translation"
    flags = ["--tensorflow_intra_op_parallelism=1"] if is_translator else []
    inputs = read_signatures(version)["serving_default"].inputs
    say("\n".join(after_export(version, inputs, flags)))


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and exits.

    Args:
        arguments: The words after `regard`. Defaults to those of this process.
    """
    open_streams()
    logger = logging.getLogger("regard")
    logger.setLevel(logging.INFO)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine())
    logger.handlers[:] = [handler]
    logger.propagate = False
    if instruction := os.environ.get(COMPLETE):
        sys.exit(shell_complete(cli, {}, "regard", COMPLETE, instruction))
    status = close_streams(run_command(arguments))
    if status and "TF_CONFIG" in os.environ:  # TensorFlow would wait for the other workers
        os._exit(status)
    sys.exit(status)


def run_command(arguments: list[str] | None = None) -> int:
    """Runs a command and returns its exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        with cli.make_context("regard", list(arguments), obj=list(arguments)) as context:
            cli.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as exit_:  # --help and --version
        return exit_.exit_code
    except click.ClickException as error:
        said = io.StringIO()
        error.show(said)
        say(said.getvalue().removesuffix("\n"))
        return 2
    except UserError as error:
        if out_of_memory(error) and "memory" not in str(error):
            return _failed(error)
        complain(error)
        return 2
    except WorkerLost as error:
        complain(error, "Stopped: ")
        return WORKER_LOST
    except (click.Abort, KeyboardInterrupt, Terminated) as error:
        say(" ".join(["Stopped.", *getattr(error, "__notes__", [])]))
        return TERMINATED if isinstance(error, Terminated) else 130
    except Exception as error:
        return _failed(error)
    return 0


def _failed(error: Exception) -> int:
    """Says what went wrong that nobody has a word for; returns the exit status."""
    problem = problem_of_stdout()
    if isinstance(problem or error, BrokenPipeError):
        return 0  # the reader of our output has gone, as in `regard predict ... | head`
    if problem:
        complain(f"standard output cannot be written: {problem.strerror}. Give it room, or a file.")
    elif said := out_of_memory(error):
        complain(
            f"there is not enough memory ({said}). Take smaller batches (--batch-size, "
            "--batch-tokens), shorter texts or smaller images, a smaller model, or less at once."
        )
    else:
        say("".join(traceback.format_exception(error)).rstrip("\n"))
        say("This is a defect in regard, not a mistake of yours.")
    return 1
