"""Builds the whole Transformer from layers, with what table 3 of its paper varies."""

import keras

from regard.layers import (
    FeedForward,
    LayerNorm,
    MultiHeadAttention,
    SinusoidalEmbedding,
    TiedOutput,
)

# As in the paper's table 3: heads with the size of a key so that all need as many weights (A), the
# size of a key alone (B), the width (C) and dropout (D).
VARIANTS = {
    "base": {},
    "1 head": {"heads": 1, "key_size": 64},
    "16 heads": {"heads": 16, "key_size": 4},
    "key size 2": {"key_size": 2},
    "width 16": {"width": 16, "key_size": 4},
    "no dropout": {"dropout": 0.0},
}


def transformer(vocabulary_size, width=64, heads=4, key_size=16, dropout=0.1, layers=1):
    """Makes a translator: a source and a target so far in, logits of each next word out."""

    def sublayer(layer, x, *memory, **masks):
        y = keras.layers.Dropout(dropout)(layer(x, *memory, **masks))
        return LayerNorm(1e-5)(x + y)  # a residual around each, then normalization

    def attention():
        return MultiHeadAttention(heads, key_size, value_dim=width // heads)

    source = keras.Input((None,), dtype="int32", name="encoder_token_ids")
    target = keras.Input((None,), dtype="int32", name="decoder_token_ids")
    embedding = SinusoidalEmbedding(vocabulary_size, width, 64, dropout)
    real = source != 0

    memory = embedding(source)
    for _ in range(layers):  # the encoder
        memory = sublayer(attention(), memory, padding_mask=real)
        memory = sublayer(FeedForward(4 * width, "relu"), memory)

    x = embedding(target)
    for _ in range(layers):  # the decoder
        x = sublayer(attention(), x, causal=True)  # sees no word that comes later
        x = sublayer(attention(), x, memory, padding_mask=real)
        x = sublayer(FeedForward(4 * width, "relu"), x)

    inputs = {each.name: each for each in (source, target)}
    return keras.Model(inputs, TiedOutput(embedding.token_embedding)(x))  # (B, T, V)
