"""A checkpoint's `config.json`: what it means here, and how it is written."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras

from ..layers import gelu_tanh
from .checkpoint_files import CheckpointError, read_json

WRITTEN = ("BertForSequenceClassification", "BertForMaskedLM")
READ = (*WRITTEN, "BertModel", "BertForPreTraining", "BertForNextSentencePrediction")

# Our constructor arguments, and what `BertConfig` calls them.
_SIZES = {
    "vocabulary_size": "vocab_size",
    "hidden_dim": "hidden_size",
    "num_layers": "num_hidden_layers",
    "num_heads": "num_attention_heads",
    "intermediate_dim": "intermediate_size",
    "max_sequence_length": "max_position_embeddings",
    "num_segments": "type_vocab_size",
}
_RATES = {"dropout": "hidden_dropout_prob", "layer_norm_epsilon": "layer_norm_eps"}
_ACTIVATIONS = {
    "gelu": "gelu",
    "relu": "relu",
    "silu": "silu",
    "gelu_new": keras.activations.serialize(gelu_tanh),
    "gelu_pytorch_tanh": keras.activations.serialize(gelu_tanh),
}
_DEFAULTS = {  # BertConfig's, for what old configs leave out
    "model_type": "bert",
    "architectures": [],
    "type_vocab_size": 2,
    "hidden_dropout_prob": 0.1,
    "layer_norm_eps": 1e-12,
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
    "num_labels": 2,
}


def read_config(path: Path) -> tuple[dict[str, Any], list[str]]:
    """Reads a `config.json`, which is data and nothing else.

    Returns:
        The constructor arguments of a model, and the names of the classes that a classifier would
        have.

    Raises:
        CheckpointError: If it describes anything but a BERT encoder; the message names it all.
    """
    config = {**_DEFAULTS, **read_json(path)}
    problems = list(_problems(config))
    if problems:
        raise CheckpointError(f"{path}: {'; '.join(problems)}.")
    arguments = {ours: config[theirs] for ours, theirs in (_SIZES | _RATES).items()}
    return {**arguments, "activation": _ACTIVATIONS[config["hidden_act"]]}, _class_names(config)


def _problems(config: dict[str, Any]) -> Iterator[str]:
    """What is wrong with a config, in words."""
    allowed = {
        "model_type": ("bert",),
        "position_embedding_type": ("absolute", None),
        "hidden_act": _ACTIVATIONS,
        "is_decoder": (False, None),
        "add_cross_attention": (False, None),
    }
    for name, values in allowed.items():
        if config.get(name) not in list(values):
            yield f"{name} must be {_one_of(values)}, not {config[name]!r:.40}"
    for name in config["architectures"] or ():
        if name not in READ:
            yield f"the architecture must be {_one_of(READ)}, not {name!r:.40}"
    for name in _SIZES.values():
        if type(config.get(name)) is not int or config[name] < 1:
            yield f"{name} must be a positive integer, not {config.get(name)!r:.40}"
    for name in _RATES.values():
        if not isinstance(config[name], int | float) or not 0 <= config[name] < 1:
            yield f"{name} must be a number in [0, 1), not {config[name]!r:.40}"
    sizes = config.get("hidden_size"), config.get("num_attention_heads")
    if all(type(size) is int and size > 0 for size in sizes) and sizes[0] % sizes[1]:
        yield f"hidden_size must be a multiple of num_attention_heads, not {sizes[0]} of {sizes[1]}"
    if not _class_names(config):
        yield (
            "id2label must give each of the classes 0, 1, ... a name of its own, not "
            f"{config.get('id2label')!r:.80}"
        )


def _class_names(config: dict[str, Any]) -> list[str]:
    """The names of the classes in order; empty if they are not as they must be."""
    labels = config.get("id2label")
    if labels is None:
        count = config["num_labels"] if type(config["num_labels"]) is int else 0
        return [f"LABEL_{index}" for index in range(min(count, 10_000))]  # as transformers does
    if not isinstance(labels, dict):
        return []
    names = [labels.get(str(index)) for index in range(len(labels))]
    is_good = all(isinstance(name, str) for name in names) and len(set(names)) == len(names)
    return names if is_good else []


def _one_of(values: Sequence) -> str:
    names = [repr(value) for value in values if value is not None]
    return names[0] if len(names) == 1 else f"one of {', '.join(names)}"


def write_config(model: keras.Model, path: Path, class_names: Sequence[str] | None) -> None:
    """Writes the `config.json` of a model.

    Args:
        model: A `TextClassifier` or a `MaskedLanguageModel`.
        path: The file.
        class_names: The names of a classifier's classes, in the order of the logits.
    """
    arguments = model.config
    activation = next(name for name, a in _ACTIVATIONS.items() if a == arguments["activation"])
    config = {
        "architectures": [model.architecture],
        "model_type": "bert",
        **{theirs: arguments[ours] for ours, theirs in (_SIZES | _RATES).items()},
        "attention_probs_dropout_prob": arguments["dropout"],
        "hidden_act": activation,
        "initializer_range": 0.02,
        "pad_token_id": 0,
    }
    if class_names is not None:
        config["id2label"] = {str(index): name for index, name in enumerate(class_names)}
        config["label2id"] = {name: index for index, name in enumerate(class_names)}
    text = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8")
