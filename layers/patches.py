"""From an image to a sequence of vectors: patches, what stands before them, where they stand."""

import keras
import numpy as np
from keras import ops

from .checks import check_positive, check_rate
from .dropout import Dropout
from .initializers import clone_initializer
from .normalization import LayerNorm
from .positions import PositionEmbedding

STEMS = ("patches", "convolutions")


@keras.saving.register_keras_serializable("regard")
class PatchEmbedding(keras.layers.Layer):
    """Cuts images into square patches and projects each to a vector.

    It is a convolution whose stride is its width, as one matrix product over the patches.

    Args:
        hidden_dim: Width D.
        patch_size: Height and width of a patch, in pixels.
        kernel_initializer: Initializer of the kernel. Defaults to "lecun_normal".
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

    def __init__(self, hidden_dim, patch_size, kernel_initializer="lecun_normal", **kwargs):
        super().__init__(**kwargs)
        check_positive(hidden_dim=hidden_dim, patch_size=patch_size)
        self.hidden_dim = hidden_dim
        self.patch_size = patch_size
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, images_shape):
        size, channels = self.patch_size, images_shape[-1]
        self.kernel = self.add_weight(
            (size, size, channels, self.hidden_dim),
            initializer=clone_initializer(self.kernel_initializer),
            name="kernel",
        )
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
        x = ops.matmul(x, kernel) + self.bias  # (B·P, D)
        return ops.reshape(x, (batch_size, rows * columns, self.hidden_dim))  # (B, P, D)

    def compute_output_shape(self, images_shape):
        return (images_shape[0], _num_patches(images_shape, self.patch_size), self.hidden_dim)

    def get_config(self):
        return {
            **super().get_config(),
            "hidden_dim": self.hidden_dim,
            "patch_size": self.patch_size,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


@keras.saving.register_keras_serializable("regard")
class ConvolutionalStem(keras.layers.Layer):
    """Three overlapping convolutions in place of patches: for small images learned from scratch.

    The first reads the image pixel by pixel, the second halves it, and the third does the rest of
    the way down to one vector a patch; each doubles the width, up to D, and in between there are
    normalization and a rectifier.

    Args:
        hidden_dim: Width D, a multiple of 4.
        patch_size: Height and width, in pixels, of what one vector stands for: even, at least 4.
        kernel_initializer: Initializer of all kernels. Defaults to "he_normal".
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

    def __init__(self, hidden_dim, patch_size, kernel_initializer="he_normal", **kwargs):
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

    def build(self, images_shape):
        stride = self.patch_size // 2
        self.first = self._convolution("first", self.hidden_dim // 4, 3, 1)
        self.first_norm = LayerNorm(1e-6, dtype=self.dtype_policy, name="first_norm")
        self.second = self._convolution("second", self.hidden_dim // 2, 3, 2)
        self.second_norm = LayerNorm(1e-6, dtype=self.dtype_policy, name="second_norm")
        self.third = self._convolution("third", self.hidden_dim, stride + 1, stride)
        shape = images_shape
        for layer in (self.first, self.first_norm, self.second, self.second_norm, self.third):
            layer.build(shape)
            shape = layer.compute_output_shape(shape)

    def call(self, images):
        x = ops.relu(self.first_norm(self.first(images)))  # (B, H, W, D/4)
        x = ops.relu(self.second_norm(self.second(x)))  # (B, H/2, W/2, D/2)
        x = self.third(x)  # (B, rows, columns, D)
        return ops.reshape(x, (ops.shape(x)[0], -1, self.hidden_dim))  # (B, P, D)

    def compute_output_shape(self, images_shape):
        return (images_shape[0], _num_patches(images_shape, self.patch_size), self.hidden_dim)

    def get_config(self):
        return {
            **super().get_config(),
            "hidden_dim": self.hidden_dim,
            "patch_size": self.patch_size,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }

    def _convolution(self, name, filters, size, stride):
        return keras.layers.Conv2D(
            filters,
            size,
            stride,
            padding="same",
            kernel_initializer=clone_initializer(self.kernel_initializer),
            dtype=self.dtype_policy,
            name=name,
        )


@keras.saving.register_keras_serializable("regard")
class ImageEmbedding(keras.layers.Layer):
    """ViT's embedding: patches, a class token before them, where each stands, then dropout.

    Args:
        image_shape: Height, width and channels of the images, in pixels; both sides multiples of
            `patch_size`.
        hidden_dim: Width D.
        patch_size: Height and width of a patch, in pixels.
        class_token: Whether a learned vector stands before the patches. Defaults to True.
        stem: "patches", or "convolutions" for a `ConvolutionalStem`. Defaults to "patches".
        dropout: Probability in [0, 1) of dropping a unit in training. Defaults to 0.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        images: (B, H, W, C).

    Returns:
        A tensor of shape (B, 1 + P, D), or (B, P, D) without a class token.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> embedding = ImageEmbedding(image_shape=(12, 16, 3), hidden_dim=8, patch_size=4)
        >>> keras.ops.shape(embedding(keras.ops.ones((2, 12, 16, 3))))
        (2, 13, 8)

    References:
        Dosovitskiy et al., "An Image is Worth 16x16 Words", section 3.1 and appendix D.4,
        https://arxiv.org/abs/2010.11929
    """

    def __init__(
        self,
        image_shape,
        hidden_dim,
        patch_size,
        class_token=True,
        stem="patches",
        dropout=0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_image_shape(image_shape, patch_size)
        check_rate(dropout=dropout)
        if stem not in STEMS:
            raise ValueError(f"`stem` must be one of {', '.join(STEMS)}. Received: stem={stem!r}")
        self.image_shape = tuple(image_shape)
        self.hidden_dim = hidden_dim
        self.patch_size = patch_size
        self.has_class_token = class_token
        self.stem = stem
        self.dropout = dropout
        make_patches = PatchEmbedding if stem == "patches" else ConvolutionalStem
        self.patches = make_patches(hidden_dim, patch_size, dtype=self.dtype_policy, name=stem)

    def build(self, images_shape=None):
        self.patches.build((None, *self.image_shape))
        num_tokens = _num_patches((None, *self.image_shape), self.patch_size)
        initializer = keras.initializers.TruncatedNormal(stddev=0.02)  # vision_transformer, vit.py
        if self.has_class_token:
            num_tokens += 1
            self.class_token = self.add_weight(
                (1, 1, self.hidden_dim), initializer="zeros", name="class_token"
            )
        self.position_embedding = PositionEmbedding(
            num_tokens, initializer, dtype=self.dtype_policy, name="position_embedding"
        )
        self.position_embedding.build((None, num_tokens, self.hidden_dim))
        self.embedding_dropout = Dropout(self.dropout, dtype=self.dtype_policy)

    def call(self, images, training=None):
        x = self.patches(images)  # (B, P, D)
        if self.has_class_token:
            token = ops.cast(self.class_token, x.dtype)
            token = ops.broadcast_to(token, (ops.shape(x)[0], 1, self.hidden_dim))
            x = ops.concatenate([token, x], axis=1)  # (B, 1 + P, D)
        return self.embedding_dropout(x + self.position_embedding(x), training=training)

    def compute_output_shape(self, images_shape):
        num_tokens = _num_patches((None, *self.image_shape), self.patch_size)
        return (images_shape[0], num_tokens + self.has_class_token, self.hidden_dim)

    def get_config(self):
        return {
            **super().get_config(),
            "image_shape": list(self.image_shape),
            "hidden_dim": self.hidden_dim,
            "patch_size": self.patch_size,
            "class_token": self.has_class_token,
            "stem": self.stem,
            "dropout": self.dropout,
        }


def resize_positions(table, grid, new_grid):
    """Interpolates the vectors of the patches' positions for another number of patches.

    By cubic convolution, as PyTorch does it and so `transformers`: with a = -0.75, pixels as
    areas, no smoothing, and what is beyond the edge as at the edge.

    Args:
        table: A NumPy array (P, D) or (1 + P, D): a class token's vector stays as it is.
        grid: Rows and columns of the P patches.
        new_grid: Those to come.

    Returns:
        A NumPy array of float32 with as many rows as the new grid has patches, and the class
        token's if there is one.

    References:
        Keys, "Cubic Convolution Interpolation for Digital Image Processing", 1981; Dosovitskiy et
        al., section 3.2, https://arxiv.org/abs/2010.11929
    """
    first = len(table) - grid[0] * grid[1]
    patches = np.reshape(table[first:], (*grid, -1)).astype("float64")  # (rows, columns, D)
    rows, columns = (_cubic(old, new) for old, new in zip(grid, new_grid, strict=True))
    patches = np.einsum("ir,jc,rcd->ijd", rows, columns, patches)
    patches = patches.reshape(new_grid[0] * new_grid[1], -1)  # (P, D)
    return np.concatenate([table[:first], patches]).astype("float32")


def _cubic(size, new_size):
    """What each of the new places takes of each old one: (new, old)."""
    weights = np.zeros((new_size, size))
    for place in range(new_size):
        centre = (place + 0.5) * size / new_size - 0.5
        for old in range(int(np.floor(centre)) - 1, int(np.floor(centre)) + 3):
            weights[place, min(max(old, 0), size - 1)] += _cubic_kernel(abs(centre - old))
    return weights


def _cubic_kernel(x, a=-0.75):
    if x <= 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0.0


def check_image_shape(image_shape, patch_size):
    """Raises `ValueError` unless an image is (H, W, C) and its sides are multiples of a patch."""
    check_positive(patch_size=patch_size)
    is_good = len(image_shape) == 3 and all(isinstance(n, int) and n > 0 for n in image_shape)
    if not is_good or any(side % patch_size for side in image_shape[:2]):
        raise ValueError(
            "`image_shape` must be height, width and channels, the first two multiples of "
            f"`patch_size`. Received: image_shape={image_shape}, patch_size={patch_size}"
        )


def _num_patches(images_shape, patch_size):
    height, width = images_shape[1:3]
    return None if None in (height, width) else (height // patch_size) * (width // patch_size)
