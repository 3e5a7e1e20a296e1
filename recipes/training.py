"""How a model learns: optimizer, schedule, loss, early stopping and progress, on plain `fit`."""

import logging
import math
import re
import time

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from tqdm import tqdm

from .errors import UserError

logger = logging.getLogger("regard")

EVIDENCE_WEIGHT = 0.3  # of its loss, beside that of the logits


@keras.saving.register_keras_serializable("regard")
class LinearWarmupDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly from 0 to the peak, then falls linearly to 0, as in BERT.

    Args:
        peak: Highest learning rate.
        warmup_steps: Number of steps to the peak, at least 1.
        total_steps: Number of steps to the end, more than `warmup_steps`.

    Raises:
        ValueError: If the steps are not in that order.

    References:
        Devlin et al., "BERT", appendix A.2, https://arxiv.org/abs/1810.04805
    """

    def __init__(self, peak, warmup_steps, total_steps):
        if not 1 <= warmup_steps < total_steps:
            raise ValueError(
                "The steps must satisfy 1 <= warmup_steps < total_steps. "
                f"Received: warmup_steps={warmup_steps}, total_steps={total_steps}"
            )
        self.peak = peak
        self.warmup_steps = warmup_steps
        self.total_steps = total_steps

    def __call__(self, step):
        step = ops.cast(step, "float32")
        rising = (step + 1) / self.warmup_steps  # so that the first step already learns
        falling = (self.total_steps - step) / (self.total_steps - self.warmup_steps)
        return self.peak * ops.clip(ops.minimum(rising, falling), 0.0, 1.0)

    def get_config(self):
        return {
            "peak": self.peak,
            "warmup_steps": self.warmup_steps,
            "total_steps": self.total_steps,
        }


@keras.saving.register_keras_serializable("regard")
class LayerwiseAdamW(keras.optimizers.AdamW):
    """AdamW with a learning rate of its own for each layer of an encoder.

    A pretrained encoder knows the more general things the lower down; there it should change the
    less. The head and the pooler learn at the full rate, the last block at `layer_decay` times
    that, the one below at `layer_decay` squared times, and so on down to the embedding.

    Args:
        learning_rate: Highest learning rate, or a schedule of it.
        layer_decay: The factor from one layer to the one below, in (0, 1]. Defaults to 1.
        **kwargs: As for `keras.optimizers.AdamW`, but without `amsgrad`.

    Raises:
        ValueError: If `amsgrad` is asked for.

    References:
        Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification", section
        3.2 (discriminative fine-tuning), https://arxiv.org/abs/1801.06146
    """

    def __init__(self, learning_rate=0.001, layer_decay=1.0, **kwargs):
        super().__init__(learning_rate, **kwargs)
        if self.amsgrad:
            raise ValueError("`LayerwiseAdamW` has no AMSGrad. Received: amsgrad=True")
        self.layer_decay = layer_decay

    def build(self, variables):
        super().build(variables)
        depths = [_depth(variable.path) for variable in variables]
        top = max((depth for depth in depths if depth is not None), default=0) + 1
        self._factors = [
            self.layer_decay ** (0 if depth is None else top - depth) for depth in depths
        ]

    def update_step(self, gradient, variable, learning_rate):
        """One pass over the variable and its moments, where Keras' takes a dozen."""
        index = self._get_variable_index(variable)
        rate = tf.cast(learning_rate, variable.dtype) * self._factors[index]
        if self.weight_decay and self._use_weight_decay(variable):
            variable.assign(variable * (1 - rate * self.weight_decay))
        steps = tf.cast(self.iterations + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=self.beta_1**steps,
            beta2_power=self.beta_2**steps,
            lr=rate,
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.cast(tf.convert_to_tensor(gradient), variable.dtype),
        )

    def _apply_weight_decay(self, variables):
        pass  # `update_step` does it, so that each weight decays at its own rate

    def _clip_gradients(self, grads):
        if self.global_clipnorm is None:
            return super()._clip_gradients(grads)
        return tf.clip_by_global_norm([_sum_rows(grad) for grad in grads], self.global_clipnorm)[0]

    def get_config(self):
        return {**super().get_config(), "layer_decay": self.layer_decay}


def _sum_rows(gradient):
    """A gradient of an embedding with one row for each token that occurs, for a true norm."""
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    indices, places = tf.unique(gradient.indices)
    rows = tf.math.unsorted_segment_sum(gradient.values, places, tf.size(indices))
    return tf.IndexedSlices(rows, indices, gradient.dense_shape)


def _depth(path: str) -> int | None:
    """How deep in the encoder a variable is: 0 in the embedding, 1 in the first block."""
    if path.startswith("embedding/"):
        return 0
    block = re.match(r"encoder/block_(\d+)/", path)
    return int(block[1]) + 1 if block else None


def make_optimizer(
    learning_rate: float,
    total_steps: int,
    weight_decay: float = 0.01,
    warmup_fraction: float = 0.1,
    layer_decay: float = 1.0,
    average_weights: bool = False,
) -> keras.optimizers.Optimizer:
    """AdamW as BERT is trained: warm-up and decay, clipped gradients, norms and biases undecayed.

    Args:
        learning_rate: Highest learning rate.
        total_steps: Number of steps of the whole training.
        weight_decay: Decoupled weight decay a step, times the learning rate. Defaults to 0.01.
        warmup_fraction: Share of the steps, in [0, 1), in which the rate rises. Defaults to 0.1.
        layer_decay: See `LayerwiseAdamW`. Defaults to 1.
        average_weights: Whether the model ends with the exponential mean of its weights over about
            the last seventh of the steps, 200 at most. Defaults to False.

    References:
        Loshchilov and Hutter, "Decoupled Weight Decay Regularization",
        https://arxiv.org/abs/1711.05101
    """
    warmup_steps = max(1, round(warmup_fraction * total_steps))
    schedule = LinearWarmupDecay(learning_rate, warmup_steps, max(total_steps, warmup_steps + 1))
    optimizer = LayerwiseAdamW(
        schedule,
        layer_decay,
        weight_decay=weight_decay,
        global_clipnorm=1.0,  # as in google-research/bert, optimization.py
        use_ema=average_weights,
        ema_momentum=max(0.0, min(0.995, 1 - 7 / total_steps)),
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def class_weights(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Weights that lift rare classes by the inverse root of their share; mean 1 over the examples.

    The inverse itself would let every class count the same, and give the common ones away.

    Args:
        labels: Class of each example, integers in [0, C).
        num_classes: Number of classes C.

    Returns:
        A float32 array of shape (C,); 0 for a class without examples.
    """
    counts = np.bincount(labels, minlength=num_classes)
    present = counts > 0
    weights = np.zeros(num_classes, "float32")
    weights[present] = counts[present] ** -0.5
    return weights / weights[labels].mean()


def smooth(targets, label_smoothing: float):
    """Takes a share of each one-hot target and spreads it over all classes.

    Args:
        targets: (B, C).
        label_smoothing: The share, in [0, 1).

    References:
        Szegedy et al., "Rethinking the Inception Architecture", section 7,
        https://arxiv.org/abs/1512.00567
    """
    return (1 - label_smoothing) * targets + label_smoothing / targets.shape[-1]


def set_seed(seed: int) -> None:
    """Makes everything random follow from a seed, and every operation repeatable."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def compile_classifier(model: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
    """Compiles a model that gives logits, for targets that are probabilities (B, C)."""
    model.compile(
        optimizer,
        keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=_classification_metrics(),
        jit_compile=False,  # XLA would compile every batch shape anew
    )


def compile_student(model: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
    """Compiles what `distillation.with_evidence` makes, for `distillation.lesson_batches`."""
    model.compile(
        optimizer,
        {
            "logits": keras.losses.CategoricalCrossentropy(from_logits=True),
            "evidence": keras.losses.MeanSquaredError(reduction="mean_with_sample_weight"),
        },
        loss_weights={"logits": 1.0, "evidence": EVIDENCE_WEIGHT},
        metrics={"logits": _classification_metrics()},
        jit_compile=False,  # as above
    )


def _classification_metrics() -> list[keras.metrics.Metric]:
    return [
        keras.metrics.CategoricalAccuracy(name="accuracy"),
        keras.metrics.F1Score(average="macro", name="macro_f1"),
    ]


def compile_masked_lm(model: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
    """Compiles a `MaskedLanguageModel`, for token ids (B, M) with weights: 0 where M is padding."""
    model.compile(
        optimizer,
        keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight"
        ),
        weighted_metrics=[
            keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
            keras.metrics.SparseCategoricalCrossentropy(from_logits=True, name="cross_entropy"),
        ],
        jit_compile=False,  # as above
    )


class BestEpoch(keras.callbacks.EarlyStopping):
    """Keeps the weights of the epoch with the best macro-F1, or of equals the smallest loss.

    Where no F1 is measured, the loss alone decides.

    Args:
        patience: Number of epochs without a better one after which training stops.
    """

    def __init__(self, patience):
        super().__init__("val_macro_f1", mode="max", patience=patience, restore_best_weights=True)

    def get_monitor_value(self, logs):
        return logs.get("val_macro_f1", 0.0) - 1e-6 * logs["val_loss"]


def fit(
    model: keras.Model,
    batches,
    validation_data,
    steps_per_epoch: int,
    epochs: int,
    patience: int,
) -> tuple[list[dict[str, float]], int]:
    """Trains a compiled model and leaves it with its best weights, or the mean of its last.

    Where the optimizer averages weights, their mean is validated and kept, with no need to choose.

    Args:
        model: The model.
        batches: An endless dataset, shuffled already.
        validation_data: The dataset that tells the best epoch.
        steps_per_epoch: Number of batches in an epoch.
        epochs: Largest number of epochs.
        patience: Number of epochs without a better one after which training stops.

    Returns:
        One dict of figures an epoch, and the epoch that was kept, counted from 1.

    Raises:
        UserError: If the loss is no longer a number.
    """
    progress, is_mean = Progress(), model.optimizer.use_ema
    kept = keras.callbacks.SwapEMAWeights() if is_mean else BestEpoch(patience)
    model.fit(
        batches,
        steps_per_epoch=steps_per_epoch,
        epochs=epochs,
        validation_data=validation_data,
        callbacks=[progress, kept, keras.callbacks.TerminateOnNaN()],
        shuffle=False,
        verbose=0,
    )
    check_converged(progress.history)
    return progress.history, len(progress.history) if is_mean else kept.best_epoch + 1


def check_converged(history: list[dict[str, float]]) -> None:
    """Raises `UserError` if the loss stopped being a number."""
    for row in history:
        if not math.isfinite(row["loss"]):
            raise UserError(
                f"Training diverged: in epoch {row['epoch']} the loss was {row['loss']}. "
                "Pass a lower --learning-rate."
            )


_SHOWN = (("val_loss", "loss"), ("val_accuracy", "accuracy"), ("val_macro_f1", "macro-F1"))


class Progress(keras.callbacks.Callback):
    """One progress bar for the whole training; where there is no terminal, a line an epoch.

    Also notes each epoch, ready for `history.csv`, in `history`.
    """

    def __init__(self):
        super().__init__()
        self.history: list[dict[str, float]] = []
        self._summary = ""

    def on_train_begin(self, logs=None):
        self._bar = tqdm(
            total=self.params["epochs"] * self.params["steps"],
            unit="step",
            disable=None,  # off where stderr is not a terminal
            dynamic_ncols=True,
            leave=False,
        )

    def on_epoch_begin(self, epoch, logs=None):
        self._began = time.perf_counter()
        self._bar.set_description(f"epoch {epoch + 1}/{self.params['epochs']}{self._summary}")

    def on_train_batch_end(self, batch, logs=None):
        self._bar.update()

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.perf_counter() - self._began
        figures = {name.replace("logits_", ""): float(value) for name, value in logs.items()}
        figures["learning_rate"] = float(self.model.optimizer.learning_rate)
        self.history.append({"epoch": epoch + 1, **figures, "seconds": round(seconds, 3)})
        shown = [f"{label} {figures[name]:.3f}" for name, label in _SHOWN if name in figures]
        self._summary = f", val {', '.join(shown)}"
        if self._bar.disable:
            logger.info(
                "epoch %d/%d: loss %.4f%s (%.1f s)",
                epoch + 1,
                self.params["epochs"],
                figures["loss"],
                self._summary,
                seconds,
            )

    def on_train_end(self, logs=None):
        self._bar.close()
