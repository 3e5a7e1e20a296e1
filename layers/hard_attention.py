"""Attends to one key alone, which is drawn, and learns to draw by two estimators."""

import keras
from keras import ops

from .attention import MultiHeadAttention
from .checks import check_rate
from .masks import combine_masks
from .scores import weighted_sum


@keras.saving.register_keras_serializable("regard")
class HardAttention(MultiHeadAttention):
    """Hard attention: each query of each head reads one key, drawn by the soft weights.

    A drawing has no gradient, so that one must be estimated:

    - Straight-through, by `call`: the outputs are those of the key that was drawn, the gradient is
      that of soft attention. It trains by `fit` like any layer, and is biased.
    - REINFORCE, by `call_with_log_probability` and `Reinforce`: the weights learn from the log of
      the probability of what was drawn, times how well it went. It is unbiased, and varies more.

    In training keys are drawn; otherwise the likeliest is taken.

    Args:
        num_heads: Number of heads N.
        key_dim: Size of each head H.
        seed: An integer. Defaults to another one for each layer.
        **kwargs: Further arguments of `MultiHeadAttention`; `name`, `dtype` and the like.

    Call arguments:
        query, key, value, ...: As for `MultiHeadAttention`.

    Returns:
        A tensor of shape (B, T, D), or (B, 1, D) if `first_only`.

    Raises:
        ValueError: As for `MultiHeadAttention`.

    Example:
        >>> layer = HardAttention(num_heads=2, key_dim=4)
        >>> keras.ops.shape(layer(keras.random.normal((3, 5, 8)), training=True))
        (3, 5, 8)

    References:
        Xu et al., "Show, Attend and Tell", section 4.1, https://arxiv.org/abs/1502.03044; Bengio et
        al., "Estimating or Propagating Gradients Through Stochastic Neurons", section 2.3,
        https://arxiv.org/abs/1308.3432
    """

    def __init__(self, num_heads, key_dim, seed=None, **kwargs):
        super().__init__(num_heads, key_dim, **kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def weigh(self, scores, mask, training=False):
        """Returns 1 for the key that is taken and 0 for the others, with the gradient of α."""
        weights = super().weigh(scores, mask)
        return straight_through(weights, self._taken(weights, training))

    def _taken(self, weights, training):
        return one_hot_draws(weights, self.seed_generator if training else None)

    def call_with_log_probability(
        self, query, key=None, value=None, padding_mask=None, attention_mask=None, causal=False
    ):
        """Draws keys, for REINFORCE: no gradient goes through the drawing.

        It sees no masks but those that it is given, and drops no weights.

        Returns:
            The outputs (B, T, D), and the logarithm of the probability of what each query has
            drawn, in all heads together: float32, (B, T).
        """
        value = key if value is None else value
        queries, keys, values = self.project(query, key, value)
        lengths = ops.shape(queries)[2], ops.shape(keys)[2]
        mask = combine_masks(*lengths, padding_mask, attention_mask, causal)
        mask = self.within_window(mask, *lengths)
        weights = super().weigh(self.scores(queries, keys), mask)  # (B, N, T, S)
        taken = self._taken(weights, training=True)
        outputs = self.joined(weighted_sum(ops.cast(taken, values.dtype), values))  # (B, T, D)
        return outputs, ops.sum(log_probability(weights, taken), axis=1)

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


def one_hot_draws(weights, seed=None):
    """Draws one key for each query, or takes the likeliest.

    Args:
        weights: (..., T, S): the probabilities of the keys.
        seed: A `keras.random.SeedGenerator`. Without one, the likeliest is taken.

    Returns:
        A float32 tensor of shape (..., T, S) of ones and zeros, with no gradient.
    """
    weights = ops.stop_gradient(weights)
    if seed is None:
        chosen = ops.argmax(weights, axis=-1)
    else:  # the largest of log α - log(-log u) is s with probability α of s (Gumbel)
        chances = keras.random.uniform(ops.shape(weights), 1e-20, 1.0, dtype="float32", seed=seed)
        chosen = ops.argmax(ops.log(weights) - ops.log(-ops.log(chances)), axis=-1)
    return ops.cast(ops.arange(ops.shape(weights)[-1]) == chosen[..., None], "float32")


def straight_through(weights, taken):
    """Returns what was taken, with the gradient of the weights."""
    return taken + (weights - ops.stop_gradient(weights))


def log_probability(weights, taken):
    """Returns the logarithm of the weight (...,) of the key that was taken of each row (..., S)."""
    return ops.log(ops.maximum(ops.sum(weights * taken, axis=-1), 1e-30))


@keras.saving.register_keras_serializable("regard")
class Reinforce(keras.layers.Layer):
    """The loss of REINFORCE: -(R - b) log p, whose gradient is an estimate of that of -R.

    The baseline b is a moving mean of the rewards R, which makes the estimate vary less. In
    training the layer follows them: b := m b + (1 - m) R̄.

    Args:
        momentum: The share m of the baseline that each step keeps, in [0, 1). Defaults to 0.9.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        log_probabilities: (B, ...): of what was drawn for each example; they are added up.
        rewards: (B,): how well that went, by the negative loss of each example, say. They get no
            gradient, so add that loss to this one.

    Returns:
        A float32 tensor of shape (B,).

    Raises:
        ValueError: If `momentum` is out of range.

    Example:
        >>> keras.ops.shape(Reinforce()(keras.ops.ones((3, 5)), keras.ops.ones((3,))))
        (3,)

    References:
        Williams, "Simple Statistical Gradient-Following Algorithms", 1992, section 4; Mnih et al.,
        "Recurrent Models of Visual Attention", section 3.1, https://arxiv.org/abs/1406.6247; Xu et
        al., equations 11 and 12, https://arxiv.org/abs/1502.03044
    """

    def __init__(self, momentum=0.9, **kwargs):
        super().__init__(autocast=False, **kwargs)  # a loss is float32 in mixed precision too
        check_rate(momentum=momentum)
        self.momentum = momentum

    def build(self, log_probabilities_shape, rewards_shape):
        self.baseline = self.add_weight(
            (), "zeros", dtype="float32", trainable=False, name="baseline"
        )

    def call(self, log_probabilities, rewards, training=None):
        examples = ops.shape(log_probabilities)[0]
        log_probabilities = ops.cast(log_probabilities, "float32")
        total = ops.sum(ops.reshape(log_probabilities, (examples, -1)), axis=1)  # (B,)
        rewards = ops.stop_gradient(ops.cast(rewards, "float32"))
        baseline = ops.cast(self.baseline, "float32")
        if training:
            mean = ops.mean(rewards)
            self.baseline.assign(self.momentum * baseline + (1 - self.momentum) * mean)
        return (baseline - rewards) * total  # (B,)

    def compute_output_spec(self, *args, **kwargs):  # by tracing, which knows that it is float32
        return keras.Operation.compute_output_spec(self, *args, **kwargs)

    def compute_output_shape(self, log_probabilities_shape, rewards_shape):
        return log_probabilities_shape[:1]

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum}
