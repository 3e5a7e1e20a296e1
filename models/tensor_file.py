"""Writes safetensors files, one tensor at a time.

The library's own writers hold all tensors in memory a second time, or write past `disk`. A file is
the length of a header (8 bytes, little-endian), the header in JSON, and the values one tensor after
the other, the widest types first, so that each lies at a multiple of its size:
https://github.com/huggingface/safetensors#format
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from . import disk

_SIZES = (8, 16, 32, 64)  # bits
DTYPES = {
    **{f"float{bits}": f"F{bits}" for bits in (16, 32, 64)},
    **{f"{kind}{bits}": f"{kind[0].upper()}{bits}" for kind in ("int", "uint") for bits in _SIZES},
    "bfloat16": "BF16",
    "bool": "BOOL",
}


def write_tensors(
    path: str | Path, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]
) -> None:
    """Writes a whole file of tensors, with some texts about them in its header."""
    names = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    header, end = {"__metadata__": dict(metadata)}, 0
    for name in names:
        start, end = end, end + tensors[name].nbytes
        header[name] = {
            "dtype": DTYPES[tensors[name].dtype.name],
            "shape": list(tensors[name].shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with disk.create(path) as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in names:
            file.write(np.ascontiguousarray(tensors[name]).reshape(-1).view(np.uint8))
