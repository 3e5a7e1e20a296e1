"""Says how a variable of KerasHub's layers becomes a tensor of Hugging Face's, part by part."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Change(NamedTuple):
    """How a variable becomes a tensor.

    Attributes:
        rank: Number of axes of the variable.
        shape: A function from the variable's shape to the tensor's.
        values: A function from the variable's values to the tensor's.
    """

    rank: int
    shape: Callable[[tuple[int, ...]], tuple[int, ...]]
    values: Callable[[np.ndarray], np.ndarray]


VECTOR = Change(1, lambda s: s, lambda x: x)
TABLE = Change(2, lambda s: s, lambda x: x)
KERNEL = Change(2, lambda s: s[::-1], lambda x: x.T)  # (in, out) to (out, in)
TO_HEADS = Change(  # (D, N, H) to (N·H, D)
    3, lambda s: (s[1] * s[2], s[0]), lambda x: x.reshape(len(x), -1).T
)
OF_HEADS = Change(2, lambda s: (s[0] * s[1],), lambda x: x.reshape(-1))  # (N, H) to (N·H,)
FROM_HEADS = Change(  # (N, H, D) to (D, N·H)
    3, lambda s: (s[2], s[0] * s[1]), lambda x: x.reshape(-1, x.shape[-1]).T
)
UNUSED = 2  # rows of RoBERTa's table of positions, which KerasHub leaves out
AFTER_PADDING = Change(
    2, lambda s: (s[0] + UNUSED, s[1]), lambda x: np.pad(x, ((UNUSED, 0), (0, 0)))
)
PATCHES = Change(  # (h, w, in, out) to (out, in, h, w)
    4, lambda s: (s[3], s[2], s[0], s[1]), lambda x: x.transpose(3, 2, 0, 1)
)
TOKEN = Change(3, lambda s: s, lambda x: x)
ROW = Change(2, lambda s: (1, *s), lambda x: x[None])

DENSE = ((".weight", KERNEL), (".bias", VECTOR))
NORM = ((".weight", VECTOR), (".bias", VECTOR))
EMBEDDING = ((".weight", TABLE),)
PROJECTION = ((".weight", TO_HEADS), (".bias", OF_HEADS))
OUTPUT = ((".weight", FROM_HEADS), (".bias", VECTOR))
Parts = tuple[str, tuple[tuple[str, Change], ...]]


def _block(attention, queries, output, norms, dense) -> dict[str, Parts]:
    """Returns the parts of KerasHub's `TransformerEncoder`, by Hugging Face's names of modules."""
    self_attention = "self_attention_layer"
    return {
        **{
            f"{self_attention}/{name}_dense": (f"{attention}{theirs}", PROJECTION)
            for name, theirs in zip(("query", "key", "value"), queries, strict=True)
        },
        f"{self_attention}/output_dense": (output, OUTPUT),
        "self_attention_layer_norm": (norms[0], NORM),
        "feedforward_layer_norm": (norms[1], NORM),
        "feedforward_intermediate_dense": (dense[0], DENSE),
        "feedforward_output_dense": (dense[1], DENSE),
    }


BERT_BLOCK = _block(
    "attention.self.",
    ("query", "key", "value"),
    "attention.output.dense",
    ("attention.output.LayerNorm", "output.LayerNorm"),
    ("intermediate.dense", "output.dense"),
)
DISTILBERT_BLOCK = _block(
    "attention.",
    ("q_lin", "k_lin", "v_lin"),
    "attention.out_lin",
    ("sa_layer_norm", "output_layer_norm"),
    ("ffn.lin1", "ffn.lin2"),
)
VIT_BLOCK = {
    **{
        f"mha/{name}_dense": (f"attention.attention.{name}", PROJECTION)
        for name in ("query", "key", "value")
    },
    "mha/output_dense": ("attention.output.dense", OUTPUT),
    "layer_norm_1": ("layernorm_before", NORM),
    "layer_norm_2": ("layernorm_after", NORM),
    "mlp/dense_1": ("intermediate.dense", DENSE),
    "mlp/dense_2": ("output.dense", DENSE),
}
