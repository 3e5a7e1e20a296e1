"""Measures texts that are read in windows, after each epoch of a training."""

from collections.abc import Callable

import numpy as np

from .encoding import Encoded
from .run import TextRun

Measure = Callable[[], dict[str, float]]
NAMES = {  # of figures, each as far as the problem has it
    "log_loss": "val_loss",
    "mean_squared_error": "val_loss",
    "accuracy": "val_accuracy",
    "macro_f1": "val_macro_f1",
    "micro_f1": "val_micro_f1",
}


def measure_windows(run: TextRun, texts: Encoded, labels: np.ndarray) -> Measure | None:
    """Makes what measures a run under way on texts with labels; None if it has no windows.

    Its figures take the place of Keras', for which every window is an example by itself.
    """
    if run.encoder.long_texts != "windows":
        return None

    def measure() -> dict[str, float]:
        metrics = run.problem.measure(labels, run.classify(texts))
        return {name: metrics[figure] for figure, name in NAMES.items() if figure in metrics}

    return measure
