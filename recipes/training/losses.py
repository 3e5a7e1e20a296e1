"""Losses and metrics: how a model is compiled for what it is to learn."""

import keras
import numpy as np


def class_weights(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns weights that lift rare classes by the inverse root of their share.

    Their mean over the examples is 1.

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


def compile_classifier(
    model: keras.Model, optimizer: keras.optimizers.Optimizer, xla: bool = False
) -> None:
    """Compiles a model that gives logits, for targets that are probabilities (B, C).

    Here and below `xla` is off by default, as XLA compiles every shape of a batch anew.
    """
    model.compile(
        optimizer,
        keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=classifier_metrics(),
        jit_compile=xla,
    )


def classifier_metrics() -> list[keras.metrics.Metric]:
    """Returns what is measured of a classifier in training, on one-hot targets."""
    return [
        keras.metrics.CategoricalAccuracy(name="accuracy"),
        keras.metrics.F1Score(average="macro", name="macro_f1"),
    ]


def compile_masked_lm(
    model: keras.Model, optimizer: keras.optimizers.Optimizer, xla: bool = False
) -> None:
    """Compiles a `MaskedLanguageModel`, for token ids (B, M) with weights: 0 where M is padding."""
    model.compile(
        optimizer,
        keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight"
        ),
        weighted_metrics=[
            TokenCrossentropy(name="cross_entropy"),
            TokenAccuracy(name="accuracy"),
        ],
        jit_compile=xla,
    )


@keras.saving.register_keras_serializable("regard")
class TokenCrossentropy(keras.metrics.Mean):
    """The cross-entropy of token ids (B, T) with logits (B, T, V), in nats, a mean over all tokens.

    Keras' own takes the mean of each row first, and flattens the logits, so that TensorFlow does
    not see that the loss has them computed already: a sixth of a translator's step.
    """

    def update_state(self, y_true, y_pred, sample_weight=None):
        loss = keras.ops.sparse_categorical_crossentropy(
            keras.ops.cast(y_true, "int32"), y_pred, from_logits=True
        )  # (B, T)
        if sample_weight is not None:
            sample_weight = keras.ops.reshape(sample_weight, (-1,))
        return super().update_state(keras.ops.reshape(loss, (-1,)), sample_weight)


@keras.saving.register_keras_serializable("regard")
class TokenAccuracy(keras.metrics.Mean):
    """The share of token ids (B, T) whose logit of (B, T, V) is the highest."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        is_right = keras.ops.equal(y_true, keras.ops.argmax(y_pred, axis=-1))
        if sample_weight is not None:
            sample_weight = keras.ops.reshape(sample_weight, (-1,))
        return super().update_state(keras.ops.reshape(is_right, (-1,)), sample_weight)
