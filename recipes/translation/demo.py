"""Shows translation at work: English dates and numbers into Chinese, from data to server."""

import logging
from collections.abc import Iterator
from pathlib import Path

from ...models import disk
from ..runs.directories import written_aside
from ..tasks import TASKS
from .data import ParallelTexts
from .dates_and_numbers import generate_pairs
from .recipe import fit_translation
from .report import write_alignment

logger = logging.getLogger("regard")

NUM_TRAINING_PAIRS = 40_000
NUM_VALIDATION_PAIRS = 200
NUM_HELD_OUT_PAIRS = 1000
# fmt: off
SETTINGS = {
    "num_layers": 2, "hidden_dim": 128, "num_heads": 4, "intermediate_dim": 256,
    "vocabulary_size": 150,  # so few that numbers are not learned by heart
    "max_sequence_length": 64, "dropout": 0.0, "label_smoothing": 0.0,
    "epochs": 8, "batch_tokens": 1024, "warmup_steps": 400, "learning_rate": 0.0015,
}
# fmt: on
QUESTIONS = (
    "20 November 2026",
    "Friday, November 20, 2026",
    "three hundred and five",
    "two hundred and ten thousand and six",
)


def run_demo(output: Path, overwrite: bool = False) -> Iterator[str]:
    """Trains, evaluates, translates and exports; yields lines that say what came of each step.

    Raises:
        UserError: If the directory exists and may not be replaced, or cannot be written.
    """
    with written_aside(output, TASKS["translation"].demo, overwrite) as directory:
        train = write_pairs(directory, output, "train", NUM_TRAINING_PAIRS, held_out=False)
        test = write_pairs(directory, output, "held_out", NUM_HELD_OUT_PAIRS, held_out=True)
        pairs = generate_pairs(NUM_VALIDATION_PAIRS, seed=1, held_out=False)
        validation = ParallelTexts("the demo", *pairs)
        logger.info("Training on %d generated pairs; a few minutes.", len(train))
        run = fit_translation(
            train, validation_source=validation, output=directory / "run", **SETTINGS
        )
        metrics = run.evaluate(test)
        yield f"{len(test)} dates and numbers that were not in the training data:"
        yield f"  exact   {metrics['exact']:.1%}"
        yield f"  BLEU    {metrics['bleu']:.1f}"
        yield ""
        answers = run.predict(QUESTIONS)
        yield from (f"{answer.text}\t{answer.translation}" for answer in answers)
        yield ""
        picture = run.align(answers[1].text, answers[1].translation)
        write_alignment(directory / "alignment.png", picture)
        run.export(directory / "served")
    yield f"run: {output}/run"
    yield f"what it looked at: {output}/alignment.png"
    yield f"export: {output}/served/1"
    yield ""
    yield "Next, with your own pairs of texts:"
    yield "  regard fit translation --source YOUR.en --target YOUR.de --output runs/mine"
    yield "  regard predict runs/mine 'a text of yours'"
    yield "  regard export runs/mine served/mine"


def write_pairs(
    directory: Path, output: Path, name: str, count: int, held_out: bool
) -> ParallelTexts:
    """Writes pairs as people keep theirs, two files line beside line; returns them, too."""
    sides = generate_pairs(count, seed=0, held_out=held_out)
    for language, texts in zip(("en", "zh"), sides, strict=True):
        text = "".join(f"{line}\n" for line in texts)
        disk.write_text(directory / f"{name}.{language}", text)
    return ParallelTexts(str(output / f"{name}.en"), *sides)
