"""Pools by kernels: what is near weighs more, as in Nadaraya-Watson regression."""

import keras
import numpy as np
from keras import ops

from .masks import all_of, combine_masks
from .pooling import Pooling, average_weights
from .scores import masked_softmax, weighted_sum

OUT_OF_REACH = -1e6  # exp() of it is 0 beside any that is in reach, yet above that of a mask

# The logarithms of kernels K(u), of u². Their scale does not matter: the weights sum to 1.
KERNELS = {
    "gaussian": lambda squares: -0.5 * squares,
    "boxcar": lambda squares: ops.where(squares <= 1, 0.0, OUT_OF_REACH),
    "epanechnikov": lambda squares: ops.where(
        squares < 1, ops.log(ops.where(squares < 1, 1 - squares, 1.0)), OUT_OF_REACH
    ),
}


def kernel_scores(query, key, kernel="gaussian", width=1.0):
    """Scores by nearness: log K(u), u = |q - k| / (w √D).

    Their softmax is K(u) over the sum of K, the weights of Nadaraya and Watson. The root of D is
    there for the reason it is in scaled dot products: distances grow with it. With D = 1 it is the
    regression of a curve. It needs memory for B·T·S·D numbers.

    Args:
        query: (B, T, D).
        key: (B, S, D).
        kernel: "gaussian", exp(-u²/2); "boxcar", 1 up to u = 1; or "epanechnikov", 1 - u² up to
            there. Of keys out of reach of the last two, all weigh nothing; where no key is in
            reach, all weigh the same. Defaults to "gaussian".
        width: The width w, a number or a scalar tensor, above 0. Defaults to 1.

    Returns:
        A float32 tensor of shape (B, T, S).

    References:
        Nadaraya, "On Estimating Regression", 1964; Watson, "Smooth Regression Analysis", 1964;
        Zhang et al., "Dive into Deep Learning", section 11.2, https://d2l.ai
    """
    query, key = ops.cast(query, "float32"), ops.cast(key, "float32")
    distances = ops.square(query[:, :, None] - key[:, None])  # (B, T, S, D)
    squares = ops.mean(distances, axis=-1) / ops.square(ops.cast(width, "float32"))  # (B, T, S)
    return KERNELS[kernel](squares)


@keras.saving.register_keras_serializable("regard")
class NadarayaWatson(keras.layers.Layer):
    """Kernel regression: Σ K(uₛ) vₛ / Σ K(uₛ), uₛ = |q - kₛ| / (w √D).

    Args:
        kernel: "gaussian", "boxcar" or "epanechnikov", as in `kernel_scores`. Defaults to
            "gaussian".
        width: The width w, above 0. Defaults to 1.
        learn_width: Whether the width is learned, from `width` on. Defaults to False, which leaves
            nothing to learn.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        query: (B, T, D): where the curve is asked for.
        key: (B, S, D): where it is known.
        value: (B, S, E): its values there.
        padding_mask: (B, S), True at real keys.
        key_mask: Likewise, as Keras has attached it to the keys; it counts beside `padding_mask`.
        attention_mask: (T, S) or (B, T, S), True = attend. To learn a width, let no example see
            itself.

    Returns:
        A tensor of shape (B, T, E).

    Raises:
        ValueError: If there is no such kernel, if the width is not above 0, or if that of a boxcar
            is to be learned: its slope is 0.

    Example:
        >>> x, y = keras.ops.ones((2, 7, 1)), keras.ops.ones((2, 7, 3))
        >>> keras.ops.shape(NadarayaWatson()(keras.ops.ones((2, 5, 1)), x, y))
        (2, 5, 3)

    References:
        See `kernel_scores`.
    """

    def __init__(self, kernel="gaussian", width=1.0, learn_width=False, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        _check(kernel, width, learn_width)
        self.kernel = kernel
        self.width = width
        self.learn_width = learn_width
        self.log_width = None

    def build(self, query_shape, key_shape=None, value_shape=None):
        if self.learn_width:  # by its logarithm, so that it stays above 0
            start = keras.initializers.Constant(float(np.log(self.width)))
            self.log_width = self.add_weight((), start, name="log_width")

    def call(self, query, key, value, padding_mask=None, attention_mask=None, key_mask=None):
        padding_mask = all_of(padding_mask, key_mask)
        weights = self.attention_weights(query, key, padding_mask, attention_mask)
        return weighted_sum(ops.cast(weights, value.dtype), value)  # (B, T, E)

    def attention_weights(self, query, key, padding_mask=None, attention_mask=None):
        """Returns the weights that `call` uses: float32, (B, T, S)."""
        mask = combine_masks(None, None, padding_mask, attention_mask)  # (B, 1, T, S)
        scores = kernel_scores(query, key, self.kernel, self._width())
        return masked_softmax(scores[:, None], mask)[:, 0]  # (B, T, S)

    def _width(self):
        return (
            self.width if self.log_width is None else ops.exp(ops.cast(self.log_width, "float32"))
        )

    def compute_output_shape(self, query_shape, key_shape, value_shape):
        return (*query_shape[:-1], value_shape[-1])

    def get_config(self):
        own = {"kernel": self.kernel, "width": self.width, "learn_width": self.learn_width}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("regard")
class KernelPooling(Pooling):
    """Pools by nearness to the mean x̄: Σ K(uₜ) xₜ / Σ K(uₜ), uₜ = |x̄ - xₜ| / (w √D).

    It is Nadaraya-Watson regression, asked at the mean of the real tokens: what is far from it
    weighs less.

    Args:
        kernel: "gaussian", "boxcar" or "epanechnikov", as in `kernel_scores`. Defaults to
            "gaussian".
        width: The width w, above 0. Defaults to 1.
        learn_width: Whether the width is learned, from `width` on. Defaults to False.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        inputs: (B, T, D).
        padding_mask: (B, T), True at real tokens. Of a sequence of padding alone all are taken.
        mask: Likewise, as Keras has attached it to the inputs; it counts beside `padding_mask`.

    Returns:
        A tensor of shape (B, D).

    Raises:
        ValueError: As for `NadarayaWatson`.

    Example:
        >>> keras.ops.shape(KernelPooling("boxcar")(keras.ops.ones((2, 5, 8))))
        (2, 8)

    References:
        See `kernel_scores`.
    """

    def __init__(self, kernel="gaussian", width=1.0, learn_width=False, **kwargs):
        super().__init__(**kwargs)
        self.regression = NadarayaWatson(
            kernel, width, learn_width, dtype=self.dtype_policy, name="regression"
        )

    def build(self, input_shape):
        self.regression.build(input_shape, input_shape, input_shape)

    def call(self, inputs, padding_mask=None, mask=None):
        mask = all_of(padding_mask, mask)
        mean = weighted_sum(ops.cast(average_weights(inputs, mask), inputs.dtype), inputs)
        return self.regression(mean, inputs, inputs, mask)[:, 0]  # (B, D)

    def get_config(self):
        regression = self.regression
        own = {name: getattr(regression, name) for name in ("kernel", "width", "learn_width")}
        return {**super().get_config(), **own}


def _check(kernel, width, learn_width):
    if kernel not in KERNELS:
        raise ValueError(f"`kernel` must be one of {', '.join(KERNELS)}. Received: {kernel!r}")
    if not width > 0:
        raise ValueError(f"`width` must be above 0. Received: width={width}")
    if learn_width and kernel == "boxcar":
        raise ValueError(
            "The width of a boxcar cannot be learned, as its slope is 0 nearly everywhere. "
            "Received: kernel='boxcar', learn_width=True; take another kernel"
        )
