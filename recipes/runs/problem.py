"""Says what a classifier's answer is: one label, any number of labels, or a number.

Each is a `Problem`, which knows how labels are encoded, what logits mean, what an answer holds and
how good it is. A run, a recipe, an export and a report ask it, and need not know which it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Self

import keras
import numpy as np
import tensorflow as tf

from ..names import display_name

NAMES_SHOWN = 10  # of classes, in a line
NOT_SMOOTHED = MappingProxyType({"label_smoothing": 0.0})  # which is of one class among several


class Choosing(NamedTuple):
    """Says what is to be chosen on validation data.

    Attributes:
        calibrate: Whether to fit a temperature; None where there are enough examples.
        abstain_below: The share of wrong answers not to be passed; None if all are answered.
        choices: The number of models that the same data has chosen this one from.
    """

    calibrate: bool | None = None
    abstain_below: float | None = None
    choices: int = 1


class Problem:
    """Says what the answers of a classifier are, and how good they are.

    Args:
        class_names: The names of its C outputs, in the order of the logits.
        thresholds: Probabilities from which on a class is answered, by its name, where each is
            decided by itself.
    """

    problem_type: ClassVar[str]
    figures: ClassVar[tuple[str, ...]]  # of its metrics, those to compare seeds by
    adjusted: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {}
    )  # settings that are otherwise than in general
    temperature: float | None = None  # that the logits have been divided by, if one was fitted
    least_score: float = 0.0  # of an answer

    def __init__(self, class_names: Sequence[str], thresholds: Mapping[str, float] | None = None):
        self.class_names = list(class_names)

    @property
    def outputs(self) -> str:
        """Returns what it tells, in words."""
        shown = ", ".join(display_name(name) for name in self.class_names[:NAMES_SHOWN])
        more = ", ..." if len(self.class_names) > NAMES_SHOWN else ""
        return f"{len(self.class_names)} classes: {shown}{more}"

    def described(self) -> dict[str, Any]:
        """Returns its entries of `run.json`, beside the class names."""
        return {"problem_type": self.problem_type}

    def encode(self, labels: Sequence[Any], source: str) -> np.ndarray:
        """Makes of labels what the loss takes: class numbers (B,), or targets (B, C).

        Raises:
            UserError: If there is a label that training never saw; the message names `source`.
        """
        raise NotImplementedError

    def for_training(self, labels: np.ndarray) -> Self:
        """Returns the same with what it has to know of the encoded labels to learn from."""
        return self

    def targets(self, labels: np.ndarray) -> np.ndarray:
        """Returns encoded labels on the scale on which a model learns them."""
        return labels

    def begin(self, head: keras.layers.Layer) -> None:
        """Brings a last layer that has learned such labels before to the scale of the training."""

    def end(self, head: keras.layers.Layer) -> None:
        """Brings a last layer from the scale of the training to that of the labels."""

    def scores(self, logits: tf.Tensor) -> tf.Tensor:
        """Returns what logits (B, C) mean, in a graph or out of it: probabilities, or values."""
        raise NotImplementedError

    def answers(self, scores: np.ndarray) -> Iterator[dict[str, Any]]:
        """Yields the fields of an answer for each row of scores (B, C)."""
        raise NotImplementedError

    def measure(self, labels: np.ndarray, scores: np.ndarray) -> dict[str, Any]:
        """Returns how good scores (B, C) are for encoded labels, ready for JSON."""
        raise NotImplementedError

    def layout(self, metrics: Mapping[str, Any]) -> str:
        """Lays out what `measure` returns for a terminal."""
        raise NotImplementedError

    def goodness(self, metrics: Mapping[str, Any]) -> float:
        """Returns the figure by which the best of several seeds is kept."""
        raise NotImplementedError

    def has_learned(self, metrics: Mapping[str, Any]) -> bool:
        """Returns whether the answers are better than guessing, beyond a standard error."""
        raise NotImplementedError

    def tuned(self, labels: np.ndarray, scores: np.ndarray, choosing: Choosing) -> Self:
        """Returns the same with what is chosen on validation data, if something is."""
        return self

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> Self:
        """Makes the problem of a run, by what `run.json` holds."""
        return cls(metadata["class_names"], metadata.get("thresholds"))
