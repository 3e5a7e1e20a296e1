"""Cuts an image into patches and projects each to a vector."""

import keras
from keras import ops

from .checks import check_positive
from .initializers import clone_initializer


@keras.saving.register_keras_serializable("regard")
class PatchEmbedding(keras.layers.Layer):
    """Cuts images into square patches and projects each to a vector.

    It is a convolution whose stride is its width, as one matrix product over the patches.

    Args:
        hidden_dim: Width D.
        patch_size: Height and width of a patch, in pixels.
        kernel_initializer: Initializer of the kernel. Defaults to "lecun_normal".
        use_bias: Whether a bias is added. Defaults to True.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        images: (B, H, W, C). What is left of H and W after the last whole patch is not read.

    Returns:
        A tensor of shape (B, P, D): the P patches, row by row.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> layer = PatchEmbedding(hidden_dim=8, patch_size=4)
        >>> keras.ops.shape(layer(keras.ops.ones((2, 12, 16, 3))))
        (2, 12, 8)

    References:
        Dosovitskiy et al., "An Image is Worth 16x16 Words", section 3.1,
        https://arxiv.org/abs/2010.11929
    """

    def __init__(
        self, hidden_dim, patch_size, kernel_initializer="lecun_normal", use_bias=True, **kwargs
    ):
        super().__init__(**kwargs)
        check_positive(hidden_dim=hidden_dim, patch_size=patch_size)
        self.hidden_dim = hidden_dim
        self.patch_size = patch_size
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.use_bias = use_bias

    def build(self, images_shape):
        size, channels = self.patch_size, images_shape[-1]
        self.kernel = self.add_weight(
            (size, size, channels, self.hidden_dim),
            initializer=clone_initializer(self.kernel_initializer),
            name="kernel",
        )
        if self.use_bias:
            self.bias = self.add_weight((self.hidden_dim,), initializer="zeros", name="bias")

    def call(self, images):
        size, channels = self.patch_size, images.shape[-1]
        batch_size, height, width = ops.shape(images)[:3]
        rows, columns = height // size, width // size
        x = images[:, : rows * size, : columns * size]
        x = ops.reshape(x, (batch_size, rows, size, columns, size, channels))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))  # (B, rows, columns, size, size, C)
        x = ops.reshape(x, (batch_size * rows * columns, size * size * channels))
        kernel = ops.reshape(self.kernel, (size * size * channels, self.hidden_dim))
        x = ops.matmul(x, kernel)  # (B·P, D)
        if self.use_bias:
            x = x + self.bias
        return ops.reshape(x, (batch_size, rows * columns, self.hidden_dim))  # (B, P, D)

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


def num_patches(images_shape, patch_size):
    height, width = images_shape[1:3]
    return None if None in (height, width) else (height // patch_size) * (width // patch_size)
