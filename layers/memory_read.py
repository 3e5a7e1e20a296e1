"""Reads a memory several times over, each time with what was found before."""

import keras
from keras import ops

from .checks import check_positive
from .dense import Dense
from .initializers import clone_initializer
from .masks import all_of
from .scores import masked_softmax, weighted_sum


@keras.saving.register_keras_serializable("regard")
class MemoryRead(keras.layers.Layer):
    """An end-to-end memory read of K hops: oₖ = Σ pₛ cₛ, p = softmax(uₖ·mₛ), uₖ₊₁ = uₖ + oₖ.

    Each entry x of the memory has a key m = A x, by which it is found, and a value c = C x, which
    is read. What a hop reads is added to the question u of the next. The values of a hop are the
    keys of the next, so that K hops have K + 1 matrices (the paper's "adjacent" weights).

    Args:
        num_hops: Number of hops K. Defaults to 1.
        kernel_initializer: Initializer of the matrices. Defaults to "glorot_uniform".
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        query: (B, D): the question u.
        memory: (B, S, E): the entries.
        padding_mask: (B, S), True at real entries. Where there are none, all weigh the same.
        memory_mask: Likewise, as Keras has attached it to the memory; it counts beside
            `padding_mask`.

    Returns:
        A tensor of shape (B, D): u after the last hop, of which a dense layer makes the answer.

    Raises:
        ValueError: If `num_hops` is out of range.

    Example:
        >>> read = MemoryRead(num_hops=3)
        >>> keras.ops.shape(read(keras.ops.ones((2, 8)), keras.ops.ones((2, 5, 7))))
        (2, 8)

    References:
        Sukhbaatar et al., "End-To-End Memory Networks", sections 2.1 and 2.2,
        https://arxiv.org/abs/1503.08895
    """

    def __init__(self, num_hops=1, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        check_positive(num_hops=num_hops)
        self.num_hops = num_hops
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, query_shape, memory_shape):
        self.embeddings = []
        for index in range(self.num_hops + 1):
            dense = Dense(
                query_shape[-1],
                use_bias=False,
                kernel_initializer=clone_initializer(self.kernel_initializer),
                dtype=self.dtype_policy,
                name=f"embedding_{index}",
            )
            dense.build(memory_shape)
            self.embeddings.append(dense)

    def call(self, query, memory, padding_mask=None, memory_mask=None):
        *_, (query, _) = self._hops(query, memory, all_of(padding_mask, memory_mask))
        return query  # (B, D)

    def attention_weights(self, query, memory, padding_mask=None):
        """Returns the weights p of each hop: float32, (B, K, S)."""
        hops = self._hops(query, memory, all_of(padding_mask))
        return ops.concatenate([weights for _, weights in hops], axis=1)

    def _hops(self, query, memory, mask):
        """Yields the question (B, D) after each hop, and the hop's weights (B, 1, S)."""
        mask = None if mask is None else mask[:, None]  # (B, 1, S)
        keys = self.embeddings[0](memory)  # (B, S, D)
        for embedding in self.embeddings[1:]:
            scores = ops.matmul(query[:, None], ops.transpose(keys, (0, 2, 1)))  # (B, 1, S)
            weights = masked_softmax(ops.cast(scores, "float32"), mask)
            values = embedding(memory)  # (B, S, D)
            query = query + weighted_sum(ops.cast(weights, values.dtype), values)[:, 0]
            yield query, weights
            keys = values

    def compute_output_shape(self, query_shape, memory_shape):
        return query_shape

    def get_config(self):
        return {
            **super().get_config(),
            "num_hops": self.num_hops,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
