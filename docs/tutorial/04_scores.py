"""Scores of five kinds, over a plane of keys; and why the dot product is scaled."""

import numpy as np
from drawing import BLUE, INK, ORANGE, label, panels, save
from keras import ops

from regard.layers import (
    additive_scores,
    cosine_scores,
    dot_product_scores,
    general_scores,
    masked_softmax,
    scaled_dot_product_scores,
)

query = np.array([[[[1.5, 0.5]]]])  # (1, 1, 1, 2)
turn = np.array([[[0.0, -1.0], [1.0, 0.0]]])  # W: looks for what is at a right angle
vector = np.array([[1.0, 1.0]])  # v
KINDS = {
    "dot product": dot_product_scores,
    "scaled": scaled_dot_product_scores,
    "general": lambda query, key: general_scores(query, key, turn),
    "additive": lambda query, key: additive_scores(query, key, vector),
    "cosine": cosine_scores,
}

one_key = np.array([[[[2.0, 1.0]]]])
values = {name: float(score(query, one_key)[0, 0, 0, 0]) for name, score in KINDS.items()}
print("q = (1.5, 0.5), k = (2, 1):", ", ".join(f"{n} {v:.2f}" for n, v in values.items()))

side = np.linspace(-3, 3, 41)
keys = np.stack(np.meshgrid(side, side), axis=-1).reshape(1, 1, -1, 2)
figure, axes = panels(5, width=8.2, height=1.95, sharey=True)
for panel, (name, score) in zip(axes, KINDS.items(), strict=True):
    plane = ops.convert_to_numpy(score(query, keys)).reshape(41, 41)
    panel.contourf(
        side, side, plane, 12, cmap="RdBu_r", vmin=-abs(plane).max(), vmax=abs(plane).max()
    )
    panel.annotate("", query[0, 0, 0], (0, 0), arrowprops={"arrowstyle": "->", "color": INK})
    label(panel, name)
    panel.set_aspect("equal")
save(figure, "scores")

# The larger the vectors, the larger their products: the softmax sees nothing but the best key.
random = np.random.default_rng(1)
widths = (2, 8, 32, 128, 512)
largest = {"dot product": [], "scaled": []}
for size in widths:
    query, key = random.normal(size=(2, 1, 1, 200, size))
    for name, kept in largest.items():
        weights = masked_softmax(KINDS[name](query, key[:, :, :10]))  # of 10 keys
        kept.append(float(ops.mean(ops.max(weights, axis=-1))))
print("largest of 10 weights, widths 2 to 512:")
for name, kept in largest.items():
    print(f"{name}: {np.round(kept, 2)}")

figure, axes = panels(width=4, height=2.1)
for (name, kept), colour in zip(largest.items(), (ORANGE, BLUE), strict=True):
    axes.plot(widths, kept, "o-", color=colour, markersize=4, label=name)
axes.axhline(0.1, color=INK, linewidth=0.8, linestyle=":", label="equal weights")
axes.set_xscale("log", base=2)
axes.set_ylim(0, 1.05)
label(axes, "the largest of 10 weights", "width of query and key")
axes.legend(fontsize=7, frameon=False)
save(figure, "scale")
