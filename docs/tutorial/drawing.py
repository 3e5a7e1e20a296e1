"""Draws what the chapters show, all in one look; figures lie in `FOLDER`."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

FOLDER = Path(__file__).with_name("figures")
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#999999"
INK, FAINT = "#333333", "#DDDDDD"


def panels(columns=1, width=7.2, height=2.6, rows=1, **options):
    """Makes a figure of a size in inches, and its panels: one, or an array of them."""
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    figure.get_layout_engine().set(w_pad=0.06, h_pad=0.06, wspace=0.04, hspace=0.04)
    return figure, figure.subplots(rows, columns, **options)


def label(axes, title, x="", y=""):
    """Gives a panel a title and the names of its axes."""
    axes.set_title(title, loc="left", fontsize=9, fontweight="bold", color=INK)
    axes.set_xlabel(x, fontsize=8, color=INK)
    axes.set_ylabel(y, fontsize=8, color=INK)
    axes.tick_params(labelsize=7, colors=INK, length=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.set_axisbelow(True)


def heat_map(axes, weights, title, reads=None, is_read=None, most=None):
    """Draws weights (T, S): a row for each that reads, from 0 (white) to the most (dark)."""
    weights = np.asarray(weights)
    axes.imshow(weights, cmap="Blues", vmin=0, vmax=most or weights.max(), aspect="auto")
    label(axes, title)
    axes.spines[:].set_visible(False)
    for names, axis in ((is_read, axes.xaxis), (reads, axes.yaxis)):
        axis.set_ticks(range(len(names or ())), names or ())
    if is_read and max(map(len, is_read)) > 2:
        axes.set_xticks(
            range(len(is_read)), is_read, rotation=60, ha="right", rotation_mode="anchor"
        )


def save(figure, name):
    """Writes a figure as a PNG file."""
    FOLDER.mkdir(exist_ok=True)
    figure.savefig(FOLDER / f"{name}.png", dpi=110, metadata={"Software": None})
