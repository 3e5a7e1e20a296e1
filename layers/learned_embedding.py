"""Turns token ids into vectors with learned positions, for sources and targets, as mBART does."""

import keras
from keras import ops

from .normalization import LayerNorm
from .positions import PositionEmbedding
from .scaled_embedding import ScaledEmbedding

EPSILON = 1e-5  # of the normalizations, as in mBART


@keras.saving.register_keras_serializable("regard")
class LearnedEmbedding(ScaledEmbedding):
    """mBART's embedding: token × √D, plus a learned position, then normalization and dropout.

    Sources and targets share the vectors of tokens; each has positions and a normalization of its
    own. `TiedOutput` may share the table of tokens as well.

    Args:
        vocabulary_size: Number of token ids V.
        hidden_dim: Width D.
        max_sequence_length: Largest number of tokens in a sequence.
        dropout: Probability in [0, 1) of dropping a unit in training. Defaults to 0.
        pad_id: Token id whose vector is zero and stays so in training. Defaults to none.
        first_position: As for `PositionEmbedding`. Defaults to 0.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        token_ids: (B, T), integers in [0, V).
        is_target: Whether they are a target's. Defaults to False.

    Returns:
        A tensor of shape (B, T, D).

    Raises:
        ValueError: If an argument is out of range, or a sequence of known length is too long.

    Example:
        >>> embedding = LearnedEmbedding(vocabulary_size=30, hidden_dim=8, max_sequence_length=9)
        >>> keras.ops.shape(embedding(keras.ops.ones((2, 5), "int32"), is_target=True))
        (2, 5, 8)

    References:
        Liu et al., "Multilingual Denoising Pre-training for Neural Machine Translation", section
        2.2, https://arxiv.org/abs/2001.08210
    """

    def __init__(
        self,
        vocabulary_size,
        hidden_dim,
        max_sequence_length,
        dropout=0.0,
        pad_id=None,
        first_position=0,
        **kwargs,
    ):
        super().__init__(
            vocabulary_size, hidden_dim, max_sequence_length, dropout, pad_id, **kwargs
        )
        self.first_position = first_position
        self.source_positions, self.source_norm = self._make_side("source")
        self.target_positions, self.target_norm = self._make_side("target")

    def _make_side(self, side):
        """Makes the positions of one side, and its normalization."""
        positions = PositionEmbedding(
            self.max_sequence_length,
            keras.initializers.RandomNormal(stddev=0.02),
            self.first_position,
            dtype="float32",
            name=f"{side}_positions",
        )
        norm = LayerNorm(EPSILON, dtype="float32", name=f"{side}_norm")
        return positions, norm

    def build(self, token_ids_shape=None):
        super().build(token_ids_shape)
        sides = self.source_positions, self.source_norm, self.target_positions, self.target_norm
        for layer in sides:
            layer.build((None, None, self.hidden_dim))

    def call(self, token_ids, is_target=False, training=None):
        positions = self.target_positions if is_target else self.source_positions
        norm = self.target_norm if is_target else self.source_norm
        x = self._scaled(token_ids)  # (B, T, D)
        x = x + positions(x)  # (B, T, D)
        return self.embedding_dropout(ops.cast(norm(x), self.compute_dtype), training=training)

    def step(self, token_ids, position):
        """Embeds tokens (B, K) of targets that all stand at one position: (B, K, D)."""
        table = ops.convert_to_tensor(self.target_positions.embeddings)  # (first + max T, D)
        x = self._scaled(token_ids) + ops.take(table, self.first_position + position, axis=0)
        return ops.cast(self.target_norm(x), self.compute_dtype)  # (B, K, D)

    def get_config(self):
        return {**super().get_config(), "first_position": self.first_position}
