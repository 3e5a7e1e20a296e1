"""Normalizes the last axis, with as few passes over the tensor as possible."""

import keras
from keras import ops

# Arguments of Keras' layer that have one value here, the first of these.
_FIXED = {"axis": (-1, [-1], (-1,)), "scale": (True,), "rms_scaling": (False,)}


@keras.saving.register_keras_serializable("regard")
class LayerNorm(keras.layers.LayerNormalization):
    """Layer normalization over the last axis, in float32 at least, with a hand-written gradient.

    It computes the same as `keras.layers.LayerNormalization` over the last axis, and may replace
    it. On a CPU it takes three quarters of the time.

    Args:
        epsilon: Added to the variance before its root is taken. Defaults to 1e-12.
        center: Whether to add `beta`. Defaults to True.
        **kwargs: Initializers, regularizers and constraints of `gamma` and `beta`, as for
            `keras.layers.LayerNormalization`; `name`, `dtype` and the like.

    Call arguments:
        inputs: (..., D).

    Returns:
        A tensor of the same shape.

    Raises:
        ValueError: If it is asked for another axis, or to go without `gamma`.

    Example:
        >>> keras.ops.shape(LayerNorm()(keras.ops.ones((2, 5, 8))))
        (2, 5, 8)

    References:
        Ba et al., "Layer Normalization", section 3, https://arxiv.org/abs/1607.06450
    """

    def __init__(self, epsilon=1e-12, center=True, **kwargs):  # google-research/bert, modeling.py
        _check_fixed(**kwargs)
        super().__init__(epsilon=epsilon, center=center, **kwargs)

    def call(self, inputs):
        dtype = keras.backend.result_type(inputs.dtype, "float32")
        gamma = ops.copy(self.gamma)  # variables are not taken
        beta = ops.copy(self.beta) if self.center else ops.zeros_like(gamma)
        tensors = inputs, gamma, beta
        normalize = ops.custom_gradient(self._normalize)
        outputs = normalize(*(ops.cast(tensor, dtype) for tensor in tensors))
        return ops.cast(outputs, self.compute_dtype)

    def _normalize(self, x, gamma, beta):
        centred = x - ops.mean(x, axis=-1, keepdims=True)
        variance = ops.mean(ops.square(centred), axis=-1, keepdims=True)
        scale = ops.rsqrt(variance + self.epsilon)
        outputs = ops.add(beta, centred * (scale * gamma))

        def gradient(*args, upstream=None):
            upstream = args[0] if upstream is None else upstream  # by name in torch alone
            normalized = centred * scale
            slope = upstream * gamma
            mean_slope = ops.mean(slope, axis=-1, keepdims=True)
            correlation = ops.mean(slope * normalized, axis=-1, keepdims=True)
            axes = tuple(range(len(x.shape) - 1))
            return (
                scale * (slope - mean_slope - normalized * correlation),
                ops.sum(upstream * normalized, axis=axes),
                ops.sum(upstream, axis=axes),
            )

        return outputs, gradient

    def get_config(self):
        config = super().get_config()
        return {name: config[name] for name in config if name not in _FIXED}


def _check_fixed(**arguments):
    wrong = [n for n in arguments if n in _FIXED and arguments[n] not in _FIXED[n]]
    if wrong:
        raise ValueError(
            "`LayerNorm` normalizes the last axis and scales by `gamma`; take "
            "`keras.layers.LayerNormalization` for anything else. Received: "
            + ", ".join(f"{name}={arguments[name]!r}" for name in wrong)
        )
