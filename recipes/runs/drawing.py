"""Makes what every picture of a report has: figures, styles, and fonts for any names.

These are Matplotlib's objects alone: no pyplot, so no display, no global state, no open figures.
Colours are Okabe and Ito's, which colour-blind readers can tell apart; markers differ as well.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ...models import disk
from ..names import display_name

DOTS_PER_INCH = 150
BLUE, SKY, VERMILION, GREEN = "#0072B2", "#56B4E9", "#D55E00", "#009E73"
INK, FAINT = "#333333", "#DDDDDD"

logger = logging.getLogger("regard")


def new_figure(width: float, height: float) -> Figure:
    """Makes an empty figure of a size in inches."""
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Writes a figure as a PNG file."""
    with disk.create(path) as file:
        figure.savefig(file, format="png", dpi=DOTS_PER_INCH)


def set_style(axes: Axes, title: str, grid: bool = True) -> None:
    """Gives axes a title, and the look of all pictures."""
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK)
    axes.tick_params(colors=INK, length=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(axis="y", color=FAINT, linewidth=0.8)


def drawable_names(class_names: Sequence[str]) -> tuple[list[str], list[str], str]:
    """Returns class names as they can be drawn, fonts for them, a note on those that cannot be."""
    names = [display_name(name) for name in class_names]
    families, drawable = fonts_for(set().union(*names))
    shown = [
        name if drawable.issuperset(name) else f"class {number}"
        for number, name in enumerate(names)
    ]
    if shown == names:
        return names, families, ""
    logger.info(
        "confusion_matrix.png shows some classes by number: no installed font has the "
        "characters of their names. Install one that does, such as Noto Sans CJK."
    )
    note = "No font here can draw every name: class N is number N, from 0, in metrics.json"
    return shown, families, note


def fonts_for(characters: set[str]) -> tuple[list[str], set[str]]:
    """Returns Matplotlib's own font, that with most of what it lacks, and what they can draw."""
    own = "DejaVu Sans"
    drawable = _characters_in(font_manager.findfont(own))
    missing = characters - drawable
    if not missing:
        return [own], drawable
    fonts = {
        entry.name: entry.fname
        for entry in sorted(font_manager.fontManager.ttflist, key=lambda entry: entry.fname)
        # "Last Resort" fonts have a box for every character there is.
        if entry.style == "normal" and not entry.name.lstrip(".").startswith("Last")
    }
    covered = {name: missing & _characters_in(path) for name, path in sorted(fonts.items())}
    best = max(covered, key=lambda name: len(covered[name]))
    return [own, best], drawable | covered[best]


def _characters_in(font_file: str) -> set[str]:
    try:
        return set(map(chr, font_manager.get_font(font_file).get_charmap()))
    except OSError:  # Matplotlib's list of fonts is a cached one: the file may be gone.
        return set()


def with_codes(piece: str, drawable: set[str]) -> str:
    """Returns a piece with codes in place of the characters that no font here can draw."""
    return "".join(each if each in drawable else f"<{ord(each):X}>" for each in piece)
