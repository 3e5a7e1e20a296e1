"""Projects queries, keys and values into heads, and puts the heads together again."""

import keras
from keras import ops

from .dense import Dense
from .initializers import clone_initializer
from .rotary import rotate
from .sequence_layer import SequenceLayer
from .shapes import reshape


def split_heads(projected, num_heads):
    """Cuts vectors into heads: (B, T, N·H) to (B, N, T, H)."""
    batch_size, length, width = ops.shape(projected)
    heads = reshape(projected, (batch_size, length, num_heads, width // num_heads))
    return ops.transpose(heads, (0, 2, 1, 3))  # (B, N, T, H)


def merge_heads(heads):
    """Lays the outputs of the heads side by side: (B, N, T, H) to (B, T, N·H)."""
    _, num_heads, _, key_dim = heads.shape
    batch_size, _, length, _ = ops.shape(heads)
    heads = ops.transpose(heads, (0, 2, 1, 3))  # (B, T, N, H)
    return reshape(heads, (batch_size, length, num_heads * key_dim))  # (B, T, N·H)


QKV_BIASES = (True, False, "query_value", None)


def check_qkv_bias(qkv_bias):
    """Raises `ValueError` for a `qkv_bias` that is none."""
    if qkv_bias not in QKV_BIASES:
        raise ValueError(
            '`qkv_bias` must be True, False, "query_value", or None for the same as `use_bias`. '
            f"Received: qkv_bias={qkv_bias!r}"
        )


@keras.saving.register_keras_serializable("regard")
class QueryValueDense(Dense):
    """Projects to queries, keys and values, of which the keys have no bias, as in BEiT.

    A bias of the keys would add the same to all scores of a query, which changes no weight.

    Args:
        units: Width of all three together, which are equally wide.
        **kwargs: As for `Dense`.

    Call arguments:
        inputs: (..., D).

    Returns:
        A tensor of shape (..., units).

    Example:
        >>> keras.ops.shape(QueryValueDense(6)(keras.ops.ones((2, 5, 8))))
        (2, 5, 6)

    References:
        Bao et al., "BEiT", https://arxiv.org/abs/2106.08254
    """

    def __init__(self, units, use_bias=False, **kwargs):
        super().__init__(units, use_bias=False, **kwargs)

    def build(self, input_shape):
        super().build(input_shape)
        self.query_bias, self.value_bias = (
            self.add_weight((self.units // 3,), "zeros", name=f"{name}_bias")
            for name in ("query", "value")
        )

    def call(self, inputs, training=None):
        query_bias = ops.convert_to_tensor(self.query_bias)  # JAX has no zeros like a variable
        parts = query_bias, ops.zeros_like(query_bias), self.value_bias
        return super().call(inputs, training=training) + ops.concatenate(parts)

    def save_own_variables(self, store):
        super().save_own_variables(store)  # of which Keras knows: the kernel
        if self.built:
            store["query_bias"], store["value_bias"] = self.query_bias, self.value_bias

    def load_own_variables(self, store):
        super().load_own_variables(store)
        if self.built:
            self.query_bias.assign(store["query_bias"])
            self.value_bias.assign(store["value_bias"])


class ProjectedHeads(SequenceLayer):
    """The projections of multi-head attention, which is a subclass.

    The subclass has `num_heads` N, `key_dim` H, `value_dim` V, `use_bias` and `kernel_initializer`,
    and may have a `qkv_bias` for the projections of self-attention that differs from `use_bias`,
    and a `rotary_base` where it turns queries and keys by their positions.
    It is built for self-attention, with one product for queries, keys and values, or for
    cross-attention, with a projection for each.

    Args:
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.
    """

    rotary_base = None

    def build_projections(self, query_shape, key_shape=None, value_shape=None):
        """Makes the projections of the inputs; the first call of the layer settles the kind."""
        keys_dim, values_dim = self.num_heads * self.key_dim, self.num_heads * self.value_dim
        self.is_self_attention = key_shape is None
        if self.is_self_attention:
            units = 2 * keys_dim + values_dim
            bias = getattr(self, "qkv_bias", None)
            if bias == "query_value" and self.value_dim != self.key_dim:
                raise ValueError(
                    "For biases of queries and values `value_dim` must be `key_dim`. Received: "
                    f"key_dim={self.key_dim}, value_dim={self.value_dim}"
                )
            self.query_key_value = self.dense("query_key_value", query_shape, units, bias)
        else:
            self.query = self.dense("query", query_shape, keys_dim)
            self.key = self.dense("key", key_shape, keys_dim)
            self.value = self.dense("value", value_shape or key_shape, values_dim)

    def dense(self, name, input_shape, units, use_bias=None):
        """Makes and builds a projection."""
        use_bias = self.use_bias if use_bias is None else use_bias
        make = QueryValueDense if use_bias == "query_value" else Dense
        dense = make(
            units,
            use_bias=use_bias,
            kernel_initializer=clone_initializer(self.kernel_initializer),
            dtype=self.dtype_policy,
            name=name,
        )
        dense.build(input_shape)
        return dense

    def project(self, query, key, value, position=None):
        """Returns queries (B, N, T, H), keys (B, N, S, H) and values (B, N, S, V).

        The values of cross-attention are None where only the weights are asked for. With a
        `position`, all queries and keys stand at that one.
        """
        self.check_kind(key, value)
        if self.is_self_attention:
            queries, keys, values = self.split_fused(self.query_key_value(query))
        else:
            queries = split_heads(self.query(query), self.num_heads)  # (B, N, T, H)
            keys = split_heads(self.key(key), self.num_heads)  # (B, N, S, H)
            values = None if value is None else split_heads(self.value(value), self.num_heads)
        if self.rotary_base is not None:
            queries, keys = (rotate(x, self.rotary_base, position) for x in (queries, keys))
        return queries, keys, values

    def project_memory(self, key, value=None):
        """Returns the keys and values of a memory that `read` reads many times.

        Args:
            key: (B, S, E).
            value: (B, S, F). Defaults to the key.

        Returns:
            Two tensors of shape (B, N, S, H) and (B, N, S, V).
        """
        self.check_kind(key, value)
        keys = split_heads(self.key(key), self.num_heads)  # (B, N, S, H)
        values = self.value(key if value is None else value)
        return keys, split_heads(values, self.num_heads)  # (B, N, S, V)

    def split_fused(self, fused):
        """Splits the product of `query_key_value` into queries, keys and values, of N heads."""
        if self.value_dim == self.key_dim:
            fused = split_heads(fused, 3 * self.num_heads)
            return ops.split(fused, 3, axis=1)  # three of (B, N, T, H)
        keys_dim = self.num_heads * self.key_dim
        parts = ops.split(fused, [keys_dim, 2 * keys_dim], axis=-1)
        return [split_heads(part, self.num_heads) for part in parts]

    def check_kind(self, key, value):
        """Raises `ValueError` if the layer was built for the other kind of attention, or not."""
        if not self.built:
            raise ValueError(f"`{self.name}` has no weights yet. Call it once before this.")
        if key is None and value is not None:
            raise ValueError(
                f"`{self.name}` must be called with a key where it is called with a value. "
                "Received: key=None"
            )
        if self.is_self_attention != (key is None):
            kinds = ("self-attention", "cross-attention")
            built, called = kinds if self.is_self_attention else reversed(kinds)
            raise ValueError(
                f"`{self.name}` was built for {built}, so it must be called "
                f"{'without' if self.is_self_attention else 'with'} a key. "
                f"Received a call for {called}; make a second layer for that."
            )
