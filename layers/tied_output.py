"""Scores tokens with the table that embeds them."""

import keras
from keras import ops

from .shapes import reshape
from .ties import layers_before


@keras.saving.register_keras_serializable("regard")
class TiedOutput(keras.layers.Layer):
    """Scores every token: the dot product with its embedding, plus a bias of its own.

    In a copy of a functional model, loaded from a file or made by `keras.models.clone_model`, it
    shares the table of the copy, found by its path among the layers that the inputs come from.

    Args:
        token_embedding: The `keras.layers.Embedding` that the model reads tokens with, built: its
            table (V, D) is shared, not copied.
        use_bias: Whether there is a bias to add. Defaults to True.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        inputs: Hidden states (B, T, D).

    Returns:
        Logits of shape (B, T, V), in the layer's precision.

    Raises:
        ValueError: If the hidden states are not as wide as the table, or if several layers of a
            copied model have the path of the table.

    Example:
        >>> output = TiedOutput(keras.layers.Embedding(30, 8))
        >>> keras.ops.shape(output(keras.ops.ones((2, 5, 8))))
        (2, 5, 30)

    References:
        Press and Wolf, "Using the Output Embedding to Improve Language Models",
        https://arxiv.org/abs/1608.05859
    """

    def __init__(self, token_embedding, use_bias=True, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.use_bias = use_bias
        self._table_path = None  # in a copy: where the table was
        self._is_tied = not isinstance(token_embedding, dict)
        if not self._is_tied:
            self._table_path = token_embedding.get("path", token_embedding["config"]["name"])
            token_embedding = keras.layers.deserialize(token_embedding)
        self.token_embedding = token_embedding

    def __call__(self, *args, **kwargs):
        inputs = args[0] if args else kwargs.get("inputs")
        if not self._is_tied and isinstance(inputs, keras.KerasTensor):
            self._tie(inputs)
        return super().__call__(*args, **kwargs)

    def build(self, inputs_shape):
        if inputs_shape[-1] != self.token_embedding.output_dim:
            raise ValueError(
                "Hidden states must be as wide as the rows of `token_embedding`. Received: "
                f"hidden_dim={inputs_shape[-1]}, output_dim={self.token_embedding.output_dim}"
            )
        if not self.token_embedding.built:
            self.token_embedding.build()
        self.bias = None
        if self.use_bias:
            size = self.token_embedding.input_dim
            self.bias = self.add_weight((size,), initializer="zeros", name="bias")

    def call(self, inputs):
        return self._score(inputs, self.bias)  # (B, T, V)

    def without(self, token_id, inputs):
        """Returns the outputs of `call`, with one token made as good as impossible."""
        is_out = ops.arange(self.token_embedding.input_dim) == token_id
        bias = 0.0 if self.bias is None else ops.convert_to_tensor(self.bias)
        bias = ops.where(is_out, -1e9, bias)
        return self._score(inputs, bias)  # (B, T, V)

    def compute_output_shape(self, inputs_shape):
        return (*inputs_shape[:-1], self.token_embedding.input_dim)

    def get_config(self):
        token_embedding = keras.layers.serialize(self.token_embedding)
        path = self._table_path or self._path_now()
        if path not in (None, self.token_embedding.name):  # it is inside another layer
            token_embedding["path"] = path
        own = {"token_embedding": token_embedding, "use_bias": self.use_bias}
        return {**super().get_config(), **own}

    def _path_now(self):
        tensors = self._inbound_nodes[0].input_tensors if self._inbound_nodes else []
        before = (pair for tensor in tensors for pair in layers_before(tensor))
        paths = (path for layer, path in before if layer is self.token_embedding)
        return next(paths, self.token_embedding.path)

    def _tie(self, inputs):
        """Takes the table of the model that the layer is called in, in place of its own copy."""
        tables = {
            id(layer): layer
            for layer, path in layers_before(inputs)
            if path == self._table_path and isinstance(layer, keras.layers.Embedding)
        }
        if len(tables) > 1:
            raise ValueError(
                f"The table of `{self.name}` must have a path of its own, for copies of the model. "
                f"Received: {len(tables)} layers with the path {self._table_path!r}"
            )
        for table in tables.values():
            self._is_tied = True
            self._take(table)

    def _take(self, table):
        if table is not self.token_embedding:
            self._tracker.replace_tracked_value("layers", self.token_embedding, table)
            self.token_embedding = table
            if self.built:
                self._post_build()  # torch lists a layer's weights there

    def _score(self, inputs, bias):
        table = ops.cast(self.token_embedding.embeddings, inputs.dtype)  # (V, D)
        rows = ops.reshape(inputs, (-1, inputs.shape[-1]))
        logits = ops.matmul(rows, ops.transpose(table))  # (B·T, V)
        if bias is not None:
            logits = logits + ops.cast(bias, inputs.dtype)
        return reshape(logits, (*ops.shape(inputs)[:-1], self.token_embedding.input_dim))
