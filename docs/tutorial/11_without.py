"""What a block is without its MLP, and without its residuals: trained, to see what it learns."""

import keras
import numpy as np
from drawing import BLUE, GREY, ORANGE, label, panels, save

from regard.layers import FeedForward, LayerNorm, MultiHeadAttention, sinusoids

LENGTH, WIDTH = 8, 32
bits = np.random.default_rng(1).integers(0, 2, (3000, LENGTH, 3))  # each word is three bits
words = 2.0 * bits - 1  # as the network sees them: -1 and 1
before = np.roll(bits, 1, axis=1)  # at every position, the word before it (in a ring)


def stack(layers, outputs, residuals=True, mlp=True):
    """Makes an encoder of post-norm blocks, or what is left of one."""
    inputs = keras.Input((LENGTH, 3))
    x = keras.layers.Dense(WIDTH)(inputs) + sinusoids(LENGTH, WIDTH)
    for _ in range(layers):
        for part in (MultiHeadAttention(2, WIDTH // 2), FeedForward(4 * WIDTH))[: 1 + mlp]:
            x = LayerNorm(1e-6)(x + part(x) if residuals else part(x))
    return keras.Model(inputs, [keras.layers.Dense(outputs, name="logits")(x), x])


def learn(targets, rate, epochs, **options):
    """Trains on 3,000 texts; returns the share of right answers by epoch, and the last states."""
    keras.utils.set_random_seed(1)
    whole = stack(outputs=int(targets.max()) + 1, **options)
    model = keras.Model(whole.input, whole.output[0])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"], jit_compile=False)
    fitted = model.fit(words, targets, epochs=epochs, batch_size=50, verbose=0)
    return fitted.history["accuracy"], np.array(whole(words[:50])[1])


def likeness(states):
    """The mean cosine of two words of a text: 1 where all have become the same."""
    units = states / np.linalg.norm(states, axis=-1, keepdims=True)
    return float(np.einsum("btd,bsd->bts", units, units).mean())


# Has the word before an odd number of ones? Attention fetches the word; something must compute.
is_odd = before.sum(-1) % 2
computed = {
    name: learn(is_odd, 6e-3, 9, layers=1, mlp=mlp)[0]
    for name, mlp in (("whole", True), ("without MLP", False))
}
# Which of the eight words was before? It need but be fetched, through three blocks.
number = before @ [4, 2, 1]
fetched = {
    name: learn(number, 5e-3, 4, layers=3, residuals=residuals)
    for name, residuals in (("whole", True), ("without residuals", False))
}

for name, curve in computed.items():
    print(f"odd or even, 1 block, {name}: {curve[-1]:.2f}")
for name, (curve, states) in fetched.items():
    print(f"the word before, 3 blocks, {name}: {curve[-1]:.2f}, likeness {likeness(states):.2f}")

figure, axes = panels(2, height=2.4, sharey=True)
curves = computed, {name: curve for name, (curve, _) in fetched.items()}
tasks = ("odd or even? 1 block", 1 / 2), ("which word? 3 blocks", 1 / 8)
for panel, found, (title, guess) in zip(axes, curves, tasks, strict=True):
    for (name, curve), colour in zip(found.items(), (BLUE, ORANGE), strict=True):
        epochs = range(1, len(curve) + 1)
        panel.plot(epochs, curve, "o-", color=colour, markersize=4, label=name)
    panel.axhline(guess, color=GREY, linewidth=1, linestyle=":", label="a guess")
    panel.set_ylim(0, 1.05)
    label(panel, title, "epoch", "right answers")
    panel.legend(fontsize=7, frameon=False)
save(figure, "without")
