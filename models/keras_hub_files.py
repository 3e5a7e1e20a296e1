"""Reads a KerasHub preset as the checkpoint that it would be in Hugging Face's layout.

A preset is a directory of `config.json`, which names a class of KerasHub, and `model.weights.h5`;
with `task.json` and `task.weights.h5` of a classifier's head, if it has one. No class is looked up
and nothing in it is run: the config is data, and HDF5 files are read variable by variable.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import ml_dtypes
import numpy as np

from .checkpoint_files import StoredTensor
from .json_files import CheckpointError, check_is_file, read_json
from .keras_hub_names import KINDS
from .keras_hub_parts import Change
from .kinds import joined

_DTYPES = {"float32": "F32", "float16": "F16"}


@dataclass(frozen=True)
class StoredVariable(StoredTensor):
    """A tensor that a variable in an HDF5 file becomes.

    Attributes:
        dataset: The variable's path in the file.
        change: How it becomes the tensor.
    """

    dataset: str = ""
    change: Change | None = None

    def read(self) -> np.ndarray:
        """Reads its values, as float32."""
        with _opened(self.path) as file:
            values = file[self.dataset][()]
        if self.dtype == "BF16":
            values = values.view(ml_dtypes.bfloat16)
        return np.ascontiguousarray(self.change.values(values.astype("float32")))


@dataclass(frozen=True)
class StoredZeros(StoredTensor):
    """A tensor that presets leave out, for it is zero."""

    def read(self) -> np.ndarray:
        """Returns the zeros."""
        return np.zeros(self.shape, "float32")


def is_preset(config: Mapping[str, Any]) -> bool:
    """Returns whether a `config.json` is that of a Keras object."""
    return "registered_name" in config


class KerasHubPreset:
    """A preset, of which the configs have been read.

    Attributes:
        config: What its config would be in Hugging Face's layout.

    Raises:
        CheckpointError: If it is of a kind that is not read here, or damaged.
    """

    def __init__(self, directory: Path, config: Mapping[str, Any]):
        self.directory = directory
        path = directory / "config.json"
        name, arguments = config.get("registered_name"), config.get("config")
        if name not in list(KINDS) or not isinstance(arguments, dict):
            known = joined((each.partition(">")[2] for each in KINDS), "or")
            raise CheckpointError(
                f"{path}: a preset of KerasHub must be of {known}. Received: {name!r:.60}"
            )
        self.kind = KINDS[name]
        for entry, value in self.kind.needed.items():
            if arguments.get(entry, value) != value:
                raise CheckpointError(
                    f"{path}: {entry} must be {value}. Received: {arguments[entry]!r:.40}"
                )
        sizes = self.kind.sizes.items()
        task = self._task(arguments)
        self.config = {
            "model_type": self.kind.model_type,
            "architectures": [f"{self.kind.architecture}{self.kind.task if task else 'Model'}"],
            **{theirs: arguments[ours] for ours, theirs in sizes if ours in arguments},
            **self.kind.entries,
            **self.kind.further(arguments),
            **task,
        }

    def _task(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the entry of a classifier's classes; none if there is no classifier."""
        path = self.directory / "task.json"
        if not path.is_file() or not (self.directory / "task.weights.h5").is_file():
            return {}
        task = read_json(path).get("config")
        if not isinstance(task, dict) or "num_classes" not in task:
            return {}
        plain = {
            "pooling": ("token",),
            "intermediate_dim": (None,),
            "hidden_dim": (None, arguments.get("hidden_dim")),
            "activation": (None, "linear", "softmax"),
        }
        for name, values in plain.items():
            if task.get(name, values[0]) not in values:
                raise CheckpointError(
                    f"{path}: {name} must be {joined(map(repr, values), 'or')}. "
                    f"Received: {task[name]!r:.60}"
                )
        return {"num_labels": task["num_classes"]}

    def headers(self) -> list[StoredTensor]:
        """Lists the tensors, without reading their values.

        Raises:
            CheckpointError: If a file is damaged, or keeps a variable otherwise than Keras does.
        """
        path = self.directory / "model.weights.h5"
        if not path.exists():
            raise CheckpointError(
                f"{self.directory} must hold model.weights.h5. A preset in several files must be "
                "saved in one: `model.save_to_preset(DIRECTORY, max_shard_size=None)`."
            )
        tensors = list(self._of_file(path, of_head=False))
        if "num_labels" in self.config:
            tensors += self._of_file(self.directory / "task.weights.h5", of_head=True)
        for name, sizes in self.kind.zeros.items():
            shape = tuple(size if type(size) is int else self.config.get(size, 0) for size in sizes)
            tensors.append(StoredZeros(path, name, "F32", shape))
        return tensors

    def _of_file(self, path: Path, of_head: bool) -> Iterator[StoredTensor]:
        for dataset, dtype, shape in _variables(path):
            name, change = self.kind.tensor_of(dataset, of_head) or (dataset, None)
            is_known = change is not None and change.rank == len(shape)
            yield StoredVariable(
                path,
                name,
                dtype,
                change.shape(shape) if is_known else shape,
                dataset,
                change,
            )


def _variables(path: Path) -> list[tuple[str, str, tuple[int, ...]]]:
    """Lists the variables of a file but for an optimizer's and seeds: paths, dtypes and shapes.

    Links out of the file are not followed, nor are values read that are kept elsewhere or packed:
    a small file must not become a large one.
    """
    found = []

    def visit(name, item):
        is_other = name.startswith("optimizer/") or "/seed_generator/" in f"/{name}"
        if is_other or not isinstance(item, h5py.Dataset):
            return
        is_plain = item.id.get_create_plist().get_nfilters() == 0 and not item.is_virtual
        size = item.size * item.dtype.itemsize if item.shape is not None else -1
        if not is_plain or item.external or item.id.get_storage_size() != size:
            raise CheckpointError(
                f"{path}: {name!r:.200} must lie in the file as it is, as Keras writes variables. "
                "Copy or download it again."
            )
        is_bfloat16 = item.attrs.get("dtype") == "bfloat16" and item.dtype.itemsize == 2
        dtype = "BF16" if is_bfloat16 else _DTYPES.get(item.dtype.name, item.dtype.name)
        found.append((name, dtype, tuple(item.shape)))

    with _opened(path) as file:
        file.visititems(visit)
    return found


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    check_is_file(path)
    try:
        with h5py.File(path, "r") as file:
            yield file
    except CheckpointError:
        raise
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:  # as h5py has it
        raise CheckpointError(
            f"{path} is not a whole file of Keras weights: {error}. Copy or download it again."
        ) from error
