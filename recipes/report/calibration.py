"""Shows how sure a classifier is, and how often it is right then."""

from typing import Any

import numpy as np

from ..runs.evaluation import CalibrationBins, calibration_bins
from .charts import Scale, across, axes, spread, svg, up
from .markup import figure, folded, paragraph, table

COUNTS_HEIGHT = 70  # units, of the histogram below the diagram
FEW = 20  # examples of a bin, which tell little


def calibration(metrics: dict[str, Any], labels: np.ndarray, probabilities: np.ndarray) -> str:
    """Returns a reliability diagram over a histogram, with the expected calibration error."""
    bins = calibration_bins(labels, probabilities)
    error = metrics["expected_calibration_error"]
    confidence = float(np.max(probabilities, axis=1).mean())
    sentence = (
        f"Its probability for the class that it chooses is {confidence:.1%} on average, and it is "
        f"right in {metrics['accuracy']:.1%}: on the whole it is "
        f"{_tendency(confidence, metrics['accuracy'])}. The expected "
        f"calibration error is <strong>{error:.3f}</strong>; 0 would be perfect."
    )
    if "temperature" in metrics:
        sentence += (
            f" The logits are divided by {metrics['temperature']:.3f}, the temperature with the "
            "least log loss on these examples; without it the error would be "
            f"{metrics['uncalibrated_error']:.3f}."
        )
    if metrics.get("coverage"):
        sentence += (
            f" Below a certain score the label is empty: {metrics['coverage']:.1%} are answered, "
            f"{metrics['selective_error']:.1%} of these wrongly."
        )
    note = (
        f"Each bar is a fifteenth of the range of confidence. Bars of fewer than {FEW} examples "
        "are faint: they tell little. Where a bar ends below the dashed line, it is too sure."
    )
    diagram = figure("How often it is right, by how sure it is", _diagram(bins, error), note)
    return paragraph(sentence) + diagram + folded("As a table", _table(bins))


def _tendency(confidence: float, accuracy: float) -> str:
    """Returns in words how the two differ, as they are written: to a tenth of a percent."""
    gap = round(confidence, 3) - round(accuracy, 3)
    if gap == 0:
        return "as sure as it is right"
    return "too sure" if gap > 0 else "not sure enough"


def _diagram(bins: CalibrationBins, error: float) -> str:
    edges = np.linspace(0, 1, len(bins.count) + 1)
    x, y, ticks = across(0, 1), up(0, 1), [0, 0.25, 0.5, 0.75, 1]
    base = y.start + 44
    _, high, counts = spread([0, float(bins.count.max())], integer=True)
    below = Scale(0, high, base + COUNTS_HEIGHT, base)
    parts = [axes(x, y, ticks, ticks, ""), axes(x, below, ticks, [0, counts[-1]], "confidence")]
    for start, end, count, accuracy, mean in zip(edges, edges[1:], *bins, strict=False):
        if not count:
            continue
        said = f"confidence {start:.2f} to {end:.2f}: {count:.0f} examples"
        title = f"<title>{said}, {accuracy:.1%} right, mean confidence {mean:.1%}</title>"
        kind = "few" if count < FEW else ""
        for scale, value in ((y, accuracy), (below, count)):
            size = f'width="{x(end) - x(start) - 1:.2f}" height="{scale.start - scale(value):.2f}"'
            place = f'x="{x(start)}" y="{scale(value)}"'
            parts.append(f'<rect class="a {kind}" {place} {size}>{title}</rect>')
        middle = round((x(start) + x(end)) / 2, 2)
        gap = f'd="M{middle} {y(accuracy)}V{y(mean)}"'
        parts.append(f'<path class="gap {kind}" {gap}>{title}</path>')
    parts.append(f'<path class="ideal" d="M{x(0)} {y(0)}L{x(1)} {y(1)}"/>')
    alt = f"Reliability diagram, expected calibration error {error:.3f}; a table is below"
    return svg(alt, "".join(parts), round(below.start + 36))


def _table(bins: CalibrationBins) -> str:
    edges = np.linspace(0, 1, len(bins.count) + 1)
    rows = [
        [f"{start:.2f} to {end:.2f}", f"{count:.0f}", f"{accuracy:.1%}", f"{mean:.1%}"]
        for start, end, count, accuracy, mean in zip(edges, edges[1:], *bins, strict=False)
        if count
    ]
    head = ["Confidence", "Examples", "Right", "Mean confidence"]
    return table("Calibration", head, rows)
