"""Holds what the embeddings of translators have in common: a table of tokens, times √D."""

import keras
from keras import ops

from .checks import check_positive, check_rate
from .dropout import Dropout


class ScaledEmbedding(keras.layers.Layer):
    """Looks tokens up in a table, times √D; a subclass adds their positions.

    Args:
        vocabulary_size: Number of token ids V.
        hidden_dim: Width D.
        max_sequence_length: Largest number of tokens in a sequence.
        dropout: Probability in [0, 1) of dropping a unit in training.
        pad_id: Token id whose vector is zero and stays so in training, or None.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.
    """

    def __init__(self, vocabulary_size, hidden_dim, max_sequence_length, dropout, pad_id, **kwargs):
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
