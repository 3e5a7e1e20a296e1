"""Hard attention: what it draws, and what its two estimators learn from it."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from layer_checks import (
    call,
    check_arguments,
    check_config,
    check_layer,
    check_output_shape,
    check_saving,
    check_static_shape,
    floats,
)
from regard.layers import HardAttention, MultiHeadAttention, Reinforce
from regard.layers.hard_attention import log_probability, one_hot_draws, straight_through

B, T, S, N, H, D, E = 3, 5, 7, 2, 11, 13, 17
IS_REAL = np.arange(S) < np.array([[7], [3], [0]])  # (B, S), the last all padding
SHARES = np.array([0.1, 0.0, 0.6, 0.3], "float32")


def attention(**kwargs):
    """Hard cross-attention, and soft attention of the same random weights."""
    layers = [HardAttention(N, H, **kwargs), MultiHeadAttention(N, H, **kwargs)]
    for layer in layers:
        layer.build((B, T, D), (B, S, E))
        layer.set_weights(
            [0.3 * floats(*w.shape, seed=i) for i, w in enumerate(layer.trainable_weights)]
            + [w for w in layer.get_weights()[len(layer.trainable_weights) :]]
        )
    return layers


def test_draws_follow_the_weights():
    seed = keras.random.SeedGenerator(3)
    draws = ops.convert_to_numpy(one_hot_draws(np.tile(SHARES, (20000, 1)), seed))
    assert set(np.unique(draws)) == {0.0, 1.0}
    np.testing.assert_array_equal(draws.sum(axis=-1), 1)
    np.testing.assert_allclose(draws.mean(axis=0), SHARES, atol=0.015)
    assert draws[:, 1].sum() == 0
    np.testing.assert_array_equal(one_hot_draws(SHARES[None]), [[0, 0, 1, 0]])


def test_straight_through_by_hand():
    weights, value = tf.constant(SHARES), tf.constant([1.0, 2.0, 4.0, 8.0])
    with tf.GradientTape() as tape:
        tape.watch(weights)
        taken = straight_through(weights, tf.constant([0.0, 0, 0, 1]))
        output = tf.reduce_sum(taken * value)
    assert float(output) == pytest.approx(8.0)
    np.testing.assert_allclose(tape.gradient(output, weights), value)


def test_log_probability_by_hand():
    taken = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0]])
    found = log_probability(SHARES[None], taken)
    np.testing.assert_allclose(found[:2], np.log([0.1, 0.6]), rtol=1e-6)
    assert np.isfinite(found[2])


def test_out_of_training_the_likeliest_key_is_read():
    (hard, soft), query, key = attention(), floats(B, T, D), floats(B, S, E, seed=1)
    weights = ops.convert_to_numpy(soft.attention_weights(query, key, IS_REAL))
    values = np.reshape(hard.value(key), (B, S, N, H))
    merged = np.zeros((B, T, N, H))
    for b, n, t in np.ndindex(B, N, T):
        merged[b, t, n] = values[b, weights[b, n, t].argmax(), n]
    expected = hard.attention_output(merged.reshape(B, T, N * H))
    np.testing.assert_allclose(hard(query, key, padding_mask=IS_REAL), expected, atol=1e-5)


def test_in_training_the_mean_of_many_draws_is_soft_attention():
    hard, soft = attention()
    query, key = floats(1, 1, D), floats(1, S, E, seed=1)
    expected = soft(query, key)
    many = [np.repeat(x, 4000, axis=0) for x in (query, key)]
    drawn = hard(*many, training=True)
    np.testing.assert_allclose(np.mean(drawn, axis=0), expected[0], atol=0.1)
    assert len(np.unique(np.round(drawn[:, 0, 0], 4))) <= 2 * S**N  # of rounding
    outputs, log_probabilities = hard.call_with_log_probability(*many)
    np.testing.assert_allclose(np.mean(outputs, axis=0), expected[0], atol=0.1)
    weights = ops.convert_to_numpy(soft.attention_weights(query, key))[0, :, 0]  # (N, S)
    entropy = -(weights * np.log(weights)).sum()
    assert -np.mean(log_probabilities) == pytest.approx(entropy, rel=0.03)


def test_a_masked_key_is_never_read():
    (hard, _), query, key = attention(), floats(B, T, D), floats(B, S, E, seed=1)
    other = np.where(IS_REAL[..., None], key, 100.0)
    for training in (False, True):
        for seed in range(5):
            outputs = []
            for x in (key, other):
                hard.seed_generator.state.assign([seed, 0])
                outputs.append(hard(query, x, padding_mask=IS_REAL, training=training))
            np.testing.assert_array_equal(outputs[0][:2], outputs[1][:2])


def test_its_gradient_is_that_of_soft_attention_at_what_was_drawn():
    """Through the scores of one query: its outputs are linear in the weights."""
    (hard, soft), key = attention(), floats(B, S, E, seed=1)
    query, slopes = tf.constant(floats(B, T, D)), floats(B, T, D, seed=2)
    gradients = []
    for layer in (hard, soft):
        with tf.GradientTape() as tape:
            tape.watch(query)
            loss = tf.reduce_sum(layer(query, key, training=True) * slopes)
        gradients.append(tape.gradient(loss, query))
    np.testing.assert_allclose(*gradients, atol=1e-5)


def test_the_loss_of_reinforce_by_hand():
    layer = Reinforce(momentum=0.75)
    log_probabilities, rewards = np.array([[-1.0, -2.0], [-0.5, 0.0]]), np.array([4.0, 8.0])
    np.testing.assert_allclose(layer(log_probabilities, rewards, training=True), [12.0, 4.0])
    assert float(layer.baseline) == pytest.approx(0.25 * 6)
    np.testing.assert_allclose(layer(log_probabilities, rewards), [3 * 2.5, 0.5 * 6.5])
    assert float(layer.baseline) == pytest.approx(0.25 * 6)  # as it was


def test_reinforce_is_an_unbiased_estimate():
    """Of the gradient of the reward that is expected, Σ p R, which is p (R - Σ p R)."""
    logits, rewards = tf.constant([0.3, -0.7, 1.1]), np.array([2.0, 5.0, 3.0], "float32")
    layer, seed = Reinforce(), keras.random.SeedGenerator(3)
    layer(np.zeros(1), np.zeros(1))
    shares = np.exp(logits) / np.exp(logits).sum()
    for baseline in (0.0, 3.0):
        layer.baseline.assign(baseline)
        with tf.GradientTape() as tape:
            tape.watch(logits)
            weights = tf.repeat(tf.nn.softmax(logits)[None], 100_000, axis=0)
            taken = one_hot_draws(weights, seed)
            earned = tf.linalg.matvec(taken, rewards)
            loss = tf.reduce_mean(layer(log_probability(weights, taken), earned))
        expected = shares * (rewards - shares @ rewards)
        np.testing.assert_allclose(-tape.gradient(loss, logits), expected, atol=0.03)


class Reader(keras.Model):
    """Answers with the entry that it looks at, and learns by REINFORCE where to look."""

    def __init__(self):
        super().__init__()
        self.attention, self.reinforce = HardAttention(1, 4), Reinforce()

    def call(self, inputs):
        return self.attention.call_with_log_probability(*inputs)

    def build(self, shapes):
        self.attention.build(*shapes)
        self.reinforce.build((None, 1), (None,))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        outputs, log_probabilities = y_pred
        errors = ops.mean(ops.square(outputs - y), axis=(1, 2))
        return ops.mean(errors + self.reinforce(log_probabilities, -errors, training=training))


def test_a_model_learns_by_reinforce_where_to_look():
    """The answer is in the entry that is marked, of five."""
    rng, query = np.random.default_rng(7), np.ones((512, 1, 1), "float32")
    marks = np.eye(5)[rng.integers(5, size=512)]
    numbers = rng.choice([-1.0, 1.0], (512, 5))
    key = np.stack([3 * marks, numbers], axis=-1).astype("float32")  # (B, S, 2)
    answers = (marks * numbers).sum(axis=1)[:, None, None]
    model = Reader()
    model.build([(None, 1, 1), (None, 5, 2)])
    model.compile(keras.optimizers.Adam(0.03))
    model.fit([query, key], answers, batch_size=64, epochs=25, verbose=0)
    weights = ops.convert_to_numpy(
        super(HardAttention, model.attention).weigh(
            model.attention.scores(*model.attention.project(query, key, None)[:2]), None
        )
    )
    assert (weights[:, 0, 0] * marks).sum(axis=1).mean() > 0.8


def test_keeps_the_layer_checks():
    config = {"num_heads": N, "key_dim": H, "seed": 5}
    inputs = {"query": 3 * floats(B, T, D), "key": 3 * floats(B, S, E, seed=1)}
    check_layer(HardAttention, config, {**inputs, "padding_mask": IS_REAL})


def test_reinforce_conforms():
    """But in mixed precision: a loss is float32 there too."""
    inputs = {"log_probabilities": floats(B, T), "rewards": floats(B, seed=1)}
    layer, config = Reinforce(momentum=0.7), {"momentum": 0.7}
    outputs = call(layer, inputs)
    check_arguments(Reinforce, config)
    check_config(Reinforce, config)
    check_output_shape(layer, inputs, outputs)
    check_static_shape(layer, inputs, outputs)
    symbolic = {
        name: keras.Input(x.shape[1:], dtype=x.dtype, name=name) for name, x in inputs.items()
    }
    check_saving(keras.Model(symbolic, layer(**symbolic)), inputs, outputs)
    mixed = Reinforce(momentum=0.7, dtype="mixed_bfloat16")
    np.testing.assert_array_equal(call(mixed, inputs), outputs)
    assert keras.backend.standardize_dtype(mixed(**inputs).dtype) == "float32"


def test_a_momentum_out_of_range():
    with pytest.raises(ValueError, match=r"`momentum` must be a probability.*momentum=1"):
        Reinforce(momentum=1)
