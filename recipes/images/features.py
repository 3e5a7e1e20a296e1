"""Trains the head of a classifier alone, on features that are computed once.

Below the head everything stays as it is, so each image has the same features in every epoch: there
is one pass over the images, and then the head learns without them.
"""

import logging
import time

import keras
import numpy as np
import tensorflow as tf

from ...models import VisionTransformer
from ..devices.shards import WHOLE, Shard
from ..names import counted
from ..training.token_budget import mapped, read_ahead
from .batches import prediction_batches, shuffled_indices
from .data import LabelledImages
from .preprocessing import ImagePreprocessing
from .targets import Targets

FEATURES_AT_ONCE = 1024  # to validate on

logger = logging.getLogger("regard")


def head_of(model: VisionTransformer) -> keras.Model:
    """Returns the head of a classifier as a model of features: what it learns, the classifier has.

    Everything below stays as it is.
    """
    model.embedding.trainable = model.encoder.trainable = False
    features = keras.Input(model.head.input.shape[1:], name="features")
    return keras.Model(features, model.head(features))


def features_of(
    model: VisionTransformer, images: LabelledImages, preprocessing: ImagePreprocessing
) -> np.ndarray:
    """Computes what the head of a classifier reads of each image: float32, (number of images, ...).

    It is computed without dropout, of unchanged images, in the precision of the training.
    """
    trunk = keras.Model(model.input, model.head.input)
    signature = [tf.TensorSpec(model.input.shape, model.input.dtype)]
    compute = tf.function(
        lambda batch: tf.cast(trunk(batch, training=False), tf.float32), signature, autograph=False
    )
    batches = prediction_batches(images, preprocessing)
    return np.concatenate([compute(batch).numpy() for batch in batches])


def features_of_parts(
    model: VisionTransformer,
    parts: tuple[LabelledImages, LabelledImages],
    preprocessing: ImagePreprocessing,
) -> list[np.ndarray]:
    """Computes the features of the images to learn from and to validate on, and says so."""
    began = time.perf_counter()
    message = "The features of %s are computed once; then the head learns alone."
    logger.info(message, counted(sum(map(len, parts)), "image"))
    found = [features_of(model, images, preprocessing) for images in parts]
    logger.info("They took %.1f seconds.", time.perf_counter() - began)
    return found


def training_features(
    features: np.ndarray,
    targets: Targets,
    batch_size: int,
    seed: int,
    first_step: int = 0,
    shard: Shard = WHOLE,
) -> tf.data.Dataset:
    """Returns the endless stream of batches, as `training_batches` does of images.

    The order is a pure function of the seed and the epoch, and so is that of images.
    """
    features, values = tf.constant(features), tf.constant(targets.values)
    rows = np.arange(batch_size)[shard.rows(batch_size)]
    _, indices = shuffled_indices(len(features), seed, first_step, batch_size, rows)

    def take(which):
        x, y = tf.gather(features, which), tf.gather(values, which)
        weights = targets.class_weights
        return (x, y) if weights is None else (x, y, tf.linalg.matvec(y, weights))

    batches = mapped(indices.batch(len(rows), drop_remainder=True), take)
    return read_ahead(batches, tf.data.INFINITE_CARDINALITY)


def ordered_features(
    features: np.ndarray, targets: np.ndarray, shard: Shard = WHOLE
) -> tf.data.Dataset:
    """Returns a pass over features, in order; of several shards each has a stretch of them."""
    own = np.arange(len(features))[shard.rows(len(features))]
    dataset = tf.data.Dataset.from_tensor_slices((features[own], targets[own]))
    return read_ahead(dataset.batch(FEATURES_AT_ONCE), -(-len(own) // FEATURES_AT_ONCE))
