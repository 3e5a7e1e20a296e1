"""Makes a classifier's probabilities as sure as it is right, by a temperature of its logits.

Dividing all logits by one number changes no label, and fits in the weights of the last layer: a
checkpoint that holds it is a plain one.

References:
    Guo et al., "On Calibration of Modern Neural Networks", https://arxiv.org/abs/1706.04599;
    Platt, "Probabilistic Outputs for Support Vector Machines", section 2.2 (the targets)
"""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

RANGE = 0.05, 20.0  # of temperatures


def logs_of(probabilities: np.ndarray) -> np.ndarray:
    """Returns logits (B, C) of probabilities (B, C): each less what softmax takes away again."""
    return np.log(np.maximum(probabilities, np.finfo("float32").tiny), dtype="float64")


def fit_temperature(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Returns the temperature with the smallest log loss on examples not learned from.

    As with Platt, the true class has the probability that n of n right ones leave it, (n + 1) /
    (n + 2): so a model that makes no mistake on a few examples is not held to make none ever.

    Args:
        labels: Integers of shape (B,): the true classes.
        probabilities: Floats of shape (B, C), rows summing to 1, of temperature 1.

    Returns:
        A number in `RANGE`: above 1 the model was too sure, below 1 not sure enough.
    """
    logits = logs_of(probabilities)
    count, num_classes = logits.shape
    targets = np.full((count, num_classes), 1 / (count + 2) / (num_classes - 1))
    targets[np.arange(count), labels] = (count + 1) / (count + 2)

    def loss(log_temperature: float) -> float:
        return -np.mean(np.sum(targets * log_softmax(logits / np.exp(log_temperature), -1), -1))

    found = minimize_scalar(loss, bounds=np.log(RANGE), method="bounded")
    return float(np.exp(found.x))


def with_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Returns probabilities (B, C) as the model gives them once its logits are divided."""
    return softmax(logs_of(probabilities) / temperature, axis=-1).astype("float32")
