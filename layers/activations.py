"""Names activations that Keras has only with an argument, or not at all."""

import keras


@keras.saving.register_keras_serializable("regard")
def gelu_tanh(x):
    """Computes the tanh approximation of gelu, "gelu_new" in Hugging Face's configs.

    Args:
        x: A tensor of any shape.

    Returns:
        A tensor of the same shape.

    Example:
        >>> f"{float(gelu_tanh(keras.ops.ones(()))):.4f}"
        '0.8412'

    References:
        Hendrycks and Gimpel, "Gaussian Error Linear Units", section 2,
        https://arxiv.org/abs/1606.08415
    """
    return keras.activations.gelu(x, approximate=True)


@keras.saving.register_keras_serializable("regard")
def quick_gelu(x):
    """Computes x · sigmoid(1.702 x), an approximation of gelu: "quick_gelu" in CLIP's configs.

    Args:
        x: A tensor of any shape.

    Returns:
        A tensor of the same shape.

    Example:
        >>> f"{float(quick_gelu(keras.ops.ones(()))):.4f}"
        '0.8458'

    References:
        Hendrycks and Gimpel, "Gaussian Error Linear Units", section 2,
        https://arxiv.org/abs/1606.08415
    """
    return x * keras.ops.sigmoid(1.702 * x)
