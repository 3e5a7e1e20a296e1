"""Drops units in training, and draws no more random bits than it needs."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("regard")
class Dropout(keras.layers.Dropout):
    """Keras' dropout, with 16 random bits for a unit in place of 32.

    On a CPU the random numbers take most of the time. The rate is met to within 1/131,072 at any
    precision. Keras' own dropout of a layer in bfloat16 compares multiples of 1/128.

    Args:
        rate: Probability in [0, 1) of dropping a unit in training.
        **kwargs: `seed`, `name` and the like, for `keras.layers.Dropout`.

    Call arguments:
        inputs: A tensor of any shape.

    Returns:
        A tensor of the same shape. In training, the units that are left are divided by 1 - `rate`.

    Example:
        >>> keras.ops.shape(Dropout(0.1)(keras.ops.ones((2, 5)), training=True))
        (2, 5)

    References:
        Srivastava et al., "Dropout", section 4, https://jmlr.org/papers/v15/srivastava14a.html
    """

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        kept = self._random_bits(inputs) >= round(self.rate * 2**16)
        return inputs * (ops.cast(kept, inputs.dtype) * (1 / (1 - self.rate)))

    def _random_bits(self, inputs):
        """Draws an integer of 16 bits for every unit, each as likely as any other."""
        size = ops.size(inputs)
        words = keras.random.randint(
            ((size + 1) // 2, 1), -(2**31), 2**31 - 1, seed=self.seed_generator
        )
        return ops.reshape(ops.reshape(ops.view(words, "uint16"), (-1,))[:size], ops.shape(inputs))


@keras.saving.register_keras_serializable("regard")
class StochasticDepth(keras.layers.Dropout):
    """Drops the output of a sub-layer for whole examples, which leaves them their residual.

    Args:
        rate: Probability in [0, 1) of dropping it in training.
        **kwargs: `seed`, `name` and the like, for `keras.layers.Dropout`.

    Call arguments:
        inputs: A tensor of any shape, the batch first.

    Returns:
        A tensor of the same shape. In training, what is left is divided by 1 - `rate`.

    Example:
        >>> keras.ops.shape(StochasticDepth(0.1)(keras.ops.ones((2, 5, 8)), training=True))
        (2, 5, 8)

    References:
        Huang et al., "Deep Networks with Stochastic Depth", section 3,
        https://arxiv.org/abs/1603.09382
    """

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        shape = (ops.shape(inputs)[0], *[1] * (len(inputs.shape) - 1))
        chances = keras.random.uniform(shape, seed=self.seed_generator)
        kept = ops.cast(chances >= self.rate, inputs.dtype)
        return inputs * (kept * (1 / (1 - self.rate)))
