"""First weights for a classifier without pre-training: what can be known is not left to chance.

Random weights take long to find two things that are plain: where the neighbours of a token are, and
that a text is what its tokens are together. Here the first block begins with a head that looks at
the previous token and one that looks at the next, the others with a plain mean of all tokens, and
every token with what a teacher says of it. All of it goes on learning.
"""

import numpy as np

SCALE = 0.05  # of the embedding: root mean square of an entry
SHARPNESS = 2.0  # of the heads that look at neighbours
EVIDENCE_DIM = 8  # of the width: what a piece says by itself


def warm_start(model, pieces, evidence, seed):
    """Sets the first weights of a `TextClassifier`.

    Args:
        model: The classifier, of at least two heads.
        pieces: The vocabulary, in the order of the token ids.
        evidence: How much each piece speaks for each class, (V, E) for any number E of columns.
        seed: Seed of what remains random.
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
    """Random vectors (V, D), alike for both forms of a piece, with its evidence at the end."""
    tokens = random.normal(scale=SCALE, size=(len(pieces), hidden_dim))
    ids = {piece: token_id for token_id, piece in enumerate(pieces)}
    for piece, token_id in ids.items():
        if piece.startswith("##") and piece[2:] in ids:
            tokens[token_id] = tokens[ids[piece[2:]]]
    mixed = evidence @ random.normal(size=(evidence.shape[1], EVIDENCE_DIM))  # of any number
    tokens[:, -EVIDENCE_DIM:] = SCALE * mixed / np.maximum(mixed.std(axis=0), 1e-9)
    return tokens


def _waves(length, frequencies):
    """Sines, then cosines, with a mean square of 1: (T, H).

    The paper's frequencies fall to nothing, so that neighbours look alike in most of them; these
    are drawn up to pi, so that no two places do.
    """
    angles = np.arange(length)[:, None] * frequencies  # (T, H/2)
    return np.sqrt(2) * np.concatenate([np.sin(angles), np.cos(angles)], axis=1)


def _look_at_neighbours(attention, frequencies):
    """Lets one head look at the previous token and one at the next, by the positions' waves."""
    heads = _heads(attention)  # (D, 3, N, H)
    key_dim = attention.key_dim
    for head, distance in enumerate((-1, 1)):
        heads[:, :2, head] = 0
        cos, sin = (np.diag(wave(frequencies * distance)) for wave in (np.cos, np.sin))
        heads[:key_dim, 0, head] = SHARPNESS * np.block([[cos, -sin], [sin, cos]])  # turned on
        heads[:key_dim, 1, head] = SHARPNESS * np.eye(key_dim)
    attention.query_key_value.kernel.assign(heads.reshape(len(heads), -1))


def _look_everywhere(attention, random):
    """Lets all heads take about the mean of all tokens, each entry of which stays in its place."""
    heads = _heads(attention)  # (D, 3, N, H)
    heads[:, :2] *= 0.1
    value, _ = np.linalg.qr(random.normal(size=(len(heads), len(heads))))
    heads[:, 2] = value.reshape(heads[:, 2].shape)
    attention.query_key_value.kernel.assign(heads.reshape(len(heads), -1))
    attention.attention_output.kernel.assign(value.T)


def _heads(attention):
    """A copy of the kernel of queries, keys and values: (D, 3, N, H)."""
    kernel = np.array(attention.query_key_value.kernel)
    return kernel.reshape(len(kernel), 3, attention.num_heads, attention.key_dim)
