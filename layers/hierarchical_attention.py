"""Reads documents word by word, then sentence by sentence."""

import keras
from keras import ops

from .attention_pooling import AttentionPooling
from .checks import check_positive
from .initializers import clone_initializer
from .shapes import reshape


@keras.saving.register_keras_serializable("regard")
class HierarchicalAttention(keras.layers.Layer):
    """Hierarchical attention: the words of each sentence, then the sentences of the document.

    A recurrent layer reads the words of a sentence in both directions, and attention pools them:
    hₜ = GRU(xₜ), s = Σ αₜ hₜ. The sentences s go the same way with weights of their own.

    Args:
        units: Number of units U of each direction of the recurrent layers.
        kernel_initializer: Initializer of kernels and queries. Defaults to "glorot_uniform".
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        inputs: (B, P, T, D): documents of P sentences of T words.
        padding_mask: (B, P, T), True at real words. A sentence without one does not count.

    Returns:
        A tensor of shape (B, 2·U).

    Raises:
        ValueError: If `units` is out of range.

    Example:
        >>> keras.ops.shape(HierarchicalAttention(units=4)(keras.ops.ones((2, 3, 5, 8))))
        (2, 8)

    References:
        Yang et al., "Hierarchical Attention Networks for Document Classification", section 2.2,
        https://aclanthology.org/N16-1174
    """

    def __init__(self, units, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        check_positive(units=units)
        self.units = units
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, inputs_shape):
        batch_size, num_sentences, num_words, width = inputs_shape
        self.word_encoder, self.word_attention = self._level("word", (None, num_words, width))
        shape = (batch_size, num_sentences, 2 * self.units)
        self.sentence_encoder, self.sentence_attention = self._level("sentence", shape)

    def call(self, inputs, padding_mask=None):
        words, mask, sizes = self._words(inputs, padding_mask)
        sentences = self.word_attention(words, mask)  # (B·P, 2U)
        sentences, mask = self._sentences(sentences, mask, sizes)
        return self.sentence_attention(sentences, mask)  # (B, 2U)

    def attention_weights(self, inputs, padding_mask=None):
        """Returns the weights of the words in their sentences (B, P, T) and of these (B, P)."""
        words, mask, sizes = self._words(inputs, padding_mask)
        of_words = self.word_attention.attention_weights(words, mask)  # (B·P, T)
        sentences = self.word_attention(words, mask)  # (B·P, 2U)
        sentences, mask = self._sentences(sentences, mask, sizes)
        of_sentences = self.sentence_attention.attention_weights(sentences, mask)  # (B, P)
        return reshape(of_words, sizes), of_sentences

    def _words(self, inputs, padding_mask):
        """Returns encoded words (B·P, T, 2U), which of them are real, and the sizes (B, P, T)."""
        *sizes, width = ops.shape(inputs)
        batch_size, num_sentences, num_words = sizes
        words = reshape(inputs, (batch_size * num_sentences, num_words, width))  # (B·P, T, D)
        mask = None
        if padding_mask is not None:
            padding_mask = ops.cast(padding_mask, "bool")
            mask = reshape(padding_mask, (batch_size * num_sentences, num_words))  # (B·P, T)
        return self.word_encoder(words, mask=mask), mask, sizes

    def _sentences(self, sentences, mask, sizes):
        """Returns encoded sentences (B, P, 2U), and which of them have a real word."""
        sentences = reshape(sentences, (*sizes[:2], 2 * self.units))  # (B, P, 2U)
        if mask is not None:
            mask = ops.any(reshape(mask, sizes), axis=-1)  # (B, P)
        return self.sentence_encoder(sentences, mask=mask), mask

    def _level(self, name, shape):
        """Makes the recurrent layer and the attention of a level."""
        initializer = clone_initializer(self.kernel_initializer)
        gru = keras.layers.GRU(
            self.units,
            kernel_initializer=initializer,
            return_sequences=True,
            dtype=self.dtype_policy,
            name=name,
        )
        encoder = keras.layers.Bidirectional(gru, dtype=self.dtype_policy, name=f"{name}_encoder")
        encoder.build(shape)
        attention = AttentionPooling(
            self.kernel_initializer, dtype=self.dtype_policy, name=f"{name}_attention"
        )
        attention.build((*shape[:-1], 2 * self.units))
        return encoder, attention

    def compute_output_shape(self, inputs_shape):
        return (inputs_shape[0], 2 * self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
