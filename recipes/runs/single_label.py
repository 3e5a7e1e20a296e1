"""Answers with the most probable of several classes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..problem_types import SINGLE_LABEL
from .chance import is_no_better_than_guessing
from .display import format_metrics
from .evaluation import classification_metrics, encode_labels
from .problem import Problem


class SingleLabel(Problem):
    """Classes of which each example has one: probabilities by softmax, labels (B,) of numbers."""

    problem_type = SINGLE_LABEL
    figures = ("accuracy", "macro_f1")

    def described(self) -> dict[str, Any]:
        return {}  # as runs had it before there were others

    def encode(self, labels: Sequence[str], source: str) -> np.ndarray:
        return encode_labels(labels, self.class_names, source)

    def scores(self, logits: tf.Tensor) -> tf.Tensor:
        return tf.nn.softmax(logits)

    def answers(self, scores: np.ndarray) -> Iterator[dict[str, Any]]:
        for row in scores:
            best = int(np.argmax(row))
            named = dict(zip(self.class_names, row.tolist(), strict=True))
            yield {"label": self.class_names[best], "score": float(row[best]), "scores": named}

    def measure(self, labels: np.ndarray, scores: np.ndarray) -> dict[str, Any]:
        return classification_metrics(labels, scores, self.class_names)

    def layout(self, metrics: Mapping[str, Any]) -> str:
        return format_metrics(metrics)

    def goodness(self, metrics: Mapping[str, Any]) -> float:
        return metrics["macro_f1"]

    def has_learned(self, metrics: Mapping[str, Any]) -> bool:
        return not is_no_better_than_guessing(metrics)
