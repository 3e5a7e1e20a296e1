"""Batches of images: in order, or shuffled and changed without end."""

import os
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ..devices.shards import WHOLE, Shard
from ..training.token_budget import read_ahead
from .augmentation import Augmentation
from .data import LabelledImages
from .decoding import decode_image
from .preprocessing import ImagePreprocessing

DECODERS_AT_ONCE = 8
HELD_IN_MEMORY = 2**30  # bytes: smaller data is decoded once, larger in every epoch
BATCH_SIZE = 64  # where nothing is trained
LAST_STEP = 2**40  # as good as never


def training_batches(
    images: LabelledImages,
    targets: np.ndarray,
    preprocessing: ImagePreprocessing,
    augmentation: Augmentation,
    batch_size: int,
    seed: int,
    first_step: int = 0,
    shard: Shard = WHOLE,
) -> tf.data.Dataset:
    """The endless stream of batches to train on, epoch after epoch.

    The order is a pure function of the seed and the epoch. Batches are all of one size: one may
    hold the last images of an epoch and the first of the next.

    Args:
        images: What to train on.
        targets: The probability of each class for each image, float32 (number of images, C).
        preprocessing: What makes a model's inputs of images.
        augmentation: What is done to them before.
        batch_size: Images in a batch.
        seed: Seed of the order.
        first_step: The batch to begin with. Defaults to 0.
        shard: The shard of each batch to make. Where it is not the whole, images are changed with
            those of the shard alone. Defaults to the whole.

    Returns:
        A dataset of (images, targets): float32 (B, H, W, 3) and (B, C).
    """
    targets, count = tf.constant(targets), len(images)
    rows = np.arange(batch_size)[shard.rows(batch_size)]

    def place(number):
        epoch, within = number // count, number % count
        return tf.random.experimental.index_shuffle(within, [seed, epoch], count - 1)

    def finish(step, batch):
        x, y = augmentation.change(step, *batch, part=shard.index)
        return preprocessing.normalize(x), y

    steps = tf.data.Dataset.range(first_step, LAST_STEP)
    numbers = steps.flat_map(
        lambda step: tf.data.Dataset.from_tensor_slices(step * batch_size + rows)
    )
    places = numbers.map(place)
    pictures = tf.data.Dataset.zip(numbers, _pictures(images, preprocessing)(places))
    both = tf.data.Dataset.zip(
        pictures.map(augmentation.move), places.map(lambda number: targets[number])
    )
    batches = both.batch(len(rows), drop_remainder=True).enumerate(first_step).map(finish)
    return read_ahead(batches, tf.data.INFINITE_CARDINALITY)


def ordered_batches(
    images: LabelledImages,
    preprocessing: ImagePreprocessing,
    targets: np.ndarray | None = None,
    shard: Shard = WHOLE,
) -> tf.data.Dataset:
    """One pass over images, in order: float32 (B, H, W, 3), with their targets if there are any.

    Of several shards each has a stretch of the images.
    """
    own = np.arange(len(images))[shard.rows(len(images))]
    places = tf.data.Dataset.from_tensor_slices(own)
    pictures = _pictures(images, preprocessing, hold=False)(places)
    batches = pictures.batch(BATCH_SIZE).map(preprocessing.normalize)
    if targets is not None:
        rows = tf.data.Dataset.from_tensor_slices(targets[own]).batch(BATCH_SIZE)
        batches = tf.data.Dataset.zip(batches, rows)
    return read_ahead(batches, -(-len(own) // BATCH_SIZE))


def _pictures(
    images: LabelledImages, preprocessing: ImagePreprocessing, hold: bool = True
) -> Callable[[tf.data.Dataset], tf.data.Dataset]:
    """A function from a dataset of places to one of the images there, uint8 (H, W, 3)."""
    contents = encoded(images)

    def read(places):
        return places.map(
            lambda place: preprocessing.fit(decode_image(contents(place))),
            num_parallel_calls=DECODERS_AT_ONCE,
            deterministic=True,
        )

    size = len(images) * preprocessing.height * preprocessing.width * 3
    if not hold or size > HELD_IN_MEMORY:
        return read
    pixels = tf.constant(decoded(images, preprocessing))
    return lambda places: places.map(lambda place: pixels[place])


def decoded(images: LabelledImages, preprocessing: ImagePreprocessing) -> np.ndarray:
    """All images in the size of the model: uint8, (number of images, H, W, 3)."""
    places = tf.data.Dataset.range(len(images))
    read = _pictures(images, preprocessing, hold=False)
    return read(places).batch(len(images)).get_single_element().numpy()


def encoded(images: LabelledImages) -> Callable[[tf.Tensor], tf.Tensor]:
    """A function from an image's place to its bytes, in a graph."""
    if images.contents is not None:
        contents = tf.constant(images.contents, tf.string)
        return lambda place: contents[place]
    files = tf.constant([os.fsencode(file) for file in images.files], tf.string)
    return lambda place: tf.io.read_file(files[place])
