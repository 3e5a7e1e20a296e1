"""Shows how well classes are decided that an example may have several of."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from .calibration import calibration
from .charts import bar
from .classes import MOST_LISTED
from .markup import name, paragraph, table
from .page import Section

FIGURES = {
    "macro_f1": "Macro-F1",
    "micro_f1": "Micro-F1",
    "mean_average_precision": "Mean average precision",
    "subset_accuracy": "All labels right",
    "log_loss": "Log loss of a label, nats",
    "expected_calibration_error": "Calibration error",
}


def thresholds_of(metrics: Mapping[str, Any]) -> np.ndarray:
    """Returns the thresholds of the classes, (C,), by what `multi_label_metrics` gives."""
    return np.array([each["threshold"] for each in metrics["classes"].values()])


def sections(examined: Any, learned: Mapping[str, int]) -> list[Section]:
    """Returns the parts of the page between the curves and the examples."""
    metrics = examined.run.metrics
    return [
        Section("Classes", partial(classes, metrics, learned)),
        Section(
            "Calibration", partial(decisions, metrics, examined.labels, examined.probabilities)
        ),
    ]


def notes(metrics: Mapping[str, Any]) -> list[str]:
    """Returns what is to be said of the main figures."""
    plain = f"{metrics['macro_f1_at_half']:.4f}"
    return [
        "The threshold of each class was chosen on the same validation data, for the best F1, so "
        f"F1 flatters a little: with 0.5 for all classes macro-F1 is {plain}."
    ]


def classes(metrics: Mapping[str, Any], learned: Mapping[str, int]) -> str:
    """Returns a table with the examples, the scores and the threshold of each class."""
    shown = list(metrics["classes"].items())[:MOST_LISTED]
    largest = max([1, *learned.values()])
    keys = ("precision", "recall", "f1", "average_precision", "threshold")
    rows = []
    for each, scores in shown:
        some = learned.get(each, 0)
        is_seen = scores["support"] > 0
        figures = (f"{scores[key]:.3f}" if is_seen else "–" for key in keys)
        cells = [f"{some:,}{bar(some / largest)}", f"{scores['support']:,}", *figures]
        rows.append([name(each), *cells])
    head = ["Class", "To learn from", "Validation", "Precision", "Recall", "F1"]
    head += ["Average precision", "Threshold"]
    left = len(metrics["classes"]) - len(shown)
    note = paragraph(f"{left:,} more classes are in metrics.json.") if left else ""
    caption = "How well each class is told, from its threshold on"
    return table(caption, head, rows, ["", *["number"] * 7], True) + note


def decisions(metrics: Mapping[str, Any], labels: np.ndarray, scores: np.ndarray) -> str:
    """Returns how sure the model is of each yes and no, and how often it is right."""
    told = scores.ravel()
    sides = np.stack([1 - told, told], axis=1)
    answers = labels.ravel().astype(int)
    accuracy = float(np.mean(sides.argmax(axis=1) == answers))
    intro = paragraph("Each class of each example is a yes or a no; here are all of them together.")
    return intro + calibration({**metrics, "accuracy": accuracy}, answers, sides)


def worst(metrics: Mapping[str, Any], labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Returns the rows with a wrong label, the surest mistakes first."""
    chosen = scores >= thresholds_of(metrics)
    surety = np.where(chosen == (labels > 0), 0.0, np.where(chosen, scores, 1 - scores))
    surest = np.where((chosen == (labels > 0)).all(axis=1), -1.0, surety.max(axis=1))
    order = np.argsort(-surest, kind="stable")
    return order[: int(np.sum(surest >= 0))]


def verdict(metrics: Mapping[str, Any], label: np.ndarray, scores: np.ndarray) -> str:
    """Returns which classes an example was said to have, and which it has."""
    names, thresholds = metrics["class_names"], thresholds_of(metrics)
    said = _listed(names, scores, scores >= thresholds)
    truly = _listed(names, scores, label > 0)
    return f'<p class="verdict"><span class="wrong">{said}</span> <span>truly {truly}</span></p>'


def _listed(names: Sequence[str], scores: np.ndarray, which: np.ndarray) -> str:
    order = [number for number in np.argsort(-scores) if which[number]]
    return ", ".join(f"{name(names[n])} {scores[n]:.1%}" for n in order) or "none"
