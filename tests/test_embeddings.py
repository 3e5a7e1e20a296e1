import keras
import numpy as np
import pytest

from layer_checks import (
    HE_NORMAL,
    check_arguments,
    check_behaviour,
    check_config,
    check_layer,
    floats,
)
from regard.layers import (
    LearnedEmbedding,
    SinusoidalEmbedding,
    TextEmbedding,
    TiedOutput,
    sinusoids,
)

B, T, V, D, MAX_T, SEGMENTS = 2, 5, 13, 7, 11, 3
TOKEN_IDS = np.random.default_rng(7).integers(0, V, (B, T)).astype("int32")
SEGMENT_IDS = np.array([[0, 0, 1, 1, 2], [0, 1, 2, 2, 2]], "int32")


def test_by_hand():
    layer = TextEmbedding(vocabulary_size=2, hidden_dim=2, max_sequence_length=1)
    ids = np.array([[1]], "int32")
    layer(ids, ids * 0)
    layer.token_embedding.set_weights([np.array([[9.0, 9], [4, 0]])])
    layer.segment_embedding.set_weights([np.array([[0.0, 1], [9, 9]])])
    layer.position_embedding.set_weights([np.array([[1.0, 2]])])
    # (4, 0) + (0, 1) + (1, 2) = (5, 3): mean 4, deviation 1.
    np.testing.assert_allclose(layer(ids, ids * 0), [[[1.0, -1.0]]], rtol=1e-6)


def test_against_numpy():
    layer = TextEmbedding(V, D, MAX_T, SEGMENTS, layer_norm_epsilon=0.5)
    layer(TOKEN_IDS, SEGMENT_IDS)
    tokens, segments, positions = (
        floats(V, D),
        floats(SEGMENTS, D, seed=1),
        floats(MAX_T, D, seed=2),
    )
    gamma, beta = floats(D, seed=3), floats(D, seed=4)
    layer.token_embedding.set_weights([tokens])
    layer.segment_embedding.set_weights([segments])
    layer.position_embedding.set_weights([positions])
    layer.layer_norm.set_weights([gamma, beta])

    outputs = layer(TOKEN_IDS, SEGMENT_IDS)
    for b, t in np.ndindex(B, T):
        x = tokens[TOKEN_IDS[b, t]] + segments[SEGMENT_IDS[b, t]] + positions[t]
        normalized = (x - x.mean()) / np.sqrt(x.var() + 0.5)
        np.testing.assert_allclose(outputs[b, t], gamma * normalized + beta, atol=1e-5)


def test_normalization_is_float32_in_mixed_precision():
    layer = TextEmbedding(V, D, MAX_T, dtype="mixed_bfloat16")
    outputs = layer(TOKEN_IDS, TOKEN_IDS * 0)
    assert outputs.dtype == "bfloat16"
    # A large mean and a small spread, both exact in bfloat16, whose squares are not.
    x = keras.ops.cast(1000.0 + 8 * np.round(floats(B, T, D)), "bfloat16")
    exact = keras.ops.convert_to_numpy(keras.ops.cast(x, "float32"))
    expected = (exact - exact.mean(-1, keepdims=True)) / exact.std(-1, keepdims=True)
    normalized = keras.ops.cast(layer.layer_norm(x), "float32")
    np.testing.assert_allclose(normalized, expected, rtol=2**-8, atol=1e-3)


def test_the_three_tables_and_siblings_do_not_start_equal():
    initializer = keras.initializers.RandomNormal()
    tables = []
    for _ in range(2):
        layer = TextEmbedding(D, D, D, D, initializer=initializer)  # four tables of one shape each
        layer(TOKEN_IDS % D, SEGMENT_IDS)
        tables += [w for w in layer.weights if w.shape == (D, D)]
    assert len(tables) == 6
    for i in range(6):
        for j in range(i):
            assert np.abs(tables[i] - tables[j]).max() > 1e-3


def test_keeps_the_layer_checks():
    config = {
        "vocabulary_size": V,
        "hidden_dim": D,
        "max_sequence_length": MAX_T,
        "num_segments": SEGMENTS,
        "dropout": 0.3,
        "layer_norm_epsilon": 1e-6,
        "initializer": HE_NORMAL,
        "embedding_dim": 3,
        "pad_id": 2,
        "has_positions": False,
        "center": False,
    }
    check_layer(TextEmbedding, config, {"token_ids": TOKEN_IDS, "segment_ids": SEGMENT_IDS})


def test_positions_by_padding_keep_the_layer_checks():
    inputs = {"token_ids": TOKEN_IDS, "segment_ids": SEGMENT_IDS}
    check_behaviour(TextEmbedding(V, D, MAX_T, SEGMENTS, 0.3, pad_id=2), inputs)


def test_without_positions_the_order_changes_nothing():
    layer = TextEmbedding(V, D, MAX_T, 0, has_positions=False, center=False)
    backwards = np.array(layer(TOKEN_IDS[:, ::-1]))
    np.testing.assert_array_equal(layer(TOKEN_IDS), backwards[:, ::-1])
    assert len(layer.weights) == 2  # of tokens, and the scale
    with pytest.raises(ValueError, match="5 tokens, max_sequence_length=3"):
        TextEmbedding(V, D, 3, 0, has_positions=False)(TOKEN_IDS)


def test_a_sequence_too_long():
    with pytest.raises(ValueError, match="5 tokens, max_sequence_length=3"):
        TextEmbedding(V, D, 3, SEGMENTS)(TOKEN_IDS, SEGMENT_IDS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"vocabulary_size": 0},
        {"hidden_dim": -7},
        {"max_sequence_length": 1.5},
        {"num_segments": -1},
        {"dropout": 1.5},
    ],
)
def test_arguments_out_of_range(wrong):
    ((name, value),) = wrong.items()
    arguments = {"vocabulary_size": V, "hidden_dim": D, "max_sequence_length": MAX_T, **wrong}
    with pytest.raises(ValueError, match=f"`{name}` must be .*Received: {name}={value}"):
        TextEmbedding(**arguments)


def test_sinusoidal_embedding_by_hand():
    layer = SinusoidalEmbedding(vocabulary_size=2, hidden_dim=4, max_sequence_length=9)
    layer.build()
    layer.token_embedding.set_weights([np.array([[9.0, 9, 9, 9], [1, 2, 3, 4]])])
    outputs = layer(np.array([[0, 1]], "int32"))
    # 2 times the row, for the width is 4; sines and cosines of 1 and of 1/100.
    expected = [2 + np.sin(1), 4 + np.sin(0.01), 6 + np.cos(1), 8 + np.cos(0.01)]
    np.testing.assert_allclose(outputs[0, 1], expected, rtol=1e-6)
    np.testing.assert_allclose(outputs[0, 0], [18, 18, 19, 19], rtol=1e-6)


@pytest.mark.parametrize(
    ("layer", "of_targets"),
    [
        (SinusoidalEmbedding(V, 8, MAX_T), {}),
        (LearnedEmbedding(V, 7, MAX_T, first_position=2), {"is_target": True}),
    ],
)
def test_a_step_embeds_as_a_call_does(layer, of_targets):
    whole = layer(TOKEN_IDS, **of_targets)
    for position in range(T):
        step = layer.step(TOKEN_IDS[:, position : position + 1], position)
        np.testing.assert_allclose(step[:, 0], whole[:, position], rtol=1e-5)


def test_first_scaled_tokens_have_unit_variance():
    layer = SinusoidalEmbedding(1009, 64, 1)
    outputs = np.array(layer(np.arange(1009)[:, None])[:, 0]) - sinusoids(1, 64)
    assert outputs.var() == pytest.approx(1, abs=0.03)


def test_sinusoidal_embedding_keeps_the_layer_checks():
    sizes = {"vocabulary_size": V, "hidden_dim": 6, "max_sequence_length": MAX_T}
    config = {**sizes, "dropout": 0.3, "pad_id": 2, "first_position": 2, "endpoint": True}
    check_layer(SinusoidalEmbedding, config, {"token_ids": TOKEN_IDS})


def test_sinusoidal_embedding_refuses_what_it_cannot_take():
    with pytest.raises(ValueError, match="hidden_dim=7"):
        SinusoidalEmbedding(V, 7, MAX_T)
    with pytest.raises(ValueError, match="5 tokens, max_sequence_length=4"):
        SinusoidalEmbedding(V, 8, 4)(TOKEN_IDS)


def test_learned_embedding_by_hand():
    layer = LearnedEmbedding(
        vocabulary_size=2, hidden_dim=4, max_sequence_length=2, first_position=1
    )
    layer.build()
    layer.token_embedding.set_weights([np.array([[9.0, 9, 9, 9], [1, 2, 3, 4]])])
    positions = np.array([[99.0, 99, 99, 99], [0, 0, 0, 0], [2, 1, 4, 3]])  # the first is not read
    layer.target_positions.set_weights([positions])
    layer.target_norm.set_weights([np.array([1.0, 1, 1, 10]), np.array([0.0, 0, 0, 5])])
    outputs = layer(np.array([[0, 1]], "int32"), is_target=True)
    # 2 times the row, for the width is 4, plus a position: 4, 5, 10, 11 around 7.5, variance 9.25.
    expected = np.array([-3.5, -2.5, 2.5, 35]) / np.sqrt(9.25 + 1e-5) + [0, 0, 0, 5]
    np.testing.assert_allclose(outputs[0, 1], expected, rtol=1e-5)
    np.testing.assert_allclose(outputs[0, 0], [0, 0, 0, 5], atol=1e-5)  # all alike


def test_sources_and_targets_have_positions_of_their_own_and_share_tokens():
    layer = LearnedEmbedding(V, 8, MAX_T)
    source, target = layer(TOKEN_IDS), layer(TOKEN_IDS, is_target=True)
    assert np.abs(np.array(source) - np.array(target)).max() > 1e-3
    layer.target_positions.set_weights(layer.source_positions.get_weights())
    np.testing.assert_array_equal(layer(TOKEN_IDS, is_target=True), source)


@keras.saving.register_keras_serializable("tests")
class BothSides(LearnedEmbedding):
    """The sum of what it makes of sources and of targets, so that every weight has a gradient."""

    def call(self, token_ids, training=None):
        sides = (super(BothSides, self).call(token_ids, side, training) for side in (False, True))
        return sum(sides)


def test_learned_embedding_keeps_the_layer_checks():
    sizes = {"vocabulary_size": V, "hidden_dim": 7, "max_sequence_length": MAX_T}
    config = {**sizes, "dropout": 0.3, "pad_id": 2, "first_position": 2}
    check_arguments(LearnedEmbedding, config)
    check_config(LearnedEmbedding, config)
    check_behaviour(BothSides(**config), {"token_ids": TOKEN_IDS})


def test_learned_embedding_refuses_what_it_cannot_take():
    with pytest.raises(ValueError, match=r"`first_position` must be .*first_position=-1"):
        LearnedEmbedding(V, 7, MAX_T, first_position=-1)
    with pytest.raises(ValueError, match="5 tokens, max_sequence_length=4"):
        LearnedEmbedding(V, 7, 4, first_position=2)(TOKEN_IDS)


def test_tied_output_by_hand():
    embedding = keras.layers.Embedding(3, 2)
    layer = TiedOutput(embedding)
    layer.build((1, 1, 2))
    embedding.set_weights([np.array([[1.0, 0], [0, 1], [2, 3]])])
    layer.bias.assign([0.0, 10, 100])
    np.testing.assert_array_equal(layer(np.array([[[5.0, 7.0]]])), [[[5, 17, 131]]])
    assert [weight.path.split("/")[-1] for weight in layer.trainable_weights] == [
        "bias",
        "embeddings",
    ]


def test_tied_output_keeps_the_layer_checks():
    embedding = keras.layers.serialize(
        keras.layers.Embedding(V, D, dtype="float32", name="token_embedding")
    )
    layer_class, inputs = TiedOutput, {"inputs": floats(B, T, D)}
    check_layer(layer_class, {"token_embedding": embedding, "use_bias": False}, inputs)


def test_tied_output_wants_the_width_of_the_table():
    with pytest.raises(ValueError, match="hidden_dim=7, output_dim=8"):
        TiedOutput(keras.layers.Embedding(V, 8))(floats(B, T, 7))


def test_the_vector_of_padding_is_zero_and_stays_so():
    layer = SinusoidalEmbedding(V, 6, MAX_T, pad_id=3)
    model = keras.Sequential([layer])
    model.compile(keras.optimizers.SGD(1.0), "mse")
    ids = np.full((2, 4), 3, "int32")
    ids[0] = 5
    before = np.array(layer(ids)[0])
    model.fit(ids, np.ones((2, 4, 6)), verbose=0)
    table = np.array(layer.token_embedding.embeddings)
    np.testing.assert_array_equal(table[3], np.zeros(6))
    assert np.abs(table[[0, 1, 2, 4]]).min() > 0
    assert np.abs(np.array(layer(ids)[0]) - before).max() > 0.01


def test_segments_left_out_are_the_first():
    layer = TextEmbedding(V, D, MAX_T, SEGMENTS)
    np.testing.assert_array_equal(layer(TOKEN_IDS), layer(TOKEN_IDS, TOKEN_IDS * 0))
    token_ids = keras.Input((None,), dtype="int32")
    model = keras.Model(token_ids, layer(token_ids))
    np.testing.assert_array_equal(model(TOKEN_IDS), layer(TOKEN_IDS))
    assert layer.compute_output_shape((B, T)) == (B, T, D)


@pytest.mark.parametrize("use_bias", [True, False])
def test_a_token_that_is_not_to_be_written(use_bias):
    layer = TiedOutput(keras.layers.Embedding(V, D), use_bias=use_bias)
    logits, without = layer(floats(B, T, D)), np.array(layer.without(3, floats(B, T, D)))
    assert (without[..., 3] < -1e8).all()
    np.testing.assert_array_equal(np.delete(without, 3, axis=-1), np.delete(logits, 3, axis=-1))
