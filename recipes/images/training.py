"""How a classifier of images learns: loss, optimizer and learning rate."""

import keras

from ..training.fit import compile_classifier
from ..training.optimizers import LayerwiseAdamW, scaled
from .settings import ImageSettings

WARMUP_SHARE = 0.1  # of the steps
MOST_AVERAGED_STEPS = 1000
AVERAGED_SHARE = 0.05  # of all steps, at most
AVERAGE_EVERY = 4  # steps: each time is a pass over all weights


def compile_image_classifier(
    model: keras.Model, settings: ImageSettings, steps_per_epoch: int
) -> None:
    """Compiles a classifier with AdamW, warm-up, a cosine, and the mean of the last weights.

    Args:
        model: The classifier.
        settings: Complete settings.
        steps_per_epoch: Number of batches in an epoch.

    References:
        Loshchilov and Hutter, "SGDR", https://arxiv.org/abs/1608.03983 (the cosine), and
        "Decoupled Weight Decay Regularization", https://arxiv.org/abs/1711.05101
    """
    total_steps = settings.epochs * steps_per_epoch
    warmup_steps = max(1, round(WARMUP_SHARE * total_steps))
    updates = total_steps / settings.accumulate
    averaged_steps = max(1, min(MOST_AVERAGED_STEPS, AVERAGED_SHARE * updates))
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0,
        max(1, total_steps - warmup_steps),
        warmup_target=settings.learning_rate,
        warmup_steps=warmup_steps,
    )
    optimizer = LayerwiseAdamW(
        schedule,
        settings.layer_decay,
        AVERAGE_EVERY,
        weight_decay=settings.weight_decay,
        global_clipnorm=1.0,
        use_ema=True,
        ema_momentum=(1 - 1 / averaged_steps) ** AVERAGE_EVERY,
        gradient_accumulation_steps=settings.accumulate if settings.accumulate > 1 else None,
    )
    undecayed = ["bias", "gamma", "beta", "class_token", "position_embedding"]
    optimizer.exclude_from_weight_decay(var_names=undecayed)
    compile_classifier(model, scaled(optimizer, settings.precision), bool(settings.xla))
