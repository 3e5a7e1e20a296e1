"""Learns from a few texts of each class, whose vectors it compares, and puts a linear model on top.

References:
    Tunstall et al., "Efficient Few-Shot Learning Without Prompts" (SetFit),
    https://arxiv.org/abs/2209.11055
"""

import keras
import numpy as np
from keras import ops
from sklearn.linear_model import LogisticRegression

from ...models import TextClassifier
from ..errors import UserError
from ..problem_types import SINGLE_LABEL
from ..tokenizers.wordpiece import WordPieceTokenizer
from .batches import prediction_batches
from .data import LabelledTexts
from .encoding import Encoded, row_weights
from .settings import TextSettings


@keras.saving.register_keras_serializable("regard")
class PairLoss(keras.losses.Loss):
    """Takes the squared distance of cosines of vectors (B, D) to 1 within a class, else to 0.

    All pairs of a batch are compared. Of each vector, those of its class weigh as much together as
    all others do. Targets are one-hot classes (B, C).
    """

    def call(self, y_true, y_pred):
        vectors = ops.normalize(y_pred, axis=-1)  # (B, D)
        cosines = ops.matmul(vectors, ops.transpose(vectors))  # (B, B)
        y_true = ops.cast(y_true, cosines.dtype)
        same = ops.matmul(y_true, ops.transpose(y_true))
        of_others = 1 - ops.eye(ops.shape(cosines)[0], dtype=cosines.dtype)
        errors = ops.square(cosines - same)
        return (_mean(errors, same * of_others) + _mean(errors, 1 - same)) / 2  # (B,)


def _mean(values, weights):
    """Returns the mean of each row, 0 without weights."""
    return ops.sum(values * weights, axis=-1) / ops.maximum(ops.sum(weights, axis=-1), 1)


def check_few_shot(train: LabelledTexts, settings: TextSettings) -> None:
    """Raises `UserError` if there is not one label a text, by which pairs are alike or not."""
    if settings.few_shot and train.problem_type != SINGLE_LABEL:
        raise UserError(
            f"{train.source}: --few-shot is for texts with one label each: leave it out. "
            f"Received: {train.problem_type}"
        )


def vectors_of(model: TextClassifier) -> keras.Model:
    """Makes a model of the classifier's own layers that gives what its pooler reads: (B, D)."""
    inputs = model.input
    x = model.embedding(inputs["token_ids"], inputs["segment_ids"])  # (B, T, D)
    x = model.encoder(x, inputs["padding_mask"], first_only=True)[:, 0]  # (B, D)
    return keras.Model(inputs, keras.layers.Activation("linear", dtype="float32")(x))


def fit_head(
    model: TextClassifier, texts: Encoded, labels: np.ndarray, tokenizer: WordPieceTokenizer
) -> None:
    """Gives a classifier the head of a logistic regression on what its pooler gives.

    The labels are class numbers (N,). Rows of a text weigh as much together as a text of one row.
    """
    features = np.zeros((len(texts.owners), model.config["hidden_dim"]), "float32")
    pooled = keras.Model(model.input, model.pooler.output)
    for inputs, indices in prediction_batches(texts, tokenizer):
        features[indices] = pooled(inputs)
    center = features.mean(axis=0)
    features = features - center
    spread = np.sqrt(np.square(features).sum(axis=1).mean())
    scale = max(spread, 1e-3 * np.linalg.norm(center))  # the same texts differ by rounding alone
    regression = LogisticRegression(max_iter=1000, class_weight="balanced")
    regression.fit(features / scale, labels[texts.owners], row_weights(texts.owners))
    kernel, bias = regression.coef_ / scale, regression.intercept_  # (C, D), (C,), of 2 classes one
    if len(kernel) == 1:
        kernel, bias = np.concatenate([-kernel, kernel]) / 2, np.concatenate([-bias, bias]) / 2
    model.head.set_weights([kernel.T, bias - kernel @ center])
