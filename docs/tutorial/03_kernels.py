"""Kernel pooling: a curve from noisy points, and who weighs what in it."""

import keras
import numpy as np
from drawing import BLUE, GREY, ORANGE, heat_map, label, panels, save
from keras import ops

from regard.layers import NadarayaWatson

keras.utils.set_random_seed(1)
random = np.random.default_rng(1)


def curve(x):
    return 2 * np.sin(1.5 * x) + 0.5 * x


x = np.sort(random.uniform(0, 6, (1, 40, 1)), axis=1)  # keys: where the curve is known
y = curve(x) + random.normal(0, 0.5, x.shape)  # values: what it is there, roughly
query = np.linspace(0, 6, 60)[None, :, None]  # where we ask

wide, learned = NadarayaWatson(width=1.0), NadarayaWatson(width=1.0, learn_width=True)

# A point may not read itself in training, or the best width would be 0.
others = ~np.eye(40, dtype=bool)
inputs = keras.Input((40, 1)), keras.Input((40, 1))
model = keras.Model(inputs, learned(inputs[0], *inputs, attention_mask=others))
model.compile(keras.optimizers.Adam(0.1), "mse", jit_compile=False)
model.fit([x, y], y, epochs=60, verbose=0)
width = float(ops.exp(learned.log_width))

answers = {
    "average": np.full_like(query, y.mean()),
    "w = 1": ops.convert_to_numpy(wide(query, x, y)),
    f"w = {width:.2f}, learned": ops.convert_to_numpy(learned(query, x, y)),
}
errors = [float(np.sqrt(np.mean((each - curve(query)) ** 2))) for each in answers.values()]
for name, error in zip(answers, errors, strict=True):
    print(f"{name}: error {error:.2f}")

figure, axes = panels(3, width=7.6, height=2.5, width_ratios=(1.3, 1, 1))
axes[0].plot(x[0], y[0], ".", color=GREY, markersize=4)
axes[0].plot(query[0], curve(query)[0], color=GREY, linewidth=1, label="true")
for (name, answer), colour, dash in zip(answers.items(), (GREY, ORANGE, BLUE), ":--", strict=True):
    axes[0].plot(query[0], answer[0], dash, color=colour, label=name)
label(axes[0], "the curve", "x", "y")
axes[0].legend(fontsize=6, frameon=False)
maps = [ops.convert_to_numpy(layer.attention_weights(query, x))[0] for layer in (wide, learned)]
for panel, weights, name in zip(axes[1:], maps, list(answers)[1:], strict=True):
    heat_map(panel, weights, name)
    label(panel, name, "key, by x", "query, by x")
save(figure, "kernels")
