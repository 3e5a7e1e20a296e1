"""The checkpoint codec: Hugging Face's BERT layout, read and written through one table of names.

A checkpoint is a directory of `config.json` and `model.safetensors`, or shards of the latter with
their index. The table pairs every module of BERT with the Keras layer that holds its weights; both
directions follow it. All of it is checked against the config before any memory is asked for.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from safetensors.numpy import save_file

from .checkpoint_config import read_config, write_config
from .checkpoint_files import CheckpointError, listed, read_headers, read_tensor
from .hub import checkpoint_directory

# BERT's modules in groups, each present as a whole or not at all. Columns: the module in the
# checkpoint, the layer here, and the shape of its weight there, in the letters of `_sizes`.
# A star runs over the blocks; [0], [1] and [2] are the thirds of a fused layer.
# fmt: off
_GROUPS = {
    "encoder": (
        ("bert.embeddings.word_embeddings", "embedding/token_embedding", "VD"),
        ("bert.embeddings.position_embeddings", "embedding/position_embedding", "PD"),
        ("bert.embeddings.token_type_embeddings", "embedding/segment_embedding", "SD"),
        ("bert.embeddings.LayerNorm", "embedding/layer_norm", "D"),
        ("bert.encoder.layer.*.attention.self.query", "encoder/block_*/attention/query_key_value[0]", "DD"),  # noqa: E501
        ("bert.encoder.layer.*.attention.self.key", "encoder/block_*/attention/query_key_value[1]", "DD"),  # noqa: E501
        ("bert.encoder.layer.*.attention.self.value", "encoder/block_*/attention/query_key_value[2]", "DD"),  # noqa: E501
        ("bert.encoder.layer.*.attention.output.dense", "encoder/block_*/attention/output", "DD"),
        ("bert.encoder.layer.*.attention.output.LayerNorm", "encoder/block_*/attention_norm", "D"),
        ("bert.encoder.layer.*.intermediate.dense", "encoder/block_*/feed_forward/intermediate", "FD"),  # noqa: E501
        ("bert.encoder.layer.*.output.dense", "encoder/block_*/feed_forward/output", "DF"),
        ("bert.encoder.layer.*.output.LayerNorm", "encoder/block_*/feed_forward_norm", "D"),
    ),
    "pooler": (("bert.pooler.dense", "pooler/dense", "DD"),),
    "classifier": (("classifier", "head", "CD"),),
    "masked-LM head": (
        ("cls.predictions.transform.dense", "head/dense", "DD"),
        ("cls.predictions.transform.LayerNorm", "head/layer_norm", "D"),
        ("cls.predictions", "head", "V"),
    ),
}
# fmt: on
_DTYPES = ("F32", "F16", "BF16")

# Tensors that may be there and say nothing: copies of those that a masked-LM head is tied to,
# counters, and the head of next-sentence prediction.
_COPIES = {
    "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
    "cls.predictions.decoder.bias": "cls.predictions.bias",
}
_IDLE = (
    *_COPIES,
    "bert.embeddings.position_ids",
    "cls.seq_relationship.weight",
    "cls.seq_relationship.bias",
)


@dataclass(frozen=True)
class Tensor:
    """One tensor of a checkpoint, and where it lives here.

    Attributes:
        name: Its name in the checkpoint.
        path: The path of the Keras variable that holds it, or holds it among others.
        shape: Its shape in the checkpoint.
        third: Which third of the variable's last axis it is, or None for the whole variable.
    """

    name: str
    path: str
    shape: tuple[int, ...]
    third: int | None

    @property
    def is_kernel(self) -> bool:
        """Whether it is a dense kernel: (in, out) here, (out, in) in the checkpoint."""
        return self.path.endswith("/kernel")

    def to_keras(self, values: np.ndarray) -> np.ndarray:
        """From the checkpoint's layout to ours."""
        return values.T if self.is_kernel else values

    def from_keras(self, values: np.ndarray) -> np.ndarray:
        """From the values of the variable to those of the tensor."""
        if self.third is not None:
            values = np.split(values, 3, axis=-1)[self.third]
        return np.ascontiguousarray(values.T if self.is_kernel else values)


def bert_tensors(
    group: str, arguments: dict[str, Any], num_classes: int | None = None
) -> list[Tensor]:
    """The tensors of a group of BERT's modules.

    Args:
        group: "encoder", "pooler", "classifier" or "masked-LM head".
        arguments: The sizes of the model, as its constructor takes them.
        num_classes: Number of classes C; only for the classifier.
    """
    sizes = _sizes(arguments, num_classes)
    tensors = []
    for module, layer, letters in _GROUPS[group]:
        shape = tuple(sizes[letter] for letter in letters)
        layer, _, third = layer.rstrip("]").partition("[")
        for index in range(arguments["num_layers"] if "*" in module else 1):
            for theirs, ours, part in _weights(module, shape):
                name = f"{module}.{theirs}".replace("*", str(index))
                path = f"{layer}/{ours}".replace("*", str(index))
                tensors.append(Tensor(name, path, part, int(third) if third else None))
    return tensors


def _sizes(arguments: dict[str, Any], num_classes: int | None) -> dict[str, int | None]:
    return {
        "V": arguments["vocabulary_size"],
        "P": arguments["max_sequence_length"],
        "S": arguments["num_segments"],
        "D": arguments["hidden_dim"],
        "F": arguments["intermediate_dim"],
        "C": num_classes,
    }


def _weights(module: str, shape: tuple[int, ...]) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """The weights of a module: their names in the checkpoint and here, their shapes there."""
    if module.endswith("LayerNorm"):
        yield "weight", "gamma", shape
        yield "bias", "beta", shape
    elif module.endswith("embeddings"):
        yield "weight", "embeddings", shape
    else:
        if len(shape) == 2:  # the masked-LM head has a bias alone: its weight is the embedding
            yield "weight", "kernel", shape
        yield "bias", "bias", shape[:1]


class Checkpoint:
    """A checkpoint whose config and tensors have been found to fit each other.

    Only headers have been read, so a damaged or hostile file costs neither memory nor time.

    Args:
        source: A directory, or `hf://ORG/NAME[@REVISION]`.

    Attributes:
        source: The same.
        directory: Where its files are.
        arguments: The arguments of `TextClassifier` and `MaskedLanguageModel` that it was made
            with.
        groups: The groups of tensors that it holds, of "encoder", "pooler", "classifier" and
            "masked-LM head".
        class_names: The names of its classes in the order of its classifier's rows; empty if it
            has no classifier.

    Raises:
        CheckpointError: If it is not there, or if anything is missing, surplus, or of another
            shape or dtype than `config.json` says; the message names it all.
    """

    def __init__(self, source: str | Path):
        self.source = str(source)
        self.directory = checkpoint_directory(source)
        described = read_config(self.directory / "config.json")
        self.arguments, self.class_names, required = described
        self._stored = {}
        doubles = []
        for stored in read_headers(self.directory):
            name = _modern(stored.name)
            if name in self._stored:
                doubles.append(f"{stored.name} is {self._stored[name].name} once more")
            self._stored[name] = stored
        modules = {group: tuple(f"{row[0]}." for row in rows) for group, rows in _GROUPS.items()}
        held = {g for g in _GROUPS if any(name.startswith(modules[g]) for name in self._stored)}
        self.groups = held | required | ({"pooler"} if "classifier" in held else set())
        problems = [doubles, *self._misfits()]
        if any(problems):
            raise CheckpointError(
                f"{self.directory} must hold the tensors that its config.json describes, no more "
                f"and no less. Received: {'; '.join(listed(kind) for kind in problems if kind)}"
            )
        if "classifier" not in self.groups:
            self.class_names = []

    def _misfits(self) -> list[list[str]]:
        """How the tensors differ from what the config says: in words, kind by kind."""
        num_layers = self.arguments["num_layers"]
        if num_layers > len(self._stored):  # too long a table to be made
            return [[f"{len(self._stored)} tensors for {num_layers} layers"]]
        groups = [group for group in _GROUPS if group in self.groups]
        wanted = {tensor.name: tensor for group in groups for tensor in self._tensors(group)}
        missing = [f"{name} is missing" for name in wanted if name not in self._stored]
        surplus, unlike = [], []
        for name, stored in self._stored.items():
            if name not in wanted:
                if name not in _IDLE:
                    surplus.append(f"{stored.name} is not part of the model")
            elif stored.dtype not in _DTYPES:
                unlike.append(f"{stored.name} has dtype {stored.dtype}, not {'/'.join(_DTYPES)}")
            elif stored.shape != wanted[name].shape:
                shape = wanted[name].shape
                unlike.append(f"{stored.name} has shape {stored.shape}, not {shape}")
        return [missing, surplus, unlike]

    def _tensors(self, group: str) -> list[Tensor]:
        return bert_tensors(group, self.arguments, len(self.class_names))

    def load(self, model: keras.Model, groups: Sequence[str]) -> None:
        """Copies groups of tensors into a model.

        Args:
            model: A model of this checkpoint's sizes.
            groups: Some of `self.groups`.

        Raises:
            CheckpointError: If a weight is NaN or infinite, the message names all such; or if a
                masked-LM head is not tied to the token embedding.
        """
        parts, broken = defaultdict(list), []
        for tensor in (tensor for group in groups for tensor in self._tensors(group)):
            values = read_tensor(self._stored[tensor.name])
            if not np.isfinite(values).all():
                broken.append(tensor.name)
            parts[tensor.path].append(tensor.to_keras(values))
        if broken:
            raise CheckpointError(
                f"{self.directory}: every weight must be finite. Received NaN or infinity in: "
                f"{listed(broken)}. What trained it has diverged; take an earlier checkpoint."
            )
        if "masked-LM head" in groups:
            self._check_ties()
        variables = {variable.path: variable for variable in model.variables}
        for path, values in parts.items():
            variables[path].assign(np.concatenate(values, axis=-1))

    def _check_ties(self) -> None:
        """Where a checkpoint trained untied ends: its scores come from a table of their own."""
        for name, original_name in _COPIES.items():
            copy, original = self._stored.get(name), self._stored[original_name]
            if copy is None:
                continue
            is_alike = (copy.shape, copy.dtype) == (original.shape, original.dtype)
            if not is_alike or not np.array_equal(read_tensor(copy), read_tensor(original)):
                raise CheckpointError(
                    f"{self.directory}: a masked-LM head must score with the token embedding, so "
                    f"{name} must equal {original_name}. Received: two that differ."
                )


def as_checkpoint(source: "str | Path | Checkpoint") -> Checkpoint:
    """Opens a checkpoint, unless it is open already."""
    return source if isinstance(source, Checkpoint) else Checkpoint(source)


def save_checkpoint(
    model: keras.Model, directory: Path, class_names: Sequence[str] | None = None
) -> None:
    """Writes `config.json` and `model.safetensors` into an existing directory.

    Args:
        model: A `TextClassifier` or a `MaskedLanguageModel`.
        directory: Where to write.
        class_names: The names of a classifier's classes, in the order of the logits.
    """
    write_config(model, directory / "config.json", class_names)
    values = {variable.path: keras.ops.convert_to_numpy(variable) for variable in model.variables}
    tensors = {
        tensor.name: tensor.from_keras(values[tensor.path])
        for group in model.checkpoint_groups
        for tensor in bert_tensors(group, model.config, model.config.get("num_classes"))
    }
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})


def _modern(name: str) -> str:
    """A tensor's name as today's BERT has it: prefixed, and norms with a weight and a bias."""
    name = re.sub(r"LayerNorm\.gamma$", "LayerNorm.weight", name)
    name = re.sub(r"LayerNorm\.beta$", "LayerNorm.bias", name)
    return f"bert.{name}" if name.startswith(("embeddings.", "encoder.", "pooler.")) else name
