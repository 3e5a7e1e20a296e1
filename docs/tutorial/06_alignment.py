"""The bottleneck of a recurrent network, and alignment, which does without it."""

import keras
import numpy as np
from drawing import BLUE, GREY, ORANGE, heat_map, label, panels, save
from keras import ops
from phrases import WORDS, accuracy, examples, write_pairs

from regard.models import RecurrentTranslator

keras.utils.set_random_seed(1)

# A state of so many numbers reads 12 words; after each, how much is left in it of the first?
texts = np.random.default_rng(1).integers(0, 16, (2500, 12))
one_hot = np.eye(16, dtype="float32")[texts]  # (B, T, 16)
first, recalled = one_hot[:, 0], {}
for units in (16, 64, 256):
    states = ops.convert_to_numpy(keras.layers.GRU(units, return_sequences=True)(one_hot))
    states = np.concatenate([states, np.ones((2500, 12, 1))], axis=2)  # (B, T, U + 1)
    recalled[units] = []
    for t in range(12):  # the best linear reader of the state, by least squares
        reader = np.linalg.lstsq(states[:2000, t], first[:2000], rcond=None)[0]
        right = (states[2000:, t] @ reader).argmax(1) == texts[2000:, 0]
        recalled[units].append(float(right.mean()))
    after = [recalled[units][t] for t in (0, 4, 11)]
    print(f"{units} numbers: first word recalled {np.round(after, 2)} after 1, 5, 12 words")

# Alignment: every state of the source is kept, and each word that is written chooses among them.
model = RecurrentTranslator(len(WORDS), 32, 32, dropout=0.0, end_id=1, pad_id=0)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.Adam(1e-2), loss, jit_compile=False)
inputs, targets, weights = examples(write_pairs(3000, 2, seed=1), 8)
model.fit(inputs, targets, sample_weight=weights, epochs=5, batch_size=120, verbose=0)
right = accuracy(model, *examples(write_pairs(300, 2, seed=2), 8))
print(f"with alignment: {right:.2f} of the words of new sentences")

pair = ("the red car and the young cat", "la voiture rouge et le chat jeune")
inputs, _, _ = examples([pair], 8)
alignment = ops.convert_to_numpy(model.alignments(inputs))[0, 0, 0, :7, :8]

figure, axes = panels(2, height=2.9, width_ratios=(1, 1.1))
for (units, share), colour in zip(recalled.items(), (GREY, ORANGE, BLUE), strict=True):
    axes[0].plot(range(1, 13), share, color=colour, label=f"a state of {units} numbers")
axes[0].axhline(1 / 16, color=GREY, linewidth=0.8, linestyle=":")
axes[0].set_ylim(0, 1.05)
label(axes[0], "the first word is still in the state", "words read")
axes[0].legend(fontsize=7, frameon=False)
heat_map(axes[1], alignment, "alignment", pair[1].split(), [*pair[0].split(), "end"])
save(figure, "alignment")
