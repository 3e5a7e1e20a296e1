"""Writes the report of a classifier, whatever it classifies."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

import numpy as np

from ..runs.chance import is_no_better_than_guessing
from ..runs.classifier import ClassifierRun
from ..runs.session import Session
from .calibration import calibration
from .classes import classes, confusion, pointed
from .data import data
from .page import LOST, Section, made, write_page
from .samples import MISTAKES_SHOWN, Sample, attention_pages, confident_mistakes, mistakes
from .training import curves, result, settings

FIGURES = {
    "accuracy": "Accuracy",
    "macro_f1": "Macro-F1",
    "log_loss": "Log loss, nats",
    "expected_calibration_error": "Calibration error",
}


class Examined(NamedTuple):
    """Holds a classifier as it was examined on the validation data.

    Attributes:
        run: The run.
        history: Figures of each epoch.
        labels: The true classes (B,).
        probabilities: Those of all classes (B, C).
        measured: The run that these are of, where it has learned once more since.
    """

    run: ClassifierRun
    history: Sequence[dict[str, Any]]
    labels: np.ndarray
    probabilities: np.ndarray
    measured: ClassifierRun


class Parts(NamedTuple):
    """Holds what the report of a task alone has.

    Attributes:
        samples: Returns some examples of the validation data, by their rows.
        lengths: Returns pictures of how long, or how large, the examples are.
        steps: Returns how to go on.
        is_held_out: Whether the validation data is a part of the training data.
    """

    samples: Callable[[Sequence[int]], list[Sample]]
    lengths: Callable[[], str]
    steps: Callable[[], str]
    is_held_out: bool


def write_classifier_page(
    directory: Path, current: Session, examined: Examined, parts: Parts
) -> None:
    """Writes `index.html`, and beside it what the model looks at where it is surely wrong."""
    run, history, labels, probabilities, measured = examined
    worst = confident_mistakes(labels, probabilities, MISTAKES_SHOWN)
    samples = made(partial(parts.samples, worst), None)
    questions = [each.question for each in samples or ()]
    pages = attention_pages(directory, measured, questions, measured.attention)
    wrong = int(np.sum(probabilities.argmax(axis=1) != labels))
    metrics, read = run.metrics, measured.metadata["data"]
    learned = read["train"].get("class_counts", {})

    def of_data() -> str:
        return data(read, current.said, parts.is_held_out) + made(parts.lengths, LOST)

    sections = [
        Section("Result", partial(_result, metrics, measured is not run)),
        Section("Settings", partial(settings, run.metadata)),
        Section("Data", of_data),
        Section("Curves", partial(curves, history, metrics)),
        Section("Classes", partial(classes, metrics, learned)),
        Section("Confusion", partial(confusion, metrics)),
        Section("Calibration", partial(calibration, metrics, labels, probabilities)),
        Section("Surest mistakes", partial(mistakes, samples, wrong, len(labels), pages)),
        Section("How to go on", parts.steps),
    ]
    write_page(directory, run.metadata, sections, partial(pointed, metrics))


def _result(metrics: dict[str, Any], learned_again: bool) -> str:
    shown = {title: f"{metrics[key]:.4f}" for key, title in FIGURES.items()}
    shown["Validation examples"] = f"{metrics['num_examples']:,}"
    notes = ["All figures of this page are of the validation data, at the end of the training."]
    if is_no_better_than_guessing(metrics):
        notes.append("<strong>It has learned nothing that shows: guessing does as well.</strong>")
    if learned_again:
        notes.append(
            "Once measured, it learned once more, from the validation data as well: what is "
            "here is of the model before that."
        )
    if "seeds" in metrics:
        values = [each["accuracy"] for each in metrics["seeds"]]
        spread = f"{mean(values):.4f} ± {stdev(values):.4f}"
        notes.append(f"It is the best of {len(values)} seeds, whose accuracy is {spread}.")
    return result(shown, notes)
