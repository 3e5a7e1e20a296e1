"""Turns token ids into the vectors that an encoder reads, as BERT does."""

import keras
from keras import ops

from .checks import check_positive, check_positive_or_none, check_rate
from .dense import Dense
from .dropout import Dropout
from .initializers import clone_initializer
from .normalization import LayerNorm
from .positions import PositionEmbedding, check_length

# Arguments that `get_config` gives as they are.
_PLAIN = ("vocabulary_size", "hidden_dim", "max_sequence_length", "num_segments", "dropout")
_PLAIN += ("layer_norm_epsilon", "embedding_dim", "pad_id", "has_positions", "center")


@keras.saving.register_keras_serializable("regard")
class TextEmbedding(keras.layers.Layer):
    """BERT's embedding: token + position + segment, then normalization and dropout.

    Args:
        vocabulary_size: Number of token ids V.
        hidden_dim: Width D.
        max_sequence_length: Largest number of tokens in a sequence.
        num_segments: Number of segment ids. With 1 all tokens are of the one segment; with 0, as
            in DistilBERT, there are no vectors of segments. Defaults to 2, for pairs of texts.
        dropout: Probability in [0, 1) of dropping a unit in training. Defaults to 0.
        layer_norm_epsilon: Added to the variance before its root is taken. Defaults to 1e-12.
        initializer: Initializer of the three tables. Defaults to "uniform".
        embedding_dim: Width E of the tables and the normalization, from where a dense layer leads
            to D: the factorised embedding of ALBERT and ELECTRA. Defaults to D, without that layer.
        pad_id: Token id of padding, where positions are counted as in RoBERTa: from `pad_id` + 1
            on, and padding tokens have position `pad_id`, wherever they stand. Defaults to
            positions from 0 on.
        has_positions: Whether positions have vectors; where attention tells them apart, as in
            DeBERTa and ModernBERT, they need none. Defaults to True.
        center: Whether the normalization adds an offset. Defaults to True.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        token_ids: (B, T), integers in [0, V).
        segment_ids: (B, T), integers in [0, num_segments), or None where all are 0.

    Returns:
        A tensor of shape (B, T, D).

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> embedding = TextEmbedding(vocabulary_size=30, hidden_dim=8, max_sequence_length=16)
        >>> keras.ops.shape(embedding(keras.ops.ones((2, 5), "int32")))
        (2, 5, 8)

    References:
        Devlin et al., "BERT", figure 2, https://arxiv.org/abs/1810.04805;
        Lan et al., "ALBERT", section 3.1, https://arxiv.org/abs/1909.11942;
        fairseq, utils.py, make_positions, https://github.com/facebookresearch/fairseq
    """

    def __init__(
        self,
        vocabulary_size,
        hidden_dim,
        max_sequence_length,
        num_segments=2,
        dropout=0.0,
        layer_norm_epsilon=1e-12,  # as in google-research/bert, modeling.py
        initializer="uniform",
        embedding_dim=None,
        pad_id=None,
        has_positions=True,
        center=True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.vocabulary_size = vocabulary_size
        self.hidden_dim = hidden_dim
        self.max_sequence_length = max_sequence_length
        self.num_segments = num_segments
        self.dropout = dropout
        self.layer_norm_epsilon = layer_norm_epsilon
        self.initializer = keras.initializers.get(initializer)
        self.embedding_dim = embedding_dim
        self.pad_id = pad_id
        self.has_positions = has_positions
        self.center = center
        self._check_arguments()

    def _check_arguments(self):
        check_positive(vocabulary_size=self.vocabulary_size, hidden_dim=self.hidden_dim)
        check_positive(max_sequence_length=self.max_sequence_length)
        check_positive_or_none(embedding_dim=self.embedding_dim)
        if self.num_segments != 0:
            check_positive(num_segments=self.num_segments)
        check_rate(dropout=self.dropout)

    def build(self, token_ids_shape, segment_ids_shape=None):
        sequence_shape = (*token_ids_shape, self.embedding_dim or self.hidden_dim)
        self.token_embedding = self._table("token_embedding", self.vocabulary_size)
        if self.num_segments:
            self.segment_embedding = self._table("segment_embedding", self.num_segments)
        if self.has_positions:
            self._build_positions(sequence_shape)
        self.layer_norm = LayerNorm(
            self.layer_norm_epsilon, self.center, dtype="float32", name="layer_norm"
        )
        self.layer_norm.build(sequence_shape)
        self.embedding_dropout = Dropout(self.dropout, dtype=self.dtype_policy)
        if self.embedding_dim:
            self.projection = Dense(self.hidden_dim, dtype=self.dtype_policy, name="projection")
            self.projection.build(sequence_shape)

    def _build_positions(self, sequence_shape):
        if self.pad_id is not None:
            num_positions = self.pad_id + 1 + self.max_sequence_length
            self.position_embedding = self._table("position_embedding", num_positions)
            return
        self.position_embedding = PositionEmbedding(
            self.max_sequence_length, self.initializer, dtype="float32", name="position_embedding"
        )
        self.position_embedding.build(sequence_shape)

    def call(self, token_ids, segment_ids=None, training=None):
        x = self.token_embedding(token_ids)  # (B, T, E)
        if self.num_segments:
            if segment_ids is None or self.num_segments == 1:
                segment_ids = ops.zeros_like(token_ids)
            x = x + self.segment_embedding(segment_ids)
        if self.has_positions:
            x = x + self._positions(token_ids, x)  # (B, T, E)
        else:
            check_length(token_ids.shape[1], self.max_sequence_length)
        x = ops.cast(self.layer_norm(x), self.compute_dtype)
        x = self.embedding_dropout(x, training=training)
        return self.projection(x) if self.embedding_dim else x  # (B, T, D)

    def _positions(self, token_ids, x):
        """Returns the vectors of the tokens' positions: (T, E), or (B, T, E) with a `pad_id`."""
        if self.pad_id is None:
            return self.position_embedding(x)
        check_length(token_ids.shape[1], self.max_sequence_length)
        is_token = ops.cast(token_ids != self.pad_id, "int32")
        return self.position_embedding(ops.cumsum(is_token, axis=1) * is_token + self.pad_id)

    def compute_output_shape(self, token_ids_shape, segment_ids_shape=None):
        return (*token_ids_shape, self.hidden_dim)

    def get_config(self):
        return {
            **super().get_config(),
            "initializer": keras.initializers.serialize(self.initializer),
            **{name: getattr(self, name) for name in _PLAIN},
        }

    def _table(self, name, size):
        table = keras.layers.Embedding(
            size,
            self.embedding_dim or self.hidden_dim,
            clone_initializer(self.initializer),
            dtype="float32",
            name=name,
        )
        table.build(None)
        return table
