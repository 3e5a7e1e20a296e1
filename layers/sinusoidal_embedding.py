"""Turns token ids into vectors with the sinusoids of their positions, as the Transformer does."""

import keras
from keras import ops

from .checks import check_positive, check_rate
from .dropout import Dropout
from .positions import SinusoidalPositionEmbedding


@keras.saving.register_keras_serializable("regard")
class SinusoidalEmbedding(keras.layers.Layer):
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
        super().__init__(**kwargs)
        self.supports_masking = True
        check_positive(
            vocabulary_size=vocabulary_size,
            hidden_dim=hidden_dim,
            max_sequence_length=max_sequence_length,
        )
        check_rate(dropout=dropout)
        self.vocabulary_size = vocabulary_size
        self.hidden_dim = hidden_dim
        self.max_sequence_length = max_sequence_length
        self.dropout = dropout
        self.pad_id = pad_id
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

    def build(self, token_ids_shape=None):
        self.token_embedding = keras.layers.Embedding(
            self.vocabulary_size,
            self.hidden_dim,
            # so that scaled ones have a variance of 1; tensor2tensor, modalities.py
            keras.initializers.RandomNormal(stddev=self.hidden_dim**-0.5),
            embeddings_constraint=None if self.pad_id is None else ZeroRow(self.pad_id),
            dtype="float32",
            name="token_embedding",
        )
        self.token_embedding.build()
        if self.pad_id is not None:
            table = self.token_embedding.embeddings
            table.assign(ZeroRow(self.pad_id)(table))
        self.embedding_dropout = Dropout(self.dropout, dtype=self.dtype_policy)

    def call(self, token_ids, training=None):
        x = self._scaled(token_ids)  # (B, T, D)
        x = x + self.position_embedding(x)  # (B, T, D)
        return self.embedding_dropout(ops.cast(x, self.compute_dtype), training=training)

    def step(self, token_ids, position):
        """Embeds tokens (B, K) that all stand at one position: (B, K, D)."""
        table = ops.convert_to_tensor(self.position_embedding.table)  # (max T, D)
        x = self._scaled(token_ids) + ops.take(table, position, axis=0)  # (B, K, D)
        return ops.cast(x, self.compute_dtype)

    def compute_output_shape(self, token_ids_shape):
        return (*token_ids_shape, self.hidden_dim)

    def get_config(self):
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "hidden_dim": self.hidden_dim,
            "max_sequence_length": self.max_sequence_length,
            "dropout": self.dropout,
            "pad_id": self.pad_id,
            "first_position": self.position_embedding.first_position,
            "endpoint": self.position_embedding.endpoint,
        }

    def _scaled(self, token_ids):
        return self.token_embedding(token_ids) * self.hidden_dim**0.5


@keras.saving.register_keras_serializable("regard")
class ZeroRow(keras.constraints.Constraint):
    """Keeps one row of a table at zero.

    Args:
        row: The index of the row.
    """

    def __init__(self, row):
        self.row = row

    def __call__(self, value):
        is_other = ops.arange(value.shape[0])[:, None] != self.row  # (V, 1)
        return ops.where(is_other, ops.convert_to_tensor(value), 0.0)

    def get_config(self):
        return {"row": self.row}
