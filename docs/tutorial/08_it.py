"""Which head follows "it": a small encoder is asked what *it* stands for, never where to look."""

import itertools

import keras
import numpy as np
from drawing import BLUE, INK, heat_map, panels, save
from keras import ops

from regard.layers import Encoder, SinusoidalEmbedding

keras.utils.set_random_seed(1)
ANIMALS = ["animal", "dog", "horse", "cow", "sheep", "goat", "fox", "bear"]
PLACES = ["street", "road", "river", "bridge", "field", "square", "path", "ice"]
OF_ANIMALS = ["tired", "scared", "hungry", "old", "lazy", "sick", "shy", "slow"]
OF_PLACES = ["wide", "busy", "deep", "long", "wet", "steep", "narrow", "dark"]
FORMS = (
    "the {animal} didn't cross the {place} because it was too {adjective}",
    "the {place} wasn't crossed by the {animal} because it was too {adjective}",
)

sentences, referents = [], []
for form, animal, place, adjective in itertools.product(
    FORMS, ANIMALS, PLACES, OF_ANIMALS + OF_PLACES
):
    sentences.append(form.format(animal=animal, place=place, adjective=adjective).split())
    referents.append(animal if adjective in OF_ANIMALS else place)
words = sorted({word for sentence in sentences for word in sentence})
ids = {word: number + 1 for number, word in enumerate(words)}
tokens = np.zeros((len(sentences), 13), int)
for row, sentence in zip(tokens, sentences, strict=True):
    row[: len(sentence)] = [ids[word] for word in sentence]
targets = np.array([[ids[word]] * 13 for word in referents])
is_it = (tokens == ids["it"]).astype("float32")  # the answer is asked for at "it" alone
order = np.random.default_rng(1).permutation(len(tokens))
train, test = order[400:], order[:400]  # the sentences of the test are new

inputs = keras.Input((13,), dtype="int32")
embedding = SinusoidalEmbedding(len(words) + 1, 32, 13)
first, second = (Encoder(1, num_heads=2, intermediate_dim=64) for _ in range(2))
# The first layer reads from right to left: each word sees itself and those that come after it.
later = np.triu(np.ones((13, 13), bool))
states = second(first(embedding(inputs), attention_mask=later))
model = keras.Model(inputs, keras.layers.Dense(len(words) + 1)(states))
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.Adam(5e-3), loss, jit_compile=False)
model.fit(
    tokens[train], targets[train], sample_weight=is_it[train], epochs=11, batch_size=64, verbose=0
)


def accuracy():
    """The share of the new sentences in which *it* is understood."""
    right = ops.convert_to_numpy(model(tokens[test])).argmax(-1) == targets[test]
    return float((right * is_it[test]).sum() / len(test))


x = embedding(tokens)
read = [
    first.attention_weights(x, attention_mask=later),
    second.attention_weights(first(x, attention_mask=later)),
]
weights = ops.convert_to_numpy(ops.concatenate(read, axis=1))  # (B, L, N, T, T)
from_it = (weights * is_it[:, None, None, :, None]).sum(3)  # (B, L, N, T): what "it" reads
is_referent = tokens == targets
is_noun = np.isin(tokens, [ids[word] for word in ANIMALS + PLACES])
follows = (from_it * is_referent[:, None, None]).sum(-1)[test].mean(0)  # (L, N)
other = (from_it * (is_noun & ~is_referent)[:, None, None]).sum(-1)[test].mean(0)

whole, silenced = accuracy(), {}
for number, block in enumerate([*first.blocks, *second.blocks]):
    kernel = block.attention.attention_output.kernel  # (N·V, D): 16 rows a head
    kept = ops.convert_to_numpy(kernel)
    for each in range(2):
        rows = np.arange(32) // 16 == each
        kernel.assign(np.where(rows[:, None], 0, kept))
        silenced[number, each] = accuracy()
    kernel.assign(kept)

print(f"understood: {whole:.2f} of 400 new sentences")
for number in range(2):
    least = min(silenced[number, 0], silenced[number, 1])
    print(
        f"layer {number + 1}: a head reads the right noun {follows[number].max():.2f}, "
        f"the other {other[number].max():.2f}; without one head {least:.2f} are understood"
    )

figure, axes = panels(rows=2, height=3.4)
for panel, adjective in zip(axes, ("tired", "wide"), strict=True):
    sentence = FORMS[0].format(animal="animal", place="street", adjective=adjective).split()
    read = from_it[sentences.index(sentence)].reshape(4, 13)[:, : len(sentence)]
    names = [f"layer {number // 2 + 1}, head {number % 2 + 1}" for number in range(4)]
    heat_map(panel, read, f"what “it” reads: too {adjective}", names, sentence, most=1)
    panel.set_xticks(range(len(sentence)), sentence, rotation=0, ha="center")
    panel.get_xticklabels()[7].set(color=BLUE, fontweight="bold")
    panel.axhline(1.5, color=INK, linewidth=0.5)
save(figure, "it")
