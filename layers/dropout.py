"""Drops units in training, and draws no more random bits than it needs."""

import keras
from keras import ops

from .checks import check_rate


@keras.saving.register_keras_serializable("regard")
class Dropout(keras.layers.Dropout):
    """Keras' dropout, with 16 random bits for a unit in place of 32.

    On a CPU the random numbers take most of the time. The rate is met to within 1/131,072 at any
    precision. Keras' own dropout of a layer in bfloat16 compares multiples of 1/128.

    Args:
        rate: Probability in [0, 1) of dropping a unit in training.
        noise_shape: Shape of what is drawn, as long as that of the inputs: None for the size of an
            axis, 1 to drop along it as a whole. Defaults to a draw for every unit.
        seed: An integer. Defaults to another one for each layer.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        inputs: A tensor of any shape.

    Returns:
        A tensor of the same shape. In training, the units that are left are divided by 1 - `rate`.

    Raises:
        ValueError: If an argument is out of range, or if `noise_shape` is not as long as the shape
            of the inputs.

    Example:
        >>> keras.ops.shape(Dropout(0.1)(keras.ops.ones((2, 5)), training=True))
        (2, 5)

    References:
        Srivastava et al., "Dropout", section 4, https://jmlr.org/papers/v15/srivastava14a.html
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        check_rate(rate=rate)
        super().__init__(rate, noise_shape, seed, **kwargs)

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        kept = self._random_bits(self._shape_of_noise(inputs)) >= round(self.rate * 2**16)
        return inputs * (ops.cast(kept, inputs.dtype) * (1 / (1 - self.rate)))

    def _shape_of_noise(self, inputs):
        shape = ops.shape(inputs)
        if self.noise_shape is None:
            return shape
        if len(self.noise_shape) != len(shape):
            raise ValueError(
                "`noise_shape` must have as many sizes as the inputs have axes. Received: "
                f"noise_shape={self.noise_shape}, inputs of shape {tuple(inputs.shape)}"
            )
        sizes = zip(self.noise_shape, shape, strict=True)
        return [own if size is None else size for size, own in sizes]

    def _random_bits(self, shape):
        """Draws an integer of 16 bits for every unit, each as likely as any other."""
        size = 1
        for length in shape:
            size = size * length
        words = keras.random.randint(
            ((size + 1) // 2, 1), -(2**31), 2**31 - 1, seed=self.seed_generator
        )
        return ops.reshape(ops.reshape(_halves(words), (-1,))[:size], shape)


def _halves(words):
    """Splits integers of 32 bits (N, 1) into two of 16 bits, in [0, 65536): (N, 2)."""
    if keras.backend.backend() != "torch":
        return ops.view(words, "uint16")
    # Torch computes with int16, but not with uint16.
    return ops.bitwise_and(ops.cast(ops.view(words, "int16"), "int32"), 0xFFFF)


@keras.saving.register_keras_serializable("regard")
class StochasticDepth(keras.layers.Dropout):
    """Drops the output of a sub-layer for whole examples, which leaves them their residual.

    Args:
        rate: Probability in [0, 1) of dropping it in training.
        seed: An integer. Defaults to another one for each layer.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        inputs: A tensor of any shape, the batch first.

    Returns:
        A tensor of the same shape. In training, what is left is divided by 1 - `rate`.

    Raises:
        ValueError: If `rate` is out of range, or a `noise_shape` is given: here it is (B, 1, ...).

    Example:
        >>> keras.ops.shape(StochasticDepth(0.1)(keras.ops.ones((2, 5, 8)), training=True))
        (2, 5, 8)

    References:
        Huang et al., "Deep Networks with Stochastic Depth", section 3,
        https://arxiv.org/abs/1603.09382
    """

    def __init__(self, rate, seed=None, **kwargs):
        check_rate(rate=rate)
        noise_shape = kwargs.pop("noise_shape", None)
        if noise_shape is not None:
            raise ValueError(
                "`StochasticDepth` drops whole examples, so it takes no `noise_shape`; `Dropout` "
                f"does. Received: noise_shape={noise_shape!r}"
            )
        super().__init__(rate, seed=seed, **kwargs)

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        shape = (ops.shape(inputs)[0], *[1] * (len(inputs.shape) - 1))
        chances = keras.random.uniform(shape, seed=self.seed_generator)
        kept = ops.cast(chances >= self.rate, inputs.dtype)
        return inputs * (kept * (1 / (1 - self.rate)))
