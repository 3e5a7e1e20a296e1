"""Measures texts that are read in windows, after each epoch of a training."""

from collections.abc import Callable

import numpy as np

from ..devices.worker_checks import of_the_chief
from ..runs.evaluation import classification_metrics
from ..training.fit import BestEpoch
from .encoding import Encoded
from .run import TextRun

Measure = Callable[[], dict[str, float]]


def measure_windows(run: TextRun, texts: Encoded, labels: np.ndarray) -> Measure | None:
    """Makes what measures a run under way on texts with labels (N,); None if it has no windows."""
    if run.encoder.long_texts != "windows":
        return None

    def measure() -> dict[str, float]:
        metrics = classification_metrics(labels, run.classify(texts), run.class_names)
        names = {"val_loss": "log_loss", "val_accuracy": "accuracy", "val_macro_f1": "macro_f1"}
        return {name: of_the_chief(metrics[metric]) for name, metric in names.items()}

    return measure


class MeasuredEpoch(BestEpoch):
    """Keeps the weights of the best epoch by the figures that `measure` finds, or of the last.

    They take the place of those that Keras finds, for which every window is an example by itself.
    """

    def __init__(self, patience: int, measure: Measure, keeps_last: bool = False):
        super().__init__(patience)
        self.measure = measure
        self.keeps_last = keeps_last

    def on_test_end(self, logs=None):
        super().on_test_end(logs)
        self._figures = self.measure()

    def on_epoch_end(self, epoch, logs=None):
        self._epoch = epoch
        logs.update(self._figures)
        super().on_epoch_end(epoch, logs)

    def get_monitor_value(self, logs):
        return float(self._epoch) if self.keeps_last else super().get_monitor_value(logs)
