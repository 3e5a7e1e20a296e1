"""Draws what a model attends to as one picture: where it looks, what speaks for it, all heads."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.font_manager import FontProperties

from ..names import display_name
from ..runs.drawing import (
    BLUE,
    INK,
    VERMILION,
    fonts_for,
    new_figure,
    save_figure,
    set_style,
    with_codes,
)
from .arrays import AttentionArrays, Heads

logger = logging.getLogger("regard")

MOST_BARS = 24  # tokens, those that contribute most
MOST_NAMES = 40  # tokens beside a matrix; of more each has no room
TILE = 40  # pixels: side of a head in the picture of all
GAP = 3
NAME_WIDTH = 18  # columns that a token's name may take
REASONS = "Gradient × input: for (blue), against (orange)"
SIGNED = LinearSegmentedColormap.from_list("against and for", [VERMILION, "white", BLUE])


def draw_picture(path: Path, attention: AttentionArrays) -> None:
    """Draws three panels into a PNG file: one of where it looks, one of reasons, one of all heads.

    Where it looks is the alignment of a translation, the mean of the heads of the last block but
    one, and else the rollout. The reasons are gradient × input for what the model says.
    """
    heads = attention.heads.get("cross") or attention.heads["encoder"]
    figure = new_figure(15, 6)
    where, why, all_heads = figure.subplots(1, 3)
    named = {token.text for side in (heads.queries, heads.keys) for token in side}
    title = display_name(attention.title, 60)
    characters = set(title).union(*named)
    families, drawable = fonts_for(characters)
    style = {"font": FontProperties(family=families, size=8), "parse_math": False}

    def names(tokens: Sequence) -> list[str]:
        return [display_name(with_codes(token.text, drawable), NAME_WIDTH) for token in tokens]

    if not drawable.issuperset(characters):
        _say_codes(path)
    if attention.picture is not None:
        _draw_map(where, attention)
    else:
        _draw_where(where, heads, names, style)
    _draw_why(why, attention, heads, names, style)
    _draw_all(all_heads, attention, heads)
    score = "" if attention.is_value else f"   {attention.score:.3f}"  # the title has a value
    heading = f"{with_codes(title, drawable)}{score}"
    figure.suptitle(
        heading, x=0.01, ha="left", color=INK, fontsize=13, family=families, parse_math=False
    )
    save_figure(figure, path)


def _say_codes(path: Path) -> None:
    logger.info(
        "%s shows some characters by their codes: no font that Matplotlib knows has them. "
        "Install one that does, such as Noto Sans CJK, or write a page (.html).",
        path.name,
    )


def _draw_where(axes: Axes, heads: Heads, names, style) -> None:
    if heads.rollout is None:
        blocks = heads.weights.mean(axis=1)  # (L, T, S)
        _matrix(
            axes, "Attention to the source", blocks[max(0, len(blocks) - 2)], heads, names, style
        )
    else:
        _matrix(axes, "Rollout: what each position holds", heads.rollout, heads, names, style)


def _matrix(axes: Axes, title: str, values, heads: Heads, names, style, signed=False) -> None:
    set_style(axes, title, grid=False)
    largest = np.abs(values).max()
    colours = {"cmap": SIGNED, "vmin": -largest} if signed else {"cmap": "Blues", "vmin": 0}
    axes.imshow(values, vmax=largest, interpolation="nearest", aspect="auto", **colours)
    axes.spines[:].set_visible(False)
    axes.set_xticks([])
    axes.set_yticks([])
    if max(values.shape) <= MOST_NAMES:
        axes.set_xticks(range(len(heads.keys)), names(heads.keys), rotation=60, ha="right", **style)
        axes.set_yticks(range(len(heads.queries)), names(heads.queries), **style)


def _draw_why(axes: Axes, attention: AttentionArrays, heads: Heads, names, style) -> None:
    if "cross" in attention.heads:
        _matrix(
            *(axes, REASONS, attention.contributions, heads, names, style),
            signed=True,
        )
    elif attention.picture is not None:
        set_style(axes, REASONS, grid=False)
        values = _of_patches(attention.contributions[0], attention)
        largest = np.abs(values).max()
        axes.imshow(values, cmap=SIGNED, vmin=-largest, vmax=largest)
        axes.set_axis_off()
    else:
        _draw_bars(axes, attention.contributions[0], names(heads.keys), style)


def _draw_bars(axes: Axes, values: np.ndarray, labels: list[str], style) -> None:
    set_style(axes, REASONS, grid=False)
    order = np.sort(np.argsort(-np.abs(values))[:MOST_BARS])  # in the order of the text
    colours = [BLUE if value > 0 else VERMILION for value in values[order]]
    axes.barh(range(len(order)), values[order], color=colours)
    axes.set_yticks(range(len(order)), [labels[index] for index in order], **style)
    axes.invert_yaxis()
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="x", labelsize=8)


def _draw_map(axes: Axes, attention: AttentionArrays) -> None:
    """Draws the image, light where the answer's rollout looks."""
    set_style(axes, "Rollout over the picture", grid=False)
    rollout = attention.heads["encoder"].rollout
    row = rollout.mean(axis=0) if attention.reader is None else rollout[attention.reader]
    shares = _of_patches(row, attention)
    height, width, _ = attention.picture.shape
    light = np.sqrt(shares / shares.max())
    light = np.kron(light, np.ones((height // shares.shape[0], width // shares.shape[1])))
    axes.imshow(attention.picture / 255 * (0.15 + 0.85 * light[..., np.newaxis]))
    axes.set_axis_off()


def _of_patches(row: np.ndarray, attention: AttentionArrays) -> np.ndarray:
    """Takes the patches of a row of tokens (T,), as (rows, columns)."""
    rows, columns = attention.grid
    return row[-rows * columns :].reshape(rows, columns)


def _draw_all(axes: Axes, attention: AttentionArrays, heads: Heads) -> None:
    """Draws every head small: its matrix, or of an image the map of what the answer reads."""
    set_style(axes, "All layers (down) and heads (across)", grid=False)
    num_layers, num_heads = heads.weights.shape[:2]
    step = TILE + GAP
    board = np.full((num_layers * step, num_heads * step), np.nan)
    for layer in range(num_layers):
        for head in range(num_heads):
            tile = _small(_tile(attention, heads.weights[layer, head]))
            top, left = layer * step, head * step
            board[top : top + TILE, left : left + TILE] = np.sqrt(tile / max(tile.max(), 1e-9))
    axes.imshow(board, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    axes.spines[:].set_visible(False)
    for set_ticks, count in ((axes.set_xticks, num_heads), (axes.set_yticks, num_layers)):
        places = np.arange(count) * step + TILE / 2
        set_ticks(places, [str(number + 1) for number in range(count)], fontsize=8)
    axes.xaxis.tick_top()


def _tile(attention: AttentionArrays, weights: np.ndarray) -> np.ndarray:
    if attention.picture is None:
        return weights
    row = weights.mean(axis=0) if attention.reader is None else weights[attention.reader]
    return _of_patches(row, attention)


def _small(matrix: np.ndarray) -> np.ndarray:
    """Makes a matrix TILE × TILE; of several numbers for a pixel the largest stays."""
    for _ in range(2):  # rows, then columns
        count = len(matrix)
        starts = np.arange(TILE) * count // TILE
        pixels = np.maximum.reduceat(matrix, starts) if count > TILE else matrix[starts]
        matrix = pixels.T
    return matrix
