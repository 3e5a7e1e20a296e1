"""Makes batches of images: in order, or shuffled and changed without end."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import tensorflow as tf

from ..devices.shards import WHOLE, Shard
from ..training.token_budget import mapped, read_ahead
from .augmentation import Augmentation
from .budget import within_budget
from .data import LabelledImages
from .decoding import decode_image, decode_within_budget, decoder, examine
from .other_formats import as_bmp, large_alone, memory_of_other
from .preprocessing import ImagePreprocessing
from .targets import Targets

DECODERS_AT_ONCE = 8
HELD_IN_MEMORY = 2**30  # bytes: smaller data is decoded once, larger in every epoch
BATCH_SIZE = 64  # where nothing is trained
LAST_STEP = 2**40  # as good as never


def training_batches(
    images: LabelledImages,
    targets: Targets,
    preprocessing: ImagePreprocessing,
    augmentation: Augmentation,
    batch_size: int,
    first_step: int = 0,
    shard: Shard = WHOLE,
) -> tf.data.Dataset:
    """Returns the endless stream of batches to train on: images (B, H, W, 3), targets (B, C).

    Where classes have weights, each image has that of its class in the loss (B,); of a mixed
    one it is the mean of its classes'.

    The order is a pure function of the augmentation's seed and the epoch. Batches are all of one
    size: one may hold the last images of an epoch and the first of the next. Where the shard is not
    the whole, images are changed with those of the shard alone. Steps are counted from 0.
    """
    values, count = tf.constant(targets.values), len(images)
    rows = np.arange(batch_size)[shard.rows(batch_size)]

    def finish(step, batch):
        x, y = augmentation.change(step, *batch, shard.index)
        batch = preprocessing.normalize(x), y
        weights = targets.class_weights
        return batch if weights is None else (*batch, tf.linalg.matvec(y, weights))

    numbers, indices = shuffled_indices(count, augmentation.seed, first_step, batch_size, rows)
    pictures = tf.data.Dataset.zip(numbers, _pictures(images, preprocessing)(indices))
    own_targets = mapped(indices, lambda index: values[index])
    both = tf.data.Dataset.zip(mapped(pictures, augmentation.move), own_targets)
    batches = both.batch(len(rows), drop_remainder=True).enumerate(first_step)
    return read_ahead(mapped(batches, finish), tf.data.INFINITE_CARDINALITY)


def shuffled_indices(
    count: int, seed: int, first_step: int, batch_size: int, rows: np.ndarray
) -> tuple[tf.data.Dataset, tf.data.Dataset]:
    """Returns endless numbers of examples, counted through all epochs, and their indices.

    The indices of an epoch are shuffled, as a pure function of the seed and the epoch.

    Args:
        count: Number of examples.
        seed: The seed.
        first_step: The step that they begin with, counted from 0.
        batch_size: Examples in a step.
        rows: Which of these are wanted.
    """

    def shuffle(number):
        own = [seed, number // count]
        return tf.random.experimental.index_shuffle(number % count, own, count - 1)

    steps = tf.data.Dataset.range(first_step, LAST_STEP)
    numbers = steps.flat_map(
        lambda step: tf.data.Dataset.from_tensor_slices(step * batch_size + rows)
    )
    return numbers, mapped(numbers, shuffle)


def ordered_batches(
    images: LabelledImages,
    preprocessing: ImagePreprocessing,
    targets: np.ndarray,
    shard: Shard = WHOLE,
) -> tf.data.Dataset:
    """Returns a pass over images, in order: float32 (B, H, W, 3), with their targets (B, ...).

    Of several shards each has a stretch of the images. As for a pass after every epoch, small data
    is decoded once.
    """
    own = np.arange(len(images))[shard.rows(len(images))]
    pictures = _pictures(images, preprocessing)(tf.data.Dataset.from_tensor_slices(own))
    batches = mapped(pictures.batch(BATCH_SIZE), preprocessing.normalize)
    rows = tf.data.Dataset.from_tensor_slices(targets[own]).batch(BATCH_SIZE)
    return read_ahead(tf.data.Dataset.zip(batches, rows), -(-len(own) // BATCH_SIZE))


def prediction_batches(
    images: LabelledImages, preprocessing: ImagePreprocessing
) -> Iterator[tf.Tensor]:
    """Yields images in order, the next ones while a model is at work: float32 (B, H, W, 3).

    There is no dataset: TensorFlow would trace one anew for every call, and keep it for good.
    """
    fitted = decoder(preprocessing.fit)

    def read(row: int) -> tf.Tensor:
        contents = images.read(row)
        if not (images.others and images.others[row]):
            return fitted(contents)
        with large_alone(contents):
            return fitted(as_bmp(contents)[1])

    with ThreadPoolExecutor(DECODERS_AT_ONCE) as pool:

        def begin(start: int) -> list[Future]:
            return [pool.submit(read, row) for row in range(len(images))[start:][:BATCH_SIZE]]

        coming = begin(0)
        for start in range(BATCH_SIZE, len(images) + BATCH_SIZE, BATCH_SIZE):
            batch, coming = coming, begin(start)
            yield preprocessing.normalize(tf.stack([each.result() for each in batch]))


def _pictures(
    images: LabelledImages, preprocessing: ImagePreprocessing, hold: bool = True
) -> Callable[[tf.data.Dataset], tf.data.Dataset]:
    """Makes a function from a dataset of indices to one of the images there, uint8 (H, W, 3)."""
    use = user_of(images)

    def read(indices):
        return mapped(
            indices,
            lambda index: use(index, preprocessing.fit),
            num_parallel_calls=DECODERS_AT_ONCE,
            deterministic=True,
        )

    size = len(images) * preprocessing.height * preprocessing.width * 3
    if not hold or size > HELD_IN_MEMORY:
        return read
    pixels = tf.constant(decoded(images, preprocessing))
    return lambda indices: mapped(indices, lambda index: pixels[index])


def decoded(images: LabelledImages, preprocessing: ImagePreprocessing) -> np.ndarray:
    """Decodes all images to the size of the model: uint8, (number of images, H, W, 3)."""
    indices = tf.data.Dataset.range(len(images))
    pictures = _pictures(images, preprocessing, hold=False)(indices)
    return pictures.batch(len(images)).get_single_element().numpy()


def user_of(images: LabelledImages) -> Callable[[tf.Tensor, Callable], Any]:
    """Makes a function that gives what another makes of the pixels of an image, in a graph.

    It takes the image's index and that other, from uint8 (H, W, 3) to tensors. Large images wait
    for each other; a file that the graph does not decode goes through Pillow.
    """
    contents = encoded(images)
    if not any(images.others or ()):
        return lambda index, use: decode_within_budget(contents(index), use)
    is_other = tf.constant([bool(name) for name in images.others])

    def convert(each):
        return tf.numpy_function(lambda each: as_bmp(each)[1], [each], tf.string, False)

    def memory(each):
        return tf.numpy_function(
            lambda each: np.int64(memory_of_other(each)), [each], tf.int64, False
        )

    def use_in_graph(index, use):
        each, other = contents(index), is_other[index]
        size = tf.cond(other, lambda: memory(each), lambda: examine(each).memory)

        def decode(each):
            return use(decode_image(tf.cond(other, lambda: convert(each), lambda: each)))

        return within_budget(each, tf.ensure_shape(size, ()), decode)

    return use_in_graph


def encoded(images: LabelledImages) -> Callable[[tf.Tensor], tf.Tensor]:
    """Makes a function from an image's index to the bytes of its file, in a graph."""
    if images.contents is not None:
        places: dict[bytes, int] = {}  # an image of several rows is in memory once
        where = tf.constant([places.setdefault(each, len(places)) for each in images.contents])
        contents = tf.constant([*places], tf.string)
        return lambda index: contents[where[index]]
    files = tf.constant([os.fsencode(file) for file in images.files], tf.string)
    return lambda index: tf.io.read_file(files[index])
