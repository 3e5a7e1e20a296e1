"""Names what KerasHub's presets hold as Hugging Face names it: configs, and variables.

A preset writes down a Keras model: the arguments of its constructor, and its variables by the
classes of the layers that hold them. Each kind of backbone below is a table from those to the names
of a `Layout`, which then checks and reads it as any checkpoint.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .keras_hub_parts import (
    AFTER_PADDING,
    BERT_BLOCK,
    DENSE,
    DISTILBERT_BLOCK,
    EMBEDDING,
    NORM,
    PATCHES,
    ROW,
    TOKEN,
    UNUSED,
    VECTOR,
    VIT_BLOCK,
    Change,
    Parts,
)


@dataclass(frozen=True)
class PresetKind:
    """A kind of backbone.

    Attributes:
        model_type: The same kind in Hugging Face's configs.
        architecture: How the names of its classes begin there.
        task: What its classifier is called there, after that.
        sizes: Arguments of the backbone, and their names in a config.
        entries: Entries of a config that are the same for all.
        modules: The layers outside of blocks: their path in the file, the module, and its weights.
        block: How the path of a block begins, and the module of one, with a star for the index.
        parts: The layers of a block, likewise.
        head: The layers of a classifier's head, likewise.
        needed: Arguments of the backbone that must have a value, if they are there.
        zeros: Tensors that KerasHub leaves out, each of zeros, and the entries of its shape.
        further: A function from the backbone's arguments to further entries.
    """

    model_type: str
    architecture: str
    task: str
    sizes: Mapping[str, str]
    entries: Mapping[str, Any]
    modules: Mapping[str, Parts]
    block: tuple[str, str]
    parts: Mapping[str, Parts]
    head: Mapping[str, Parts]
    needed: Mapping[str, Any] = field(default_factory=dict)
    zeros: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    further: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda arguments: {}

    def tensor_of(self, path: str, of_head: bool) -> tuple[str, Change] | None:
        """Returns the name of the tensor that a dataset holds, and how it becomes it.

        Args:
            path: The path of the dataset in its file.
            of_head: Whether that is the file of the head.
        """
        match = re.fullmatch(r"(?:layers|_layer_checkpoint_dependencies)/(.+)/vars/(\d)", path)
        layer, number = match.groups() if match else (path, "0")
        layer = re.sub("(^|/)_", r"\1", layer)  # private or not differs between versions of Keras
        prefix = ""
        if of_head:
            parts = self.head
        elif layer in self.modules:
            parts = self.modules
        else:
            prefix, layer = self._in_block(layer)
            parts = self.parts
        module, weights = parts.get(layer, ("", ()))
        if int(number) >= len(weights):
            return None
        name, change = weights[int(number)]
        return f"{prefix}{module}{name}", change

    def _in_block(self, layer: str) -> tuple[str, str]:
        """Splits the path of a layer into the module of its block, and the path within that."""
        start, module = self.block
        match = re.fullmatch(rf"{re.escape(start)}(?:_([1-9]\d{{0,5}}))?/(.+)", layer)
        if not match:
            return "", ""
        return module.replace("*", match[1] or "0"), match[2]


_TEXT_SIZES = {
    "vocabulary_size": "vocab_size",
    "hidden_dim": "hidden_size",
    "num_layers": "num_hidden_layers",
    "num_heads": "num_attention_heads",
    "intermediate_dim": "intermediate_size",
    "dropout": "hidden_dropout_prob",
}


def _roberta_positions(arguments):
    length = arguments.get("max_sequence_length")
    return {"max_position_embeddings": length + UNUSED if type(length) is int else length}


def _sides(value):
    """Returns one number for two that are equal."""
    is_pair = isinstance(value, list) and len(value) == 2
    return value[0] if is_pair and value[0] == value[1] else value


def _image(arguments):
    shape = arguments.get("image_shape")
    is_shape = isinstance(shape, list) and len(shape) == 3
    return {
        "image_size": _sides(shape[:2]) if is_shape else shape,
        "num_channels": shape[2] if is_shape else shape,
        "patch_size": _sides(arguments.get("patch_size")),
    }


KINDS = {
    "keras_hub>BertBackbone": PresetKind(
        model_type="bert",
        architecture="Bert",
        task="ForSequenceClassification",
        sizes={
            **_TEXT_SIZES,
            "max_sequence_length": "max_position_embeddings",
            "num_segments": "type_vocab_size",
        },
        entries={"hidden_act": "gelu_new", "layer_norm_eps": 1e-12},  # whatever else BERT has
        modules={
            "reversible_embedding": ("bert.embeddings.word_embeddings", EMBEDDING),
            "position_embedding": ("bert.embeddings.position_embeddings", EMBEDDING),
            "embedding": ("bert.embeddings.token_type_embeddings", EMBEDDING),
            "layer_normalization": ("bert.embeddings.LayerNorm", NORM),
            "dense": ("bert.pooler.dense", DENSE),
        },
        block=("transformer_encoder", "bert.encoder.layer.*."),
        parts=BERT_BLOCK,
        head={"dense": ("classifier", DENSE)},
    ),
    "keras_hub>DistilBertBackbone": PresetKind(
        model_type="distilbert",
        architecture="DistilBert",
        task="ForSequenceClassification",
        sizes={
            "vocabulary_size": "vocab_size",
            "hidden_dim": "dim",
            "num_layers": "n_layers",
            "num_heads": "n_heads",
            "intermediate_dim": "hidden_dim",
            "dropout": "dropout",
            "max_sequence_length": "max_position_embeddings",
        },
        entries={"activation": "gelu"},
        modules={
            "token_and_position_embedding/token_embedding": (
                "distilbert.embeddings.word_embeddings",
                EMBEDDING,
            ),
            "token_and_position_embedding/position_embedding": (
                "distilbert.embeddings.position_embeddings",
                EMBEDDING,
            ),
            "layer_normalization": ("distilbert.embeddings.LayerNorm", NORM),
        },
        block=("transformer_encoder", "distilbert.transformer.layer.*."),
        parts=DISTILBERT_BLOCK,
        head={"dense": ("pre_classifier", DENSE), "dense_1": ("classifier", DENSE)},
    ),
    "keras_hub>RobertaBackbone": PresetKind(
        model_type="roberta",
        architecture="Roberta",
        task="ForSequenceClassification",
        sizes=_TEXT_SIZES,
        entries={
            "hidden_act": "gelu",
            "layer_norm_eps": 1e-5,
            "type_vocab_size": 1,
            "pad_token_id": UNUSED - 1,
        },
        modules={
            "token_and_position_embedding/token_embedding": (
                "roberta.embeddings.word_embeddings",
                EMBEDDING,
            ),
            "token_and_position_embedding/position_embedding": (
                "roberta.embeddings.position_embeddings",
                ((".weight", AFTER_PADDING),),
            ),
            "layer_normalization": ("roberta.embeddings.LayerNorm", NORM),
        },
        block=("transformer_encoder", "roberta.encoder.layer.*."),
        parts=BERT_BLOCK,
        head={
            "dense": ("classifier.dense", DENSE),
            "dense_1": ("classifier.out_proj", DENSE),
        },
        zeros={"roberta.embeddings.token_type_embeddings.weight": (1, "hidden_size")},
        further=_roberta_positions,
    ),
    "keras_hub>ViTBackbone": PresetKind(
        model_type="vit",
        architecture="ViT",
        task="ForImageClassification",
        sizes={
            "hidden_dim": "hidden_size",
            "num_layers": "num_hidden_layers",
            "num_heads": "num_attention_heads",
            "mlp_dim": "intermediate_size",
            "dropout_rate": "hidden_dropout_prob",
            "attention_dropout": "attention_probs_dropout_prob",
            "layer_norm_epsilon": "layer_norm_eps",
        },
        entries={"hidden_act": "gelu"},
        modules={
            "vi_t_patching_and_embedding": ("vit.embeddings.cls_token", (("", TOKEN),)),
            "vi_t_patching_and_embedding/patch_embedding": (
                "vit.embeddings.patch_embeddings.projection",
                ((".weight", PATCHES), (".bias", VECTOR)),
            ),
            "vi_t_patching_and_embedding/position_embedding": (
                "vit.embeddings.position_embeddings",
                (("", ROW),),
            ),
            "vi_t_encoder/layer_norm": ("vit.layernorm", NORM),
        },
        block=("vi_t_encoder/encoder_layers/vi_t_encoder_block", "vit.encoder.layer.*."),
        parts=VIT_BLOCK,
        head={"dense": ("classifier", DENSE)},
        needed={
            "use_mha_bias": True,
            "use_mlp_bias": True,
            "use_class_token": True,
            "use_patch_bias": True,
        },
        further=_image,
    ),
}
