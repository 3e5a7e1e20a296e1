"""Holds what the report of a classifier has by its problem: one label, several, or a number."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..problem_types import MULTI_LABEL, REGRESSION, SINGLE_LABEL
from . import several_labels, values
from .calibration import calibration
from .classes import classes, confusion, pointed
from .page import Section
from .samples import confident_mistakes, verdict

FIGURES = {
    "accuracy": "Accuracy",
    "macro_f1": "Macro-F1",
    "log_loss": "Log loss, nats",
    "expected_calibration_error": "Calibration error",
}


class View(NamedTuple):
    """Holds how the answers to a problem are shown.

    Attributes:
        figures: The main figures of its metrics, with their titles.
        notes: Returns what is to be said of them.
        sections: Returns the parts of the page that it alone has, of what was examined and the
            number of examples to learn from of each class.
        worst: Returns the rows of examples to show, the worst first, of metrics, encoded labels and
            scores.
        verdict: Returns what was said of an example, of metrics, its label and its scores.
        mistakes: The title of the part with these examples, and what is wrong with them.
        pointed: Returns what the page's script reads.
    """

    figures: Mapping[str, str]
    notes: Callable[[Mapping[str, Any]], list[str]]
    sections: Callable[[Any, Mapping[str, int]], list[Section]]
    worst: Callable[[Mapping[str, Any], np.ndarray, np.ndarray], np.ndarray]
    verdict: Callable[[Mapping[str, Any], Any, np.ndarray], str]
    mistakes: tuple[str, str]
    pointed: Callable[[dict[str, Any]], Any] = lambda metrics: None


def _sections(examined: Any, learned: Mapping[str, int]) -> list[Section]:
    run, _, labels, probabilities, _ = examined
    return [
        Section("Classes", partial(classes, run.metrics, learned)),
        Section("Confusion", partial(confusion, run.metrics)),
        Section("Calibration", partial(calibration, run.metrics, labels, probabilities)),
    ]


VIEWS = {
    SINGLE_LABEL: View(
        FIGURES,
        lambda metrics: [],
        _sections,
        lambda metrics, labels, scores: confident_mistakes(labels, scores, len(labels)),
        lambda metrics, label, scores: verdict(label, scores, metrics["class_names"]),
        ("Surest mistakes", "are taken for another class"),
        pointed,
    ),
    MULTI_LABEL: View(
        several_labels.FIGURES,
        several_labels.notes,
        several_labels.sections,
        several_labels.worst,
        several_labels.verdict,
        ("Surest mistakes", "have a label too many or too few"),
    ),
    REGRESSION: View(
        values.FIGURES,
        values.notes,
        values.sections,
        values.worst,
        values.verdict,
        ("Largest errors", "are told, none of them exactly"),
    ),
}


def view_of(metadata: Mapping[str, Any]) -> View:
    """Returns how the answers of a run are shown, by what `run.json` holds."""
    return VIEWS[metadata.get("problem_type", SINGLE_LABEL)]
