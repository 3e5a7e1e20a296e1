import keras
import numpy as np
import pytest
import tensorflow as tf

from layer_checks import HE_NORMAL, check_layer, floats
from regard.layers import MaskedLMHead

B, M, V, D = 2, 5, 13, 7


def make_table(vocabulary_size=V, width=D):
    table = keras.layers.Embedding(vocabulary_size, width, name="tokens")
    table.build()
    table.set_weights([floats(vocabulary_size, width, seed=1)])
    return table


def test_by_hand():
    head = MaskedLMHead(make_table(3, 2), activation="relu", layer_norm_epsilon=0.0)
    head.build((1, 1, 2))
    head.token_embedding.set_weights([np.array([[1.0, 0], [0, 2], [3, 3]])])
    head.dense.set_weights([np.array([[1.0, 0], [0, -1]]), np.array([1.0, 2])])
    head.layer_norm.set_weights([np.array([1.0, 2]), np.array([0.0, 1])])
    head.bias.assign([0.0, 10, 20])
    # Dense: (3·1 + 1, -4 + 2) = (4, -2); relu: (4, 0); normalized: (1, -1); scaled: (1, -1).
    # Scores: 1·1, -1·2, 3 - 3; with the bias: 1, 8, 20.
    np.testing.assert_allclose(head(np.array([[[3.0, 4]]])), [[[1.0, 8, 20]]], rtol=1e-6)


def test_against_numpy():
    head = MaskedLMHead(make_table(), activation="tanh", layer_norm_epsilon=0.5)
    head.build((B, M, D))
    kernel = floats(D, D, seed=2)
    bias, gamma, beta = (floats(D, seed=seed) for seed in (3, 4, 5))
    head.dense.set_weights([kernel, bias])
    head.layer_norm.set_weights([gamma, beta])
    head.bias.assign(floats(V, seed=6))
    inputs = floats(B, M, D)
    outputs = keras.ops.convert_to_numpy(head(inputs))
    assert outputs.shape == (B, M, V)
    for b, m in np.ndindex(B, M):
        x = np.tanh(inputs[b, m] @ kernel + bias)
        x = gamma * (x - x.mean()) / np.sqrt(x.var() + 0.5) + beta
        expected = [x @ floats(V, D, seed=1)[v] + floats(V, seed=6)[v] for v in range(V)]
        np.testing.assert_allclose(outputs[b, m], expected, atol=1e-5)


def test_keeps_the_layer_checks():
    config = {
        "token_embedding": keras.layers.serialize(make_table()),
        "activation": "tanh",
        "layer_norm_epsilon": 1e-6,
        "kernel_initializer": HE_NORMAL,
    }
    check_layer(MaskedLMHead, config, {"inputs": floats(B, M, D)})


def test_the_table_is_shared():
    table = make_table()
    head = MaskedLMHead(table)
    head.build((B, M, D))
    assert head.token_embedding is table
    assert [w.shape for w in head.weights].count((V, D)) == 1
    inputs, logits = floats(B, M, D), head(floats(B, M, D))
    table.set_weights([2 * floats(V, D, seed=1)])
    np.testing.assert_allclose(head(inputs), 2 * logits, rtol=1e-5)
    with tf.GradientTape() as tape:
        loss = keras.ops.sum(head(inputs) ** 2)
    gradient = tape.gradient(loss, table.embeddings.value)
    assert (np.abs(gradient).max(axis=1) > 1e-3).all()


def test_a_model_of_ones_own_keeps_sharing_when_saved(tmp_path):
    table = keras.layers.Embedding(V, D, name="tokens")
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    model = keras.Model(token_ids, MaskedLMHead(table)(table(token_ids)))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert [w.shape for w in loaded.weights].count((V, D)) == 1
    np.testing.assert_array_equal(
        loaded(np.arange(6).reshape(2, 3)), model(np.arange(6).reshape(2, 3))
    )


def test_hidden_states_of_another_width():
    with pytest.raises(ValueError, match="hidden_dim=6, output_dim=7"):
        MaskedLMHead(make_table())(floats(B, M, 6))
