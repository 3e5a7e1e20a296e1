"""Keeps a classifier, whatever it classifies: its classes, its answers, its figures."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from .chance import is_no_better_than_guessing
from .display import format_metrics
from .evaluation import classification_metrics, encode_labels
from .run import Run

logger = logging.getLogger("regard")


class ClassifierRun(Run):
    """A trained classifier with what stands before it.

    A task's class has `classify`, which gives the probabilities (B, C) of at least one example, and
    `embed`.
    """

    format_metrics = staticmethod(format_metrics)

    def __init__(self, model, preprocessor, metadata, metrics=None):
        super().__init__(model, preprocessor, metadata, metrics)
        self._traced: dict[int, Callable] = {}
        names, count = metadata["class_names"], model.config["num_classes"]
        if len(names) != count:
            raise ValueError(f"run.json must name {count} classes. Received: class_names={names}")
        self.class_names = list(names)

    def probabilities_of(self, batches: Iterable) -> np.ndarray:
        """Returns the probability of every class for batches of the model's inputs: (number, C)."""
        return tf.nn.softmax(self._outputs(self.model, batches)).numpy()

    def vectors_of(self, batches: Iterable) -> np.ndarray:
        """Returns what the classifier's last layer reads, for batches likewise: (number, D)."""
        return self._outputs(self._trunk, batches)

    @cached_property
    def _trunk(self) -> keras.Model:
        """Returns the model without its last layer."""
        return keras.Model(self.model.input, self.model.head.input)

    def _outputs(self, model: keras.Model, batches: Iterable) -> np.ndarray:
        """Returns what a model makes of batches of its inputs: (number, ...).

        It is traced once for batches of any size, where `Model.predict` does it for two shapes.
        """
        if id(model) not in self._traced:
            signature = tf.nest.map_structure(
                lambda each: tf.TensorSpec(each.shape, each.dtype), self.model.input
            )
            self._traced[id(model)] = tf.function(
                lambda inputs: model(inputs, training=False), [signature], autograph=False
            )
        return np.concatenate([self._traced[id(model)](inputs).numpy() for inputs in batches])

    def predict_probabilities(self, examples) -> np.ndarray:
        """Returns the probability of every class for every example: float32, (number, C).

        Raises:
            UserError: If an example cannot be read; the message names it.
        """
        if not len(examples):
            return np.zeros((0, len(self.class_names)), "float32")
        return self.classify(examples)

    def rank(self, examples) -> Iterator[tuple[str, float, dict[str, float]]]:
        """Yields the most probable class of each example, its probability, and those of all."""
        for row in self.predict_probabilities(examples):
            best = int(np.argmax(row))
            scores = dict(zip(self.class_names, row.tolist(), strict=True))
            yield self.class_names[best], float(row[best]), scores

    def measure(self, examples, labels: Sequence[str], source: str) -> dict[str, Any]:
        """Returns what `classification_metrics` gives, and `examples_per_second`.

        Raises:
            UserError: If there is a label that training never saw.
        """
        numbers = encode_labels(labels, self.class_names, source)
        began = time.perf_counter()
        probabilities = self.predict_probabilities(examples)
        seconds = time.perf_counter() - began
        metrics = classification_metrics(numbers, probabilities, self.class_names)
        return {**metrics, "examples_per_second": round(len(examples) / seconds, 1)}

    def report(self, examples, labels: np.ndarray, kept: dict[str, int]) -> np.ndarray:
        """Measures the validation data, labels (B,), for `metrics.json`, with the epoch kept.

        Returns:
            The probabilities (B, C), for the pictures.
        """
        probabilities = self.predict_probabilities(examples)
        metrics = classification_metrics(labels, probabilities, self.class_names)
        self.metrics = {**metrics, **kept}
        if is_no_better_than_guessing(metrics):
            logger.warning(
                "It has learned nothing that shows: on the validation data it is no better than "
                "guessing. Try more epochs, more data, or a pretrained model (--checkpoint)."
            )
        return probabilities
