"""What is done to images in training, so that a model sees each of them in many ways.

Four strengths, each with what the one before has:

- "none".
- "light": the frame moved by up to an eighth of the image, its edges mirrored.
- "medium": mirrored left and right, and a part erased.
- "strong": RandAugment's changes of shape and colour, and two images mixed, by MixUp or CutMix.

All of them are Keras' own preprocessing layers.

References:
    Cubuk et al., "RandAugment", https://arxiv.org/abs/1909.13719; Zhang et al., "mixup",
    https://arxiv.org/abs/1710.09412; Yun et al., "CutMix", https://arxiv.org/abs/1905.04899; Zhong
    et al., "Random Erasing Data Augmentation", https://arxiv.org/abs/1708.04896
"""

import keras
import tensorflow as tf

from .image_settings import STRENGTHS

MARGIN = 1 / 8  # of a side
ERASED = 0.25  # of all images
CHANGES = {"num_ops": 2, "factor": 0.3}  # of RandAugment


class Augmentation:
    """Changes images in training.

    Args:
        strength: One of `STRENGTHS`.
        height: Height of what a model reads, in pixels.
        width: Its width.
        seed: Decides every change, as long as images come one after the other.
    """

    def __init__(self, strength: str, height: int, width: int, seed: int):
        level = STRENGTHS.index(strength)
        layers, pixels = keras.layers, {"value_range": (0, 255)}
        seeds = iter(range(seed, seed + 6))
        self.margin = round(MARGIN * height), round(MARGIN * width)
        self.crop = layers.RandomCrop(height, width, seed=next(seeds)) if level >= 1 else None
        self.changes = []
        if level >= 2:
            self.changes.append(layers.RandomFlip("horizontal", seed=next(seeds)))
        if level >= 3:
            self.changes.append(layers.RandAugment(**pixels, **CHANGES, seed=next(seeds)))
        if level >= 2:
            share = (ERASED, ERASED)
            self.changes.append(layers.RandomErasing(share, **pixels, seed=next(seeds)))
        self.mixtures = []
        if level >= 3:
            self.mixtures = [layers.MixUp(0.8, seed=next(seeds)), layers.CutMix(seed=next(seeds))]

    def apply(self, images: tf.data.Dataset, batch_size: int) -> tf.data.Dataset:
        """From images, uint8 (H, W, 3), with one-hot targets (C,), to batches of changed ones.

        Returns:
            Batches of float32 (B, H, W, 3), from 0 to 255 still, and (B, C).
        """
        if self.crop:
            (above, beside), crop = self.margin, self.crop
            padding = [[above, above], [beside, beside], [0, 0]]
            images = images.map(
                lambda image, target: (crop(tf.pad(image, padding, "REFLECT")), target)
            )
        batches = images.batch(batch_size, drop_remainder=True).map(self._change)
        if self.mixtures:
            batches = batches.enumerate().map(self._mix)
        return batches

    def _change(self, images, targets):
        images = tf.cast(images, tf.float32)
        for layer in self.changes:
            images = layer(images, training=True)
        return images, targets

    def _mix(self, step, batch):
        """MixUp and CutMix by turns."""

        def mixed(layer):
            both = layer({"images": batch[0], "labels": batch[1]}, training=True)
            return both["images"], both["labels"]

        first, second = self.mixtures
        return tf.cond(step % 2 == 0, lambda: mixed(first), lambda: mixed(second))
