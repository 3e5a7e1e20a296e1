"""Trains a classifier of images: its optimizer and its learning rate."""

import keras

from ..training.losses import compile_classifier
from ..training.optimizers import UNDECAYED, make_optimizer, mean_momentum, spacing
from .settings import ImageSettings

WARMUP_SHARE = 0.1  # of the steps
AVERAGE_EVERY = 4  # steps, at most: each time is a pass over all weights


def compile_image_classifier(
    model: keras.Model, settings: ImageSettings, batches_per_epoch: int, epochs: int
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
        (*UNDECAYED, "class_token", "position_embedding"),
        layer_decay=settings.layer_decay,
        weight_decay=settings.weight_decay,
        global_clipnorm=1.0,
    )
    compile_classifier(model, optimizer, bool(settings.xla))
