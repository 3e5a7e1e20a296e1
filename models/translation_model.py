"""Holds what translators have in common, whatever reads the source and writes the target."""

import keras

from .checkpoints import as_checkpoint
from .configured_model import ConfiguredModel
from .presets import translation_preset


class TranslationModel(ConfiguredModel):
    """An encoder of sources and a decoder of targets, the base of `Translator` and the like.

    A subclass has a `decoder`, and the `encode`, `new_caches` and `step` by which
    `regard.models.decoding` writes translations. It names in `layouts` how checkpoints are
    written down that it reads, in `layout` how its own are, and in `architecture` its class in
    Hugging Face's `transformers`.
    """

    checkpoint_groups = ("translator",)

    @property
    def start_id(self):
        """Returns the id of the token that a target is read after."""
        return self.config["pad_id"]

    @property
    def target_vocabulary_size(self):
        """Returns the number of token ids of targets."""
        return self.config.get("target_vocabulary_size") or self.config["vocabulary_size"]

    def embed_targets(self, token_ids):
        """Returns the vectors (B, T, D) that the decoder reads, given targets (B, T)."""
        return self.embedding(token_ids)

    @classmethod
    def from_preset(cls, preset, *args, **kwargs):
        """Makes a translator of a named size, with random weights.

        Args:
            preset: A key of `regard.models.TRANSLATION_PRESETS`: "transformer_small",
                "transformer_base" or "transformer_big" for `Translator`, "rnnsearch_small" for
                `RecurrentTranslator`.
            *args: Further arguments of the constructor, `vocabulary_size` first.
            **kwargs: Likewise by name; they go before the preset's.

        Raises:
            ValueError: If there is no such preset; the message names the nearest.
        """
        return cls(*args, **{**translation_preset(preset), **kwargs})

    @classmethod
    def from_checkpoint(cls, checkpoint, **kwargs):
        """Makes a translator from a checkpoint.

        For `Translator` that is a Hugging Face checkpoint, such as those of OPUS-MT or NLLB; for
        `RecurrentTranslator` the `model/` of a run.

        Args:
            checkpoint: A directory, `hf://ORG/NAME[@REVISION]`, or a `Checkpoint`.
            **kwargs: `dropout`, `name`, `dtype` and the like; the sizes are the checkpoint's.

        Raises:
            CheckpointError: If it is not a whole checkpoint of this kind.
        """
        checkpoint = as_checkpoint(checkpoint, *cls.layouts)
        model = cls(**{**checkpoint.arguments, **kwargs})
        checkpoint.load(model, cls.checkpoint_groups)
        return model

    def alignments(self, inputs):
        """Returns the weights with which each position of a target reads the tokens of its source.

        Args:
            inputs: As in a call.

        Returns:
            The weights of the cross-attention: float32, (B, L, N, T, S) for L decoder blocks. Their
            last axis sums to 1.
        """
        mask = inputs["encoder_padding_mask"]
        memory = self.encode(inputs["encoder_token_ids"], mask)
        x = self.embed_targets(inputs["decoder_token_ids"])
        return self.decoder.attention_weights(x, memory, mask)


def check_ids(vocabulary_size, end_id, pad_id):
    """Raises `ValueError` unless the two are different ids of the vocabulary."""
    is_good = 0 <= end_id < vocabulary_size and 0 <= pad_id < vocabulary_size and end_id != pad_id
    if not is_good:
        raise ValueError(
            "`end_id` and `pad_id` must be two different ids below `vocabulary_size`. Received: "
            f"end_id={end_id}, pad_id={pad_id}, vocabulary_size={vocabulary_size}"
        )


def translator_inputs():
    """Makes the symbolic inputs of a translator, by name."""
    return {
        "encoder_token_ids": keras.Input((None,), dtype="int32", name="encoder_token_ids"),
        "encoder_padding_mask": keras.Input((None,), dtype="bool", name="encoder_padding_mask"),
        "decoder_token_ids": keras.Input((None,), dtype="int32", name="decoder_token_ids"),
    }
