"""From one head to many: a head gives one average, so two questions need two heads."""

import keras
import numpy as np
from drawing import heat_map, panels, save
from keras import ops

from regard.layers import MultiHeadAttention, SinusoidalEmbedding

keras.utils.set_random_seed(1)
LETTERS, LENGTH, WIDTH = 10, 8, 32
texts = np.random.default_rng(1).integers(0, LETTERS, (3000, LENGTH))
# Two questions at every letter: which is the one before it, which the one after? (in a ring)
before, after = np.roll(texts, 1, axis=1), np.roll(texts, -1, axis=1)
targets = np.stack([before, after], axis=2)  # (B, T, 2)


def reader(num_heads):
    """Makes embedding, attention and one linear layer; all have equally many weights."""
    ids = keras.Input((LENGTH,), dtype="int32")
    states = SinusoidalEmbedding(LETTERS, WIDTH, LENGTH)(ids)
    attention = MultiHeadAttention(num_heads, WIDTH // num_heads, name="attention")
    logits = keras.layers.Dense(2 * LETTERS)(attention(states))  # (B, T, 2·V)
    logits = keras.layers.Reshape((LENGTH, 2, LETTERS))(logits)
    return keras.Model(ids, logits), keras.Model(ids, states), attention


shares, maps = {}, {}
for num_heads in (1, 2):
    model, states, attention = reader(num_heads)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-2), loss, jit_compile=False)
    model.fit(texts[:2500], targets[:2500], epochs=8, batch_size=50, verbose=0)
    right = model.predict(texts[2500:], verbose=0).argmax(-1) == targets[2500:]
    shares[num_heads] = right.mean((0, 1))  # of the letters before, of those after
    maps[num_heads] = ops.mean(attention.attention_weights(states(texts[2500:])), axis=0)
    better, worse = sorted(shares[num_heads])[::-1]
    print(f"heads: {num_heads}; of one question {better:.2f} right, of the other {worse:.2f}")

figure, axes = panels(3, height=2.5)
places = list("12345678")
for panel, weights, name in zip(
    axes, [*maps[1], *maps[2]], ("one head", "two heads: first", "two heads: second"), strict=True
):
    heat_map(panel, ops.convert_to_numpy(weights), name, places, places)
axes[0].set_ylabel("position that reads", fontsize=8)
save(figure, "heads")
