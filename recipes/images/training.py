"""Trains a classifier of images: what learns and from which batches, and its optimizer."""

import logging
from collections.abc import Callable
from functools import partial

import keras
import numpy as np

from ...models import VisionTransformer
from ...models.presets import image_preset
from ..names import counted
from ..problem_types import SINGLE_LABEL
from ..training.losses import compile_classifier
from ..training.optimizers import UNDECAYED, make_optimizer, mean_momentum, spacing
from .augmentation import Augmentation
from .batches import ordered_batches, training_batches
from .data import LabelledImages
from .features import features_of_parts, head_of, ordered_features, training_features
from .preprocessing import ImagePreprocessing
from .settings import FEW, ImageSettings
from .targets import targets_of

WARMUP_SHARE = 0.1  # of the steps
# Parts of the names of further weights that are not to decay.
TOKENS_AND_THE_LIKE = (
    "class_token", "distillation_token", "registers", "position_embedding", "scale",
)  # fmt: skip
AVERAGE_EVERY = 4  # steps, at most: each time is a pass over all weights

logger = logging.getLogger("regard")


def announce(
    settings: ImageSettings,
    counts: tuple[int, int, str],
    size: tuple[int, int],
    batches_per_epoch: int,
    epochs: int,
) -> None:
    """Says what is trained, and how, as far as the images decide it.

    Args:
        settings: Complete settings.
        counts: Numbers of images to learn from and to validate on, and what is told, in words.
        size: Width and height that images are read as, in pixels.
        batches_per_epoch, epochs: As in `compile_image_classifier`.
    """
    message = "%s to learn from, %d to validate on, %s; read as %d x %d pixels."
    logger.info(message, counted(counts[0], "image"), *counts[1:], *size)
    mirrored = "mirrored" if settings.mirror and settings.augmentation != "none" else "not mirrored"
    logger.info(
        "At most %s of %s of %s; augmentation %s, %s.",
        *(counted(epochs, "epoch"), counted(batches_per_epoch, "batch", "batches")),
        *(counted(settings.batch_size, "image"), settings.augmentation, mirrored),
    )
    if settings.checkpoint is None and counts[0] < FEW:
        logger.info(
            "With fewer than %d images the advice is to start from a checkpoint: --checkpoint "
            "hf://facebook/dinov2-small --freeze all.",
            FEW,
        )
    if settings.preset is not None and "stem" in image_preset(settings.preset):
        message = "%s opens in Regard alone; other programs open --preset vit_compact."
        logger.info(message, settings.preset)


def learning(
    model: VisionTransformer,
    preprocessing: ImagePreprocessing,
    parts: tuple[LabelledImages, LabelledImages],
    labels: list[np.ndarray],
    settings: ImageSettings,
) -> tuple[keras.Model, Callable, Callable]:
    """Returns what learns, the model or its head, and what makes batches to train and validate on.

    The images, and their encoded labels, are those to learn from and those to validate on.
    """
    num_classes, seed, size = model.config["num_classes"], settings.seed, settings.batch_size
    targets = targets_of(labels[0], num_classes, settings.label_smoothing)
    held_out = targets_of(labels[1], num_classes).values
    if settings.freeze is not None:
        learned, validated = features_of_parts(model, parts, preprocessing)
        return (
            head_of(model),
            partial(training_features, learned, targets, size, seed),
            partial(ordered_features, validated, held_out),
        )
    sides = preprocessing.height, preprocessing.width
    changes = Augmentation(settings.augmentation, settings.mirror, *sides, seed)
    return (
        model,
        partial(training_batches, parts[0], targets, preprocessing, changes, size),
        partial(ordered_batches, parts[1], preprocessing, held_out),
    )


def compile_image_classifier(
    model: keras.Model,
    settings: ImageSettings,
    batches_per_epoch: int,
    epochs: int,
    problem_type: str = SINGLE_LABEL,
) -> None:
    """Compiles a classifier with AdamW, warm-up, a cosine, and the mean of the last weights.

    References:
        Loshchilov and Hutter, "SGDR", https://arxiv.org/abs/1608.03983 (the cosine), and
        "Decoupled Weight Decay Regularization", https://arxiv.org/abs/1711.05101
    """
    total_steps = epochs * batches_per_epoch
    warmup_steps = max(1, round(WARMUP_SHARE * total_steps))
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0,
        max(1, total_steps - warmup_steps),
        warmup_target=settings.learning_rate,
        warmup_steps=warmup_steps,
    )
    optimizer = make_optimizer(
        schedule,
        mean_momentum(total_steps, settings.accumulate),
        spacing(AVERAGE_EVERY, batches_per_epoch / settings.accumulate),
        settings.accumulate,
        settings.precision,
        (*UNDECAYED, *TOKENS_AND_THE_LIKE),
        layer_decay=settings.layer_decay,
        weight_decay=settings.weight_decay,
        global_clipnorm=1.0,
    )
    compile_classifier(model, optimizer, bool(settings.xla), problem_type)
