"""Changes images in training, so that a model sees each of them in many ways.

Four strengths, each with what the one before has:

- "none".
- "light": the frame moved by up to an eighth of the image, its edges mirrored.
- "medium": a part erased.
- "strong": RandAugment's changes of shape and colour, and two images mixed, by MixUp or CutMix.

In each but "none", half of the images are mirrored left and right, if they may be. All of them are
Keras' own preprocessing layers.

References:
    Cubuk et al., "RandAugment", https://arxiv.org/abs/1909.13719; Zhang et al., "mixup",
    https://arxiv.org/abs/1710.09412; Yun et al., "CutMix", https://arxiv.org/abs/1905.04899; Zhong
    et al., "Random Erasing Data Augmentation", https://arxiv.org/abs/1708.04896
"""

import keras
import tensorflow as tf

from .settings import STRENGTHS

MARGIN = 1 / 8  # of a side
ERASED = 0.25  # of all images
CHANGES = {"num_ops": 2, "factor": 0.3}  # of RandAugment


class Augmentation:
    """Changes images of a model's size, as a pure function of the seed and the step.

    An image that is moved by itself has its number in the stream of images in place of the step. So
    a training may go on from any step.
    """

    def __init__(self, strength: str, mirror: bool, height: int, width: int, seed: int):
        self.seed = seed
        level = STRENGTHS.index(strength)
        layers, pixels = keras.layers, {"value_range": (0, 255)}
        self.seeds = SeedsByNumber(seed)
        self.margin = round(MARGIN * height), round(MARGIN * width)
        self.crop = layers.RandomCrop(height, width) if level >= 1 else None
        self.flip = layers.RandomFlip("horizontal") if level >= 1 and mirror else None
        self.changes, self.mixtures = [], []
        if level >= 3:
            self.changes.append(layers.RandAugment(**pixels, **CHANGES))
        if level >= 2:
            self.changes.append(layers.RandomErasing((ERASED, ERASED), **pixels))
        if level >= 3:
            self.mixtures = [layers.MixUp(0.8), layers.CutMix()]
        for layer in (self.crop, self.flip, *self.changes, *self.mixtures):
            if layer is not None:
                layer.generator = self.seeds

    def move(self, number, image):
        """Moves the frame of an image, uint8 (H, W, 3), and mirrors it, by its number."""
        if self.crop is None:
            return image
        self.seeds.start(tf.stack([0, number]))
        above, beside = self.margin
        padding = [[above, above], [beside, beside], [0, 0]]
        image = self.crop(tf.pad(image, padding, "REFLECT"))
        return image if self.flip is None else self.flip(image, training=True)

    def change(self, step, images, targets, shard: int = 0):
        """Changes the images (B, H, W, 3) and targets (B, C) of a step, or of a shard of one.

        The images come back as float32, still from 0 to 255.
        """
        self.seeds.start(tf.stack([1 + shard, step]))
        images = tf.cast(images, tf.float32)
        for layer in self.changes:
            images = layer(images, training=True)
        if not self.mixtures:
            return images, targets

        def mixed(layer):
            both = layer({"images": images, "labels": targets}, training=True)
            return both["images"], both["labels"]

        first, second = self.mixtures
        return tf.cond(step % 2 == 0, lambda: mixed(first), lambda: mixed(second))


class SeedsByNumber(keras.random.SeedGenerator):
    """Gives Keras' layers seeds that follow from numbers, not from how many were drawn before."""

    def __init__(self, seed: int):
        super().__init__(seed)
        self._seed = seed

    def start(self, numbers):
        """Makes the seeds from here on follow from two numbers, int64 (2,)."""
        first = tf.random.experimental.stateless_fold_in(numbers, self._seed)
        self._first, self._drawn = first, 0

    def next(self, ordered=True):
        """Returns the next seed."""
        self._drawn += 1
        return tf.random.experimental.stateless_fold_in(self._first, self._drawn)
