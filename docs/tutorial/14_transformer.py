"""The whole Transformer, at work: trained on a small language, and its three kinds of attention."""

import keras
import numpy as np
from drawing import heat_map, panels, save
from keras import ops
from phrases import END, IDS, WORDS, accuracy, encode, examples, write_pairs
from transformer import transformer

from regard.layers import MultiHeadAttention

keras.utils.set_random_seed(1)
LENGTH = 8
model = transformer(len(WORDS), width=32, heads=2, key_size=16, dropout=0.0)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.Adam(5e-3), loss, jit_compile=False)
inputs, targets, weights = examples(write_pairs(4000, 2, seed=1), LENGTH)
inputs.pop("encoder_padding_mask")  # it is made inside
model.fit(inputs, targets, sample_weight=weights, epochs=5, batch_size=50, verbose=0)
tests, answers, weights = examples(write_pairs(300, 2, seed=2), LENGTH)
tests.pop("encoder_padding_mask")
right = accuracy(model, tests, answers, weights)
print(f"right: {right:.2f} of the words of new sentences")


def translate(text):
    """Writes a word after the other, each the likeliest after those before it."""
    written = np.zeros((1, LENGTH + 1), int)  # begins with a 0
    for t in range(1, LENGTH + 1):
        logits = model({"encoder_token_ids": encode([text], LENGTH), "decoder_token_ids": written})
        written[0, t] = ops.argmax(logits[0, t - 1])
        if written[0, t] == END:
            break
    return " ".join(WORDS[each] for each in written[0, 1:t])


source = "the red car and the young cat"
translation = translate(source)
print(f"{source} -> {translation}")

# What its three attentions were given when they computed this, and their weights.
pair = {"encoder_token_ids": encode([source], LENGTH)}
pair["decoder_token_ids"] = np.array([[0, *(IDS[word] for word in translation.split())]])
of_source, of_target, across = (
    layer for layer in model.layers if isinstance(layer, MultiHeadAttention)
)
inputs = {each.name: each for each in model.inputs}
given = keras.Model(inputs, [of_source.input, of_target.input, across.input])
(x, real), y, (query, memory, _) = given(pair)
maps = {
    "encoder": of_source.attention_weights(x, padding_mask=real),
    "decoder": of_target.attention_weights(y, causal=True),
    "decoder to encoder": across.attention_weights(query, memory, real),
}

english, french = [*source.split(), "end"], [*translation.split(), "end"]
names = ((english, english), (["start", *french[:-1]],) * 2, (french, english))
figure, axes = panels(3, rows=2, width=8, height=5)
for column, ((title, weights), (reads, is_read)) in enumerate(
    zip(maps.items(), names, strict=True)
):
    for head, panel in enumerate(axes[:, column]):
        heat_map(panel, weights[0, head], f"{title}, head {head + 1}", reads, is_read, most=1)
save(figure, "transformer")
