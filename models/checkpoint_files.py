"""Reads the files of a checkpoint: their headers, then one tensor at a time."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes  # noqa: F401 (teaches NumPy bfloat16)
import numpy as np
from safetensors import SafetensorError, safe_open

from .json_files import (
    CheckpointError,
    check_is_file,
    check_length,
    listed,
    parse_json,
    read_json,
)


@dataclass(frozen=True)
class StoredTensor:
    """A tensor as the header of its file describes it."""

    path: Path
    name: str
    dtype: str
    shape: tuple[int, ...]

    def read(self) -> np.ndarray:
        """Reads its values, as float32."""
        with _opened(self.path) as file:
            return file.get_tensor(self.name).astype("float32")


def read_headers(directory: Path) -> list[StoredTensor]:
    """Lists the tensors in the weight files of a checkpoint, without reading their values.

    Raises:
        CheckpointError: If there are none, one is damaged, or the index and the shards differ.
    """
    single, index = directory / "model.safetensors", directory / "model.safetensors.index.json"
    if single.exists():
        return _read_header(single)
    if not index.exists():
        raise CheckpointError(_no_weights(directory))
    files = read_json(index).get("weight_map")
    if not isinstance(files, dict) or not all(isinstance(file, str) for file in files.values()):
        raise CheckpointError(f"{index}: weight_map must give the file of each tensor.")
    strange = sorted({file for file in files.values() if not re.fullmatch(r"\w[\w.-]*", file)})
    if strange:  # a path elsewhere, above all
        raise CheckpointError(
            f"{index}: the files of weights must lie beside it and have plain names. Received: "
            f"{listed([repr(file) for file in strange])}"
        )
    stored = [
        each for file in sorted(set(files.values())) for each in _read_header(directory / file)
    ]
    found = {(each.name, each.path.name) for each in stored}
    differing = sorted(f"{name} in {file}" for name, file in found ^ set(files.items()))
    if differing:
        raise CheckpointError(
            f"{index}: it and the files must name the same tensors. They differ in: "
            f"{listed(differing)}"
        )
    return stored


def _read_header(path: Path) -> list[StoredTensor]:
    with _opened(path) as file:
        metadata = file.metadata()
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
        stored = [
            StoredTensor(path, name, part.get_dtype(), tuple(part.get_shape()))
            for name, part in slices.items()
        ]
    if metadata is not None and metadata.get("format") != "pt":
        raise CheckpointError(
            f"{path}: the format in its metadata must be 'pt'. Received: {metadata!r:.80}"
        )
    _check_names(path)
    return stored


def _check_names(path: Path) -> None:
    """Refuses a header that names a tensor twice: readers differ in which of the two they take."""
    with path.open("rb") as file:
        header = file.read(int.from_bytes(file.read(8), "little"))
    try:
        parse_json(header)
    except ValueError as error:
        raise CheckpointError(f"{path}: its header cannot be used: {error}.") from error


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Opens a safetensors file, whose header must cover it exactly."""
    check_is_file(path)
    try:
        with path.open("rb") as file:
            check_length(path, int.from_bytes(file.read(8), "little"))
        with safe_open(path, framework="numpy") as file:
            yield file
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"{path} is not a whole safetensors file: {error}. Copy or download it again."
        ) from error


def _no_weights(directory: Path) -> str:
    pickle, target = directory / "pytorch_model.bin", directory / "model.safetensors"
    why = "a pickle, which may run any program when it is opened"
    if not pickle.exists():
        return (
            f"{directory}: there is no model.safetensors, so there are no weights. If there was "
            f"only pytorch_model.bin on the hub, it was not downloaded: it is {why}."
        )
    return (
        f"{directory}: there is only pytorch_model.bin, {why}. Take its weights alone with torch: "
        'python -c "import torch, safetensors.torch as st; '
        f"tensors = torch.load({str(pickle)!r}, map_location='cpu', weights_only=True); "
        "st.save_file({name: t.contiguous().clone() for name, t in tensors.items()}, "
        f"{str(target)!r}, {{'format': 'pt'}})\""
    )
