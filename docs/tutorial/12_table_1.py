"""Table 1: how far apart the ends of a text are, in steps; and what a layer costs as texts grow."""

import csv
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from drawing import BLUE, GREEN, GREY, ORANGE, label, panels, save

from regard.layers import MultiHeadAttention

LENGTH = 64
layers = {
    "convolution": keras.layers.Conv1D(8, 7, padding="same"),
    "attention": MultiHeadAttention(num_heads=2, key_dim=4),
    "restricted attention": MultiHeadAttention(num_heads=2, key_dim=4, window=16),
}


def who_reads_whom(layer):
    """Tells, by the slopes of one layer, which of its outputs depend on which inputs: (T, T)."""
    inputs = tf.random.stateless_normal((1, LENGTH, 8), seed=(1, 2))
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = tf.reduce_sum(layer(inputs)[0], axis=-1)  # (T,)
    slopes = tape.jacobian(outputs, inputs)[:, 0]  # (T, T, D)
    return np.abs(slopes).max(-1) > 0


def steps_between_ends(reads):
    """Counts the steps until the last position knows of the first."""
    known, steps = reads, 1
    while not known[-1, 0]:
        known, steps = known @ reads, steps + 1
    return steps


paths = {name: steps_between_ends(who_reads_whom(layer)) for name, layer in layers.items()}
# A recurrent layer goes from one position to the next: that is its step.
paths["recurrence"] = steps_between_ends(
    np.eye(LENGTH, dtype=bool) | np.eye(LENGTH, k=-1, dtype=bool)
)
print(f"steps from the first to the last of {LENGTH} words:")
for name, steps in paths.items():
    print(f"{name}: {steps}")

# What was measured by benchmarks/layer_types.py, a step of training; see the page.
with Path(__file__).with_name("table_1.csv").open(newline="") as file:
    rows = list(csv.DictReader(file))
kinds = list(dict.fromkeys(row["layer"] for row in rows))
figure, axes = panels(3, width=7.6, height=2.5)
colours = dict(zip(kinds, (GREY, GREEN, ORANGE, BLUE), strict=True))
for panel, column, title in (
    (axes[1], "seconds", "time, × that of 256"),
    (axes[2], "mebibytes", "memory, MiB"),
):
    for kind in kinds:
        tokens, costs = np.array(
            [(float(row["tokens"]), float(row[column])) for row in rows if row["layer"] == kind]
        ).T
        if column == "seconds":
            panel.plot(tokens, costs / costs[0], "o-", markersize=3, color=colours[kind])
        elif "attention" in kind:  # of the others there is too little to be measured so
            panel.plot(tokens, costs, "o-", markersize=3, color=colours[kind])
    label(panel, title, "words")
    panel.set_xscale("log", base=2)
    panel.set_yscale("log", base=2)
for kind in kinds:
    axes[0].bar(kind.replace(" ", "\n"), paths[kind], color=colours[kind])
    axes[0].text(kind.replace(" ", "\n"), paths[kind] + 1, paths[kind], ha="center", fontsize=8)
label(axes[0], f"steps, of {LENGTH} words")
axes[0].tick_params(axis="x", labelsize=6)
save(figure, "table_1")
