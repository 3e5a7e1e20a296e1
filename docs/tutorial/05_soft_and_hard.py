"""Soft and hard attention: to read the mean of all, or one that is drawn."""

import numpy as np
import tensorflow as tf
from drawing import BLUE, GREEN, GREY, INK, ORANGE, heat_map, label, panels, save
from keras import ops, random

from regard.layers import masked_softmax
from regard.layers.hard_attention import log_probability, one_hot_draws, straight_through

DRAWS, RIGHT = 20_000, 2.0
value = tf.constant([0.0, 1.0, 2.0, 4.0])
scores = tf.tile([[0.0, 0.5, 0.2, -0.5]], (DRAWS, 1))  # the same four keys, once for each draw


def error(weights):
    """How far what is read is from what would be right."""
    return ops.square(ops.sum(weights * value, axis=-1) - RIGHT)


with tf.GradientTape(persistent=True) as tape:
    tape.watch(scores)
    weights = masked_softmax(scores)  # soft: all are read
    taken = one_hot_draws(weights, random.SeedGenerator(1))  # hard: one is
    expected = ops.sum(weights * ops.square(value - RIGHT), axis=-1)  # the mean error of the hard
    log_p = log_probability(weights, taken)
    losses = {
        "straight-through": error(straight_through(weights, taken)),
        "REINFORCE": tf.stop_gradient(error(taken)) * log_p,
        "with baseline": tf.stop_gradient(error(taken) - expected) * log_p,
    }
true = tape.gradient(expected, scores).numpy()[0]  # (4,): by all four keys, not by drawing
slopes = {name: tape.gradient(loss, scores).numpy() for name, loss in losses.items()}

print("weights", weights[0].numpy().round(2), "drawn", taken.numpy().mean(0).round(2))
print(f"slope of the error by the first score: {true[0]:.2f}")
for name, slope in slopes.items():
    print(f"{name}: {slope[:, 0].mean():.2f} in the mean, deviation {slope[:, 0].std():.2f}")

figure, axes = panels(3, width=7.6, height=2.3, width_ratios=(1, 1, 1.5))
names = [f"{each:g}" for each in value.numpy()]
heat_map(axes[0], weights[:12], "soft: 12 readings", most=1)
heat_map(axes[1], taken[:12], "hard: 12 readings", most=1)
for panel in axes[:2]:
    panel.set_xticks(range(4), names)
    panel.set_xlabel("value", fontsize=8)
for height, slope in enumerate(slopes.values()):
    colour = (ORANGE, GREY, BLUE)[height]
    low, high = slope[:, 0].mean() + np.array([-1, 1]) * slope[:, 0].std()
    axes[2].plot([low, high], [height, height], color=colour, linewidth=6, alpha=0.4)
    axes[2].plot(slope[:, 0].mean(), height, "o", color=colour)
axes[2].axvline(true[0], color=GREEN, label="the true slope")
label(axes[2], "estimates of a slope", "mean and deviation")
axes[2].set_yticks(range(3), list(slopes))
axes[2].set_ylim(-0.6, 3.1)
axes[2].legend(fontsize=7, frameon=False, loc="upper right", labelcolor=INK)
save(figure, "soft_and_hard")
