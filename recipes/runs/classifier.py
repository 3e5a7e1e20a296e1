"""Keeps a classifier, whatever it classifies: its classes, its answers, its figures."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ...models.kinds import joined
from ..data.examples import LabelledExamples
from ..problem_types import VALUE
from ..settings import FEWEST_TO_TELL
from .problem import Choosing, Problem
from .problems import check_problem, problem_of
from .run import Answer, Run
from .temperature import with_temperature

logger = logging.getLogger("regard")


class Classified(Answer):
    """What a classifier says of an example.

    A task's dataclass has `label`, `score`, `scores`, `labels` and `value`, of which those are None
    that the run's problem does not answer with.
    """

    @property
    def title(self) -> str:
        """Returns the answer in short: a label, several, or a number."""
        if self.value is not None:
            return f"{self.value:.4f}"
        return self.label if self.labels is None else "|".join(self.labels) or "(none)"

    def columns(self) -> list[str]:
        """Returns what a line of it begins with."""
        score = [] if self.score is None else [f"{self.score:.4f}"]
        return [" ".join(self.title.split()), *score]

    def ranked(self, most: int) -> dict[str, float]:
        """Returns the scores of the most probable classes; or the value, by its name."""
        scores = self.scores or {VALUE: self.value}
        best = sorted(scores, key=scores.get, reverse=True)[:most]
        return {name: scores[name] for name in best}


class ClassifierRun(Run):
    """A trained classifier with what stands before it.

    A task's class has `classify`, which gives the scores (B, C) of at least one example, and
    `embed`.

    Attributes:
        problem: What its answers are; see `problem.py`.
    """

    def __init__(self, model, preprocessor, metadata, metrics=None):
        super().__init__(model, preprocessor, metadata, metrics)
        self._traced: dict[int, Callable] = {}
        names, count = metadata["class_names"], model.config["num_classes"]
        if len(names) != count:
            raise ValueError(f"run.json must name {count} classes. Received: class_names={names}")
        self.problem = problem_of(metadata)

    @property
    def class_names(self) -> list[str]:
        """Returns the names of the classes, in the order of the logits."""
        return self.problem.class_names

    def format_metrics(self, metrics: dict[str, Any]) -> str:
        """Lays out metrics for a terminal."""
        return self.problem.layout(metrics)

    def logits_of(self, batches: Iterable) -> np.ndarray:
        """Returns the logits of batches of the model's inputs: (number, C)."""
        return self._outputs(self.model, batches)

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

        Of a run that tells numbers, they are the values: (number, 1).

        Raises:
            UserError: If an example cannot be read; the message names it.
        """
        if not len(examples):
            return np.zeros((0, len(self.class_names)), "float32")
        return self.classify(examples)

    def answers_of(self, examples) -> Iterator[dict[str, Any]]:
        """Yields what an answer to each example has, by the names of its fields."""
        return self.problem.answers(self.predict_probabilities(examples))

    def measure(self, examples, labelled: LabelledExamples) -> dict[str, Any]:
        """Returns the problem's figures of labelled examples, and `examples_per_second`.

        Raises:
            UserError: If there is a label that training never saw, or one of another kind.
        """
        check_problem(labelled, self.problem)
        encoded = self.problem.encode(labelled.labels, labelled.source)
        began = time.perf_counter()
        scores = self.predict_probabilities(examples)
        seconds = time.perf_counter() - began
        metrics = self.problem.measure(encoded, scores)
        return {**metrics, "examples_per_second": round(len(examples) / seconds, 1)}

    def report(
        self, examples, labels: np.ndarray, kept: dict[str, int], num_epochs: int = 1
    ) -> np.ndarray:
        """Measures the validation data, encoded labels, for `metrics.json`, with the epoch kept.

        What is chosen on validation data, such as thresholds, is chosen here. The epoch that is
        kept may be the best of `num_epochs`.

        Returns:
            The scores (B, C), for the pictures.
        """
        scores = self.predict_probabilities(examples)
        chosen = self.problem.tuned(labels, scores, self._choosing(kept, num_epochs))
        self.go_by(chosen)
        if chosen.temperature is not None:
            scores = with_temperature(scores, chosen.temperature)
        metrics = self.problem.measure(labels, scores)
        self.metrics = {**metrics, **kept}
        if not self.problem.has_learned(metrics):
            logger.warning(
                "It has learned nothing that shows: on the validation data it is no better than "
                "guessing. Try %s.",
                self._what_may_help(len(labels)),
            )
        return scores

    def _what_may_help(self, num_examples: int) -> str:
        """Returns what may help a training that showed nothing, as far as it was not tried."""
        ways = ["more epochs", "more data"]
        if num_examples < FEWEST_TO_TELL:
            ways.append(f"more than {num_examples} examples to validate on")
        if self.metadata["settings"].get("checkpoint") is None:
            ways.append("a pretrained model (--checkpoint)")
        return joined(ways, "or")

    def _choosing(self, kept: dict[str, int], num_epochs: int) -> Choosing:
        settings = self.metadata["settings"]
        choices = (num_epochs if "best_epoch" in kept else 1) * settings.get("seeds", 1)
        return Choosing(settings.get("calibrate"), settings.get("abstain_below"), choices)

    def go_by(self, problem: Problem) -> None:
        """Makes its answers those of a problem with what was chosen on validation data.

        A temperature goes into the weights of the last layer.
        """
        if problem.temperature is not None:
            for variable in self.model.head.weights:
                variable.assign(variable / problem.temperature)
        self.problem = problem
        self.metadata = {**self.metadata, **problem.described()}
