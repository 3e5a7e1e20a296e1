"""Pools a sequence into one vector: its first token, the mean of all, or of patches."""

import keras
from keras import ops

from .checks import check_rate
from .dropout import Dropout
from .initializers import clone_initializer
from .masks import all_of
from .normalization import LayerNorm
from .scores import masked_softmax, weighted_sum


class Pooling(keras.layers.Layer):
    """A layer that makes one vector (B, D) of each sequence (B, T, D).

    Args:
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1])

    def compute_mask(self, inputs, previous_mask):
        return None  # there are no positions left


@keras.saving.register_keras_serializable("regard")
class FirstTokenPooling(Pooling):
    """BERT's pooler: the first token's vector through a dense layer and tanh.

    Args:
        kernel_initializer: Initializer of the dense kernel. Defaults to "glorot_uniform".
        activation: Activation after the dense layer; DistilBERT has "relu", ELECTRA "gelu".
            Defaults to "tanh".
        dropout: Probability in [0, 1) of dropping, in training, a unit of the first token's vector,
            as RoBERTa and ELECTRA do. Defaults to 0.
        use_bias: Whether the dense layer, and the normalization, has a bias. Defaults to True.
        layer_norm_epsilon: Added to the variance of a normalization that comes last, as in
            ModernBERT. Defaults to none.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        inputs: (B, T, D), T at least 1.

    Returns:
        A tensor of shape (B, D).

    Example:
        >>> keras.ops.shape(FirstTokenPooling()(keras.ops.ones((2, 5, 8))))
        (2, 8)

    References:
        Devlin et al., "BERT", section 3.1, https://arxiv.org/abs/1810.04805
    """

    def __init__(
        self,
        kernel_initializer="glorot_uniform",
        activation="tanh",
        dropout=0.0,
        use_bias=True,
        layer_norm_epsilon=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_rate(dropout=dropout)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.activation = keras.activations.get(activation)
        self.dropout = dropout
        self.use_bias = use_bias
        self.layer_norm_epsilon = layer_norm_epsilon

    def build(self, input_shape):
        hidden_dim = input_shape[-1]
        # None of no use: a layer that draws takes a number of those that weights are drawn by.
        self.input_dropout = (
            Dropout(self.dropout, dtype=self.dtype_policy) if self.dropout else None
        )
        self.dense = keras.layers.Dense(
            hidden_dim,
            activation=self.activation,
            use_bias=self.use_bias,
            kernel_initializer=clone_initializer(self.kernel_initializer),
            dtype=self.dtype_policy,
            name="dense",
        )
        self.dense.build((input_shape[0], hidden_dim))
        self.layer_norm = None
        if self.layer_norm_epsilon is not None:
            self.layer_norm = LayerNorm(
                self.layer_norm_epsilon, self.use_bias, dtype=self.dtype_policy, name="layer_norm"
            )
            self.layer_norm.build((input_shape[0], hidden_dim))

    def call(self, inputs, training=None):
        return self.transform(inputs[:, 0], training)  # (B, D)

    def transform(self, pooled, training=None):
        """Computes what follows on the pooling of vectors (..., D)."""
        if self.input_dropout is not None:
            pooled = self.input_dropout(pooled, training=training)
        pooled = self.dense(pooled)  # (B, D)
        return pooled if self.layer_norm is None else self.layer_norm(pooled)

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "activation": keras.activations.serialize(self.activation),
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "layer_norm_epsilon": self.layer_norm_epsilon,
        }


@keras.saving.register_keras_serializable("regard")
class AveragePooling(Pooling):
    """The mean of the real tokens: Σ xₜ / T.

    It is attention whose scores are all the same.

    Args:
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        inputs: (B, T, D).
        padding_mask: (B, T), True at real tokens. A sequence of padding alone gives the mean of
            that.
        mask: Likewise, as Keras has attached it to the inputs; it counts beside `padding_mask`.

    Returns:
        A tensor of shape (B, D).

    Example:
        >>> keras.ops.shape(AveragePooling()(keras.ops.ones((2, 5, 8))))
        (2, 8)

    References:
        Reimers and Gurevych, "Sentence-BERT", section 3, "mean", https://arxiv.org/abs/1908.10084
    """

    def call(self, inputs, padding_mask=None, mask=None):
        return average(inputs, all_of(padding_mask, mask))  # (B, D)


@keras.saving.register_keras_serializable("regard")
class TransformedAveragePooling(FirstTokenPooling):
    """The mean of the real tokens, through the dense layer of `FirstTokenPooling`.

    Args:
        **kwargs: As for `FirstTokenPooling`.

    Call arguments:
        inputs: (B, T, D).
        padding_mask: (B, T), True at real tokens.
        mask: Likewise, as Keras has attached it to the inputs; it counts beside `padding_mask`.

    Returns:
        A tensor of shape (B, D).

    Example:
        >>> layer = TransformedAveragePooling(activation="gelu", layer_norm_epsilon=1e-5)
        >>> keras.ops.shape(layer(keras.ops.ones((2, 5, 8))))
        (2, 8)

    References:
        Warner et al., "ModernBERT", https://arxiv.org/abs/2412.13663, whose classifiers may read
        either
    """

    def call(self, inputs, padding_mask=None, mask=None, training=None):
        return self.transform(average(inputs, all_of(padding_mask, mask)), training)  # (B, D)


@keras.saving.register_keras_serializable("regard")
class TokenTransform(FirstTokenPooling):
    """The dense layer of `FirstTokenPooling`, at every token: nothing is pooled.

    Args:
        **kwargs: As for `FirstTokenPooling`.

    Call arguments:
        inputs: (B, T, D).

    Returns:
        A tensor of shape (B, T, D).

    Example:
        >>> layer = TokenTransform(activation="gelu", layer_norm_epsilon=1e-5)
        >>> keras.ops.shape(layer(keras.ops.ones((2, 5, 8))))
        (2, 5, 8)

    References:
        Warner et al., "ModernBERT", https://arxiv.org/abs/2412.13663, whose classifiers of tokens
        have it before the last layer
    """

    def call(self, inputs, training=None):
        return self.transform(inputs, training)  # (B, T, D)

    def compute_output_shape(self, input_shape):
        return input_shape

    def compute_mask(self, inputs, previous_mask):
        return previous_mask


def average(inputs, mask=None):
    """Returns the mean of the real ones of inputs (B, T, D): (B, D)."""
    weights = ops.cast(average_weights(inputs, mask), inputs.dtype)
    return weighted_sum(weights, inputs)[:, 0]


@keras.saving.register_keras_serializable("regard")
class PatchPooling(Pooling):
    """The mean of an image's patches, which stand behind a class token and the like.

    Args:
        num_first: Number of tokens before the patches. Defaults to 1.
        with_first: Whether the first token's vector stands before the mean, as in DINOv2. Defaults
            to False.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        inputs: (B, K + P, D), for K tokens before P patches.

    Returns:
        A tensor of shape (B, D), or (B, 2 D) with the first token.

    Example:
        >>> keras.ops.shape(PatchPooling(with_first=True)(keras.ops.ones((2, 5, 8))))
        (2, 16)

    References:
        Bao et al., "BEiT", section 2.6, https://arxiv.org/abs/2106.08254; Oquab et al., "DINOv2",
        section 7.1, https://arxiv.org/abs/2304.07193
    """

    def __init__(self, num_first=1, with_first=False, **kwargs):
        super().__init__(**kwargs)
        self.num_first = num_first
        self.with_first = with_first

    def call(self, inputs):
        mean = ops.mean(inputs[:, self.num_first :], axis=1)  # (B, D)
        return ops.concatenate([inputs[:, 0], mean], axis=-1) if self.with_first else mean

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1] * (1 + self.with_first))

    def get_config(self):
        own = {"num_first": self.num_first, "with_first": self.with_first}
        return {**super().get_config(), **own}


def average_weights(inputs, mask=None):
    """Returns equal weights for the real ones of inputs (B, T, D): float32, (B, 1, T)."""
    scores = ops.zeros((ops.shape(inputs)[0], 1, ops.shape(inputs)[1]), "float32")  # (B, 1, T)
    return masked_softmax(scores, None if mask is None else mask[:, None])
