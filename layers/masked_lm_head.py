"""Turns hidden states into scores of tokens: the head of a masked language model."""

import keras

from .initializers import clone_initializer
from .normalization import LayerNorm
from .tied_output import TiedOutput


@keras.saving.register_keras_serializable("regard")
class MaskedLMHead(TiedOutput):
    """BERT's masked-LM head: dense, activation and normalization, then scores for every token.

    The scores are dot products with the rows of the token embedding, so the two stay tied.

    Args:
        token_embedding: The `keras.layers.Embedding` that the model reads tokens with, built: its
            table (V, D) is shared, not copied.
        activation: Activation of the dense layer. Defaults to "gelu".
        layer_norm_epsilon: Added to the variance before its root is taken. Defaults to 1e-12.
        kernel_initializer: Initializer of the dense kernel. Defaults to "glorot_uniform".
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        inputs: Hidden states at M positions, (B, M, D).

    Returns:
        Logits of shape (B, M, V).

    Raises:
        ValueError: If the hidden states are not as wide as the table.

    Example:
        >>> head = MaskedLMHead(keras.layers.Embedding(30, 8))
        >>> keras.ops.shape(head(keras.ops.ones((2, 5, 8))))
        (2, 5, 30)

    References:
        Devlin et al., "BERT", section 3.1, https://arxiv.org/abs/1810.04805; google-research/bert,
        run_pretraining.py, get_masked_lm_output
    """

    def __init__(
        self,
        token_embedding,
        activation="gelu",
        layer_norm_epsilon=1e-12,
        kernel_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(token_embedding, **kwargs)
        self.activation = keras.activations.get(activation)
        self.layer_norm_epsilon = layer_norm_epsilon
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, inputs_shape):
        super().build(inputs_shape)
        self.dense = keras.layers.Dense(
            inputs_shape[-1],
            activation=self.activation,
            kernel_initializer=clone_initializer(self.kernel_initializer),
            dtype=self.dtype_policy,
            name="dense",
        )
        self.dense.build(inputs_shape)
        self.layer_norm = LayerNorm(
            self.layer_norm_epsilon, dtype=self.dtype_policy, name="layer_norm"
        )
        self.layer_norm.build(inputs_shape)

    def call(self, inputs):
        return super().call(self.layer_norm(self.dense(inputs)))  # (B, M, V)

    def get_config(self):
        return {
            **super().get_config(),
            "activation": keras.activations.serialize(self.activation),
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
