"""The checkpoint codec: Hugging Face's layouts, read and written through one table of names each.

A checkpoint is a directory of `config.json` and `model.safetensors`, or shards of the latter with
their index. A `Layout` pairs every module of a kind of model with the Keras layer that holds its
weights; both directions follow it. All of it is checked against the config before any memory is
asked for.
"""

import logging
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from safetensors.numpy import save_file

from . import vit_layout
from .bert_layout import BERT
from .checkpoint_files import CheckpointError, listed, read_headers, read_json, read_tensor
from .hub import checkpoint_directory
from .layout import Layout, one_of
from .marian_layout import MARIAN

LAYOUTS = {layout.model_type: layout for layout in (BERT, MARIAN, *vit_layout.LAYOUTS.values())}

logger = logging.getLogger("regard")

_DTYPES = ("F32", "F16", "BF16")


@dataclass(frozen=True)
class Tensor:
    """One tensor of a checkpoint, and where it lives here.

    Attributes:
        name: Its name in the checkpoint.
        path: The path of the Keras variable that holds it, or holds it among others.
        shape: Its shape in the checkpoint.
        third: Which third of the variable's last axis it is, or None for the whole variable.
        is_row: Whether it has a first axis of 1 that ours has not.
    """

    name: str
    path: str
    shape: tuple[int, ...]
    third: int | None
    is_row: bool = False

    @property
    def is_kernel(self) -> bool:
        """Whether it is a kernel: the sizes, then in, out here; out, in first in the checkpoint."""
        return self.path.endswith("/kernel")

    def to_keras(self, values: np.ndarray) -> np.ndarray:
        """From the checkpoint's layout to ours."""
        values = values[0] if self.is_row else values
        return np.moveaxis(values, (1, 0), (-2, -1)) if self.is_kernel else values

    def from_keras(self, values: np.ndarray) -> np.ndarray:
        """From the values of the variable to those of the tensor."""
        if self.third is not None:
            values = np.split(values, 3, axis=-1)[self.third]
        values = values[None] if self.is_row else values
        return np.ascontiguousarray(
            np.moveaxis(values, (-2, -1), (1, 0)) if self.is_kernel else values
        )


def tensors_of(
    layout: Layout, group: str, arguments: dict[str, Any], num_classes: int | None = None
) -> list[Tensor]:
    """The tensors of a group of modules.

    Args:
        layout: The kind of model.
        group: A key of `layout.groups`.
        arguments: The sizes of the model, as its constructor takes them.
        num_classes: Number of classes C; only for a classifier.
    """
    sizes = {
        **layout.dimensions(arguments),
        "D": arguments["hidden_dim"],
        "F": arguments["intermediate_dim"],
        "C": num_classes,
        "1": 1,
    }
    tensors = []
    for module, layer, letters in layout.groups[group]:
        shape = tuple(sizes[letter] for letter in letters)
        layer, _, third = layer.rstrip("]").partition("[")
        blocks = "num_decoder_layers" if layer.startswith("decoder/") else "num_layers"
        for index in range(arguments[blocks] if "*" in module else 1):
            for theirs, ours, part in _weights(layer, letters, shape):
                name = f"{module}{theirs}".replace("*", str(index))
                path = f"{layer}{ours}".replace("*", str(index))
                is_row = letters.startswith("1") and bool(ours)
                tensors.append(Tensor(name, path, part, int(third) if third else None, is_row))
    return tensors


def _weights(
    layer: str, letters: str, shape: tuple[int, ...]
) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """The weights of a layer: what its name goes on with in the checkpoint and here; shapes."""
    is_bare = letters.startswith("1")  # a tensor by itself, not part of a module
    if layer.endswith("token"):
        yield "", "", shape
    elif layer.endswith("norm"):
        yield ".weight", "/gamma", shape
        yield ".bias", "/beta", shape
    elif layer.endswith("embedding"):
        yield "" if is_bare else ".weight", "/embeddings", shape
    elif is_bare:
        yield "", "/bias", shape
    else:
        if len(shape) > 1:  # the masked-LM head has a bias alone: its weight is the embedding
            yield ".weight", "/kernel", shape
        yield ".bias", "/bias", shape[:1]


class Checkpoint:
    """A checkpoint whose config and tensors have been found to fit each other.

    Only headers have been read, so a damaged or hostile file costs neither memory nor time.

    Args:
        source: A directory, or `hf://ORG/NAME[@REVISION]`.

    Attributes:
        source: The same.
        directory: Where its files are.
        layout: Which kind of model it is.
        arguments: The constructor arguments of a model of this kind.
        groups: The groups of tensors that it holds, of those of its layout.
        class_names: The names of its classes in the order of its classifier's rows; empty if it
            has no classifier.

    Raises:
        CheckpointError: If it is not there, or if anything is missing, surplus, or of another
            shape or dtype than `config.json` says; the message names it all.
    """

    def __init__(self, source: str | Path):
        self.source = str(source)
        self.directory = checkpoint_directory(source)
        path = self.directory / "config.json"
        config = read_json(path)
        kind = config.get("model_type", "bert")  # old configs of BERT have none
        if kind not in list(LAYOUTS):
            raise CheckpointError(
                f"{path}: model_type must be {one_of(LAYOUTS)}, not {kind!r:.40}."
            )
        self.layout = LAYOUTS[kind]
        self.arguments, self.class_names, required = self.layout.read_config(config, path)
        self._stored = {}
        doubles = []
        for stored in read_headers(self.directory):
            name = self._modern(stored.name)
            if name in self._stored:
                doubles.append(f"{stored.name} is {self._stored[name].name} once more")
            self._stored[name] = stored
        for copy, original in self.layout.copies.items():  # any of them will do
            if copy in self._stored:
                self._stored.setdefault(original, self._stored[copy])
        self.groups = self._held() | required
        problems = [doubles, *self._misfits()]
        if any(problems):
            raise CheckpointError(
                f"{self.directory} must hold the tensors that its config.json describes, no more "
                f"and no less. Received: {'; '.join(listed(kind) for kind in problems if kind)}"
            )
        if "classifier" not in self.groups:
            self.class_names = []

    def _modern(self, name: str) -> str:
        """A tensor's name as today's models have it: prefixed, norms with a weight and a bias."""
        name = re.sub(r"LayerNorm\.gamma$", "LayerNorm.weight", name)
        name = re.sub(r"LayerNorm\.beta$", "LayerNorm.bias", name)
        is_bare = name.startswith(tuple(self.layout.prefixed))
        return f"{self.layout.prefix}{name}" if is_bare else name

    def _held(self) -> set[str]:
        """The groups of which there is a tensor; a classifier of texts stands on a pooler."""
        held = {
            group
            for group, rows in self.layout.groups.items()
            if any(name.startswith(tuple(f"{row[0]}." for row in rows)) for name in self._stored)
        }
        stands_on = {"pooler"} & set(self.layout.groups) if "classifier" in held else set()
        return held | stands_on

    def _misfits(self) -> list[list[str]]:
        """How the tensors differ from what the config says: in words, kind by kind."""
        counts = ("num_layers", "num_decoder_layers")
        num_layers = max(self.arguments.get(name, 0) for name in counts)
        if num_layers > len(self._stored):  # too long a table to be made
            return [[f"{len(self._stored)} tensors for {num_layers} layers"]]
        groups = [group for group in self.layout.groups if group in self.groups]
        wanted = {tensor.name: tensor for group in groups for tensor in self._tensors(group)}
        missing = [f"{name} is missing" for name in wanted if name not in self._stored]
        surplus, unlike = [], []
        for name, stored in self._stored.items():
            if name not in wanted:
                if name not in (*self.layout.idle, *self.layout.fixed, *self.layout.copies):
                    surplus.append(f"{stored.name} is not part of the model")
            elif stored.dtype not in _DTYPES:
                unlike.append(f"{stored.name} has dtype {stored.dtype}, not {'/'.join(_DTYPES)}")
            elif stored.shape != wanted[name].shape:
                shape = wanted[name].shape
                unlike.append(f"{stored.name} has shape {stored.shape}, not {shape}")
        return [missing, surplus, unlike]

    def _tensors(self, group: str) -> list[Tensor]:
        return tensors_of(self.layout, group, self.arguments, len(self.class_names))

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
        if self.layout.tied in groups:
            self._check_copies()
        variables = {variable.path: variable for variable in model.variables}
        for path, values in parts.items():
            variables[path].assign(np.concatenate(values, axis=-1))

    def _check_copies(self) -> None:
        """Where a checkpoint trained untied ends: its scores come from a table of their own."""
        for name, original_name in self.layout.copies.items():
            copy, original = self._stored.get(name), self._stored[original_name]
            if copy is None or copy is original:
                continue
            is_alike = (copy.shape, copy.dtype) == (original.shape, original.dtype)
            if not is_alike or not np.array_equal(read_tensor(copy), read_tensor(original)):
                raise CheckpointError(
                    f"{self.directory}: an output must score with the token embedding, so {name} "
                    f"must equal {original_name}. Received: two that differ."
                )
        for name, make in self.layout.fixed.items():
            if name not in self._stored:
                continue
            expected = make(self.arguments)
            has_shape = self._stored[name].shape == expected.shape
            if not has_shape or not np.allclose(read_tensor(self._stored[name]), expected, 0, 1e-2):
                raise CheckpointError(
                    f"{self.directory}: {name} must be the sinusoids of its positions, which are "
                    "computed here. Received: others."
                )


def as_checkpoint(source: "str | Path | Checkpoint", *layouts: Layout) -> Checkpoint:
    """Opens a checkpoint of one of some kinds of model, unless it is open already.

    Raises:
        CheckpointError: If it cannot be used, or is of another kind.
    """
    checkpoint = source if isinstance(source, Checkpoint) else Checkpoint(source)
    if checkpoint.layout not in layouts:
        raise CheckpointError(
            f"{checkpoint.source}: the model_type must be "
            f"{one_of(layout.model_type for layout in layouts)}, "
            f"not {checkpoint.layout.model_type!r}."
        )
    return checkpoint


def load_checkpoint(
    model: keras.Model, checkpoint: Checkpoint, replaced: Sequence[str] = ()
) -> None:
    """Takes the weights of a checkpoint of a model's sizes; says what stays random.

    Args:
        model: One of `regard.models`.
        checkpoint: The checkpoint.
        replaced: Groups of tensors that are not to be taken from it.

    Raises:
        CheckpointError: If a weight is not finite.
    """
    wanted = model.checkpoint_groups
    loaded = [group for group in wanted if group in checkpoint.groups and group not in replaced]
    checkpoint.load(model, loaded)
    for group in wanted:
        if group in replaced and group in checkpoint.groups:
            logger.info("%s: its %s is replaced by a new one", checkpoint.source, group)
        elif group not in loaded:
            logger.info("%s has no %s, so that is new", checkpoint.source, group)
    for group in sorted(checkpoint.groups - set(wanted)):
        logger.info("%s: its %s is not needed", checkpoint.source, group)


def save_checkpoint(
    model: keras.Model, directory: Path, class_names: Sequence[str] | None = None
) -> None:
    """Writes `config.json` and `model.safetensors` into an existing directory.

    Args:
        model: One of `regard.models`.
        directory: Where to write.
        class_names: The names of a classifier's classes, in the order of the logits.
    """
    model.layout.write_config(model, directory / "config.json", class_names)
    values = {variable.path: keras.ops.convert_to_numpy(variable) for variable in model.variables}
    tensors = {
        tensor.name: tensor.from_keras(values[tensor.path])
        for group in model.checkpoint_groups
        for tensor in tensors_of(model.layout, group, model.config, model.config.get("num_classes"))
    }
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
