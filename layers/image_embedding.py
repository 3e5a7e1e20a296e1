"""Turns an image into a sequence: patches, a class token before them, and positions."""

import keras
from keras import ops

from .checks import check_positive, check_rate
from .convolutional_stem import ConvolutionalStem
from .dropout import Dropout
from .patches import PatchEmbedding, num_patches
from .positions import PositionEmbedding

STEMS = ("patches", "convolutions")


@keras.saving.register_keras_serializable("regard")
class ImageEmbedding(keras.layers.Layer):
    """ViT's embedding: patches after a class token, plus positions, then dropout.

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
        num_tokens = num_patches((None, *self.image_shape), self.patch_size)
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
        num_tokens = num_patches((None, *self.image_shape), self.patch_size)
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


def check_image_shape(image_shape, patch_size):
    """Raises `ValueError` unless an image is (H, W, C) and its sides are multiples of a patch."""
    check_positive(patch_size=patch_size)
    is_good = len(image_shape) == 3 and all(isinstance(n, int) and n > 0 for n in image_shape)
    if not is_good or any(side % patch_size for side in image_shape[:2]):
        raise ValueError(
            "`image_shape` must be height, width and channels, the first two multiples of "
            f"`patch_size`. Received: image_shape={image_shape}, patch_size={patch_size}"
        )
