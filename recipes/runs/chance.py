"""Tells whether a classifier does better than guessing."""

from math import sqrt
from typing import Any


def is_no_better_than_guessing(metrics: dict[str, Any]) -> bool:
    """Returns whether a classifier's mean recall is within a standard error of guessing.

    Guessing, in whatever proportion, and always saying the same both have a mean recall of 1 / C in
    expectation, however unequal the classes are. `metrics` are those of `classification_metrics`;
    classes without examples do not count.
    """
    present = [scores for scores in metrics["classes"].values() if scores["support"]]
    if len(present) < 2:
        return False  # one class says nothing
    guessed = 1 / len(metrics["classes"])
    variance = sum(guessed * (1 - guessed) / scores["support"] for scores in present)
    recall = sum(scores["recall"] for scores in present) / len(present)
    return recall <= guessed + sqrt(variance) / len(present)
