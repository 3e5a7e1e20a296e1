"""Turns an image into a sequence: patches, a class token before them, and positions."""

import keras
from keras import ops

from .checks import check_positive, check_rate
from .convolutional_stem import ConvolutionalStem
from .dropout import Dropout
from .normalization import LayerNorm
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
        distillation_token: Whether a second learned vector follows the class token, as in DeiT.
            Defaults to False.
        num_registers: Number of learned vectors without positions between those and the patches, as
            in DINOv2 with registers. Defaults to 0.
        positions: Whether positions are added. Defaults to True.
        patch_bias: Whether the patches have a bias; CLIP's have none. Defaults to True.
        norm_epsilon: Added to the variance in a normalization of the result, before dropout, as in
            CLIP. Defaults to no normalization.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        images: (B, H, W, C).

    Returns:
        A tensor of shape (B, K + P, D), for K tokens before the patches: 1 by default, 0 without a
        class token.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> embedding = ImageEmbedding(image_shape=(12, 16, 3), hidden_dim=8, patch_size=4)
        >>> keras.ops.shape(embedding(keras.ops.ones((2, 12, 16, 3))))
        (2, 13, 8)

    References:
        Dosovitskiy et al., "An Image is Worth 16x16 Words", section 3.1 and appendix D.4,
        https://arxiv.org/abs/2010.11929; Touvron et al., "DeiT", section 4,
        https://arxiv.org/abs/2012.12877; Darcet et al., "Vision Transformers Need Registers",
        https://arxiv.org/abs/2309.16588
    """

    def __init__(
        self,
        image_shape,
        hidden_dim,
        patch_size,
        class_token=True,
        stem="patches",
        dropout=0.0,
        distillation_token=False,
        num_registers=0,
        positions=True,
        patch_bias=True,
        norm_epsilon=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_shape = tuple(image_shape)
        self.hidden_dim = hidden_dim
        self.patch_size = patch_size
        self.has_class_token = class_token
        self.stem = stem
        self.dropout = dropout
        self.has_distillation_token = distillation_token
        self.num_registers = num_registers
        self.has_positions = positions
        self.patch_bias = patch_bias
        self.norm_epsilon = norm_epsilon
        self._check_arguments()
        self.patches = self._make_patches()

    def _check_arguments(self):
        check_image_shape(self.image_shape, self.patch_size)
        check_rate(dropout=self.dropout)
        if self.stem not in STEMS:
            raise ValueError(
                f"`stem` must be one of {', '.join(STEMS)}. Received: stem={self.stem!r}"
            )

    def _make_patches(self):
        make = PatchEmbedding if self.stem == "patches" else ConvolutionalStem
        return make(
            self.hidden_dim,
            self.patch_size,
            use_bias=self.patch_bias,
            dtype=self.dtype_policy,
            name=self.stem,
        )

    @property
    def num_first(self):
        """Returns the number of tokens before the patches."""
        return self.has_class_token + self.has_distillation_token + self.num_registers

    def build(self, images_shape=None):
        self.patches.build((None, *self.image_shape))
        initializer = keras.initializers.TruncatedNormal(stddev=0.02)  # vision_transformer, vit.py
        self._make_tokens(initializer)
        if self.has_positions:
            num_tokens = num_patches((None, *self.image_shape), self.patch_size)
            num_tokens += self.has_class_token + self.has_distillation_token
            self.position_embedding = PositionEmbedding(
                num_tokens, initializer, dtype=self.dtype_policy, name="position_embedding"
            )
            self.position_embedding.build((None, num_tokens, self.hidden_dim))
        if self.norm_epsilon is not None:
            self.norm = LayerNorm(self.norm_epsilon, dtype=self.dtype_policy, name="norm")
            self.norm.build((None, None, self.hidden_dim))
        self.embedding_dropout = Dropout(self.dropout, dtype=self.dtype_policy)

    def call(self, images, training=None):
        x = self.patches(images)  # (B, P, D)
        if self.has_distillation_token:
            x = self._after(self.distillation_token, x)  # (B, 1 + P, D)
        if self.has_class_token:
            x = self._after(self.class_token, x)  # (B, 1 + P, D), or (B, 2 + P, D)
        if self.has_positions:
            x = x + self.position_embedding(x)
        if self.num_registers:
            own = self.num_first - self.num_registers
            x = ops.concatenate([x[:, :own], self._after(self.registers, x[:, own:])], axis=1)
        if self.norm_epsilon is not None:
            x = self.norm(x)
        return self.embedding_dropout(x, training=training)  # (B, K + P, D)

    def _make_tokens(self, initializer):
        """Makes the vectors before the patches. A class token begins at zero, as in the paper."""
        sizes = {"distillation_token": int(self.has_distillation_token)}
        sizes["registers"] = self.num_registers
        if self.has_class_token:
            self.class_token = self.add_weight(
                (1, 1, self.hidden_dim), initializer="zeros", name="class_token"
            )
        for name, size in sizes.items():
            if size:
                shape = (1, size, self.hidden_dim)
                setattr(self, name, self.add_weight(shape, initializer=initializer, name=name))

    def _after(self, tokens, x):
        """Puts learned vectors (1, K, D) before those of each image (B, T, D): (B, K + T, D)."""
        tokens = ops.cast(tokens, x.dtype)
        shape = (ops.shape(x)[0], tokens.shape[1], self.hidden_dim)
        return ops.concatenate([ops.broadcast_to(tokens, shape), x], axis=1)

    def compute_output_shape(self, images_shape):
        num_tokens = num_patches((None, *self.image_shape), self.patch_size)
        return (images_shape[0], num_tokens + self.num_first, self.hidden_dim)

    def get_config(self):
        return {
            **super().get_config(),
            "image_shape": list(self.image_shape),
            "hidden_dim": self.hidden_dim,
            "patch_size": self.patch_size,
            "class_token": self.has_class_token,
            "stem": self.stem,
            "dropout": self.dropout,
            "distillation_token": self.has_distillation_token,
            "num_registers": self.num_registers,
            "positions": self.has_positions,
            "patch_bias": self.patch_bias,
            "norm_epsilon": self.norm_epsilon,
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
