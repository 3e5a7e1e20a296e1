"""Answers with the most probable of several classes, or not at all where that is not sure."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
import tensorflow as tf

from ..names import counted
from ..problem_types import SINGLE_LABEL
from ..settings import FEWEST_TO_CALIBRATE
from .abstention import RISK, Promise, promise
from .chance import is_no_better_than_guessing
from .display import format_metrics
from .evaluation import classification_metrics, encode_labels, expected_calibration_error
from .problem import Choosing, Problem
from .temperature import fit_temperature, with_temperature

logger = logging.getLogger("regard")


class SingleLabel(Problem):
    """Classes of which each example has one: probabilities by softmax, labels (B,) of numbers.

    Args:
        class_names: Their names, in the order of the logits.
        thresholds: None.
        temperature: What the logits have been divided by, if a temperature was fitted.
        abstention: Which answers are sure enough, and what is promised of them, if not all are
            given.
    """

    problem_type = SINGLE_LABEL
    figures = ("accuracy", "macro_f1")

    def __init__(
        self,
        class_names: Sequence[str],
        thresholds: Mapping[str, float] | None = None,
        temperature: float | None = None,
        abstention: Promise | None = None,
    ):
        super().__init__(class_names, thresholds)
        self.temperature = temperature
        self.abstention = abstention

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> Self:
        known = metadata.get("abstention")
        abstention = None if known is None else Promise(**known)
        return cls(metadata["class_names"], None, metadata.get("temperature"), abstention)

    @property
    def least_score(self) -> float:
        """Returns the least score of an answer."""
        return 0.0 if self.abstention is None else self.abstention.threshold

    def described(self) -> dict[str, Any]:
        # Without these as runs had it before there were others.
        found = {} if self.temperature is None else {"temperature": self.temperature}
        if self.abstention is not None:
            found["abstention"] = self.abstention._asdict()
        return found

    def encode(self, labels: Sequence[str], source: str) -> np.ndarray:
        return encode_labels(labels, self.class_names, source)

    def scores(self, logits: tf.Tensor) -> tf.Tensor:
        return tf.nn.softmax(logits)

    def answers(self, scores: np.ndarray) -> Iterator[dict[str, Any]]:
        for row in scores:
            best = int(np.argmax(row))
            named = dict(zip(self.class_names, row.tolist(), strict=True))
            label = self.class_names[best] if row[best] >= self.least_score else ""
            yield {"label": label, "score": float(row[best]), "scores": named}

    def measure(self, labels: np.ndarray, scores: np.ndarray) -> dict[str, Any]:
        metrics = classification_metrics(labels, scores, self.class_names)
        if self.temperature is not None:
            before = with_temperature(scores, 1 / self.temperature)
            error = expected_calibration_error(labels, before)
            metrics |= {"temperature": self.temperature, "uncalibrated_error": error}
        if self.abstention is not None:
            metrics |= _answered(labels, scores, self.least_score)
        return metrics

    def layout(self, metrics: Mapping[str, Any]) -> str:
        return format_metrics(metrics)

    def goodness(self, metrics: Mapping[str, Any]) -> float:
        return metrics["macro_f1"]

    def has_learned(self, metrics: Mapping[str, Any]) -> bool:
        return not is_no_better_than_guessing(metrics)

    def tuned(self, labels: np.ndarray, scores: np.ndarray, choosing: Choosing) -> "SingleLabel":
        temperature = abstention = None
        if not np.isfinite(scores).all():  # which the figures say
            return self
        is_wanted = choosing.calibrate
        if is_wanted is None:
            is_wanted = len(labels) >= FEWEST_TO_CALIBRATE
        if is_wanted:
            temperature = fit_temperature(labels, scores)
            calibrated = with_temperature(scores, temperature)
            _tell_temperature(temperature, labels, scores, calibrated)
            scores = calibrated
        elif choosing.calibrate is None:
            message = "%s to validate on %s too few to calibrate by: scores stay as they are "
            count = counted(len(labels), "example"), "is" if len(labels) == 1 else "are"
            logger.info(message + "learned, unless --calibrate asks for it.", *count)
        if choosing.abstain_below is not None:
            abstention = promise(labels, scores, choosing.abstain_below, choosing.choices)
            _tell_abstention(abstention)
        return SingleLabel(self.class_names, None, temperature, abstention)


def _answered(labels: np.ndarray, scores: np.ndarray, least_score: float) -> dict[str, Any]:
    """Returns the share of examples that have an answer, and that of wrong ones among these."""
    is_answered = scores.max(axis=1) >= least_score
    is_wrong = scores.argmax(axis=1) != labels
    error = float(is_wrong[is_answered].mean()) if is_answered.any() else None
    return {"coverage": float(is_answered.mean()), "selective_error": error}


def _tell_temperature(
    temperature: float, labels: np.ndarray, scores: np.ndarray, calibrated: np.ndarray
) -> None:
    logger.info(
        "The logits are divided by a temperature of %.3f: on the validation data the expected "
        "calibration error goes from %.4f to %.4f.",
        temperature,
        *(expected_calibration_error(labels, each) for each in (scores, calibrated)),
    )


def _tell_abstention(promised: Promise) -> None:
    if not promised.coverage:
        logger.warning(
            "An error of at most %.3g can be promised of no answer, so there are none: every label "
            "is empty. Train again with a larger --abstain-below, or more data to validate on.",
            promised.error,
        )
        return
    logger.info(
        "Labels are empty below a score of %.4f: %.1f%% of the validation data is answered, %.1f%% "
        "of that wrongly. On new data of the same kind at most %.3g of the answers are wrong, with "
        "a probability of %.2g.",
        *(promised.threshold, 100 * promised.coverage, 100 * promised.found),
        *(promised.error, 1 - RISK),
    )
