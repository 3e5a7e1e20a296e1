"""Positions: sinusoids, and the two things that they are good for."""

import numpy as np
from drawing import BLUE, GREY, ORANGE, label, panels, save
from keras import ops, random

from regard.layers import MultiHeadAttention, sinusoids

layer = MultiHeadAttention(num_heads=2, key_dim=4)
words = random.normal((1, 5, 8), seed=1)  # dog bites man ...
order = [2, 1, 0, 4, 3]  # man bites dog ...
other = ops.take(words, order, axis=1)


def differ(words, other):
    """How far what a word becomes in one order is from what it becomes in the other."""
    return float(ops.max(abs(ops.take(layer(words), order, axis=1) - layer(other))))


without, with_positions = (
    differ(words, other),
    differ(words + sinusoids(5, 8), other + sinusoids(5, 8)),
)
print(f"what order changes: {without:.1f}, with positions: {with_positions:.1f}")

table = sinusoids(length=200, hidden_dim=64)  # (T, D): sines, then cosines


def move(k):
    """Makes the matrix that takes every position p to p + k: 32 turns, by 32 angles."""
    angles = k * 10000.0 ** (-np.arange(0, 64, 2) / 64)
    cos, sin = np.diag(np.cos(angles)), np.diag(np.sin(angles))
    return np.block([[cos, -sin], [sin, cos]])  # (D, D)


moved = table[:150] @ move(50)  # rows: p @ M
error = abs(moved - table[50:]).max()
products = table @ table.T  # (T, T)
by_distance = np.array([products.diagonal(k).mean() for k in range(100)])
spread = max(products.diagonal(k).std() for k in range(100))
print(f"one matrix takes 150 positions 50 on: off by {error:.6f}")
print(f"products at one distance differ by {spread:.6f}")
print(
    f"they fall from {by_distance[0]:.1f} to {by_distance[5]:.1f} at 5, {by_distance[50]:.1f} at 50"
)

figure, axes = panels(3, width=7.6, height=2.5, width_ratios=(1.2, 1, 1))
axes[0].imshow(table[:100], cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
label(axes[0], "sinusoids", "dimension: sines, then cosines", "position")
axes[1].imshow(move(5), cmap="RdBu_r", vmin=-1, vmax=1)
label(axes[1], "from p to p + 5", "dimension", "dimension")
for place, colour in ((60, GREY), (100, ORANGE), (140, BLUE)):
    axes[2].plot(np.arange(-50, 51), products[place, place - 50 : place + 51], color=colour)
label(axes[2], "dot products", "distance from p = 60, 100, 140")
save(figure, "positions")
