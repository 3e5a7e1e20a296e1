import keras
import numpy as np
import pytest

from layer_checks import HE_NORMAL, check_layer, floats
from regard.layers import PositionEmbedding, SinusoidalPositionEmbedding, sinusoids

B, T, MAX_T, D = 3, 5, 11, 14


def test_sinusoids_by_hand():
    expected = [[0, 0, 1, 1], [np.sin(1), np.sin(0.01), np.cos(1), np.cos(0.01)]]
    np.testing.assert_allclose(sinusoids(2, 4), expected, rtol=1e-6)


def test_sinusoids_against_numpy():
    table = sinusoids(MAX_T, D)
    for position, index in np.ndindex(MAX_T, D):
        wave = np.sin if index < D // 2 else np.cos
        angle = position / 10000 ** (2 * (index % (D // 2)) / D)
        assert table[position, index] == pytest.approx(wave(angle), abs=1e-6)


def rotation(distance, hidden_dim):
    """The map that takes each position to the one so much later: it turns each pair by ω·k."""
    angles = distance * 10000.0 ** (-np.arange(0, hidden_dim, 2) / hidden_dim)
    cos, sin = np.diag(np.cos(angles)), np.diag(np.sin(angles))
    return np.block([[cos, sin], [-sin, cos]])  # of sines, then cosines


@pytest.mark.parametrize("distance", [1, 7, 100, -7])
def test_one_linear_map_takes_every_position_to_another(distance):
    """Section 3.5: "for any fixed offset k, PE(pos + k) is a linear function of PE(pos)"."""
    table = sinusoids(512, 64)
    before, after = (table[max(0, k) : 512 + min(0, k)] for k in (-distance, distance))
    np.testing.assert_allclose(before @ rotation(distance, 64).T, after, atol=1e-4)
    assert np.abs(before - after).max() > 0.5


# The distances up to which the dot product falls with every step, by the width.
FALLS_UP_TO = {64: 5, 128: 11, 256: 24, 512: 43, 1024: 68}


@pytest.mark.parametrize("hidden_dim", FALLS_UP_TO)
def test_the_dot_product_depends_on_the_distance_and_falls_with_it(hidden_dim):
    """It falls step by step up to a distance that grows with the width.

    From there on it ripples about a curve that goes on falling, and never again exceeds what it is
    there, up to 512 positions.
    """
    table, last = sinusoids(512, hidden_dim).astype("float64"), FALLS_UP_TO[hidden_dim]
    products = table @ table.T
    by_distance = products[0]
    for position, other in ((3, 5), (100, 340), (511, 0)):
        expected = by_distance[abs(position - other)]
        assert products[position, other] == pytest.approx(expected, abs=1e-3 * hidden_dim)
    assert by_distance[0] == pytest.approx(hidden_dim / 2)
    assert (np.diff(by_distance[: last + 1]) < 0).all()
    assert by_distance[last + 1] > by_distance[last]
    assert by_distance[last:].max() < 1.01 * by_distance[last]


def test_sinusoidal_layer_gives_the_first_rows_and_learns_nothing():
    layer = SinusoidalPositionEmbedding(MAX_T)
    np.testing.assert_array_equal(layer(floats(B, T, D)), sinusoids(T, D))
    assert layer.weights == []


def test_learned_positions_are_the_first_rows_of_the_table():
    layer = PositionEmbedding(MAX_T)
    outputs = layer(floats(B, T, D))
    table = floats(MAX_T, D, seed=1)
    layer.set_weights([table])
    assert outputs.shape == (T, D)
    np.testing.assert_array_equal(layer(floats(B, T, D)), table[:T])


def test_siblings_of_one_initializer_do_not_start_equal():
    initializer = keras.initializers.RandomNormal()
    first, second = (PositionEmbedding(MAX_T, initializer)(floats(B, T, D)) for _ in range(2))
    assert np.abs(first - second).max() > 1e-3


def test_sinusoidal_layer_keeps_the_layer_checks():
    config = {"max_sequence_length": MAX_T, "first_position": 2, "endpoint": True}
    check_layer(SinusoidalPositionEmbedding, config, {"inputs": floats(B, T, D)})


def test_sinusoids_of_fairseq_by_hand():
    """Positions from 2 on, and a last frequency of 1 / 10000."""
    rows = sinusoids(2, 6, first_position=2, endpoint=True)
    angles = np.array([[2, 0.02, 0.0002], [3, 0.03, 0.0003]])
    expected = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    np.testing.assert_allclose(rows, expected, rtol=1e-6)


def test_learned_layer_keeps_the_layer_checks():
    config = {"max_sequence_length": MAX_T, "initializer": HE_NORMAL, "first_position": 2}
    check_layer(PositionEmbedding, config, {"inputs": floats(B, T, D)})


def test_an_odd_width_has_no_two_halves():
    with pytest.raises(ValueError, match=r"must be even.*hidden_dim=7"):
        SinusoidalPositionEmbedding(MAX_T)(floats(B, T, 7))


@pytest.mark.parametrize("layer_class", [SinusoidalPositionEmbedding, PositionEmbedding])
def test_a_sequence_too_long(layer_class):
    with pytest.raises(ValueError, match="13 tokens, max_sequence_length=11"):
        layer_class(MAX_T)(floats(B, 13, D))
    with pytest.raises(ValueError, match="Received: max_sequence_length=0"):
        layer_class(0)
