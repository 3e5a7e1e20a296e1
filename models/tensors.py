"""Lists the tensors of a checkpoint: their names and shapes, and the variables that hold them."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from .layout import Layout


@dataclass(frozen=True)
class Tensor:
    """One tensor of a checkpoint, and the variable that holds it here.

    Attributes:
        name: Its name in the checkpoint.
        path: The path of the Keras variable that holds it, or holds it among others.
        shape: Its shape in the checkpoint.
        is_kernel: Whether its axes are out, in, sizes there and sizes, in, out here.
        part: Which part of the variable's last axis it is, or None for the whole variable.
        num_parts: Number of equal parts of that axis.
        is_row: Whether it has a first axis of 1 that ours has not.
    """

    name: str
    path: str
    shape: tuple[int, ...]
    is_kernel: bool
    part: int | None
    num_parts: int
    is_row: bool

    def to_keras(self, values: np.ndarray) -> np.ndarray:
        """Returns the checkpoint's values in our order of axes."""
        values = values[0] if self.is_row else values
        return np.moveaxis(values, (1, 0), (-2, -1)) if self.is_kernel else values

    def from_keras(self, values: np.ndarray) -> np.ndarray:
        """Returns the values of the tensor, given those of the variable."""
        if self.part is not None:
            values = np.split(values, self.num_parts, axis=-1)[self.part]
        values = np.moveaxis(values, (-2, -1), (1, 0)) if self.is_kernel else values
        # Axes of 1, as of a class token, are not in all checkpoints.
        return np.ascontiguousarray(values).reshape(self.shape)


def tensors_of(
    layout: Layout, group: str, arguments: Mapping[str, Any], num_classes: int | None = None
) -> list[Tensor]:
    """Lists the tensors of a group of modules.

    Args:
        layout: The kind of model.
        group: A key of `layout.groups`.
        arguments: The sizes of the model, as its constructor takes them.
        num_classes: Number of classes C; only for a classifier.
    """
    sizes = _sizes(layout, arguments, num_classes)
    return [
        Tensor(
            _filled(f"{row.module}{weight.theirs}", [index + row.first for index in indices]),
            f"{row.layer}{weight.ours}".replace("*", str(number + row.first)),
            tuple(sizes[letter] for letter in weight.letters),
            weight.is_kernel,
            row.part,
            row.num_parts,
            row.is_row,
        )
        for row in layout.groups[group]
        for number, indices in enumerate(product(*(range(sizes[name]) for name in row.num_blocks)))
        for weight in row.weights
    ]


def zeros_of(layout: Layout, arguments: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Returns the tensors, by their names, that others have and do not read."""
    sizes = _sizes(layout, arguments)
    return {
        name: np.zeros([sizes[letter] for letter in letters], "float32")
        for name, letters in layout.zeros.items()
    }


def _sizes(
    layout: Layout, arguments: Mapping[str, Any], num_classes: int | None = None
) -> dict[str, Any]:
    """Returns what letters and names stand for."""
    return {
        **arguments,
        **layout.dimensions(arguments),
        "D": arguments["hidden_dim"],
        "F": arguments.get("intermediate_dim"),
        "C": num_classes,
        "1": 1,
    }


def count_blocks(layout: Layout, arguments: Mapping[str, Any]) -> int:
    """Returns how often the row is repeated that is repeated most."""
    sizes = {**arguments, **layout.dimensions(arguments)}
    rows = (row for rows in layout.groups.values() for row in rows)
    return max(math.prod(sizes[name] for name in row.num_blocks) for row in rows)


def modern_name(layout: Layout, name: str, is_prefixed: bool) -> str:
    """Returns a tensor's name in today's models: prefixed, norms with a weight and a bias."""
    name = re.sub(r"LayerNorm\.gamma$", "LayerNorm.weight", name)
    name = re.sub(r"LayerNorm\.beta$", "LayerNorm.bias", name)
    is_bare = not is_prefixed and name.startswith(tuple(layout.prefixed))
    return f"{layout.prefix}{name}" if is_bare else name


def _filled(name: str, indices: Sequence[int]) -> str:
    """Puts indices in place of the stars of a name, one each."""
    for index in indices:
        name = name.replace("*", str(index), 1)
    return name
