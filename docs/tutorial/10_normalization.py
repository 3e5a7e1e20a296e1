"""Layer against batch normalization, on sentences of unlike length."""

import keras
import numpy as np
from drawing import BLUE, GREY, ORANGE, label, panels, save
from keras import ops

from regard.layers import LayerNorm

random = np.random.default_rng(1)
lengths = np.minimum(4 + random.exponential(6, 64).astype(int), 32)  # many short, a few long
states = random.normal(1.0, 2.0, (64, 32, 16)).astype("float32")  # (B, T, D)
states *= np.arange(32)[None, :, None] < lengths[:, None, None]  # padding is 0

layer_norm, batch_norm = LayerNorm(), keras.layers.BatchNormalization()
alone, padded = states[:1, : lengths[0]], states[:1]  # one sentence, bare and with its padding


def change(norm):
    """How much the first sentence's vectors change with what else is in the batch."""
    beside = norm(states, training=True)[:1, : lengths[0]]
    return float(ops.max(abs(norm(alone, training=True) - beside)))


changes = {"layer": change(layer_norm), "batch": change(batch_norm)}
print(f"a sentence alone or among 64 changes by: layer {changes['layer']:.1f}", end=", ")
print(f"batch {changes['batch']:.1f}")

shares = [0.0, 0.25, 0.5, 0.75]  # of padding in the batch
scale = {"layer": [], "batch": []}
for share in shares:
    filled = random.normal(0.0, 1.0, (64, 32, 16)).astype("float32")
    count = round(32 * (1 - share))
    filled[:, count:] = 0
    for name, norm in (("layer", layer_norm), ("batch", batch_norm)):
        scale[name].append(float(ops.std(norm(filled, training=True)[:, :count])))
print("deviation of real tokens, with 0, 25, 50, 75% of padding:")
for name, kept in scale.items():
    print(f"{name}: {np.round(kept, 2)}")

counts = (np.arange(32)[:, None] < lengths[None]).sum(1)  # sentences that reach a position
figure, axes = panels(3, width=7.6, height=2.3)
axes[0].imshow(states[np.argsort(-lengths), :, 0], cmap="RdBu_r", vmin=-5, vmax=5, aspect="auto")
label(axes[0], "64 sentences", "position", "sentence")
axes[1].bar(range(32), counts, color=GREY)
label(axes[1], "sentences that reach a position", "position")
for (name, kept), colour in zip(scale.items(), (BLUE, ORANGE), strict=True):
    axes[2].plot(shares, kept, "o-", color=colour, markersize=4, label=f"{name} normalization")
axes[2].set_ylim(0, 2.3)
axes[2].xaxis.set_major_formatter("{x:.0%}")
label(axes[2], "deviation of real tokens", "share of padding")
axes[2].legend(fontsize=7, frameon=False)
save(figure, "normalization")
