"""A checkpoint's `config.json`: what it means here, and how it is written."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras

from ..layers import gelu_tanh
from .checkpoint_files import CheckpointError, read_json

# The architectures that are read, and the groups of tensors that each has beside its encoder, for
# sure. The first two are also written.
READ = {
    "BertForSequenceClassification": ("pooler", "classifier"),
    "BertForMaskedLM": ("masked-LM head",),
    "BertForPreTraining": ("pooler", "masked-LM head"),
    "BertForNextSentencePrediction": ("pooler",),
    "BertModel": (),
}

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


def read_config(path: Path) -> tuple[dict[str, Any], list[str], set[str]]:
    """Reads a `config.json`, which is data and nothing else.

    Returns:
        The constructor arguments of a model, the names of the classes that a classifier would
        have, and the groups of tensors that the architecture must have.

    Raises:
        CheckpointError: If it describes anything but a BERT encoder; the message names it all.
    """
    config = {**_DEFAULTS, **read_json(path)}
    problems = list(_problems(config))
    if problems:
        raise CheckpointError(f"{path}: {'; '.join(problems)}.")
    arguments = {ours: config[theirs] for ours, theirs in (_SIZES | _RATES).items()}
    arguments["activation"] = _ACTIVATIONS[config["hidden_act"]]
    groups = {group for name in config["architectures"] or () for group in READ[name]}
    return arguments, _class_names(config), {"encoder", *groups}


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
    architectures = config["architectures"]
    if not isinstance(architectures, list | None):
        yield f"architectures must be a list, not {architectures!r:.40}"
    elif any(name not in list(READ) for name in architectures or ()):
        yield f"the architecture must be {_one_of(READ)}, not {architectures!r:.80}"
    for name in _SIZES.values():
        if type(config.get(name)) is not int or config[name] < 1:
            yield f"{name} must be a positive integer, not {config.get(name)!r:.40}"
    for name in _RATES.values():
        if type(config[name]) not in (int, float) or not 0 <= config[name] < 1:
            yield f"{name} must be a number in [0, 1), not {config[name]!r:.40}"
    sizes = config.get("hidden_size"), config.get("num_attention_heads")
    if all(type(size) is int and size > 0 for size in sizes) and sizes[0] % sizes[1]:
        yield f"hidden_size must be a multiple of num_attention_heads, not {sizes[0]} of {sizes[1]}"
    if not _class_names(config):
        name = "num_labels" if config.get("id2label") is None else "id2label"
        yield (
            "id2label must give each of the classes 0, 1, ... a name of its own, or num_labels "
            f"their number; {name} is {config[name]!r:.80}"
        )


def _class_names(config: dict[str, Any]) -> list[str]:
    """The names of the classes in order; empty if they are not as they must be."""
    labels = config.get("id2label")
    if labels is None:
        count = config["num_labels"] if type(config["num_labels"]) is int else 0
        return _numbered_labels(min(count, 10_000))  # so that no number costs memory
    if not isinstance(labels, dict):
        return []
    names = [labels.get(str(index)) for index in range(len(labels))]
    is_good = all(isinstance(name, str) for name in names) and len(set(names)) == len(names)
    return names if is_good else []


def _numbered_labels(count: int) -> list[str]:
    return [f"LABEL_{index}" for index in range(count)]  # as transformers does


def _one_of(values: Iterable) -> str:
    names = [repr(value) for value in values if value is not None]
    return names[0] if len(names) == 1 else f"one of {', '.join(names)}"


def write_config(model: keras.Model, path: Path, class_names: Sequence[str] | None) -> None:
    """Writes the `config.json` of a model.

    Args:
        model: A `TextClassifier` or a `MaskedLanguageModel`.
        path: The file.
        class_names: The names of a classifier's classes, in the order of the logits.

    Raises:
        CheckpointError: If the format cannot express the activation or the names.
    """
    arguments = model.config
    config = {
        "architectures": [model.architecture],
        "model_type": "bert",
        **{theirs: arguments[ours] for ours, theirs in (_SIZES | _RATES).items()},
        "attention_probs_dropout_prob": arguments["dropout"],
        "hidden_act": _activation_name(arguments["activation"]),
        "initializer_range": 0.02,
        "pad_token_id": 0,
    }
    if "num_classes" in arguments:
        names = _checked_class_names(class_names, arguments["num_classes"])
        config["id2label"] = {str(index): name for index, name in enumerate(names)}
        config["label2id"] = {name: index for index, name in enumerate(names)}
    text = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8")


def _activation_name(activation: str | dict[str, Any]) -> str:
    """What `BertConfig` calls an activation."""
    for name, serialized in _ACTIVATIONS.items():
        if serialized == activation:
            return name
    raise CheckpointError(
        f"A checkpoint's activation must be {_one_of(_ACTIVATIONS)}. Received: {activation!r:.80}"
    )


def _checked_class_names(names: Sequence[str] | None, num_classes: int) -> Sequence[str]:
    """The names of a classifier's classes, `transformers`' own if there are none."""
    names = _numbered_labels(num_classes) if names is None else names
    if len(names) != num_classes or len(set(names)) != num_classes:
        raise CheckpointError(
            f"class_names must give each of the {num_classes} classes a name of its own. "
            f"Received: {names!r:.200}"
        )
    return names
