"""Turns token ids into vectors with the sinusoids of their positions, as the Transformer does."""

import keras
from keras import ops

from .positions import SinusoidalPositionEmbedding
from .scaled_embedding import ScaledEmbedding


@keras.saving.register_keras_serializable("regard")
class SinusoidalEmbedding(ScaledEmbedding):
    """The paper's embedding: token × √D, plus the sinusoids of its position, then dropout.

    Encoder and decoder may share one, and `TiedOutput` its table.

    Args:
        vocabulary_size: Number of token ids V.
        hidden_dim: Width D, even.
        max_sequence_length: Largest number of tokens in a sequence.
        dropout: Probability in [0, 1) of dropping a unit in training. Defaults to 0.
        pad_id: Token id whose vector is zero and stays so in training. In Marian it is that of
            padding, which also starts a target. Defaults to none.
        first_position: Position of the first token, as for `sinusoids`. Defaults to 0.
        endpoint: As for `sinusoids`. Defaults to False.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        token_ids: (B, T), integers in [0, V).

    Returns:
        A tensor of shape (B, T, D).

    Raises:
        ValueError: If an argument is out of range, or a sequence of known length is too long.

    Example:
        >>> embedding = SinusoidalEmbedding(vocabulary_size=30, hidden_dim=8, max_sequence_length=9)
        >>> keras.ops.shape(embedding(keras.ops.ones((2, 5), "int32")))
        (2, 5, 8)

    References:
        Vaswani et al., "Attention Is All You Need", sections 3.4, 3.5 and 5.4,
        https://arxiv.org/abs/1706.03762
    """

    def __init__(
        self,
        vocabulary_size,
        hidden_dim,
        max_sequence_length,
        dropout=0.0,
        pad_id=None,
        first_position=0,
        endpoint=False,
        **kwargs,
    ):
        super().__init__(
            vocabulary_size, hidden_dim, max_sequence_length, dropout, pad_id, **kwargs
        )
        self.position_embedding = self._make_positions(first_position, endpoint)

    def _make_positions(self, first_position, endpoint):
        """Makes and builds the table of sinusoids."""
        positions = SinusoidalPositionEmbedding(
            self.max_sequence_length,
            first_position,
            endpoint,
            dtype="float32",
            name="position_embedding",
        )
        positions.build((None, None, self.hidden_dim))
        return positions

    def call(self, token_ids, training=None):
        x = self._scaled(token_ids)  # (B, T, D)
        x = x + self.position_embedding(x)  # (B, T, D)
        return self.embedding_dropout(ops.cast(x, self.compute_dtype), training=training)

    def step(self, token_ids, position):
        """Embeds tokens (B, K) that all stand at one position: (B, K, D)."""
        table = ops.convert_to_tensor(self.position_embedding.table)  # (max T, D)
        x = self._scaled(token_ids) + ops.take(table, position, axis=0)  # (B, K, D)
        return ops.cast(x, self.compute_dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "first_position": self.position_embedding.first_position,
            "endpoint": self.position_embedding.endpoint,
        }
