"""Exports a classifier, whatever it classifies: its answers, its signatures, what is promised."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import tensorflow as tf

from ..problem_types import MULTI_LABEL, REGRESSION, SINGLE_LABEL
from ..runs.problem import Problem
from .export import Export, write_export

# In probability, or as a share of the largest value: how far scores may be from those of the live
# model, and how much padding and the company in a batch may change them.
TOLERANCES = {
    "float32": {"model": 1e-5, "company": 1e-5},
    "bfloat16": {"model": 0.02, "company": 0.005},
}
STRINGS = ["string", [None]]
FLOATS = ["float32", [None]]


def ranked(scores: tf.Tensor, names: tf.Tensor) -> dict[str, tf.Tensor]:
    """Returns `classes` (B, C), the names (C,) for each row, with their `scores` (B, C)."""
    return {"classes": tf.tile(names[tf.newaxis], [tf.shape(scores)[0], 1]), "scores": scores}


def labelled(scores: tf.Tensor, problem: Problem) -> dict[str, tf.Tensor]:
    """Returns the best `label` (B,) and its `score` (B,), and what `ranked` gives.

    The label is empty where the score is below the least of an answer.
    """
    names = tf.constant(problem.class_names)  # (C,)
    label, score = tf.gather(names, tf.argmax(scores, axis=1)), tf.reduce_max(scores, axis=1)
    if problem.least_score:
        label = tf.where(score >= problem.least_score, label, "")
    best = {"label": label, "score": score}
    return {**best, **ranked(scores, names)}


def decided(scores: tf.Tensor, problem: Problem) -> dict[str, tf.Tensor]:
    """Returns which classes are `chosen` (B, C), by the thresholds, and what `ranked` gives."""
    return {"chosen": problem.chosen(scores), **ranked(scores, tf.constant(problem.class_names))}


def told(scores: tf.Tensor, problem: Problem) -> dict[str, tf.Tensor]:
    """Returns the `value` (B,) that is told."""
    return {"value": scores[:, 0]}


class Outputs(NamedTuple):
    """Says what a server answers with.

    Attributes:
        answer: Makes the outputs of scores (B, C) and a problem.
        own: Those that stand beside classes and their scores, with dtypes and shapes; the letter C
            stands for the number of classes.
        has_classes: Whether there are classes and scores.
    """

    answer: Callable[[tf.Tensor, Problem], dict[str, tf.Tensor]]
    own: Mapping[str, list]
    has_classes: bool = True


OUTPUTS = {
    SINGLE_LABEL: Outputs(labelled, {"label": STRINGS, "score": FLOATS}),
    MULTI_LABEL: Outputs(decided, {"chosen": ["bool", [None, "C"]]}),
    REGRESSION: Outputs(told, {"value": FLOATS}, has_classes=False),
}


def answer(scores: tf.Tensor, problem: Problem) -> dict[str, tf.Tensor]:
    """Returns the outputs of a signature for the Predict API, of scores (B, C)."""
    return OUTPUTS[problem.problem_type].answer(scores, problem)


def signature(
    answer: Callable[..., dict[str, tf.Tensor]], **inputs: tf.TensorSpec
) -> tf.types.experimental.ConcreteFunction:
    """Traces a function of named tensors, as a server calls it."""
    function = tf.function(answer, autograph=False)
    return function.get_concrete_function(**inputs)


def strings(name: str) -> tf.TensorSpec:
    """Returns the spec of a column of strings, (B,)."""
    return tf.TensorSpec([None], tf.string, name)


def promise(inputs: dict[str, list], problem: Problem) -> list[Any]:
    """Returns the promise of a signature for the Predict API."""
    outputs, count = OUTPUTS[problem.problem_type], len(problem.class_names)
    own = {
        name: [dtype, [count if size == "C" else size for size in shape]]
        for name, (dtype, shape) in outputs.own.items()
    }
    return ["predict", inputs, own | (ranked_promise(problem) if outputs.has_classes else {})]


def ranked_promise(problem: Problem) -> dict[str, list]:
    """Returns the outputs of `ranked`, with dtypes and shapes."""
    table = [None, len(problem.class_names)]
    return {"classes": ["string", table], "scores": ["float32", table]}


def has_classes(problem: Problem) -> bool:
    """Returns whether a problem has classes, which the Classify API gives."""
    return OUTPUTS[problem.problem_type].has_classes


def write_classifier(
    destination: Path,
    problem: Problem,
    scores: list[list[float]],
    precision: str,
    **export: Any,
) -> Path:
    """Writes the next version of a classifier, as `write_export` does.

    The scores are those that the live model gives for each row of the columns. The rest are
    attributes of an `Export`.
    """
    tolerances = {**TOLERANCES[precision], "least_score": problem.least_score}
    if has_classes(problem):
        answers = {"classes": [problem.class_names] * len(scores), "scores": scores}
        assets = {"labels.txt": problem.class_names}
    else:
        answers, assets = {"value": [value for (value,) in scores]}, {}
        largest = max(1.0, *map(abs, answers["value"]))
        tolerances = {name: each * largest for name, each in TOLERANCES[precision].items()}
    export["assets"] = {**assets, **export.get("assets", {})}
    whole = Export(answers=answers, tolerances=tolerances, **export)
    return write_export(destination, whole, precision)
