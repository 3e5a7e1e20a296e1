"""Looks at some of the images, so that what is not given follows from them."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ..problem_types import MULTI_LABEL, REGRESSION
from ..training.token_budget import mapped
from .batches import DECODERS_AT_ONCE, user_of
from .data import LabelledImages
from .preprocessing import ImagePreprocessing

LOOKED_AT = 1000  # images
SMALL = 16  # pixels: side of the images that a linear model sees
FOLDS = 5
KEPT = 0.75  # of what a linear model knows above guessing, on mirrored images: they are the same
DOUBT = 2  # standard errors


class Look(NamedTuple):
    """What is seen of images.

    Attributes:
        number: Their number.
        sides: The shorter sides of those that were decoded, in pixels.
        mirrors: Whether an image and its mirror image show the same class, as far as a linear model
            can tell: not where they are letters, or hands that point. False in doubt.
    """

    number: int
    sides: np.ndarray
    mirrors: bool

    @property
    def side(self) -> int:
        """The median of the shorter sides, in pixels."""
        return int(np.median(self.sides))


def look_at(images: LabelledImages, seed: int) -> Look:
    """Decodes some of the images, and says what is seen of them."""
    rows = np.random.default_rng(seed).permutation(len(images))[:LOOKED_AT]
    use = user_of(images)
    fit = ImagePreprocessing.for_shape(SMALL, SMALL).fit

    def see(row):
        return use(row, lambda image: (tf.reduce_min(tf.shape(image)[:2]), fit(image)))

    seen = mapped(
        tf.data.Dataset.from_tensor_slices(np.sort(rows)),
        see,
        num_parallel_calls=DECODERS_AT_ONCE,
        deterministic=True,
    )
    sides, pixels = seen.batch(len(rows)).get_single_element()
    labels = _as_classes([images.labels[row] for row in np.sort(rows)], images.problem_type)
    return Look(len(images), sides.numpy(), may_mirror(pixels.numpy(), labels, seed))


def _as_classes(labels: list[Any], problem_type: str) -> np.ndarray:
    """Returns one class for each image: of several labels all together, of a number its half."""
    if problem_type == REGRESSION:
        return np.array(labels) > np.median(labels)
    several = problem_type == MULTI_LABEL
    return np.array([" | ".join(sorted(each)) if several else each for each in labels])


def may_mirror(pixels: np.ndarray, labels: np.ndarray, seed: int) -> bool:
    """Returns whether a linear model that learned from some images knows mirrored others as well.

    Args:
        pixels: The images, uint8 (B, H, W, 3).
        labels: Their labels (B,).
        seed: Decides which images it learns from.
    """
    _, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    pixels, classes = pixels[counts[classes] >= FOLDS], classes[counts[classes] >= FOLDS]
    if len(np.unique(classes)) < 2:
        return False
    right, right_mirrored = [], []
    for learned, others in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(
        pixels, classes
    ):
        model = make_pipeline(StandardScaler(), RidgeClassifier(pixels[0].size))
        model.fit(_flat(pixels[learned]), classes[learned])
        right.append(model.predict(_flat(pixels[others])) == classes[others])
        right_mirrored.append(model.predict(_flat(pixels[others, :, ::-1])) == classes[others])
    right, right_mirrored = np.concatenate(right), np.concatenate(right_mirrored)
    guessed = np.bincount(classes).max() / len(classes)
    # Of each image: what is left of being right, above guessing, were it mirrored.
    left = right_mirrored - KEPT * right - (1 - KEPT) * guessed
    return bool(left.mean() > DOUBT * left.std() / np.sqrt(len(left)))


def _flat(pixels):
    return pixels.reshape(len(pixels), -1) / 255
