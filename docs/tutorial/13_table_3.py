"""Table 3 in small: the Transformer with other heads, keys, widths and dropout."""

import csv
from pathlib import Path

from drawing import BLUE, GREY, label, panels, save
from transformer import VARIANTS, transformer

sizes = {name: transformer(4000, **options).count_params() for name, options in VARIANTS.items()}
for name, size in sizes.items():
    print(f"{name}: {size} weights")

# What was measured by benchmarks/transformer_variations.py on Multi30k; see the page.
with Path(__file__).with_name("table_3.csv").open(newline="") as file:
    rows = {row["variant"]: row for row in csv.DictReader(file)}
figure, axes = panels(2, height=2.3, sharey=True)
names = list(VARIANTS)[::-1]
for panel, column, title in (
    (axes[0], "perplexity", "perplexity: less is better"),
    (axes[1], "accuracy", "words that are right"),
):
    values = [float(rows[name][column]) for name in names]
    panel.barh(names, values, color=[BLUE if name == "base" else GREY for name in names])
    for height, value in enumerate(values):
        panel.text(value, height, f" {value:.3g}", va="center", fontsize=7)
    panel.set_xlim(0, 1.2 * max(values))
    label(panel, title)
save(figure, "table_3")
