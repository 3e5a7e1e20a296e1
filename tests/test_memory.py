"""A memory that is read in hops, and documents that are read word by word, sentence by sentence."""

from itertools import pairwise

import numpy as np
import pytest
from keras import ops

from layer_checks import HE_NORMAL, check_layer, floats
from regard.layers import HierarchicalAttention, MemoryRead

B, S, D, E, K = 3, 7, 11, 13, 5
P, T, U = 5, 2, 7  # sentences, words, units
IS_REAL = np.arange(S) < np.array([[7], [3], [0]])  # (B, S), the last all padding
WORDS = np.arange(T) < np.array([[2, 1, 2, 1, 2], [1, 2, 0, 0, 0], [0, 0, 0, 0, 0]])[..., None]


def randomized(layer):
    layer.set_weights([0.5 * floats(*w.shape, seed=i) for i, w in enumerate(layer.weights)])
    return layer


def softmax(scores, mask):
    """Of the last axis, where the mask is True; all alike where it is nowhere."""
    scores = np.where(mask.any(-1, keepdims=True), scores, 0)
    mask = mask | ~mask.any(-1, keepdims=True)
    exponentials = np.where(mask, np.exp(scores), 0)
    return exponentials / exponentials.sum(-1, keepdims=True)


def test_a_read_by_hand():
    layer, memory = MemoryRead(), np.array([[[0.0], [1.0]]])
    query = np.array([[np.log(3.0)]])
    layer(query, memory)
    layer.set_weights([np.array([[1.0]]), np.array([[8.0]])])  # A, C
    # Scores are 0 and log 3, so p is 1/4 and 3/4, and o = 3/4 · 8.
    np.testing.assert_allclose(layer.attention_weights(query, memory), [[[0.25, 0.75]]], rtol=1e-6)
    np.testing.assert_allclose(layer(query, memory), [[np.log(3.0) + 6]], rtol=1e-6)


def test_reads_against_numpy():
    layer, question, memory = MemoryRead(K), floats(B, D), floats(B, S, E, seed=1)
    layer(question, memory)
    matrices = [ops.convert_to_numpy(w) for w in randomized(layer).weights]
    assert [matrix.shape for matrix in matrices] == [(E, D)] * (K + 1)
    u, weights = question, []
    for key, value in pairwise(matrices):
        weights.append(softmax(np.einsum("bd,bsd->bs", u, memory @ key), IS_REAL))
        u = u + np.einsum("bs,bsd->bd", weights[-1], memory @ value)
    np.testing.assert_allclose(layer(question, memory, padding_mask=IS_REAL), u, atol=1e-4)
    found = layer.attention_weights(question, memory, IS_REAL)
    np.testing.assert_allclose(found, np.stack(weights, axis=1), atol=1e-5)


def test_a_memory_keeps_the_layer_checks():
    config = {"num_hops": K, "kernel_initializer": HE_NORMAL}
    inputs = {"query": 0.3 * floats(B, D), "memory": 0.3 * floats(B, S, E, seed=1)}
    check_layer(MemoryRead, config, {**inputs, "padding_mask": IS_REAL})


def gru(x, mask, weights):
    """Cho et al.'s recurrence, one step at a time; padding leaves the state as it is."""
    kernel, recurrent, (bias, recurrent_bias) = weights
    state, states = np.zeros(len(recurrent)), []
    for vector, is_real in zip(x, mask, strict=True):
        (z, r, h), (z2, r2, h2) = (
            np.split(part, 3)
            for part in (vector @ kernel + bias, state @ recurrent + recurrent_bias)
        )
        update, reset = (1 / (1 + np.exp(-gate)) for gate in (z + z2, r + r2))
        new = update * state + (1 - update) * np.tanh(h + reset * h2)
        state = new if is_real else state
        states.append(state)
    return np.stack(states)


def level(x, mask, encoder, attention):
    """Encodes and pools one sequence (T, D): its vector, and the weights."""
    weights = [ops.convert_to_numpy(weight) for weight in encoder.weights]
    forward, backward = gru(x, mask, weights[:3]), gru(x[::-1], mask[::-1], weights[3:])[::-1]
    states = np.concatenate([forward, backward], axis=-1)
    kernel, bias = (ops.convert_to_numpy(weight) for weight in attention.dense.weights)
    scores = np.tanh(states @ kernel + bias) @ ops.convert_to_numpy(attention.query)[:, 0]
    shares = softmax(scores, mask)
    return shares @ states, shares


def of_the_vector_alone(encoder, width):
    """Sets weights with which both directions give tanh of a vector's first number."""
    kernel, bias = np.zeros((width, 3)), np.zeros((2, 3))
    kernel[0, 2], bias[0, 0] = 1, -50  # the update gate stays shut, so that nothing is remembered
    encoder.set_weights([kernel, np.zeros((1, 3)), bias] * 2)


def test_a_document_by_hand():
    layer = HierarchicalAttention(units=1)
    x = np.arctanh([[[0.6, 0.0], [0.2, 0.9]]])[..., None]  # (1, P, T, 1)
    layer(x)
    of_the_vector_alone(layer.word_encoder, 1)
    of_the_vector_alone(layer.sentence_encoder, 2)
    # tanh(0.6) c = log 3, so that of the first sentence the words weigh 3/4 and 1/4. The second has
    # one word. Sentences weigh the same.
    layer.word_attention.dense.kernel.assign(np.eye(2))
    layer.word_attention.query.assign([[np.log(3) / np.tanh(0.6)], [0]])
    layer.sentence_attention.query.assign([[0], [0]])
    mask = np.array([[[True, True], [True, False]]])
    of_words, of_sentences = layer.attention_weights(x, mask)
    np.testing.assert_allclose(of_words, [[[0.75, 0.25], [1, 0]]], atol=1e-6)
    np.testing.assert_allclose(of_sentences, [[0.5, 0.5]], atol=1e-6)
    expected = (np.tanh(0.45) + np.tanh(0.2)) / 2
    np.testing.assert_allclose(layer(x, padding_mask=mask), [[expected] * 2], rtol=1e-5)


def test_documents_against_numpy():
    layer, x = HierarchicalAttention(U), floats(B, P, T, D)
    layer(x)
    randomized(layer)
    of_words, of_sentences = layer.attention_weights(x, WORDS)
    outputs = layer(x, padding_mask=WORDS)
    for b in range(B):
        words = [
            level(x[b, p], WORDS[b, p], layer.word_encoder, layer.word_attention) for p in range(P)
        ]
        sentences = np.stack([vector for vector, _ in words])
        is_real = WORDS[b].any(axis=-1)
        expected, shares = level(
            sentences, is_real, layer.sentence_encoder, layer.sentence_attention
        )
        np.testing.assert_allclose(outputs[b], expected, atol=1e-5)
        np.testing.assert_allclose(of_words[b], [weights for _, weights in words], atol=1e-5)
        np.testing.assert_allclose(of_sentences[b], shares, atol=1e-5)


def test_more_padding_changes_no_document():
    layer, x = HierarchicalAttention(U), floats(B, P, T, D)
    wider = np.pad(x, ((0, 0), (0, 2), (0, 3), (0, 0)), constant_values=9.0)
    mask = np.pad(WORDS, ((0, 0), (0, 2), (0, 3)))
    outputs = layer(x, padding_mask=WORDS)
    np.testing.assert_allclose(layer(wider, padding_mask=mask)[:2], outputs[:2], atol=1e-6)
    assert np.isfinite(outputs).all()


def test_documents_keep_the_layer_checks():
    config = {"units": U, "kernel_initializer": HE_NORMAL}
    inputs = {"inputs": floats(B, P, T, D), "padding_mask": WORDS}
    check_layer(HierarchicalAttention, config, inputs)


@pytest.mark.parametrize(
    ("layer", "name"), [(MemoryRead, "num_hops"), (HierarchicalAttention, "units")]
)
def test_sizes_out_of_range(layer, name):
    with pytest.raises(ValueError, match=f"`{name}` must be a positive.*Received: {name}=0"):
        layer(0)
