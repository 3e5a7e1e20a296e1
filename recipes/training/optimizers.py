"""Makes AdamW as BERT is trained with: warm-up and decay, and a rate for each layer."""

import re
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from ..devices.gradients import mean_over_replicas, sum_equal_rows

WARMUP_SHARE = 0.1  # of the steps; this and the next as in Devlin et al., appendix A
WEIGHT_DECAY = 0.01  # a step, times the learning rate
UNDECAYED = ("bias", "gamma", "beta")

# A mean of the weights is about that of the last so many steps: some epochs of small data.
MOST_AVERAGED_STEPS = 1000
AVERAGED_SHARE = 0.05  # of all steps, at most


@keras.saving.register_keras_serializable("regard")
class LinearWarmupDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly from 0 to the peak, then falls linearly to 0, as in BERT.

    Args:
        peak: Highest learning rate.
        warmup_steps: Number of steps to the peak, at least 1.
        total_steps: Number of steps to the end, more than `warmup_steps`.

    Raises:
        ValueError: If the steps are not in that order.

    References:
        Devlin et al., "BERT", appendix A.2, https://arxiv.org/abs/1810.04805
    """

    def __init__(self, peak, warmup_steps, total_steps):
        if not 1 <= warmup_steps < total_steps:
            raise ValueError(
                "The steps must satisfy 1 <= warmup_steps < total_steps. "
                f"Received: warmup_steps={warmup_steps}, total_steps={total_steps}"
            )
        self.peak = peak
        self.warmup_steps = warmup_steps
        self.total_steps = total_steps

    def __call__(self, step):
        step = ops.cast(step, "float32")
        rising = (step + 1) / self.warmup_steps  # so that the first step already learns
        falling = (self.total_steps - step) / (self.total_steps - self.warmup_steps)
        return self.peak * ops.clip(ops.minimum(rising, falling), 0.0, 1.0)

    def get_config(self):
        return {name: getattr(self, name) for name in ("peak", "warmup_steps", "total_steps")}


@keras.saving.register_keras_serializable("regard")
class LayerwiseAdamW(keras.optimizers.AdamW):
    """AdamW with a learning rate of its own for each layer of an encoder.

    A pretrained encoder knows the more general things the lower down; there it should change the
    less. The head and the pooler learn at the full rate, the last block at `layer_decay` times
    that, the one below at `layer_decay` squared times, and so on down to the embedding.

    Args:
        learning_rate: Highest learning rate, or a schedule of it.
        layer_decay: The factor from one layer to the one below, in (0, 1]. Defaults to 1.
        average_every: With `use_ema`, the number of steps from one update of the mean to the next,
            each of them a pass over all weights. The mean is of the weights after updates alone:
            those that a training starts with have no part in it. Defaults to 1.
        **kwargs: As for `keras.optimizers.AdamW`, but without `amsgrad`.

    Raises:
        ValueError: If `amsgrad` is asked for.

    References:
        Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification", section
        3.2 (discriminative fine-tuning), https://arxiv.org/abs/1801.06146
    """

    def __init__(self, learning_rate=0.001, layer_decay=1.0, average_every=1, **kwargs):
        super().__init__(learning_rate, **kwargs)
        if self.amsgrad:
            raise ValueError("`LayerwiseAdamW` has no AMSGrad. Received: amsgrad=True")
        self.layer_decay = layer_decay
        self.average_every = average_every

    def build(self, variables):
        super().build(variables)
        if self.use_ema:  # from the weights, where Keras begins with zeros
            for variable, mean in zip(variables, self._model_variables_moving_average, strict=True):
                mean.assign(variable)
        depths = [_depth(variable.path) for variable in variables]
        top = max((depth for depth in depths if depth is not None), default=0) + 1
        self._factors = [
            self.layer_decay ** (0 if depth is None else top - depth) for depth in depths
        ]

    def update_step(self, gradient, variable, learning_rate):
        """Updates in one pass over the variable and its moments, where Keras takes a dozen."""
        index = self._get_variable_index(variable)
        rate = tf.cast(learning_rate, variable.dtype) * self._factors[index]
        if self.weight_decay and self._use_weight_decay(variable):
            variable.assign(variable * (1 - rate * self.weight_decay))
        steps = tf.cast(self.iterations + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=self.beta_1**steps,
            beta2_power=self.beta_2**steps,
            lr=rate,
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.cast(tf.convert_to_tensor(gradient), variable.dtype),
        )

    def _apply_weight_decay(self, variables):
        pass  # `update_step` does it, so that each weight decays at its own rate

    def _clip_gradients(self, grads):
        if self.global_clipnorm is None:
            return super()._clip_gradients(grads)
        sparse = tf.IndexedSlices  # of which a true norm needs one row a token
        grads = [sum_equal_rows(grad) if isinstance(grad, sparse) else grad for grad in grads]
        # The norm of a sum over devices, which each of them may round differently.
        norm = mean_over_replicas(tf.linalg.global_norm(grads))
        return tf.clip_by_global_norm(grads, self.global_clipnorm, norm)[0]

    def _update_model_variables_moving_average(self, trainable_variables):
        is_due = self.iterations % self.average_every == 0
        if self.gradient_accumulation_steps:  # a mean of weights, not of batches
            is_due &= (self._iterations + 1) % self.gradient_accumulation_steps == 0
        number = tf.cast(self.iterations // self.average_every, tf.float32)  # of updates before
        # As if divided by the sum of the shares, which is 1 - momentum ** (number + 1).
        shares = 1 - self.ema_momentum ** tf.stack([number, number + 1])
        momentum = self.ema_momentum * shares[0] / shares[1]

        def update():
            means = self._model_variables_moving_average
            for variable, mean in zip(trainable_variables, means, strict=True):
                mean.assign(momentum * mean + (1 - momentum) * variable)

        tf.cond(is_due, update, lambda: None)

    def get_config(self):
        own = {"layer_decay": self.layer_decay, "average_every": self.average_every}
        return {**super().get_config(), **own}


def _depth(path: str) -> int | None:
    """Returns how deep in the encoder a variable is: 0 in the embedding, 1 in the first block."""
    if path.startswith("embedding/"):
        return 0
    block = re.match(r"encoder/block_(\d+)/", path)
    return int(block[1]) + 1 if block else None


def make_optimizer(
    schedule: keras.optimizers.schedules.LearningRateSchedule,
    momentum: float | None = None,
    average_every: int = 1,
    accumulate: int = 1,
    precision: str = "float32",
    undecayed: Sequence[str] = UNDECAYED,
    **options: Any,
) -> keras.optimizers.Optimizer:
    """Makes the optimizer of a recipe.

    With a `momentum`, for a step, the model ends with a mean of its weights, which is updated every
    `average_every` steps. The gradients of `accumulate` batches make one step. Weights do not decay
    if a part of their name is in `undecayed`. The options are further ones of `LayerwiseAdamW`.

    In float16 small gradients would vanish, so the loss is scaled up, and gradients down again, by
    a factor that is halved whenever something overflows.

    References:
        Micikevicius et al., "Mixed Precision Training", section 3.2,
        https://arxiv.org/abs/1710.03740
    """
    optimizer = LayerwiseAdamW(
        schedule,
        average_every=average_every,
        use_ema=momentum is not None,
        ema_momentum=0.99 if momentum is None else momentum**average_every,
        gradient_accumulation_steps=accumulate if accumulate > 1 else None,
        **options,
    )
    optimizer.exclude_from_weight_decay(var_names=list(undecayed))
    if precision != "float16":
        return optimizer
    return keras.optimizers.LossScaleOptimizer(optimizer)


def bert_optimizer(
    learning_rate: float,
    total_steps: int,
    layer_decay: float = 1.0,
    average_every: int | None = None,
    accumulate: int = 1,
    precision: str = "float32",
) -> keras.optimizers.Optimizer:
    """Makes AdamW as BERT is trained: warm-up and decay, clipped gradients.

    `total_steps` is the number of batches of the whole training. With `average_every` the model
    ends with the exponential mean of its weights over about the last seventh of the steps, 200 at
    most, taken every so many steps.

    References:
        Loshchilov and Hutter, "Decoupled Weight Decay Regularization",
        https://arxiv.org/abs/1711.05101
    """
    warmup_steps = max(1, round(WARMUP_SHARE * total_steps))
    schedule = LinearWarmupDecay(learning_rate, warmup_steps, max(total_steps, warmup_steps + 1))
    momentum = max(0.0, min(0.995, 1 - 7 * accumulate / total_steps))  # of a step
    return make_optimizer(
        schedule,
        None if average_every is None else momentum,
        average_every or 1,
        accumulate,
        precision,
        layer_decay=layer_decay,
        weight_decay=WEIGHT_DECAY,
        global_clipnorm=1.0,  # as in google-research/bert, optimization.py
    )


def spacing(most: int, steps_per_epoch: float) -> int:
    """Returns the steps from one update of a mean to the next: few where an epoch has few.

    So the mean that is validated at the end of an epoch is never far behind.
    """
    return max(1, min(most, int(steps_per_epoch / 8)))


def mean_momentum(total_steps: int, accumulate: int) -> float:
    """Returns the momentum, for a step, of the mean of about the last twentieth of the weights.

    `total_steps` is a number of batches; the gradients of `accumulate` of them make one step.
    """
    averaged_steps = max(1, min(MOST_AVERAGED_STEPS, AVERAGED_SHARE * (total_steps / accumulate)))
    return 1 - 1 / averaged_steps
