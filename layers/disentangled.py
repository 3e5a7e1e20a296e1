"""Attends by content and by distance, each with vectors of its own, as DeBERTa does."""

import keras
import numpy as np
from keras import ops

from .attention import MultiHeadAttention
from .checks import check_positive, check_rate
from .dropout import Dropout
from .heads import split_heads
from .masks import all_of
from .normalization import LayerNorm
from .scores import scaled_dot_product_scores
from .shapes import reshape

TERMS = ("c2p", "p2c")  # content to position, and position to content


@keras.saving.register_keras_serializable("regard")
class DistanceEmbedding(keras.layers.Layer):
    """Learned vectors of the distances between a query and a key, for `DisentangledAttention`.

    A distance is the query's position less the key's. Small ones have a vector each; larger ones
    share those of buckets that grow by powers, and all from `max_distance` on one on either side.

    Args:
        max_distance: Distance in positions from which on all are alike.
        num_buckets: Number of buckets on either side, half of them for one distance each. Defaults
            to `max_distance`, without buckets.
        normalize: Whether to normalize the vectors. Defaults to False.
        layer_norm_epsilon: Added to the variance before its root is taken. Defaults to 1e-12.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        inputs: (B, T, D); only its shape is used.

    Returns:
        A tensor of shape (1, 2T - 1, D): of the distances T - 1, T - 2, ..., 1 - T.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> layer = DistanceEmbedding(max_distance=16, num_buckets=8)
        >>> keras.ops.shape(layer(keras.ops.zeros((3, 5, 8))))
        (1, 9, 8)

    References:
        He et al., "DeBERTaV3", https://arxiv.org/abs/2111.09543; the buckets are those of
        https://github.com/microsoft/DeBERTa, da_utils.py, make_log_bucket_position
    """

    def __init__(
        self, max_distance, num_buckets=None, normalize=False, layer_norm_epsilon=1e-12, **kwargs
    ):
        super().__init__(**kwargs)
        check_positive(max_distance=max_distance)
        if num_buckets is not None:
            check_positive(num_buckets=num_buckets)
            if num_buckets % 2 or max_distance <= num_buckets // 2 + 1:
                raise ValueError(
                    "`num_buckets` must be even, and half of it less than `max_distance` - 1. "
                    f"Received: num_buckets={num_buckets}, max_distance={max_distance}"
                )
        self.max_distance = max_distance
        self.num_buckets = num_buckets
        self.normalize = normalize
        self.layer_norm_epsilon = layer_norm_epsilon

    def build(self, input_shape):
        width = input_shape[-1]
        self.embeddings = self.add_weight(
            shape=(2 * (self.num_buckets or self.max_distance), width),
            initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            name="embeddings",
        )
        self.layer_norm = None
        if self.normalize:
            self.layer_norm = LayerNorm(
                self.layer_norm_epsilon, dtype=self.dtype_policy, name="layer_norm"
            )
            self.layer_norm.build((None, width))

    def call(self, inputs):
        length = ops.shape(inputs)[1]
        distances = ops.arange(1, 2 * length) - length  # ascending
        # Looked up by distance: the logarithms are computed here, once, and not on a device.
        rows = ops.take(
            rows_by_distance(self.max_distance, self.num_buckets),
            ops.clip(-distances, -self.max_distance, self.max_distance) + self.max_distance,
        )
        vectors = ops.take(self.embeddings, rows, axis=0)[None]  # (1, 2T - 1, D)
        return vectors if self.layer_norm is None else self.layer_norm(vectors)

    def compute_output_shape(self, input_shape):
        length = input_shape[1]
        return (1, None if length is None else 2 * length - 1, input_shape[-1])

    def compute_mask(self, inputs, previous_mask):
        return None

    def get_config(self):
        return {
            **super().get_config(),
            "max_distance": self.max_distance,
            "num_buckets": self.num_buckets,
            "normalize": self.normalize,
            "layer_norm_epsilon": self.layer_norm_epsilon,
        }


def rows_by_distance(max_distance, num_buckets=None):
    """Returns the rows of the distances from -`max_distance` to `max_distance`, in a row."""
    distances = np.arange(-max_distance, max_distance + 1)
    span, buckets = num_buckets or max_distance, distances
    if num_buckets:
        half = num_buckets // 2
        far = np.maximum(np.abs(distances), half).astype("float32")
        powers = np.log(far / np.float32(half)) / np.log(np.float32((max_distance - 1) / half))
        grown = np.ceil(powers * np.float32(half - 1)).astype("int64") + half
        buckets = np.where(np.abs(distances) <= half, distances, np.sign(distances) * grown)
    return np.clip(buckets + span, 0, 2 * span - 1).astype("int32")


@keras.saving.register_keras_serializable("regard")
class DisentangledAttention(MultiHeadAttention):
    """Self-attention whose scores have terms of content and distance, as in DeBERTa.

    The score of a query and a key is (q.k + q.K + Q.k) / sqrt(3H), with a key K and a query Q that
    are made of their distance. Products with distances are laid out by distance and then shifted
    into place, row by row, which costs no more than the products.

    Args:
        num_heads: Number of heads N.
        key_dim: Size of each head H.
        terms: The terms beside the content's, of "c2p" (q.K) and "p2c" (Q.k). Defaults to both.
        shares_projections: Whether K and Q are made by the projections of content, rather than by
            some of their own. Defaults to True.
        distance_dropout: Probability in [0, 1) of dropping, in training, a unit of a distance's
            vector. Defaults to 0.
        **kwargs: Further arguments of `MultiHeadAttention`; `name`, `dtype` and the like.

    Call arguments:
        query: (B, T, D).
        distance_vectors: (1, 2T - 1, D), as from a `DistanceEmbedding`; or (B, 2T - 1, D).
        padding_mask, attention_mask, first_only, ...: As for `MultiHeadAttention`.

    Returns:
        A tensor of shape (B, T, D), or (B, 1, D) if `first_only`.

    Raises:
        ValueError: As for `MultiHeadAttention`, or if a term is none of the two.

    Example:
        >>> x = keras.random.normal((3, 5, 8))
        >>> layer = DisentangledAttention(num_heads=2, key_dim=4)
        >>> keras.ops.shape(layer(x, DistanceEmbedding(max_distance=16)(x)))
        (3, 5, 8)

    References:
        He et al., "DeBERTa", section 3.1, https://arxiv.org/abs/2006.03654
    """

    def __init__(
        self,
        num_heads,
        key_dim,
        terms=TERMS,
        shares_projections=True,
        distance_dropout=0.0,
        **kwargs,
    ):
        super().__init__(num_heads, key_dim, **kwargs)
        check_rate(distance_dropout=distance_dropout)
        if not set(terms) <= set(TERMS):
            raise ValueError(f"`terms` must be some of {', '.join(TERMS)}. Received: terms={terms}")
        self.terms = list(terms)
        self.shares_projections = shares_projections
        self.distance_dropout = distance_dropout

    def build(self, query_shape, distance_vectors_shape=None):
        super().build(query_shape)
        self.vector_dropout = Dropout(self.distance_dropout, dtype=self.dtype_policy)
        self.position_projections = {}
        if not self.shares_projections:
            names = {"c2p": "position_key", "p2c": "position_query"}
            width = self.num_heads * self.key_dim
            self.position_projections = {
                term: self.dense(names[term], query_shape, width) for term in sorted(self.terms)
            }

    def call(
        self,
        query,
        distance_vectors,
        padding_mask=None,
        attention_mask=None,
        first_only=False,
        training=None,
        query_mask=None,
    ):
        vectors = self.vector_dropout(distance_vectors, training=training)
        *heads, bias = self.project_with_bias(query, vectors)
        masks = (all_of(padding_mask, query_mask), attention_mask)
        return self.answer(heads, masks, first_only, training, bias)

    def attention_weights(self, query, distance_vectors, padding_mask=None, attention_mask=None):
        """Returns the weights that `call` uses without dropout: float32, (B, N, T, T)."""
        queries, keys, _, bias = self.project_with_bias(query, distance_vectors)
        return self.weights_of(queries, keys, (padding_mask, attention_mask), bias)

    def project_with_bias(self, query, vectors):
        """Returns queries, keys, values and what is added to scores, (B, N, T, T) in float32."""
        queries, keys, values = self.project(query, None, None)
        scale = (1 + len(self.terms)) ** -0.5
        queries = queries * scale
        position_queries, position_keys = self._project_distances(vectors)  # (1, N, R, H)
        biases = []
        if "c2p" in self.terms:
            scores = scaled_dot_product_scores(queries, position_keys)  # (B, N, T, R)
            biases.append(by_key(scores))
        if "p2c" in self.terms:
            position_queries = ops.flip(position_queries, axis=2) * scale
            scores = scaled_dot_product_scores(keys, position_queries)  # (B, N, S, R)
            biases.append(ops.transpose(by_key(scores), (0, 1, 3, 2)))
        return queries, keys, values, sum(biases[1:], biases[0]) if biases else None

    def _project_distances(self, vectors):
        """Returns queries and keys of distances: two of (1, N, R, H), or None for an unused one."""
        if self.shares_projections:
            return self.split_fused(self.query_key_value(vectors))[:2]
        projections = (self.position_projections.get(term) for term in ("p2c", "c2p"))
        return [each and split_heads(each(vectors), self.num_heads) for each in projections]

    def compute_output_shape(self, query_shape, distance_vectors_shape=None):
        return query_shape

    def get_config(self):
        return {
            **super().get_config(),
            "terms": self.terms,
            "shares_projections": self.shares_projections,
            "distance_dropout": self.distance_dropout,
        }


def by_key(scores):
    """Shifts scores by distance into scores by key, row by row.

    Args:
        scores: (B, N, T, 2T - 1), of the keys from T - 1 positions before each query to as many
            after it.

    Returns:
        A tensor of shape (B, N, T, T), of the keys that there are.
    """
    batch_size, num_heads, length, width = ops.shape(scores)
    # Each row begins one column further left than the one before: a row is made longer by one
    # column in the flattened scores than it is read.
    padded = ops.pad(scores, ((0, 0), (0, 0), (0, 0), (0, 1)))  # (B, N, T, 2T)
    flat = reshape(padded, (batch_size, num_heads, length * (width + 1)))
    flat = flat[:, :, length - 1 : length - 1 + length * width]
    return reshape(flat, (batch_size, num_heads, length, width))[..., :length]
