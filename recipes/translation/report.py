"""Draws what a translator looks at: the alignment of a translation with its source."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.font_manager import FontProperties

from ..runs.drawing import INK, fonts_for, new_figure, save_figure, set_style, with_codes


class Alignment(NamedTuple):
    """Tells how much each piece of a translation reads of each piece of its source.

    Attributes:
        source_pieces: The S pieces of the source, with the end.
        target_pieces: The T pieces of the translation, with the end.
        weights: (T, S), float32, each row with a sum of 1.
    """

    source_pieces: list[str]
    target_pieces: list[str]
    weights: np.ndarray


def write_alignment(path: Path, alignment: Alignment) -> None:
    """Draws an alignment as a PNG file, into a folder that is made if it is not there."""
    source_pieces, target_pieces, weights = alignment
    figure = new_figure(2 + 0.4 * len(source_pieces), 1.5 + 0.35 * len(target_pieces))
    axes = figure.subplots()
    set_style(axes, "Attention to the source", grid=False)
    axes.imshow(weights, cmap="Blues", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
    axes.spines[:].set_visible(False)
    families, drawable = fonts_for(set().union(*source_pieces, *target_pieces))
    source_pieces, target_pieces = (
        [with_codes(piece, drawable) for piece in pieces]
        for pieces in (source_pieces, target_pieces)
    )
    style = {"font": FontProperties(family=families, size=9), "parse_math": False}
    axes.set_xticks(range(len(source_pieces)), source_pieces, **style, rotation=60, ha="right")
    axes.set_yticks(range(len(target_pieces)), target_pieces, **style)
    axes.set_xlabel("source", color=INK)
    axes.set_ylabel("translation", color=INK)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_figure(figure, path)
