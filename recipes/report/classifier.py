"""Writes the report of a classifier, whatever it classifies."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

import numpy as np

from ..problem_types import SINGLE_LABEL
from ..runs.classifier import ClassifierRun
from ..runs.problems import kind_of
from ..runs.session import Session
from .data import data
from .page import LOST, Section, made, write_page
from .problems import view_of
from .samples import MISTAKES_SHOWN, Sample, attention_pages, mistakes
from .training import curves, result, settings


class Examined(NamedTuple):
    """Holds a classifier as it was examined on the validation data.

    Attributes:
        run: The run.
        history: Figures of each epoch.
        labels: The true classes (B,), or targets (B, C): what the problem makes of labels.
        probabilities: Those of all classes (B, C); or values.
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
    view = view_of(run.metadata)
    worst = [int(row) for row in view.worst(run.metrics, labels, probabilities)]
    samples = made(partial(parts.samples, worst[:MISTAKES_SHOWN]), None)
    questions = [each.question for each in samples or ()]
    pages = attention_pages(directory, measured, questions, measured.attention)
    metrics, read = run.metrics, measured.metadata["data"]
    learned = read["train"].get("class_counts", {})

    def of_data() -> str:
        return data(read, current.said, parts.is_held_out) + made(parts.lengths, LOST)

    title, what = view.mistakes
    sections = [
        Section("Result", partial(_result, run.metadata, metrics, measured is not run)),
        Section("Settings", partial(settings, run.metadata)),
        Section("Data", of_data),
        Section("Curves", partial(curves, history, metrics)),
        *view.sections(examined, learned),
        Section(title, partial(mistakes, samples, len(worst), len(labels), pages, what)),
        Section("How to go on", parts.steps),
    ]
    write_page(directory, run.metadata, sections, partial(view.pointed, metrics))


def _result(metadata: dict[str, Any], metrics: dict[str, Any], learned_again: bool) -> str:
    view = view_of(metadata)
    problem = kind_of(metadata.get("problem_type", SINGLE_LABEL))(metrics.get("class_names", ()))
    shown = {title: f"{metrics[key]:.4f}" for key, title in view.figures.items()}
    shown["Validation examples"] = f"{metrics['num_examples']:,}"
    notes = ["All figures of this page are of the validation data, at the end of the training."]
    notes += view.notes(metrics)
    if not problem.has_learned(metrics):
        notes.append("<strong>It has learned nothing that shows: guessing does as well.</strong>")
    if learned_again:
        notes.append(
            "Once measured, it learned once more, from the validation data as well: what is "
            "here is of the model before that."
        )
    if "seeds" in metrics:
        key = problem.figures[0]
        values = [each[key] for each in metrics["seeds"]]
        spread = f"{mean(values):.4f} ± {stdev(values):.4f}"
        what = view.figures[key][0].lower() + view.figures[key][1:]
        notes.append(f"It is the best of {len(values)} seeds, whose {what} is {spread}.")
    return result(shown, notes)
