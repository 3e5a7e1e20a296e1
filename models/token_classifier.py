"""Classifies every token of a text, as BERT does for named entities."""

import keras

from ..layers import TokenTransform
from ..layers.checks import check_positive
from .checkpoints import TOKEN_CLASSIFIER, as_checkpoint
from .classifier_heads import count_classes, load_classifier
from .configured_model import own_arguments
from .text_encoder import TextModel, encode_text
from .text_families import TEXT_LAYOUTS, text_family, whole_variation


@keras.saving.register_keras_serializable("regard")
class TokenClassifier(TextModel):
    """Embedding, encoder, dropout, head: one logit a class for every token, as BERT computes it.

    ModernBERT has a `TokenTransform` between encoder and dropout.

    An ordinary Keras model: `compile`, `fit`, `evaluate`, `predict`, `.keras` save and load.

    Args:
        vocabulary_size: Number of token ids V.
        num_classes: Number of classes C, such as "O", "B-PER" and "I-PER".
        hidden_dim: Width D.
        num_layers: Number of encoder blocks.
        num_heads: Number of attention heads; must divide `hidden_dim`.
        intermediate_dim: Width F inside the feed-forward layers.
        max_sequence_length: Largest number of tokens in a sequence. Defaults to 512.
        num_segments: Number of segment ids. Defaults to 2.
        dropout: Probability in [0, 1) of dropping a unit in training: after the embedding, on the
            attention weights, after each sub-layer and before the head. Defaults to 0.1.
        activation: Activation of the feed-forward layers. Defaults to "gelu".
        layer_norm_epsilon: Added to the variance before its root is taken. Defaults to 1e-12.
        family: The family of encoders that it belongs to, as for `TextClassifier`. Defaults to
            "bert".
        variation: What its layers have beside the sizes, likewise. Defaults to what most models of
            the family have.
        **kwargs: `name` and `dtype`, for `keras.Model`.

    Call arguments:
        inputs: A dict of `token_ids` (B, T), `segment_ids` (B, T) and `padding_mask` (B, T), True
            at real tokens. `segment_ids` may be left out where all are 0.

    Returns:
        Logits of shape (B, T, C), float32; never softmaxed.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> model = TokenClassifier.from_preset("tiny", vocabulary_size=30, num_classes=3)
        >>> token_ids = keras.ops.ones((2, 5), "int32")
        >>> inputs = {"token_ids": token_ids, "padding_mask": token_ids > 0}
        >>> keras.ops.shape(model(inputs))
        (2, 5, 3)

    References:
        Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language
        Understanding", section 5.3, https://arxiv.org/abs/1810.04805
    """

    def __init__(
        self,
        vocabulary_size,
        num_classes,
        hidden_dim,
        num_layers,
        num_heads,
        intermediate_dim,
        max_sequence_length=512,
        num_segments=2,
        dropout=0.1,
        activation="gelu",
        layer_norm_epsilon=1e-12,  # as in google-research/bert, modeling.py
        family="bert",
        variation=None,
        **kwargs,
    ):
        config, dtype = own_arguments(locals())
        check_positive(num_classes=num_classes)
        config["variation"] = whole_variation(text_family(family), variation)
        inputs, hidden_states, embedding, encoder = encode_text(config, dtype)
        transform = _make_transform(config, dtype)
        if transform is not None:
            hidden_states = transform(hidden_states)  # (B, T, D)
        head_dropout = keras.layers.Dropout(dropout, dtype=dtype, name="head_dropout")
        head = keras.layers.Dense(num_classes, dtype="float32", name="head")
        logits = head(head_dropout(hidden_states))  # (B, T, C)
        super().__init__(inputs, logits, config, embedding, encoder, **kwargs)
        self.transform = transform
        self.head_dropout = head_dropout
        self.head = head

    @property
    def checkpoint_groups(self):
        """Returns the groups of tensors that its checkpoints hold."""
        transform = () if self.transform is None else ("pooler",)
        return ("encoder", *transform, TOKEN_CLASSIFIER)

    @property
    def layout(self):
        """Returns the layout of its checkpoints."""
        return text_family(self.config["family"]).layout

    @property
    def architecture(self):
        """Returns the name of its class in Hugging Face's `transformers`."""
        architectures = self.layout.architectures
        return next(name for name in architectures if TOKEN_CLASSIFIER in architectures[name])

    @classmethod
    def from_checkpoint(cls, checkpoint, num_classes=None, class_names=None, **kwargs):
        """Makes a token classifier from a Hugging Face checkpoint of a text encoder.

        Where the checkpoint has no classifier of tokens, one starts from random weights, and so do
        the rows of classes that it does not know. The log says so.

        Args:
            checkpoint: A directory, `hf://ORG/NAME[@REVISION]`, or a `Checkpoint`.
            num_classes: Number of classes C. Defaults to that of the checkpoint's classifier; where
                it has another number, all rows are new.
            class_names: Names of the classes, in the order of the logits. Rows of the checkpoint's
                classifier go to the classes of the same names. Defaults to the checkpoint's.
            **kwargs: `dropout`, `name` and `dtype`; the sizes are the checkpoint's.

        Returns:
            A `TokenClassifier`.

        Raises:
            CheckpointError: If it is not a whole checkpoint of one of the families, or if it has no
                classifier of tokens and neither number nor names of classes are given.
            ValueError: If the number of classes is not that of the names.
        """
        checkpoint = as_checkpoint(checkpoint, *TEXT_LAYOUTS)
        num_classes = count_classes(checkpoint, num_classes, class_names, TOKEN_CLASSIFIER)
        model = cls(num_classes=num_classes, **{**checkpoint.arguments, **kwargs})
        load_classifier(model, checkpoint, class_names)
        return model


def _make_transform(config, dtype):
    """Makes what a family computes of every token before the head; None where there is nothing."""
    family = text_family(config["family"])
    if not family.transforms_tokens:
        return None
    epsilon = config["layer_norm_epsilon"] if family.normalizes_pooled else None
    return TokenTransform(**family.pooler, layer_norm_epsilon=epsilon, dtype=dtype, name="pooler")
