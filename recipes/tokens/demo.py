"""Shows every step from texts with entities to a model server, on letters that it writes itself."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ...models import disk
from ..runs.directories import written_aside
from ..tasks import TASKS
from .corpus import generate_letters, to_conll
from .data import LabelledTokens, read_labelled_tokens
from .recipe import fit_tokens

logger = logging.getLogger("regard")

NUM_TRAINING_TEXTS = 6000
NUM_HELD_OUT_TEXTS = 500
EPOCHS = 6
QUESTIONS = (
    "Wilma Castellanos paid $1,200 to T. Brahe on 3 March 1999 .",
    "We met Ingrid in Tallinn, and the weather was fine.",
    "徐霞于2021年3月14日从武汉来到南京。",
)


def run_demo(output: Path, overwrite: bool = False) -> Iterator[str]:
    """Trains, evaluates, predicts and exports; yields lines on what came of each step.

    Raises:
        UserError: If the directory exists and may not be replaced, or cannot be written.
    """
    with written_aside(output, TASKS["tokens"].demo, overwrite) as directory:
        train, test = _generate_files(directory, output)
        logger.info("Training on %d generated lines of letters; about a minute.", len(train))
        run = fit_tokens(train, epochs=EPOCHS, output=directory / "run")
        metrics = run.evaluate(test)
        yield f"entities of {len(test)} lines, with names and places that training never saw:"
        yield f"  F1 {metrics['f1']:.1%}"
        yield ""
        yield from (answer.to_line() for answer in run.predict(QUESTIONS))
        yield ""
        run.export(directory / "served")
    yield f"run: {output}/run"
    yield f"export: {output}/served/1"
    yield ""
    yield "Next, with your own texts and entities:"
    yield "  regard fit tokens YOUR.conll --output runs/mine"
    yield "  regard predict runs/mine 'a text of yours'"
    yield "  regard export runs/mine served/mine"


def _generate_files(directory: Path, output: Path) -> list[LabelledTokens]:
    """Writes the letters to learn from and to test on, and reads them; `output` will hold them."""
    tables = []
    for name, count, held_out in (
        ("letters.conll", NUM_TRAINING_TEXTS, False),
        ("held_out.conll", NUM_HELD_OUT_TEXTS, True),
    ):
        letters = to_conll(*generate_letters(count, seed=0, held_out=held_out))
        disk.write_text(directory / name, letters)
        table = read_labelled_tokens(directory / name)
        tables.append(replace(table, source=str(output / name)))
    return tables
