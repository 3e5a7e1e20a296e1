"""The files of a checkpoint: what their headers say, and one tensor at a time."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes  # noqa: F401 (teaches NumPy bfloat16)
import numpy as np
from safetensors import SafetensorError, safe_open


class CheckpointError(ValueError):
    """A checkpoint that cannot be used, and why."""


@dataclass(frozen=True)
class StoredTensor:
    """What the header of a file says of a tensor."""

    path: Path
    name: str
    dtype: str
    shape: tuple[int, ...]


def read_headers(directory: Path) -> list[StoredTensor]:
    """What the weight files of a checkpoint hold, without reading any of it.

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
    outside = sorted({file for file in files.values() if Path(file).name != file or file == ".."})
    if outside:
        raise CheckpointError(
            f"{index}: the files of weights must lie beside it. Received: {listed(outside)}"
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
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata()
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            stored = [
                StoredTensor(path, name, part.get_dtype(), tuple(part.get_shape()))
                for name, part in slices.items()
            ]
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"{path} is not a whole safetensors file: {error}. Copy or download it again."
        ) from error
    if metadata is not None and metadata.get("format") != "pt":
        raise CheckpointError(
            f"{path}: the format in its metadata must be 'pt'. Received: {metadata!r:.80}"
        )
    return stored


def read_tensor(stored: StoredTensor) -> np.ndarray:
    """The values of a tensor, as float32."""
    with safe_open(stored.path, framework="numpy") as file:
        return file.get_tensor(stored.name).astype("float32")


def _no_weights(directory: Path) -> str:
    if not (directory / "pytorch_model.bin").exists():
        return f"{directory}: there is no model.safetensors, so it is not a checkpoint."
    return (
        f"{directory}: there is only pytorch_model.bin, a pickle, which may run any program when "
        "it is opened. Where you trust it, convert it with torch and transformers: "
        f"AutoModel.from_pretrained({str(directory)!r}).save_pretrained('converted')"
    )


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        CheckpointError: If there is none.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} must hold a JSON object. Received: {value!r:.40}")
    return value


def listed(items: Sequence[str]) -> str:
    """Items in a row, the first twenty of them."""
    more = f"; and {len(items) - 20} more" if len(items) > 20 else ""
    return "; ".join(items[:20]) + more
