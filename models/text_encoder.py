"""Turns token ids into hidden states: the part that all models of text begin with."""

import keras

from ..layers import Encoder, TextEmbedding
from ..layers.checks import check_rate
from .bert_layout import BERT
from .configured_model import ConfiguredModel
from .presets import text_preset
from .text_families import text_family


class TextModel(ConfiguredModel):
    """A text encoder with a head on top, the base of `TextClassifier` and the like.

    A subclass names in `architecture` its class in Hugging Face's `transformers`, and in
    `checkpoint_groups` the groups of tensors of its checkpoints; see `regard.models.checkpoints`.
    """

    layout = BERT

    def __call__(self, inputs, *args, **kwargs):
        return super().__call__(_with_segments(inputs), *args, **kwargs)

    def call(self, inputs, training=None, mask=None, **kwargs):  # which JAX trains with
        return super().call(_with_segments(inputs), training=training, mask=mask, **kwargs)

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


def _with_segments(inputs):
    """Adds `segment_ids` of 0 to inputs by name that leave them out."""
    if not isinstance(inputs, dict) or "token_ids" not in inputs or "segment_ids" in inputs:
        return inputs
    # By arithmetic, so that arrays stay arrays: Keras takes no mixture of them with tensors.
    return {**inputs, "segment_ids": inputs["token_ids"] * 0}


def encode_text(config, dtype, first_only=False):
    """Builds the part from tokens to hidden states, as BERT, or another family, computes it.

    Args:
        config: The sizes, `dropout`, `activation` and `layer_norm_epsilon`, by name; and `window`,
            `family` and `variation`, which may be left out.
        dtype: Precision of the layers.
        first_only: Whether the hidden states of the first token are enough. Defaults to False.

    Returns:
        The symbolic inputs by name, the hidden states (B, T, D) or (B, 1, D), and the two layers
        in between: a `TextEmbedding` and an `Encoder`.
    """
    check_rate(dropout=config["dropout"])
    embedding, encoder = _make_layers(config, dtype)
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


def _make_layers(config, dtype):
    # Embeddings start as BERT's do. Kernels keep Keras' Glorot initializer, which follows the
    # width: BERT's 0.02 suits a width of 768, and starts narrow models too close to nothing.
    family, variation = text_family(config.get("family", "bert")), config.get("variation", {})
    window = {} if config.get("window") is None else {"window": config["window"]}
    embedding = TextEmbedding(
        config["vocabulary_size"],
        config["hidden_dim"],
        config["max_sequence_length"],
        config["num_segments"],
        config["dropout"],
        config["layer_norm_epsilon"],
        keras.initializers.TruncatedNormal(stddev=0.02),
        **{**family.embedding, **variation.get("embedding", {})},
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
        **{**family.encoder, **variation.get("encoder", {}), **window},
        dtype=dtype,
        name="encoder",
    )
    return embedding, encoder
