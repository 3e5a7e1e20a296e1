"""Predicts masked tokens, the task that BERT is pre-trained on."""

import keras
from keras import ops

from ..layers import MaskedLMHead
from .checkpoints import as_checkpoint, load_checkpoint
from .configured_model import own_arguments
from .text_encoder import TextModel, encode_text


@keras.saving.register_keras_serializable("regard")
class MaskedLanguageModel(TextModel):
    """Embedding, encoder, masked-LM head: one logit for every token of the vocabulary.

    An ordinary Keras model, trained with a cross-entropy on the tokens that were masked. Logits
    are computed at the positions asked for alone: the table of a vocabulary is large.

    Args:
        vocabulary_size: Number of token ids V.
        hidden_dim: Width D.
        num_layers: Number of encoder blocks.
        num_heads: Number of attention heads; must divide `hidden_dim`.
        intermediate_dim: Width F inside the feed-forward layers.
        max_sequence_length: Largest number of tokens in a sequence. Defaults to 512.
        num_segments: Number of segment ids. Defaults to 2.
        dropout: Probability in [0, 1) of dropping a unit in training: after the embedding, on the
            attention weights and after each sub-layer. Defaults to 0.1.
        activation: Activation of the feed-forward layers and the head. Defaults to "gelu".
        layer_norm_epsilon: Added to the variance before its root is taken. Defaults to 1e-12.
        **kwargs: `name` and `dtype`, for `keras.Model`.

    Call arguments:
        inputs: A dict of `token_ids` (B, T), `segment_ids` (B, T), `padding_mask` (B, T), True at
            real tokens, and `masked_positions` (B, M), integers in [0, T): where to predict.
            `segment_ids` may be left out where all are 0.

    Returns:
        Logits of shape (B, M, V), float32; never softmaxed.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> model = MaskedLanguageModel.from_preset("tiny", vocabulary_size=30)
        >>> token_ids = keras.ops.ones((3, 5), "int32")
        >>> inputs = {"token_ids": token_ids, "segment_ids": token_ids * 0,
        ...           "padding_mask": token_ids > 0, "masked_positions": token_ids[:, :2]}
        >>> keras.ops.shape(model(inputs))
        (3, 2, 30)

    References:
        Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language
        Understanding", section 3.1, https://arxiv.org/abs/1810.04805
    """

    checkpoint_groups = ("encoder", "masked-LM head")
    architecture = "BertForMaskedLM"

    def __init__(
        self,
        vocabulary_size,
        hidden_dim,
        num_layers,
        num_heads,
        intermediate_dim,
        max_sequence_length=512,
        num_segments=2,
        dropout=0.1,
        activation="gelu",
        layer_norm_epsilon=1e-12,  # as in google-research/bert, modeling.py
        **kwargs,
    ):
        config, dtype = own_arguments(locals())
        inputs, hidden_states, embedding, encoder = encode_text(config, dtype)
        positions = keras.Input((None,), dtype="int32", name="masked_positions")
        masked_states = ops.take_along_axis(hidden_states, positions[:, :, None], 1)  # (B, M, D)
        head = MaskedLMHead(
            embedding.token_embedding, activation, layer_norm_epsilon, dtype=dtype, name="head"
        )
        logits = ops.cast(head(masked_states), "float32")  # (B, M, V)
        inputs = {**inputs, "masked_positions": positions}
        super().__init__(inputs, logits, config, embedding, encoder, **kwargs)
        self.head = head

    @classmethod
    def from_checkpoint(cls, checkpoint, **kwargs):
        """Makes a masked language model from a Hugging Face BERT checkpoint.

        A checkpoint without a masked-LM head gets one of random weights, and the log says so.

        Args:
            checkpoint: A directory, `hf://ORG/NAME[@REVISION]`, or a `Checkpoint`.
            **kwargs: `dropout`, `name` and `dtype`; the sizes are the checkpoint's.

        Raises:
            CheckpointError: If it is not a whole BERT checkpoint.
        """
        checkpoint = as_checkpoint(checkpoint, cls.layout)
        model = cls(**{**checkpoint.arguments, **kwargs})
        load_checkpoint(model, checkpoint)
        return model
