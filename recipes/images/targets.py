"""Makes the targets of a classifier of images, and the weights of its classes."""

import numpy as np

from ..training.losses import class_weights, smooth


def targets_of(
    labels: np.ndarray, num_classes: int, label_smoothing: float = 0.0
) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns targets (B, C), and the weights of classes (C,); None where all weigh the same.

    The labels are class numbers (B,), or targets (B, C) already, each of which is smoothed by
    itself, between yes and no.
    """
    if labels.ndim > 1:
        return (1 - label_smoothing) * labels + np.float32(label_smoothing / 2), None
    one_hot = np.eye(num_classes, dtype="float32")[labels]
    weights = class_weights(labels, num_classes)
    is_uneven = np.ptp(weights[weights > 0]) > 0
    return np.asarray(smooth(one_hot, label_smoothing)), weights if is_uneven else None
