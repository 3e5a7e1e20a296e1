"""Reads and writes checkpoints in Hugging Face's layouts; reads KerasHub's as if in these.

A checkpoint is a directory of `config.json` and `model.safetensors`, or shards of the latter with
their index. A `Layout` pairs every module of a kind of model with the Keras layer that holds its
weights, for reading and writing alike. All tensors are checked against the config before any memory
is asked for.
"""

import logging
from collections import defaultdict
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

import keras
import numpy as np

from .checkpoint_files import (
    CheckpointError,
    StoredTensor,
    listed,
    read_headers,
    read_json,
)
from .digests import check_model
from .hub import checkpoint_directory
from .image_families import IMAGE_LAYOUTS
from .keras_hub_files import KerasHubPreset, is_preset
from .kinds import joined, unread
from .layout import Layout
from .recurrent_layout import RNNSEARCH
from .tensor_file import write_tensors
from .tensors import Tensor, count_blocks, modern_name, tensors_of, zeros_of
from .text_families import TEXT_LAYOUTS
from .timm_layout import is_timm, timm_entries
from .translation_families import TRANSLATION_LAYOUTS

LAYOUTS = {
    name: layout
    for layout in (*TEXT_LAYOUTS, *TRANSLATION_LAYOUTS, *IMAGE_LAYOUTS, RNNSEARCH)
    for name in (layout.model_type, *layout.aliases)
}

logger = logging.getLogger("regard")
_DTYPES = ("F32", "F16", "BF16")
TOKEN_CLASSIFIER = "token classifier"
CLASSIFIERS = {"classifier", TOKEN_CLASSIFIER}  # groups of which a checkpoint has one at most


class Checkpoint:
    """A checkpoint whose config and tensors have been found to fit each other.

    Only headers have been read, so a damaged or hostile file costs neither memory nor time.

    Args:
        source: A directory, or `hf://ORG/NAME[@REVISION]`; a preset of KerasHub as well.

    Attributes:
        source: The same.
        directory: The directory of its files.
        layout: The `Layout` of its kind of model.
        arguments: The constructor arguments of a model of this kind.
        groups: The groups of tensors that it holds, of those of its layout.
        class_names: The names of its classes in the order of its classifier's rows; empty if it
            has no classifier, of texts or of tokens.
        problem_type: What its config says that a classifier's answers are; None if it does not.
        left_out: The names of the tensors of heads of other tasks.

    Raises:
        CheckpointError: If it is not there; if it is a run's and not as it was written; or if
            anything is missing, surplus, or of another shape or dtype than `config.json` says; the
            message names it all.
    """

    def __init__(self, source: str | Path):
        self.source = str(source)
        self.directory = checkpoint_directory(source)
        check_model(self.directory)
        path = self.directory / "config.json"
        config, self._headers = read_json(path), partial(read_headers, self.directory)
        if is_preset(config):
            preset = KerasHubPreset(self.directory, config)
            config, self._headers = preset.config, preset.headers
        elif is_timm(config):
            config = timm_entries(config, path)
        kind = config.get("model_type", "bert")  # old configs of BERT have none
        if kind not in list(LAYOUTS):
            raise CheckpointError(f"{path}: {unread(config, LAYOUTS.values())}.")
        self.layout = LAYOUTS[kind]
        self.arguments, self.class_names, required = self.layout.read_config(config, path)
        self._copies = self.layout.copies(self.arguments)
        self.problem_type = config.get("problem_type")
        self._has_other_head = bool(self.layout.other_heads(config))
        self.left_out: list[str] = []
        self._stored, doubles = self._read_stored()
        self.groups = self._held(required) | required
        problems = [doubles, *self._misfits()]
        if any(problems):
            raise CheckpointError(
                f"{self.directory} must hold the tensors that its config.json describes, no more "
                f"and no less. Received: {'; '.join(listed(kind) for kind in problems if kind)}"
            )
        if not CLASSIFIERS & self.groups:
            self.class_names = []

    def _read_stored(self) -> tuple[dict[str, StoredTensor], list[str]]:
        """Returns the headers of all tensors by today's names, and those that are there twice."""
        found, doubles, headers = {}, [], list(self._headers())
        # Beside names that have the prefix, one without is of something above.
        prefix = self.layout.prefix or "\0"
        is_prefixed = any(each.name.startswith(prefix) for each in headers)
        for stored in headers:
            name = modern_name(self.layout, stored.name, is_prefixed)
            if name in found:
                doubles.append(f"{stored.name} is {found[name].name} once more")
            found[name] = stored
        for copy, original in self._copies.items():  # any of them will do
            if copy in found:
                found.setdefault(original, found[copy])
        return found, doubles

    def names_of(self, group: str) -> list[str]:
        """Returns the names of the classes of a classifier; none if this one is not held."""
        return self.class_names if group in self.groups else []

    def _held(self, required: set[str]) -> set[str]:
        """Returns the groups of which there is a tensor, and the pooler a classifier stands on."""
        # Two may have tensors of the same names. One of tokens is said to be there by architecture.
        others = (CLASSIFIERS - required) if CLASSIFIERS & required else {TOKEN_CLASSIFIER}
        held = set()
        for group in self.layout.groups.keys() - others:
            rows = self.layout.groups[group]
            if self._has_other_head and not rows[0].module.startswith(self.layout.prefix):
                continue
            modules = tuple(f"{row.module}." for row in rows)
            if any(name.startswith(modules) for name in self._stored):
                held.add(group)
        stands_on = {"pooler"} & set(self.layout.groups) if "classifier" in held else set()
        return held | stands_on

    def _misfits(self) -> list[list[str]]:
        """Returns the differences between tensors and config, in words, kind by kind."""
        num_layers = count_blocks(self.layout, self.arguments)
        if num_layers > len(self._stored):  # too long a table to be made
            return [[f"{len(self._stored)} tensors for {num_layers} layers"]]
        groups = [group for group in self.layout.groups if group in self.groups]
        wanted = {tensor.name: tensor for group in groups for tensor in self._tensors(group)}
        missing = [f"{name} is missing" for name in wanted if name not in self._stored]
        surplus, unlike = [], []
        for name, stored in self._stored.items():
            if name not in wanted:
                if self._is_of_other_head(name):
                    self.left_out.append(stored.name)
                elif not self._is_idle(name):
                    surplus.append(f"{stored.name} is not part of the model")
            elif stored.dtype not in _DTYPES:
                unlike.append(f"{stored.name} has dtype {stored.dtype}, not {'/'.join(_DTYPES)}")
            elif stored.shape != wanted[name].shape:
                shape = wanted[name].shape
                unlike.append(f"{stored.name} has shape {stored.shape}, not {shape}")
        return [missing, surplus, unlike]

    def _is_of_other_head(self, name: str) -> bool:
        is_outside = self._has_other_head and not name.startswith(self.layout.prefix)
        return is_outside or name.startswith(tuple(self.layout.unneeded))

    def _is_idle(self, name: str) -> bool:
        is_known = name in self.layout.fixed or name in self._copies
        return is_known or any(fnmatchcase(name, pattern) for pattern in self.layout.idle)

    def _tensors(self, group: str) -> list[Tensor]:
        return tensors_of(self.layout, group, self.arguments, len(self.class_names))

    def load(self, model: keras.Model, groups: Sequence[str]) -> None:
        """Copies groups of tensors, as `values` reads them, into a model of the same sizes."""
        variables = {variable.path: variable for variable in model.variables}
        for path, values in self.values(groups).items():
            variables[path].assign(values.reshape(variables[path].shape))

    def values(self, groups: Sequence[str]) -> dict[str, np.ndarray]:
        """Reads groups of tensors, some of `self.groups`, by the paths of a model's variables.

        Raises:
            CheckpointError: If a weight is NaN or infinite, the message names all such; or if a
                masked-LM head is not tied to the token embedding.
        """
        parts, broken = defaultdict(list), []
        for tensor in (tensor for group in groups for tensor in self._tensors(group)):
            values = self._stored[tensor.name].read()
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
        return {path: np.concatenate(values, axis=-1) for path, values in parts.items()}

    def _check_copies(self) -> None:
        """Raises `CheckpointError` for an output that does not score with the token embedding.

        A checkpoint that was trained untied has a table of its own for that.
        """
        for name, original_name in self._copies.items():
            copy, original = self._stored.get(name), self._stored[original_name]
            if copy is None or copy is original:
                continue
            is_alike = (copy.shape, copy.dtype) == (original.shape, original.dtype)
            if not is_alike or not np.array_equal(copy.read(), original.read()):
                raise CheckpointError(
                    f"{self.directory}: an output must score with the token embedding, so {name} "
                    f"must equal {original_name}. Received: two that differ."
                )
        for name, make in self.layout.fixed.items():
            if name not in self._stored:
                continue
            expected = make(self.arguments)
            has_shape = self._stored[name].shape == expected.shape
            if not has_shape or not np.allclose(self._stored[name].read(), expected, 0, 1e-2):
                raise CheckpointError(
                    f"{self.directory}: {name} must be the sinusoids of its positions, which are "
                    "computed here. Received: others."
                )


def as_checkpoint(source: "str | Path | Checkpoint", *layouts: Layout) -> Checkpoint:
    """Opens a checkpoint that must have one of the given layouts, unless it is open already.

    Raises:
        CheckpointError: If it cannot be used, or is of another kind.
    """
    checkpoint = source if isinstance(source, Checkpoint) else Checkpoint(source)
    if checkpoint.layout not in layouts:
        wanted = joined((layout.title for layout in layouts), "or")
        raise CheckpointError(
            f"{checkpoint.source}: it must be a checkpoint of {wanted}, "
            f"not of {checkpoint.layout.title}."
        )
    return checkpoint


def load_checkpoint(
    model: keras.Model, checkpoint: Checkpoint, replaced: Sequence[str] = ()
) -> None:
    """Copies the weights of a checkpoint into a model of its sizes, and logs what stays random.

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
    if checkpoint.left_out:
        message = "%s: the head of another task is not needed: %s"
        logger.info(message, checkpoint.source, listed(sorted(checkpoint.left_out)))


def save_checkpoint(
    model: keras.Model,
    directory: Path,
    class_names: Sequence[str] | None = None,
    problem_type: str | None = None,
) -> None:
    """Writes `config.json` and `model.safetensors` into an existing directory.

    Args:
        model: One of `regard.models`.
        directory: Where to write.
        class_names: The names of a classifier's classes, in the order of the logits.
        problem_type: What its answers are, by `transformers`' word. Defaults to not saying it,
            which is one label.
    """
    model.layout.write_config(model, directory / "config.json", class_names, problem_type)
    values = {variable.path: keras.ops.convert_to_numpy(variable) for variable in model.variables}
    tensors = {
        tensor.name: tensor.from_keras(values[tensor.path])
        for group in model.checkpoint_groups
        for tensor in tensors_of(model.layout, group, model.config, model.config.get("num_classes"))
    }
    tensors |= zeros_of(model.layout, model.config)
    write_tensors(directory / "model.safetensors", tensors, {"format": "pt"})
