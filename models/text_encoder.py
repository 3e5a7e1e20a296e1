"""What every model of text begins with: token ids in, hidden states out."""

import keras

from ..layers import Encoder, TextEmbedding
from ..layers.checks import check_rate
from .bert_layout import BERT
from .presets import text_preset


class TextModel(keras.Model):
    """A text encoder with a head on top: what `TextClassifier` and the like have in common.

    A subclass says in `architecture` what Hugging Face calls it, and in `checkpoint_groups` what a
    checkpoint of it consists of; see `regard.models.checkpoints`.

    Args:
        inputs: The symbolic inputs, by name.
        outputs: The symbolic output.
        config: The arguments of the subclass's constructor, by name.
        embedding: The `TextEmbedding`.
        encoder: The `Encoder`.
        **kwargs: `name` and the like, for `keras.Model`.
    """

    layout = BERT

    def __init__(self, inputs, outputs, config, embedding, encoder, **kwargs):
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
        activation = keras.activations.get(config["activation"])
        self.config = {**config, "activation": keras.activations.serialize(activation)}
        self.embedding = embedding
        self.encoder = encoder

    @classmethod
    def from_preset(cls, preset, *args, **kwargs):
        """Makes a model of a named size, with random weights.

        Args:
            preset: A key of `regard.models.TEXT_PRESETS`: "scratch", "tiny", "mini", "small",
                "medium", "base" or "large".
            *args: Further arguments of the constructor, `vocabulary_size` first.
            **kwargs: Likewise by name; they go before the preset's.

        Raises:
            ValueError: If there is no such preset; the message names the nearest.
        """
        return cls(*args, **{**text_preset(preset), **kwargs})

    def get_config(self):
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": keras.dtype_policies.serialize(self.embedding.dtype_policy),
            **self.config,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)


def encode_text(config, dtype, first_only=False):
    """The part from tokens to hidden states, as BERT computes it.

    Args:
        config: The sizes, `dropout`, `activation` and `layer_norm_epsilon`, by name.
        dtype: Precision of the layers.
        first_only: Whether the hidden states of the first token are enough. Defaults to False.

    Returns:
        The symbolic inputs by name, the hidden states (B, T, D) or (B, 1, D), and the two layers
        in between: a `TextEmbedding` and an `Encoder`.
    """
    check_rate(dropout=config["dropout"])
    # Embeddings start as BERT's do. Kernels keep Keras' Glorot initializer, which follows the
    # width: BERT's 0.02 suits a width of 768, and starts narrow models too close to nothing.
    embedding = TextEmbedding(
        config["vocabulary_size"],
        config["hidden_dim"],
        config["max_sequence_length"],
        config["num_segments"],
        config["dropout"],
        config["layer_norm_epsilon"],
        keras.initializers.TruncatedNormal(stddev=0.02),
        dtype=dtype,
        name="embedding",
    )
    encoder = Encoder(
        config["num_layers"],
        config["num_heads"],
        config["intermediate_dim"],
        dropout=config["dropout"],
        activation=config["activation"],
        layer_norm_epsilon=config["layer_norm_epsilon"],
        dtype=dtype,
        name="encoder",
    )
    inputs = {
        "token_ids": keras.Input((None,), dtype="int32", name="token_ids"),
        "segment_ids": keras.Input((None,), dtype="int32", name="segment_ids"),
        "padding_mask": keras.Input((None,), dtype="bool", name="padding_mask"),
    }
    x = embedding(inputs["token_ids"], inputs["segment_ids"])  # (B, T, D)
    hidden_states = encoder(
        x, padding_mask=inputs["padding_mask"], first_only=first_only
    )  # (B, T, D)
    return inputs, hidden_states, embedding, encoder
