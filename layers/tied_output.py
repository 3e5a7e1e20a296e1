"""Scores tokens with the table that embeds them."""

import keras
from keras import ops

from .shapes import reshape


@keras.saving.register_keras_serializable("regard")
class TiedOutput(keras.layers.Layer):
    """Scores every token: the dot product with its embedding, plus a bias.

    Args:
        token_embedding: The `keras.layers.Embedding` that the model reads tokens with, built: its
            table (V, D) is shared, not copied.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        inputs: Hidden states (B, T, D).

    Returns:
        Logits of shape (B, T, V), in the layer's precision.

    Raises:
        ValueError: If the hidden states are not as wide as the table.

    Example:
        >>> output = TiedOutput(keras.layers.Embedding(30, 8))
        >>> keras.ops.shape(output(keras.ops.ones((2, 5, 8))))
        (2, 5, 30)

    References:
        Press and Wolf, "Using the Output Embedding to Improve Language Models",
        https://arxiv.org/abs/1608.05859
    """

    def __init__(self, token_embedding, **kwargs):
        super().__init__(**kwargs)
        if isinstance(token_embedding, dict):
            token_embedding = keras.layers.deserialize(token_embedding)
        self.token_embedding = token_embedding

    def build(self, inputs_shape):
        if inputs_shape[-1] != self.token_embedding.output_dim:
            raise ValueError(
                "Hidden states must be as wide as the rows of `token_embedding`. Received: "
                f"hidden_dim={inputs_shape[-1]}, output_dim={self.token_embedding.output_dim}"
            )
        if not self.token_embedding.built:
            self.token_embedding.build()
        self.bias = self.add_weight(
            (self.token_embedding.input_dim,), initializer="zeros", name="bias"
        )

    def call(self, inputs):
        return self._score(inputs, self.bias)  # (B, T, V)

    def without(self, token_id, inputs):
        """Returns the outputs of `call`, with one token made as good as impossible."""
        is_out = ops.arange(self.token_embedding.input_dim) == token_id
        return self._score(inputs, ops.where(is_out, -1e9, self.bias))  # (B, T, V)

    def compute_output_shape(self, inputs_shape):
        return (*inputs_shape[:-1], self.token_embedding.input_dim)

    def get_config(self):
        return {
            **super().get_config(),
            "token_embedding": keras.layers.serialize(self.token_embedding),
        }

    def _score(self, inputs, bias):
        table = ops.cast(self.token_embedding.embeddings, inputs.dtype)  # (V, D)
        rows = ops.reshape(inputs, (-1, inputs.shape[-1]))
        logits = ops.matmul(rows, ops.transpose(table)) + ops.cast(bias, inputs.dtype)  # (B·T, V)
        return reshape(logits, (*ops.shape(inputs)[:-1], self.token_embedding.input_dim))
