"""Shows how far a training is, and notes the figures of its epochs."""

import logging
import sys
import time
from typing import Any

import keras
from tqdm.auto import tqdm

from ..devices.strategy import is_chief

# fmt: off
_SHOWN = {
    "val_loss": "loss", "val_accuracy": "accuracy", "val_macro_f1": "macro-F1",
    "val_micro_f1": "micro-F1", "val_f1": "F1", "val_bleu": "BLEU", "val_chrf": "chrF",
}
# fmt: on

logger = logging.getLogger("regard")


def in_notebook() -> bool:
    """Returns whether this runs in Jupyter, which shows a bar though it is no terminal."""
    ipython = sys.modules.get("IPython")
    return hasattr(ipython.get_ipython(), "kernel") if ipython else False


class Progress(keras.callbacks.Callback):
    """Logs a line an epoch, under one bar for the whole training on a terminal or in a notebook.

    Also notes each epoch, ready for `history.csv`, in `history`. The time that is left is told by
    the mean pace; the tracing of the first batches does not count in it.
    """

    def __init__(self):
        super().__init__()
        self.history: list[dict[str, float]] = []  # of epochs before an interruption, too
        self.first_loss: float | None = None  # of the first batch
        self._summary = ""
        self._steps = 0  # in this process
        self._is_validation_traced = False
        self._is_told = False  # how long it takes
        self._step = 0  # of the epoch to go on with: the last one that is done
        self._seconds = 0.0  # that these took

    def known(self) -> dict[str, Any]:
        """Returns what is known after a step, to go on from."""
        seconds = time.perf_counter() - self._began
        return {"history": [*self.history], "first_loss": self.first_loss, "seconds": seconds}

    def go_on_from(self, known: dict[str, Any]) -> None:
        """Begins the next training after the `step` of which this was `known`."""
        self.history[:] = known["history"]
        self.first_loss = known["first_loss"]
        self._step = known["step"]
        self._seconds = known["seconds"] if known["step"] else 0.0

    def on_train_begin(self, logs=None):
        shown = False if in_notebook() else None  # None: unless stderr is no terminal
        self._since = time.perf_counter()
        self._bar = tqdm(
            initial=len(self.history) * self.params["steps"] + max(0, self._step - 1),
            total=self.params["epochs"] * self.params["steps"],
            unit="step",
            smoothing=0,  # batches are of unlike lengths, and epochs end with a validation
            disable=shown if is_chief() else True,
            dynamic_ncols=True,
            leave=False,
        )

    def on_epoch_begin(self, epoch, logs=None):
        self._began, self._seconds = time.perf_counter() - self._seconds, 0.0
        self._bar.set_description(f"epoch {epoch + 1}/{self.params['epochs']}{self._summary}")

    def on_train_batch_end(self, batch, logs=None):
        if not logs:  # a step that was made before an interruption
            return
        if batch == 0 and not self.history:
            self.first_loss = float(logs["loss"])
        if not self._steps:
            self._leave_out(time.perf_counter() - self._since, steps=1)
        self._steps += 1
        self._bar.update()

    def on_test_begin(self, logs=None):
        self._test_began = time.perf_counter()

    def on_test_batch_end(self, batch, logs=None):
        if not self._is_validation_traced:
            self._leave_out(time.perf_counter() - self._test_began)
            self._is_validation_traced = True

    def _leave_out(self, seconds: float, steps: int = 0) -> None:
        """Takes time that does not come again, and the steps made in it, out of the pace."""
        self._since += seconds
        if not self._bar.disable:
            self._bar.start_t += seconds
            self._bar.initial += steps

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.perf_counter() - self._began
        figures = {name.replace("logits_", ""): float(value) for name, value in logs.items()}
        figures["learning_rate"] = float(self.model.optimizer.learning_rate)
        self.history.append({"epoch": epoch + 1, **figures, "seconds": round(seconds, 3)})
        shown = [
            f"{label} {figures[name]:.3f}" for name, label in _SHOWN.items() if name in figures
        ]
        self._summary = f", val {', '.join(shown)}"
        message = "epoch %d/%d: loss %.4f%s (%.1f s)"
        epochs = self.params["epochs"]
        with tqdm.external_write_mode(sys.stderr):  # the line goes above the bar, and stays
            logger.info(message, epoch + 1, epochs, figures["loss"], self._summary, seconds)
            self._tell_time(epochs - epoch - 1)

    def _tell_time(self, epochs_left: int) -> None:
        """Says once how long it takes, as soon as a step but the first has been made."""
        if self._is_told or self._steps < 2:
            return
        self._is_told = True
        pace = (time.perf_counter() - self._since) / (self._steps - 1)
        minutes = epochs_left * self.params["steps"] * pace / 60
        if minutes > 1:
            logger.info("At most %d minutes to go.", round(minutes) + 1)

    def on_train_end(self, logs=None):
        self._bar.close()
