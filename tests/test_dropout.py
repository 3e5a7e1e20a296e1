import keras
import numpy as np
import pytest
import tensorflow as tf

from layer_checks import floats
from regard.layers.dropout import Dropout, StochasticDepth


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("rate", [0.003, 0.1, 0.75])
def test_drops_at_the_rate_and_keeps_the_mean(rate, dtype):
    shape = (1001, 501)  # an odd number of units
    outputs = Dropout(rate, seed=1, dtype=dtype)(tf.ones(shape), training=True)
    outputs = tf.cast(outputs, "float32").numpy()
    kept = outputs != 0
    deviation = (rate * (1 - rate) / kept.size) ** 0.5
    assert kept.mean() == pytest.approx(1 - rate, abs=4 * deviation)
    np.testing.assert_allclose(outputs[kept], 1 / (1 - rate), rtol=2**-8)


def test_each_call_drops_other_units_and_neighbours_have_nothing_to_do_with_each_other():
    layer = Dropout(0.5, seed=1)
    first, second = (layer(tf.ones((400, 300)), training=True).numpy() != 0 for _ in range(2))
    for one, other in ((first, second), (first[:, 1:], first[:, :-1]), (first[1:], first[:-1])):
        assert np.mean(one == other) == pytest.approx(0.5, abs=0.01)


def test_the_seed_settles_it():
    outputs = [Dropout(0.5, seed=s)(np.ones((20, 30)), training=True).numpy() for s in (1, 1, 2)]
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert (outputs[0] != outputs[2]).any()


def test_the_gradient_passes_where_the_units_do():
    x = tf.constant(floats(7, 11))
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = Dropout(0.25, seed=1)(x, training=True)
    np.testing.assert_allclose(tape.gradient(outputs, x), outputs / x, rtol=1e-6)


def test_lengths_known_only_when_it_runs():
    layer = Dropout(0.5, seed=1)
    call = tf.function(
        lambda x: layer(x, training=True), input_signature=[tf.TensorSpec((None, None, 3))]
    )
    for shape in ((2, 5, 3), (1, 1, 3), (0, 4, 3)):
        assert call(tf.ones(shape)).shape == shape


def test_outside_of_training_nothing_is_dropped():
    x = floats(7, 11)
    np.testing.assert_array_equal(Dropout(0.5)(x), x)
    np.testing.assert_array_equal(Dropout(0.0)(x, training=True), x)


def test_saves_and_loads(tmp_path):
    inputs = keras.Input((3,))
    keras.Model(inputs, Dropout(0.25, seed=1)(inputs)).save(tmp_path / "model.keras")
    assert keras.models.load_model(tmp_path / "model.keras").layers[-1].rate == 0.25


@pytest.mark.parametrize("shape", [(None, 1, None), (2, 1, 50), (None, 1, 50)])
def test_noise_of_another_shape_drops_along_whole_axes(shape):
    inputs = np.ones((2, 30, 50), "float32")
    layer = Dropout(0.4, noise_shape=shape, seed=1)
    outputs = np.asarray(layer(inputs, training=True))
    np.testing.assert_array_equal(outputs, np.broadcast_to(outputs[:, :1], inputs.shape))
    assert 0.2 < np.mean(outputs == 0) < 0.6
    assert Dropout.from_config(layer.get_config()).noise_shape == shape


def test_what_it_cannot_do_is_refused():
    with pytest.raises(ValueError, match=r"noise_shape=\(None, 1\), inputs of shape \(2, 3, 4\)"):
        Dropout(0.5, noise_shape=(None, 1))(np.ones((2, 3, 4)), training=True)
    with pytest.raises(ValueError, match=r"noise_shape=\(1, 2\)"):
        StochasticDepth(0.5, noise_shape=(1, 2))
    for layer_class in (Dropout, StochasticDepth):
        with pytest.raises(ValueError, match=r"probability in \[0, 1\)\. Received: rate=1"):
            layer_class(1)


def test_stochastic_depth_drops_whole_examples():
    layer = StochasticDepth(0.4, seed=1)
    outputs = np.asarray(layer(np.ones((500, 3, 2), "float32"), training=True))
    np.testing.assert_array_equal(outputs, np.broadcast_to(outputs[:, :1, :1], outputs.shape))
    assert np.mean(outputs == 0) == pytest.approx(0.4, abs=0.1)
    again = StochasticDepth.from_config({**layer.get_config(), "noise_shape": None})
    assert (again.rate, again.seed) == (0.4, 1)


def test_the_units_that_a_seed_drops_stay_the_same():
    """In every release, so that trainings can be repeated."""
    layer, x = Dropout(0.4, seed=1), np.ones((3, 5, 7), "float32")
    kept = [np.packbits(np.asarray(layer(x, training=True)) != 0).tolist() for _ in range(2)]
    assert kept == [
        [237, 252, 177, 239, 111, 175, 153, 235, 49, 147, 221, 143, 254, 128],
        [131, 254, 35, 254, 239, 252, 36, 173, 115, 79, 136, 95, 105, 0],
    ]
