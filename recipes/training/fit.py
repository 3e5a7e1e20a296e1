"""Trains a compiled model by plain `fit`: the best epoch, its progress, and what is kept."""

import logging
import math
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from ..devices.shards import Shard
from ..devices.strategy import distributed
from ..devices.worker_checks import SameWeights, of_the_chief
from ..errors import UserError
from ..names import counted
from ..settings import FEWEST_TO_TELL, Settings
from .keeping import KeepState
from .progress import Progress
from .resuming import Resume

RISE = 1.5  # of the loss, as a multiple of what it began with: above, nothing was learned

logger = logging.getLogger("regard")


def set_seed(seed: int) -> None:
    """Makes everything random follow from a seed, and every operation repeatable."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


class BestEpoch(keras.callbacks.EarlyStopping):
    """Keeps the weights of the epoch with the best F1, or of equals the smallest loss.

    That is macro-F1 of classes, or F1 of entities; where neither is measured, the loss alone
    decides. The weights are those that were validated: with `keras.callbacks.SwapEMAWeights`, which
    must come after it, their mean. Training stops after `patience` epochs without a better one.
    """

    def __init__(self, patience):
        super().__init__("val_macro_f1", mode="max", patience=patience, restore_best_weights=True)
        self._known: dict[str, Any] = {}

    def known(self) -> dict[str, Any]:
        """Returns what is known after a step, but for `best_weights`."""
        best = None if self.best is None else float(self.best)  # None in the first epoch
        return {"best": best, "best_epoch": self.best_epoch, "wait": self.wait}

    def go_on_from(self, known: dict[str, Any], best_weights: list[np.ndarray]) -> None:
        """Begins the next training with what was known after a step, and the best weights."""
        self._known = {**known, "best_weights": best_weights or None}

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        for name, value in self._known.items():
            setattr(self, name, value)

    def on_test_end(self, logs=None):
        self._validated = self.model.get_weights()

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        if self.best_epoch == epoch:
            self.best_weights = self._validated

    def get_monitor_value(self, logs):
        score = logs.get("val_macro_f1", logs.get("val_f1", 0.0))
        return score - 1e-6 * logs["val_loss"]


def best_epoch_of(settings: Settings, num_examples: int) -> BestEpoch | None:
    """Makes what tells the best epoch; None where so few examples to validate on cannot."""
    if settings.patience is None and num_examples < FEWEST_TO_TELL:
        message = "%s to validate on cannot tell the best epoch: the last one is kept."
        logger.info(message, counted(num_examples, "example"))
        return None
    return BestEpoch(settings.longest_wait())


class Measured(keras.callbacks.Callback):
    """Adds what `measure` finds of the model, as it is validated, to the figures of an epoch.

    Of several workers all take the chief's figures.
    """

    def __init__(self, measure: Callable[[], dict[str, float]]):
        super().__init__()
        self.measure = measure

    def on_test_end(self, logs=None):
        self._figures = {name: of_the_chief(value) for name, value in self.measure().items()}

    def on_epoch_end(self, epoch, logs=None):
        logs.update(self._figures)


class Steps(NamedTuple):
    """Says how long a training is: the batches of an epoch, and the epochs at most."""

    batches: int
    epochs: int


def fit(
    model: keras.Model,
    batches: Callable[[int, Shard], tf.data.Dataset],
    validation_data: Callable[[Shard], tf.data.Dataset],
    steps: Steps,
    best: BestEpoch | None,
    resume: Resume | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> tuple[list[dict[str, float]], int]:
    """Trains a compiled model and leaves it with the weights of its best epoch, or its last.

    Where the optimizer averages weights, their mean is what is validated and kept.

    Args:
        model: The model.
        batches: Makes the endless dataset, from a step on, counted from 0, of a shard of batches.
        validation_data: Makes the dataset of a shard of the batches that tell the best epoch.
        steps: How many batches an epoch has, and how many epochs there are at most.
        best: Tells the best epoch, and when to stop; with None the last epoch is kept.
        resume: Keeps the state of the training, and goes on from an earlier one. Defaults to None.
        callbacks: What comes before all that uses the figures of an epoch, such as `Measured`.
            Defaults to none.

    Returns:
        One dict of figures an epoch, and the epoch that was kept, counted from 1.

    Raises:
        UserError: If the loss is no longer a number.
    """
    # Else TensorFlow finds new variables in the step, and traces it twice.
    model.optimizer.build(model.trainable_variables)
    progress = Progress()
    first_epoch, redone = _begin(model, best, resume, progress)
    first_step = len(progress.history) * steps.batches + redone
    keep = None if resume is None else KeepState(resume, best, progress)
    with nullcontext() if keep is None else closing(keep):
        model.fit(
            distributed(lambda shard: batches(first_step, shard)),
            steps_per_epoch=steps.batches,
            initial_epoch=first_epoch,
            epochs=steps.epochs,
            validation_data=distributed(validation_data),
            callbacks=[*callbacks, *_in_order(model, best, progress, keep)],
            shuffle=False,
            verbose=0,
        )
    if resume is not None:
        resume.stopping.leave()
    return progress.history, _kept(progress, best, model.output_shape)


def _begin(model, best, resume, progress) -> tuple[int, int]:
    """Goes on from an earlier state; returns the first epoch, and its first step."""
    if resume is None:
        return 0, 0
    first_epoch = resume.begin(model, best, progress)
    # The last step that is done is made once more: see `Resume.skip_steps`.
    return first_epoch, max(0, resume.step - model.steps_per_execution)


def _in_order(model, best, progress, keep) -> list[keras.callbacks.Callback]:
    """Returns the callbacks that there are, in the order in which each needs the others."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    mean = keras.callbacks.SwapEMAWeights() if optimizer.use_ema else None
    ends = keras.callbacks.TerminateOnNaN(), SameWeights(), keep
    return [callback for callback in (best, progress, mean, *ends) if callback is not None]


def _kept(progress: Progress, best: BestEpoch | None, output_shape) -> int:
    """Returns the epoch that was kept, counted from 1, once it is known to be a good one."""
    check_converged(progress.history)
    kept = len(progress.history) if best is None else best.best_epoch + 1
    _warn_of_rise(progress, kept, output_shape)
    return kept


def _warn_of_rise(progress: Progress, kept: int, output_shape) -> None:
    """Warns if the loss of the epoch that is kept is far above that of the first batch.

    A model that knew its task already begins with a small loss, so that of guessing counts where it
    is larger.
    """
    if progress.first_loss is None:
        return
    guessing = math.log(output_shape[-1]) if isinstance(output_shape, tuple) else 0.0
    first, loss = max(progress.first_loss, guessing), progress.history[kept - 1]["loss"]
    if loss > RISE * first:
        message = "The loss has risen, from %.3f to %.3f in the epoch that is kept. Pass a lower "
        logger.warning(message + "--learning-rate.", first, loss)


def whole_steps(batches: int, epochs: int, accumulate: int) -> Steps:
    """Returns the batches of an epoch, and the epochs, with which no gradient is left over.

    The gradients of `accumulate` batches make a step. An epoch is a whole number of steps, with
    some batches of the next pass over the data if need be; where a step takes more than a pass, it
    is an epoch, and there are the fewer epochs.

    Raises:
        UserError: If there are not so many batches in all epochs.
    """
    if accumulate > batches * epochs:
        raise UserError(
            f"The gradients of {accumulate} batches cannot be added up, for the training has "
            f"{batches * epochs}, in {epochs} epochs. Pass a smaller --accumulate, or smaller "
            "batches."
        )
    if accumulate <= batches:
        return Steps(-(-batches // accumulate) * accumulate, epochs)
    fewer = -(-batches * epochs // accumulate)
    message = "A step takes %d batches: %s of so many, in place of %d of %d."
    logger.info(message, accumulate, counted(fewer, "epoch"), epochs, batches)
    return Steps(accumulate, fewer)


def check_converged(history: list[dict[str, float]]) -> None:
    """Raises `UserError` if the loss stopped being a number."""
    for row in history:
        if not math.isfinite(row["loss"]):
            raise UserError(
                f"Training diverged: in epoch {row['epoch']} the loss was {row['loss']}. "
                "Pass a lower --learning-rate."
            )


def merged_float32(model: keras.Model) -> keras.Model:
    """Returns the same model in float32, all trainable, LoRA's matrices merged into the kernels."""
    config = {**model.get_config(), "dtype": "float32", "trainable": True}
    merged = type(model).from_config(config)
    values = {variable.path: variable for variable in model.weights}
    for block in getattr(model.encoder, "blocks", ()):
        # Keras gives a layer's kernel with LoRA's product added.
        values |= {f"{dense.path}/kernel": dense.kernel for dense in block.dense_layers}
    for variable in merged.weights:
        variable.assign(values[variable.path])
    return merged
