"""Sets the first weights of a classifier without pre-training, as far as they can be known.

Random weights take long to find two plain things: where the neighbours of a token are, and that a
text is the sum of its tokens. Here the first block begins with one head that looks at the previous
token and one that looks at the next. The other blocks begin with a plain mean of all tokens. Every
token begins with a teacher's evidence for each class. All of these weights go on learning.
"""

import numpy as np

SCALE = 0.05  # of the embedding: root mean square of an entry
SHARPNESS = 2.0  # of the heads that look at neighbours
EVIDENCE_DIM = 8  # of the width: the evidence of a piece by itself


def warm_start(model, pieces, evidence, seed):
    """Sets the first weights of a `TextClassifier` of at least two heads.

    The evidence (V, E) is how much each piece speaks for each class; the seed is that of the
    weights that remain random.
    """
    random = np.random.default_rng(seed)
    first, *others = model.encoder.blocks
    key_dim = first.attention.key_dim
    frequencies = random.uniform(0, np.pi, key_dim // 2)

    tokens = _tokens(pieces, evidence, model.config["hidden_dim"], random)
    tokens[:, :key_dim] = 0  # left to the positions
    positions = np.zeros((model.config["max_sequence_length"], model.config["hidden_dim"]))
    positions[:, :key_dim] = SCALE * _waves(len(positions), frequencies)
    model.embedding.token_embedding.embeddings.assign(tokens)
    model.embedding.position_embedding.embeddings.assign(positions)

    _look_at_neighbours(first.attention, frequencies)
    for block in others:
        _look_everywhere(block.attention, random)
    model.pooler.dense.kernel.assign(np.eye(model.config["hidden_dim"]))


def _tokens(pieces, evidence, hidden_dim, random):
    """Draws vectors (V, D), the same for a piece with and without "##", and adds its evidence."""
    tokens = random.normal(scale=SCALE, size=(len(pieces), hidden_dim))
    ids = {piece: token_id for token_id, piece in enumerate(pieces)}
    for piece, token_id in ids.items():
        if piece.startswith("##") and piece[2:] in ids:
            tokens[token_id] = tokens[ids[piece[2:]]]
    mixed = evidence @ random.normal(size=(evidence.shape[1], EVIDENCE_DIM))  # of any number
    tokens[:, -EVIDENCE_DIM:] = SCALE * mixed / np.maximum(mixed.std(axis=0), 1e-9)
    return tokens


def _waves(length, frequencies):
    """Computes sines, then cosines, with a mean square of 1: (T, H).

    The frequencies of "Attention Is All You Need" fall to nothing, so that neighbours look alike in
    most of them. These are drawn from 0 to pi, so that no two positions look alike.
    """
    angles = np.arange(length)[:, None] * frequencies  # (T, H/2)
    return np.sqrt(2) * np.concatenate([np.sin(angles), np.cos(angles)], axis=1)


def _look_at_neighbours(attention, frequencies):
    """Makes one head look at the previous token and one at the next, by the positions' waves."""
    heads = _heads(attention)  # (D, 3, N, H)
    key_dim = attention.key_dim
    for head, distance in enumerate((-1, 1)):
        heads[:, :2, head] = 0
        cos, sin = (np.diag(wave(frequencies * distance)) for wave in (np.cos, np.sin))
        heads[:key_dim, 0, head] = SHARPNESS * np.block([[cos, -sin], [sin, cos]])  # turned on
        heads[:key_dim, 1, head] = SHARPNESS * np.eye(key_dim)
    attention.query_key_value.kernel.assign(heads.reshape(len(heads), -1))


def _look_everywhere(attention, random):
    """Makes all heads together pass on about the mean of all tokens, entry by entry."""
    heads = _heads(attention)  # (D, 3, N, H)
    heads[:, :2] *= 0.1
    value, _ = np.linalg.qr(random.normal(size=(len(heads), len(heads))))
    heads[:, 2] = value.reshape(heads[:, 2].shape)
    attention.query_key_value.kernel.assign(heads.reshape(len(heads), -1))
    attention.attention_output.kernel.assign(value.T)


def _heads(attention):
    """Copies the kernel of queries, keys and values: (D, 3, N, H)."""
    kernel = np.array(attention.query_key_value.kernel)
    return kernel.reshape(len(kernel), 3, attention.num_heads, attention.key_dim)
