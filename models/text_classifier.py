"""Classifies texts as BERT does, and the encoders that came after it."""

import keras

from ..layers import FirstTokenPooling, TransformedAveragePooling
from ..layers.checks import check_positive
from .checkpoints import as_checkpoint
from .classifier_heads import count_classes, load_classifier
from .configured_model import own_arguments
from .poolers import make_pooler, pooling_config
from .text_encoder import TextModel, encode_text
from .text_families import TEXT_LAYOUTS, text_family, whole_variation


@keras.saving.register_keras_serializable("regard")
class TextClassifier(TextModel):
    """Embedding, encoder, pooler, dropout, head: one logit a class, as BERT computes it.

    An ordinary Keras model: `compile`, `fit`, `evaluate`, `predict`, `.keras` save and load. With a
    `pooling` or a `window` away from its default it is no BERT, and is kept by `.keras` alone.

    Args:
        vocabulary_size: Number of token ids V.
        num_classes: Number of classes C.
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
        pooling: "first" for the first token as BERT pools it; "average", "kernel", "learned_kernel"
            or "attention" for `AveragePooling`, `KernelPooling` without and with a learned width,
            or `AttentionPooling` of all tokens; or a layer of that kind. Defaults to "first".
        window: Number of positions on either side of its own that each token attends to, so that
            time and memory grow in proportion to T. The first token then sees no more than its
            neighbours, so take another `pooling`. Defaults to all positions.
        family: The family of encoders that it belongs to, a `model_type` of Hugging Face: "bert",
            "distilbert", "roberta", "xlm-roberta", "camembert", "electra", "albert", "mpnet",
            "deberta-v2" or "modernbert". Defaults to "bert".
        variation: What its layers have beside the sizes, by the names of their arguments: a dict
            with "embedding" for `TextEmbedding` and "encoder" for `Encoder`, each a dict; and, of
            ModernBERT, with "pooler" for whether it `reads_mean`, that of all tokens in place of
            the first. Defaults to what most models of the family have.
        **kwargs: `name` and `dtype`, for `keras.Model`.

    Call arguments:
        inputs: A dict of `token_ids` (B, T), `segment_ids` (B, T) and `padding_mask` (B, T), True
            at real tokens. The first token is the one that is pooled ([CLS]). `segment_ids` may be
            left out where all are 0.

    Returns:
        Logits of shape (B, C), float32; never softmaxed.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> model = TextClassifier.from_preset("tiny", vocabulary_size=30, num_classes=2)
        >>> token_ids = keras.ops.ones((3, 5), "int32")
        >>> inputs = {"token_ids": token_ids, "padding_mask": token_ids > 0}
        >>> keras.ops.shape(model(inputs))
        (3, 2)

    References:
        Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language
        Understanding", https://arxiv.org/abs/1810.04805
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
        pooling="first",
        window=None,
        family="bert",
        variation=None,
        **kwargs,
    ):
        config, dtype = own_arguments(locals())
        config = _checked(config)
        is_first = _reads_first(config)
        inputs, hidden_states, embedding, encoder = encode_text(config, dtype, is_first)
        pooler, head_dropout, head = _make_head(config, dtype)
        masks = {} if is_first else {"padding_mask": inputs["padding_mask"]}
        logits = head(head_dropout(pooler(hidden_states, **masks)))  # (B, C)
        super().__init__(inputs, logits, config, embedding, encoder, **kwargs)
        self.pooler = pooler
        self.head_dropout = head_dropout
        self.head = head

    @property
    def reads_first(self):
        """Returns whether it reads the hidden states of the first token alone."""
        return _reads_first(self.config)

    @property
    def layout(self):
        """Returns the layout of its checkpoints."""
        return text_family(self.config["family"]).layout

    @property
    def architecture(self):
        """Returns the name of its class in Hugging Face's `transformers`."""
        architectures = self.layout.architectures
        return next(name for name in architectures if "classifier" in architectures[name])

    @property
    def checkpoint_groups(self):
        """Returns the groups of tensors that it takes from a checkpoint."""
        pooler = ("pooler",) if self.config["pooling"] == "first" else ()
        return ("encoder", *pooler, "classifier")

    def classify(self, hidden_states, padding_mask=None):
        """Returns the logits (B, C) of hidden states (B, T, D), which it pools."""
        masks = {} if self.reads_first else {"padding_mask": padding_mask}
        return self.head(self.head_dropout(self.pooler(hidden_states, **masks)))

    @classmethod
    def from_checkpoint(cls, checkpoint, num_classes=None, class_names=None, **kwargs):
        """Makes a classifier from a Hugging Face checkpoint of a text encoder.

        What the checkpoint lacks starts from random weights: the pooler of a masked language
        model, and the classifier's rows of other classes than it knows. The log says so.

        Args:
            checkpoint: A directory, `hf://ORG/NAME[@REVISION]`, or a `Checkpoint`.
            num_classes: Number of classes C. Defaults to that of the checkpoint's classifier; where
                it has another number, all rows are new.
            class_names: Names of the classes, in the order of the logits. Rows of the checkpoint's
                classifier go to the classes of the same names. Defaults to the checkpoint's.
            **kwargs: `dropout`, `pooling`, `window`, `name` and `dtype`; the sizes are the
                checkpoint's.

        Returns:
            A `TextClassifier`.

        Raises:
            CheckpointError: If it is not a whole checkpoint of one of the families, or if it has no
                classifier and neither number nor names of classes are given.
        """
        checkpoint = as_checkpoint(checkpoint, *TEXT_LAYOUTS)
        num_classes = count_classes(checkpoint, num_classes, class_names)
        model = cls(num_classes=num_classes, **{**checkpoint.arguments, **kwargs})
        load_classifier(model, checkpoint, class_names)
        return model


def _checked(config):
    """Checks the arguments that no layer checks, and returns all of them."""
    check_positive(num_classes=config["num_classes"])
    return {
        **config,
        "pooling": pooling_config(config["pooling"], own=("first",)),
        "variation": whole_variation(text_family(config["family"]), config["variation"]),
    }


def _reads_mean(config):
    """Returns whether the family's own pooler is of the mean of all tokens."""
    return config["variation"].get("pooler", {}).get("reads_mean", False)


def _reads_first(config):
    return config["pooling"] == "first" and not _reads_mean(config)


def _make_head(config, dtype):
    """Makes the pooler, the dropout after it and the layer of the logits, before any is called.

    The order decides which first weights a seed gives.
    """
    pooler = _make_pooler(config, dtype)
    dropout = keras.layers.Dropout(config["dropout"], dtype=dtype, name="head_dropout")
    return pooler, dropout, keras.layers.Dense(config["num_classes"], dtype="float32", name="head")


def _make_pooler(config, dtype):
    if config["pooling"] != "first":
        return make_pooler(config["pooling"], dtype)
    family = text_family(config["family"])
    make = TransformedAveragePooling if _reads_mean(config) else FirstTokenPooling
    own = {
        "dropout": config["dropout"] if family.drops_first else 0.0,
        "layer_norm_epsilon": config["layer_norm_epsilon"] if family.normalizes_pooled else None,
        **family.pooler,
    }
    return make(**own, dtype=dtype, name="pooler")
