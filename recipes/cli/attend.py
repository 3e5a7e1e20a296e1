"""Holds the command that shows what a model looks at: `regard attend`."""

import os
from itertools import count
from pathlib import Path

import click

from ..errors import UserError
from ..runs.directories import check_file_output
from ..runs.metadata import read_metadata, takes_pairs
from ..tasks import TASKS
from . import options
from .questions import refuse_files
from .support import load_run
from .terminal import give

DEFAULT = "attention.html"


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("question", metavar="TEXT|IMAGE")
@click.option("--pair", metavar="TEXT", help="The second text, for a RUN that classifies pairs.")
@click.option(
    "--n-best",
    type=click.IntRange(1),
    metavar="N",
    help="Translations to show, of a translator.  [default: as many as RUN has beams]",
)
@options.output(
    "FILE",
    "A page (.html) or a picture (.png).  [default: attention.html, or with a number]",
)
def attend(run, question, pair, n_best, output, overwrite) -> None:
    """Show what RUN looks at in a TEXT or an IMAGE, on a page to open in a browser.

    The page needs no network. It has the attention of every layer and head, rollout, and what each
    token or patch contributes to the answer, by gradient × input.

    \b
      regard attend runs/reviews "Not bad at all."
      regard attend runs/flowers rose.jpg --output rose.html
    """
    metadata = read_metadata(run)
    task = TASKS[metadata["task"]]
    (choices,) = options.those_of(task, ["asking"], {"n_best": n_best})
    _check_question(task, question, pair, takes_pairs(metadata))
    file = _free_name(overwrite) if output is None else output
    check_file_output(file, overwrite)
    from ..attention.attention import suffix_of

    suffix_of(file)
    trained = load_run(run)
    asked = question if pair is None else (question, pair)
    trained.attention(asked, **choices).save(file, overwrite)
    give(file)


def _check_question(task, question: str, pair: str | None, is_pair: bool) -> None:
    """Raises `UserError` for what the run does not take."""
    if is_pair != (pair is not None):
        wanted = "pairs of texts: give --pair, too" if is_pair else "one input: leave out --pair"
        raise UserError(f"This run takes {wanted}.")
    if not task.lists:
        refuse_files([question, pair or ""], "Give the text itself")
    elif not os.path.isfile(question):
        raise UserError(f"{question} must be the file of one image, and there is no such file.")


def _free_name(overwrite: bool) -> Path:
    """Returns the default name, with a number where files have it already."""
    stem, suffix = os.path.splitext(DEFAULT)
    names = (f"{stem}-{number}{suffix}" if number > 1 else DEFAULT for number in count(1))
    return Path(next(name for name in names if overwrite or not os.path.lexists(name)))
