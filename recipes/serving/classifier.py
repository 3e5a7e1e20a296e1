"""Exports a classifier, whatever it classifies: its answers, its signatures, what is promised."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from .export import Export, write_export

# In probability: how far scores may be from those of the live model, and how much padding and the
# company in a batch may change them.
TOLERANCES = {
    "float32": {"model": 1e-5, "company": 1e-5},
    "bfloat16": {"model": 0.02, "company": 0.005},
}
STRINGS = ["string", [None]]
FLOATS = ["float32", [None]]


def ranked(scores: tf.Tensor, names: tf.Tensor) -> dict[str, tf.Tensor]:
    """Returns `classes` (B, C), the names (C,) for each row, with their `scores` (B, C)."""
    return {"classes": tf.tile(names[tf.newaxis], [tf.shape(scores)[0], 1]), "scores": scores}


def labelled(scores: tf.Tensor, names: tf.Tensor) -> dict[str, tf.Tensor]:
    """Returns the best `label` (B,) and its `score` (B,), and what `ranked` gives."""
    label = tf.gather(names, tf.argmax(scores, axis=1))
    best = {"label": label, "score": tf.reduce_max(scores, axis=1)}
    return {**best, **ranked(scores, names)}


def signature(
    answer: Callable[..., dict[str, tf.Tensor]], **inputs: tf.TensorSpec
) -> tf.types.experimental.ConcreteFunction:
    """Traces a function of named tensors, as a server calls it."""
    function = tf.function(answer, autograph=False)
    return function.get_concrete_function(**inputs)


def strings(name: str) -> tf.TensorSpec:
    """Returns the spec of a column of strings, (B,)."""
    return tf.TensorSpec([None], tf.string, name)


def promise(inputs: dict[str, list], class_names: Sequence[str]) -> list[Any]:
    """Returns the promise of a signature for the Predict API."""
    answers = {"label": STRINGS, "score": FLOATS}
    return ["predict", inputs, {**answers, **ranked_promise(class_names)}]


def ranked_promise(class_names: Sequence[str]) -> dict[str, list]:
    """Returns the outputs of `ranked`, with dtypes and shapes."""
    table = [None, len(class_names)]
    return {"classes": ["string", table], "scores": ["float32", table]}


def write_classifier(
    destination: Path,
    class_names: Sequence[str],
    scores: list[list[float]],
    precision: str,
    **export: Any,
) -> Path:
    """Writes the next version of a classifier, as `write_export` does.

    The class names are in the order of the model's logits, and the scores are the probabilities
    that the live model gives for each row of the columns. The rest are attributes of an `Export`.
    """
    answers = {"classes": [list(class_names)] * len(scores), "scores": scores}
    export["assets"] = {"labels.txt": class_names, **export.get("assets", {})}
    whole = Export(answers=answers, tolerances=TOLERANCES[precision], **export)
    return write_export(destination, whole, precision)
