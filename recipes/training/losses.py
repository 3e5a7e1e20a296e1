"""Compiles models with the losses and metrics of what they are to learn."""

from functools import partial

import keras
import numpy as np

from ..problem_types import MULTI_LABEL, REGRESSION, SINGLE_LABEL


def class_weights(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns weights (C,) that lift rare classes by the inverse root of their share.

    Their mean over the examples is 1; a class without examples has 0. The inverse itself would let
    every class count the same, and give the common ones away.
    """
    counts = np.bincount(labels, minlength=num_classes)
    present = counts > 0
    weights = np.zeros(num_classes, "float32")
    weights[present] = counts[present] ** -0.5
    return weights / weights[labels].mean()


def example_weights(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns the weight of each example: that of its class, (B,), or 1 where there is not one.

    Args:
        labels: Class numbers, (B,), or targets, (B, C), of any number of classes or of a value.
        num_classes: Number of classes.
    """
    if labels.ndim > 1:
        return np.ones(len(labels), "float32")
    return class_weights(labels, num_classes)[labels]


def smooth(targets, label_smoothing: float):
    """Takes a share in [0, 1) of each one-hot target (B, C) and spreads it over all classes.

    References:
        Szegedy et al., "Rethinking the Inception Architecture", section 7,
        https://arxiv.org/abs/1512.00567
    """
    return (1 - label_smoothing) * targets + label_smoothing / targets.shape[-1]


def compile_classifier(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    xla: bool = False,
    problem_type: str = SINGLE_LABEL,
) -> None:
    """Compiles a model that gives logits, for targets (B, C) of a problem.

    They are probabilities, of one class or of each by itself; or values to tell. Here and below
    `xla` is off by default, as XLA compiles every shape of a batch anew.
    """
    loss, metrics = _OF_PROBLEMS[problem_type]
    model.compile(optimizer, loss(), metrics=metrics(model.output_shape[-1]), jit_compile=xla)


def classifier_metrics(num_classes: int) -> list[keras.metrics.Metric]:
    """Returns what is measured of a classifier in training, on one-hot targets."""
    macro_f1 = _begun(MacroF1(average="macro", name="macro_f1"), num_classes)
    return [keras.metrics.CategoricalAccuracy(name="accuracy"), macro_f1]


def multi_label_metrics(num_classes: int) -> list[keras.metrics.Metric]:
    """Returns what is measured where each class is decided by itself: from a logit of 0 on."""
    return [
        _begun(F1OfLogits(average=average, threshold=0.5, name=f"{average}_f1"), num_classes)
        for average in ("macro", "micro")
    ]


def regression_metrics(num_values: int) -> list[keras.metrics.Metric]:
    """Returns what is measured of values: their loss says it all."""
    return []


def _begun(metric: keras.metrics.Metric, num_classes: int) -> keras.metrics.Metric:
    """Makes a metric's variables: a step that does is traced twice."""
    nothing = np.zeros((1, num_classes), "float32")
    metric.update_state(nothing, nothing)
    metric.reset_state()
    return metric


@keras.saving.register_keras_serializable("regard")
class MacroF1(keras.metrics.F1Score):
    """Takes the mean F1 of the classes with examples, as `classification_metrics` does."""

    def result(self):
        is_present = keras.ops.cast(self.intermediate_weights > 0, self.dtype)  # (C,)
        num_present = keras.ops.maximum(keras.ops.sum(is_present), 1)
        # Keras takes the mean over all: a class without examples has an F1 of 0 there.
        return super().result() * (self.intermediate_weights.shape[0] / num_present)


@keras.saving.register_keras_serializable("regard")
class F1OfLogits(MacroF1):
    """Takes the F1 of classes that are decided by themselves, from their logits.

    That of all decisions together, "micro", has no classes to leave out.
    """

    def update_state(self, y_true, y_pred, sample_weight=None):
        return super().update_state(y_true, keras.ops.sigmoid(y_pred), sample_weight)

    def result(self):
        return super().result() if self.average == "macro" else keras.metrics.F1Score.result(self)


# What each problem is trained by: its loss of logits, and what is measured on the way.
_OF_PROBLEMS = {
    SINGLE_LABEL: (partial(keras.losses.CategoricalCrossentropy, True), classifier_metrics),
    MULTI_LABEL: (partial(keras.losses.BinaryCrossentropy, True), multi_label_metrics),
    REGRESSION: (keras.losses.MeanSquaredError, regression_metrics),
}


def compile_token_classifier(
    model: keras.Model, optimizer: keras.optimizers.Optimizer, xla: bool = False
) -> None:
    """Compiles a `TokenClassifier`, for classes (B, T) with weights: 0 where nothing is to say."""
    model.compile(
        optimizer,
        keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight"
        ),
        weighted_metrics=[TokenAccuracy(name="accuracy")],
        jit_compile=xla,
    )


def compile_masked_lm(
    model: keras.Model, optimizer: keras.optimizers.Optimizer, xla: bool = False
) -> None:
    """Compiles a `MaskedLanguageModel`, for token ids (B, M) with weights: 0 where M is padding."""
    model.compile(
        optimizer,
        keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight"
        ),
        weighted_metrics=[TokenCrossentropy(name="cross_entropy"), TokenAccuracy(name="accuracy")],
        jit_compile=xla,
    )


@keras.saving.register_keras_serializable("regard")
class TokenCrossentropy(keras.metrics.Mean):
    """Takes the cross-entropy of token ids (B, T) with logits (B, T, V), a mean in nats a token.

    Keras' own takes the mean of each row first, and flattens the logits, so that TensorFlow does
    not see that the loss has them computed already: a sixth of a translator's step.
    """

    def update_state(self, y_true, y_pred, sample_weight=None):
        loss = keras.ops.sparse_categorical_crossentropy(
            keras.ops.cast(y_true, "int32"), y_pred, from_logits=True
        )  # (B, T)
        return super().update_state(*_flat(loss, sample_weight))


@keras.saving.register_keras_serializable("regard")
class TokenAccuracy(keras.metrics.Mean):
    """Takes the share of token ids (B, T) whose logit of (B, T, V) is the highest."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        is_right = keras.ops.equal(y_true, keras.ops.argmax(y_pred, axis=-1))
        return super().update_state(*_flat(is_right, sample_weight))


def _flat(values, weights):
    return [each if each is None else keras.ops.reshape(each, (-1,)) for each in (values, weights)]
