"""Draws figures as SVG whose colours are the page's, so that they are right in light and dark.

The classes `a`, `b` and `c` are the page's colours of series; see `web/report.css`.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.ticker import MaxNLocator

from .markup import text

WIDTH, HEIGHT = 440, 250  # units, about pixels
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 10, 36
MOST_MARKERS = 60  # of a series; each says its value when it is pointed at
SERIES = "abcd"  # classes of colours, and of the dashes and markers that differ as well

Points = Sequence[tuple[float, float]]


class Scale(NamedTuple):
    """Turns values in [low, high] into places from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 2)


def number(value: float) -> str:
    """Returns a number with four digits that count."""
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e9 else f"{value:.4g}"


def across(low: float, high: float) -> Scale:
    """Returns the scale of a figure's horizontal axis."""
    return Scale(low, high, LEFT, WIDTH - RIGHT)


def up(low: float, high: float) -> Scale:
    """Returns the scale of a figure's vertical axis."""
    return Scale(low, high, HEIGHT - BOTTOM, TOP)


def spread(values: Sequence[float], integer: bool = False) -> tuple[float, float, list[float]]:
    """Returns round bounds of an axis that values fit in, and its ticks."""
    low, high = min(values), max(values)
    if low == high:
        low, high = (low - 1, high + 1) if integer else (low - abs(low) / 2, high + abs(high) / 2)
        low, high = (low, high) if low < high else (-1.0, 1.0)
    steps = [1, 2, 5, 10] if integer else [1, 2, 2.5, 5, 10]
    ticks = MaxNLocator(5, steps=steps, integer=integer).tick_values(low, high)
    return float(ticks[0]), float(ticks[-1]), [float(tick) for tick in ticks]


def svg(alt: str, content: str, height: int = HEIGHT, width: int = WIDTH) -> str:
    """Returns a picture with its text for those who do not see it."""
    size = f'viewBox="0 0 {width} {height}"'
    return f'<svg class="chart" {size} role="img" aria-label="{text(alt)}">{content}</svg>'


def axes(x: Scale, y: Scale, x_ticks: Sequence[float], y_ticks: Sequence[float], below: str) -> str:
    """Returns the ticks of both axes, and the name of the one below."""
    parts = []
    for tick in y_ticks:
        place = y(tick)
        parts.append(f'<path class="grid" d="M{x.start} {place}H{x.end}"/>')
        parts.append(_label(x.start - 6, place + 4, number(tick), "end"))
    for tick in x_ticks:
        if x.low <= tick <= x.high:
            parts.append(_label(x(tick), y.start + 16, number(tick)))
    parts.append(_label((x.start + x.end) / 2, y.start + 32, text(below)))
    return "".join(parts)


def _label(x: float, y: float, content: str, anchor: str = "middle") -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}">{content}</text>'


def marked(x: Scale, y: Scale, at: float, title: str) -> str:
    """Returns a dotted line at a place of the horizontal axis."""
    line = f'<path class="kept" d="M{x(at)} {y.start}V{y.end}">'
    return f"{line}<title>{text(title)}</title></path>"


def lines(series: Mapping[str, Points], below: str, mark: tuple[float, str] | None = None) -> str:
    """Draws series of points, none of which is empty, over whole numbers such as epochs."""
    points = [point for each in series.values() for point in each]
    first, last = min(x for x, _ in points), max(x for x, _ in points)
    low, high, y_ticks = spread([value for _, value in points])
    _, _, x_ticks = spread([first, last], integer=True)
    x, y = across(first - 0.5, last + 0.5), up(low, high)
    parts = [axes(x, y, x_ticks, y_ticks, below)]
    if mark is not None:
        parts.append(marked(x, y, *mark))
    for kind, (label, each) in zip(SERIES, series.items(), strict=False):
        places = " ".join(f"{x(at)},{y(value)}" for at, value in each)
        parts.append(f'<polyline class="line {kind}" points="{places}"/>')
        step = -(-len(each) // MOST_MARKERS)
        for at, value in each[::step]:
            title = f"{label}, {below} {number(at)}: {number(value)}"
            dot = f'<circle class="{kind}" cx="{x(at)}" cy="{y(value)}" r="3.2">'
            parts.append(f"{dot}<title>{text(title)}</title></circle>")
    said = (
        f"{label} from {number(each[0][1])} to {number(each[-1][1])}"
        for label, each in series.items()
    )
    return svg("; ".join(said), "".join(parts))


def legend(labels: Sequence[str]) -> str:
    """Returns what the series of a figure are called."""
    keys = (
        f'<span class="key"><svg viewBox="0 0 24 10" aria-hidden="true">'
        f'<path class="line {kind}" d="M1 5H23"/><circle class="{kind}" cx="12" cy="5" r="3.2"/>'
        f"</svg>{text(label)}</span>"
        for kind, label in zip(SERIES, labels, strict=False)
    )
    return f'<div class="legend">{"".join(keys)}</div>'


def histogram(values: np.ndarray, below: str, mark: tuple[float, str] | None = None) -> str:
    """Draws how many of some whole numbers fall into each of up to 30 stretches of one length."""
    top = max(values.max(), mark[0] if mark and mark[0] < 2 * values.max() else 0)
    step = max(1, int(np.ceil((top + 1) / 30)))
    counts = np.bincount(values // step)
    _, high, y_ticks = spread([0, counts.max()], integer=True)
    x, y = across(0, max(len(counts) * step, top + 1)), up(0, high)
    _, _, x_ticks = spread([0, x.high], integer=True)
    parts = [axes(x, y, x_ticks, y_ticks, below)]
    for index, count in enumerate(counts):
        stretch = str(index) if step == 1 else f"{index * step} to {(index + 1) * step - 1}"
        wide = round(x(step) - x(0) - 1, 2)
        size = f'width="{wide}" height="{round(y.start - y(count), 2)}"'
        rectangle = f'<rect class="a" x="{x(index * step)}" y="{y(count)}" {size}>'
        parts.append(f"{rectangle}<title>{stretch} {text(below)}: {count:,}</title></rect>")
    if mark is not None and mark[0] <= x.high:
        parts.append(marked(x, y, *mark))
    quarter, middle, most = np.percentile(values, [25, 50, 95])
    alt = f"Half of them have at most {middle:g} {below}, a quarter at most {quarter:g}"
    return svg(f"{alt}, 95% at most {most:g}, the longest {values.max():,}", "".join(parts))


def bar(share: float, kind: str = "a") -> str:
    """Returns a small bar of a share, in [0, 1], that stands beside its number."""
    width = round(100 * share, 2)
    rectangle = f'<rect class="{kind}" width="{width}" height="6"/>'
    size = 'viewBox="0 0 100 6" preserveAspectRatio="none"'
    return f'<svg class="bar" {size} aria-hidden="true">{rectangle}</svg>'
