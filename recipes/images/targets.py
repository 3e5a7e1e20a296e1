"""Makes the targets of a classifier of images, and the weights of its classes."""

from typing import NamedTuple

import numpy as np

from ..training.losses import class_weights, smooth


class Targets(NamedTuple):
    """Holds what a classifier learns of N examples.

    Attributes:
        values: The probability of each class for each example, float32 (N, C).
        class_weights: The weights of the classes in the loss (C,); None where all weigh the same.
    """

    values: np.ndarray
    class_weights: np.ndarray | None = None


def targets_of(labels: np.ndarray, num_classes: int, label_smoothing: float = 0.0) -> Targets:
    """Makes the targets of labels.

    The labels are class numbers (B,), or targets (B, C) already, each of which is smoothed by
    itself, between yes and no.
    """
    if labels.ndim > 1:
        return Targets((1 - label_smoothing) * labels + np.float32(label_smoothing / 2))
    one_hot = np.eye(num_classes, dtype="float32")[labels]
    weights = class_weights(labels, num_classes)
    is_uneven = np.ptp(weights[weights > 0]) > 0
    return Targets(np.asarray(smooth(one_hot, label_smoothing)), weights if is_uneven else None)
