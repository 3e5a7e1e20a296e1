"""Makes vectors of an image with convolutions, in place of patches."""

import keras
from keras import ops

from .checks import check_positive
from .initializers import clone_initializer
from .normalization import LayerNorm
from .patches import num_patches


@keras.saving.register_keras_serializable("regard")
class ConvolutionalStem(keras.layers.Layer):
    """Three overlapping convolutions in place of patches: for small images learned from scratch.

    The first convolution has stride 1, or 2 where a patch has 8 pixels or more; the second has
    stride 2, and the third goes the rest of the way down to one vector a patch. Each doubles the
    width, up to D. A normalization and a rectifier follow the first and the second.

    Args:
        hidden_dim: Width D, a multiple of 4.
        patch_size: Height and width, in pixels, of the part of an image that becomes one vector:
            even, at least 4.
        kernel_initializer: Initializer of all kernels. Defaults to "he_normal".
        use_bias: Whether the last convolution has a bias. Defaults to True.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        images: (B, H, W, C), H and W multiples of `patch_size`.

    Returns:
        A tensor of shape (B, P, D), row by row.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> layer = ConvolutionalStem(hidden_dim=8, patch_size=4)
        >>> keras.ops.shape(layer(keras.ops.ones((2, 12, 16, 3))))
        (2, 12, 8)

    References:
        Xiao et al., "Early Convolutions Help Transformers See Better", section 4,
        https://arxiv.org/abs/2106.14881
    """

    def __init__(
        self, hidden_dim, patch_size, kernel_initializer="he_normal", use_bias=True, **kwargs
    ):
        super().__init__(**kwargs)
        check_positive(hidden_dim=hidden_dim, patch_size=patch_size)
        if hidden_dim % 4 or patch_size % 2 or patch_size < 4:
            raise ValueError(
                "With a convolutional stem `hidden_dim` must be a multiple of 4, and `patch_size` "
                f"even and at least 4. Received: hidden_dim={hidden_dim}, patch_size={patch_size}"
            )
        self.hidden_dim = hidden_dim
        self.patch_size = patch_size
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.use_bias = use_bias

    def build(self, images_shape):
        first, second, third = stem_strides(self.patch_size)
        self.first = self._convolution("first", self.hidden_dim // 4, first)
        self.first_norm = LayerNorm(1e-6, dtype=self.dtype_policy, name="first_norm")
        self.second = self._convolution("second", self.hidden_dim // 2, second)
        self.second_norm = LayerNorm(1e-6, dtype=self.dtype_policy, name="second_norm")
        self.third = self._convolution("third", self.hidden_dim, third, self.use_bias)
        shape = images_shape
        for layer in (self.first, self.first_norm, self.second, self.second_norm, self.third):
            layer.build(shape)
            shape = layer.compute_output_shape(shape)

    def call(self, images):
        x = ops.relu(self.first_norm(self.first(images)))  # (B, H, W, D/4), or half of H and W
        x = ops.relu(self.second_norm(self.second(x)))  # (B, H/2, W/2, D/2), likewise
        x = self.third(x)  # (B, rows, columns, D)
        return ops.reshape(x, (ops.shape(x)[0], -1, self.hidden_dim))  # (B, P, D)

    def compute_output_shape(self, images_shape):
        return (images_shape[0], num_patches(images_shape, self.patch_size), self.hidden_dim)

    def get_config(self):
        return {
            **super().get_config(),
            "hidden_dim": self.hidden_dim,
            "patch_size": self.patch_size,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "use_bias": self.use_bias,
        }

    def _convolution(self, name, filters, stride, use_bias=True):
        return keras.layers.Conv2D(
            filters,
            max(3, stride + 1),  # so that neighbours overlap
            stride,
            padding="same",
            use_bias=use_bias,
            kernel_initializer=clone_initializer(self.kernel_initializer),
            dtype=self.dtype_policy,
            name=name,
        )


def stem_strides(patch_size):
    """Returns the strides of the three convolutions; their product is the side of a patch."""
    first = 2 if patch_size >= 8 and patch_size % 4 == 0 else 1
    return first, 2, patch_size // (2 * first)
