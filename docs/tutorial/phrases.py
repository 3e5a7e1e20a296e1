"""Writes a small language in pairs: English, and French with its adjectives behind the noun.

"the red car and the young cat" is "la voiture rouge et le chat jeune": to write an article, one
must know which noun comes after the adjective.
"""

import numpy as np

NOUNS = {
    **{"cat": "le chat", "dog": "le chien", "book": "le livre", "train": "le train"},
    **{"car": "la voiture", "house": "la maison", "table": "la table", "flower": "la fleur"},
}
ADJECTIVES = {
    **{"red": "rouge", "yellow": "jaune", "young": "jeune", "sad": "triste"},
    **{"calm": "calme", "fast": "rapide"},
}
_FRENCH = sorted({word for noun in NOUNS.values() for word in noun.split()})
# 0 is padding, which also starts a target; 1 ends it. Both languages share "train" and "table".
WORDS = list(
    dict.fromkeys(
        ["", "end", "the", "and", "et", *NOUNS, *ADJECTIVES, *_FRENCH, *ADJECTIVES.values()]
    )
)
IDS = {word: number for number, word in enumerate(WORDS)}
PAD, END = 0, 1


def write_pairs(count, most_phrases, seed, phrases=None):
    """Writes pairs of texts, of 1 to `most_phrases` phrases each, or of `phrases` exactly."""
    random = np.random.default_rng(seed)
    pairs = []
    for _ in range(count):
        length = phrases or random.integers(1, most_phrases + 1)
        nouns = random.choice(list(NOUNS), length)
        adjectives = random.choice(list(ADJECTIVES), length)
        chosen = list(zip(nouns, adjectives, strict=True))
        english = " and ".join(f"the {adjective} {noun}" for noun, adjective in chosen)
        french = " et ".join(f"{NOUNS[noun]} {ADJECTIVES[adjective]}" for noun, adjective in chosen)
        pairs.append((english, french))
    return pairs


def encode(texts, length):
    """Turns texts into ids with an end: (B, T), padded."""
    ids = np.full((len(texts), length), PAD)
    for row, text in zip(ids, texts, strict=True):
        words = [*text.split(), "end"]
        row[: len(words)] = [IDS[word] for word in words]
    return ids


def examples(pairs, length):
    """Turns pairs into what a translator is trained with: inputs, targets, weights."""
    sources, targets = (encode(texts, length) for texts in zip(*pairs, strict=True))
    inputs = {
        "encoder_token_ids": sources,
        "encoder_padding_mask": sources != PAD,
        "decoder_token_ids": np.pad(targets, ((0, 0), (1, 0)))[:, :-1],  # one step behind
    }
    return inputs, targets, (targets != PAD).astype("float32")


def accuracy(model, inputs, targets, weights):
    """Returns the share of words that a model gives the most of its probability."""
    right = model.predict(inputs, batch_size=500, verbose=0).argmax(-1) == targets
    return float((right * weights).sum() / weights.sum())
