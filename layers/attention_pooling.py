"""Pools by attention with a query that is learned."""

import keras
from keras import ops

from .dense import Dense
from .initializers import clone_initializer
from .masks import all_of
from .pooling import Pooling
from .scores import masked_softmax, weighted_sum


@keras.saving.register_keras_serializable("regard")
class AttentionPooling(Pooling):
    """Attention pooling: Σ αₜ xₜ, α = softmax(uₜ·c), uₜ = tanh(W xₜ + b).

    The query c is learned. It stands for a question that is the same for all sequences: which of
    the tokens is informative?

    Args:
        kernel_initializer: Initializer of W and c. Defaults to "glorot_uniform".
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        inputs: (B, T, D).
        padding_mask: (B, T), True at real tokens. Of a sequence of padding alone all weigh the
            same.
        mask: Likewise, as Keras has attached it to the inputs; it counts beside `padding_mask`.

    Returns:
        A tensor of shape (B, D).

    Example:
        >>> keras.ops.shape(AttentionPooling()(keras.ops.ones((2, 5, 8))))
        (2, 8)

    References:
        Yang et al., "Hierarchical Attention Networks for Document Classification", section 2.2,
        equations 5 to 7, https://aclanthology.org/N16-1174
    """

    def __init__(self, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape):
        hidden_dim = input_shape[-1]
        self.dense = Dense(
            hidden_dim,
            activation="tanh",
            kernel_initializer=clone_initializer(self.kernel_initializer),
            dtype=self.dtype_policy,
            name="dense",
        )
        self.dense.build(input_shape)
        self.query = self.add_weight(
            (hidden_dim, 1), clone_initializer(self.kernel_initializer), name="query"
        )

    def call(self, inputs, padding_mask=None, mask=None):
        weights = self._weights(inputs, all_of(padding_mask, mask))  # (B, 1, T)
        return weighted_sum(ops.cast(weights, inputs.dtype), inputs)[:, 0]  # (B, D)

    def attention_weights(self, inputs, padding_mask=None):
        """Returns the weights that `call` uses: float32, (B, T)."""
        return self._weights(inputs, padding_mask)[:, 0]

    def _weights(self, inputs, mask):
        hidden = self.dense(inputs)  # (B, T, D)
        scores = ops.matmul(hidden, ops.cast(self.query, hidden.dtype))  # (B, T, 1)
        scores = ops.cast(ops.transpose(scores, (0, 2, 1)), "float32")  # (B, 1, T)
        return masked_softmax(scores, None if mask is None else mask[:, None])

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
