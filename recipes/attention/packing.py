"""Packs weights into a page: whole numbers of steps, compressed, so that each row still sums to 1.

What is below half a step is not written: such weights of a row share what is left of it evenly.
"""

import base64
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from .arrays import Heads

# Steps that a row of weights is divided into; the finest that fits is taken. A weight is less than
# one step off: with 65,535 that is 0.00002, with 10,000 it is 0.0001.
LEVELS = (65535, 20000, 10000, 7000, 5000, 3000, 2000, 1400, 1000, 700, 500, 350, 250, 210, 180)
LEVELS += (150, 130, 100, 70, 50)
SAMPLE = 31  # one of so many rows is packed to see how small all may be; a prime, to see all tokens
BASE64 = 4 / 3  # bytes of base64 for a byte
SKIP = 255  # a gap without a number at its end


def quantize(weights: np.ndarray, levels: int) -> np.ndarray:
    """Divides weights (..., S) into steps of 1 / levels, by the method of largest remainders.

    Returns:
        Whole numbers of steps, uint16 (..., S), each less than one from the weight. What a row
        lacks to `levels` is the sum of those that are 0, up to half a step.
    """
    scaled = weights * (levels / weights.sum(axis=-1, keepdims=True, dtype=np.float64))
    is_written = scaled >= 0.5
    steps = np.floor(scaled) * is_written
    whole = np.rint(np.sum(scaled, axis=-1, keepdims=True, where=is_written))
    missing = whole - steps.sum(axis=-1, keepdims=True)  # (..., 1)
    remainders = np.where(is_written, scaled - steps, -1.0)
    order = np.argsort(-remainders, axis=-1)
    is_due = np.arange(weights.shape[-1]) < missing
    np.put_along_axis(steps, order, np.take_along_axis(steps, order, -1) + is_due, -1)
    return steps.astype(np.uint16)


def pack_all(stacks: Sequence[Heads], room: int) -> list[dict[str, Any]]:
    """Packs the weights of several stacks, as finely as fits in `room` bytes; see `pack_weights`.

    What does not fit even with the coarsest of `LEVELS` takes more.
    """
    for levels in LEVELS[_first_to_try(stacks, room) :]:
        packed = [pack_weights(heads.weights, levels, heads.is_causal) for heads in stacks]
        if sum(len(each["data"]) for each in packed) <= room:
            break
    return packed


def _first_to_try(stacks: Sequence[Heads], room: int) -> int:
    """Returns the index of the finest of `LEVELS` that may fit, by a sample of the rows."""
    all_rows = [heads.weights.reshape(-1, heads.weights.shape[-1]) for heads in stacks]
    some = [(rows[::SAMPLE], len(rows) / len(rows[::SAMPLE])) for rows in all_rows]
    for index, levels in enumerate(LEVELS):
        sizes = (len(_compressed(quantize(rows, levels))) * share for rows, share in some)
        if BASE64 * sum(sizes) <= room:
            return index
    return len(LEVELS) - 1


def pack_weights(weights: np.ndarray, levels: int, causal: bool = False) -> dict[str, Any]:
    """Packs weights (L, ..., T, S) for a page: what `unpack_weights` gives back.

    Where they are `causal`, those above the diagonal are zeros.
    """
    steps = np.stack(
        [quantize(block, levels) for block in weights]
    )  # by blocks: memory stays small
    packed = _packed(steps, levels)
    return {**packed, "causal": True} if causal else packed


def pack_signed(values: np.ndarray) -> dict[str, Any]:
    """Packs numbers of either sign, to 1 / 65,534 of the largest."""
    largest = float(np.abs(values).max(initial=0.0)) or 1.0
    steps = np.rint(values * (32767 / largest)).astype(np.int16)
    return _packed(steps.view(np.uint16), 32767 / largest)


def unpack_weights(packed: dict[str, Any]) -> np.ndarray:
    """Returns the weights that a page holds, as its script reads them; rows sum to 1."""
    steps = _steps(packed).astype(np.float64)
    is_shared = steps == 0
    if packed.get("causal"):
        is_shared &= np.tril(np.ones(steps.shape[-2:], bool))
    left = packed["levels"] - steps.sum(axis=-1, keepdims=True)
    share = left / np.maximum(1, is_shared.sum(axis=-1, keepdims=True))
    return (steps + share * is_shared) / packed["levels"]


def unpack_signed(packed: dict[str, Any]) -> np.ndarray:
    """Returns the numbers that `pack_signed` packed, as the script of a page reads them."""
    return _steps(packed).view(np.int16) / packed["levels"]


def _packed(steps: np.ndarray, levels: float) -> dict[str, Any]:
    data = base64.b64encode(_compressed(steps)).decode()
    return {"shape": list(steps.shape), "levels": levels, "data": data}


def _compressed(steps: np.ndarray) -> bytes:
    """Compresses uint16: the gaps between those that are not 0, all low bytes, all high bytes."""
    flat = steps.ravel()
    found = np.flatnonzero(flat)
    gaps = np.diff(found, prepend=-1) - 1
    skips = gaps // SKIP
    ends = np.arange(len(gaps)) + np.cumsum(skips)
    stream = np.full(len(gaps) + skips.sum(), SKIP, np.uint8)
    stream[ends] = gaps % SKIP
    low, high = (flat[found] & 255).astype(np.uint8), (flat[found] >> 8).astype(np.uint8)
    lengths = np.array([len(stream), len(found)], "<u4")
    return zlib.compress(b"".join(part.tobytes() for part in (lengths, stream, low, high)), 6)


def _steps(packed: dict[str, Any]) -> np.ndarray:
    data = zlib.decompress(base64.b64decode(packed["data"]))
    num_gaps, count = np.frombuffer(data[:8], "<u4")
    stream, low, high = np.split(np.frombuffer(data[8:], np.uint8), [num_gaps, num_gaps + count])
    is_end = stream != SKIP
    ends = np.cumsum(stream.astype(np.int64) + is_end)[is_end] - 1
    steps = np.zeros(int(np.prod(packed["shape"])), np.uint16)
    steps[ends] = low | high.astype(np.uint16) << 8
    return steps.reshape(packed["shape"])
