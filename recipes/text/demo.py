"""Shows every step from texts to a model server, on reviews that it writes itself."""

import csv
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ...models import disk
from ..runs.directories import written_aside
from ..tasks import TASKS
from .data import LabelledTexts, read_labelled_texts
from .recipe import fit_text
from .reviews import bag_of_words_accuracy, generate_reviews

logger = logging.getLogger("regard")

NUM_TRAINING_REVIEWS = 4000
NUM_HELD_OUT_REVIEWS = 1000
EPOCHS = 12
QUESTIONS = (
    "The staff were not friendly at all.",
    "I expected a dirty room, but I was wrong.",
    "房间一点也不干净。",
    "早餐并不像别人说的那么差。",
)


def run_demo(output: Path, overwrite: bool = False) -> Iterator[str]:
    """Trains, evaluates, predicts and exports; yields lines on what came of each step.

    Raises:
        UserError: If the directory exists and may not be replaced, or cannot be written.
    """
    with written_aside(output, TASKS["text"].demo, overwrite) as directory:
        train, test = _generate_tables(directory, output)
        logger.info("Training on %d generated reviews; about a minute.", len(train))
        run = fit_text(train, epochs=EPOCHS, teacher=False, output=directory / "run")
        metrics = run.evaluate(test)
        baseline = bag_of_words_accuracy(train.texts, train.labels, test.texts, test.labels)
        yield f"accuracy on {len(test)} reviews that combine words in new ways:"
        yield f"  regard         {metrics['accuracy']:.1%}"
        yield f"  bag of words   {baseline:.1%}   (the better of counts and TF-IDF)"
        yield ""
        yield from (prediction.to_line() for prediction in run.predict(QUESTIONS))
        yield ""
        run.export(directory / "served")
    yield f"run: {output}/run"
    yield f"export: {output}/served/1"
    yield ""
    yield "Next, with your own texts and labels:"
    yield "  regard fit text YOUR.csv --output runs/mine"
    yield "  regard predict runs/mine 'a text of yours'"
    yield "  regard export runs/mine served/mine"


def _generate_tables(directory: Path, output: Path) -> list[LabelledTexts]:
    """Writes the reviews to learn from and to test on, and reads them; `output` will hold them."""
    train, test = directory / "reviews.csv", directory / "held_out.csv"
    write_reviews(train, *generate_reviews(NUM_TRAINING_REVIEWS, seed=0, held_out=False))
    write_reviews(test, *generate_reviews(NUM_HELD_OUT_REVIEWS, seed=1, held_out=True))
    columns = {"text_column": "review", "label_column": "sentiment"}
    return [
        replace(read_labelled_texts(path, **columns), source=str(output / path.name))
        for path in (train, test)
    ]


def write_reviews(path: Path, texts: list[str], labels: list[str]) -> None:
    """Writes reviews as people keep theirs: a CSV file of texts and labels."""
    with disk.create(path, encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["review", "sentiment"])
        writer.writerows(zip(texts, labels, strict=True))
