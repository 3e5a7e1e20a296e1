"""Measures texts that are read in windows, after each epoch of a training."""

from collections.abc import Callable

import numpy as np

from ..runs.evaluation import classification_metrics
from .encoding import Encoded
from .run import TextRun

Measure = Callable[[], dict[str, float]]


def measure_windows(run: TextRun, texts: Encoded, labels: np.ndarray) -> Measure | None:
    """Makes what measures a run under way on texts with labels (N,); None if it has no windows.

    Its figures take the place of Keras', for which every window is an example by itself.
    """
    if run.encoder.long_texts != "windows":
        return None

    def measure() -> dict[str, float]:
        metrics = classification_metrics(labels, run.classify(texts), run.class_names)
        names = {"val_loss": "log_loss", "val_accuracy": "accuracy", "val_macro_f1": "macro_f1"}
        return {name: metrics[metric] for name, metric in names.items()}

    return measure
