"""Kernel regression on curves, and the pooling that is made of it."""

import keras
import numpy as np
import pytest

from layer_checks import check_layer, floats
from regard.layers import KernelPooling, NadarayaWatson, kernel_scores

B, T, S, D, E = 3, 5, 7, 11, 13
FORMULAS = {
    "gaussian": lambda u: np.exp(-(u**2) / 2),
    "boxcar": lambda u: float(u <= 1),
    "epanechnikov": lambda u: max(1 - u**2, 0),
}
IS_REAL = np.arange(S) < np.array([[7], [3], [0]])  # (B, S), the last all padding


def reference(kernel, width, query, key, mask):
    """The weights of one query at a time: equal ones where all are 0, of the real keys if any."""
    weights = np.zeros((len(query), query.shape[1], key.shape[1]))
    for b, t in np.ndindex(weights.shape[:2]):
        distances = [np.linalg.norm(query[b, t] - k) / np.sqrt(len(k)) for k in key[b]]
        own = np.array([FORMULAS[kernel](distance / width) for distance in distances]) * mask[b]
        own = own if own.any() else (mask[b] if mask[b].any() else np.ones(len(own)))
        weights[b, t] = own / own.sum()
    return weights


@pytest.mark.parametrize(
    ("kernel", "expected"),
    [
        ("gaussian", [0.0, -0.5 * 4, -0.5 * 9]),
        ("boxcar", [0.0, -1e6, -1e6]),
        ("epanechnikov", [0.0, -1e6, -1e6]),
    ],
)
def test_scores_by_hand(kernel, expected):
    query, key = np.zeros((1, 1, 1)), np.array([[[0.0], [1.0], [-1.5]]])
    np.testing.assert_allclose(kernel_scores(query, key, kernel, 0.5)[0, 0], expected, rtol=1e-6)


def test_a_curve_by_hand():
    """With u = 0.5 and 0, Epanechnikov's weights stand as 3 to 4; beyond 1 there is none."""
    x, y = np.array([[[0.0], [1.0], [7.0]]]), np.array([[[14.0, 0], [0, 7], [99, 99]]])
    layer = NadarayaWatson("epanechnikov", width=2.0)
    np.testing.assert_allclose(layer(x[:, 1:2], x, y), [[[6, 4]]], rtol=1e-6)
    # Nothing is in reach, so that all count the same.
    np.testing.assert_allclose(layer(x + 20.0, x, y)[0, 0], y[0].mean(axis=0), rtol=1e-6)


@pytest.mark.parametrize("kernel", FORMULAS)
@pytest.mark.parametrize("width", [0.6, 1.9])
def test_against_numpy(kernel, width):
    query, key, value = (
        floats(*s, seed=i) for i, s in enumerate([(B, T, D), (B, S, D), (B, S, E)])
    )
    layer = NadarayaWatson(kernel, width)
    weights = reference(kernel, width, query, key, IS_REAL)
    found = layer.attention_weights(query, key, padding_mask=IS_REAL)
    np.testing.assert_allclose(found, weights, atol=1e-6)
    outputs = layer(query, key, value, padding_mask=IS_REAL)
    np.testing.assert_allclose(outputs, weights @ value, atol=1e-5)


def test_pooling_by_hand():
    """The mean is 3, so that u is 3/4, 1/4 and 1, and the weights stand as 7 to 15 to 0."""
    x, is_real = np.array([[[0.0], [2.0], [7.0], [99.0]]]), np.array([[True, True, True, False]])
    layer = KernelPooling("epanechnikov", width=4.0)
    np.testing.assert_allclose(layer(x, padding_mask=is_real), [[15 / 22 * 2]], rtol=1e-6)


@pytest.mark.parametrize("kernel", FORMULAS)
def test_pooling_against_numpy(kernel):
    x = floats(B, S, D)
    means = [x[0].mean(0), x[1, :3].mean(0), x[2].mean(0)]
    weights = reference(kernel, 0.9, np.stack(means)[:, None], x, IS_REAL)
    outputs = KernelPooling(kernel, 0.9)(x, padding_mask=IS_REAL)
    np.testing.assert_allclose(outputs, (weights @ x)[:, 0], atol=1e-5)


def test_a_width_is_learned_where_no_point_sees_itself():
    """A curve with little noise wants a narrow kernel: `fit` narrows it, and errs less."""
    rng = np.random.default_rng(7)
    x = np.sort(rng.uniform(0, 5, (1, 50, 1)))
    y = 2 * np.sin(x) + x**0.8 + rng.normal(scale=0.1, size=x.shape)
    inputs = keras.Input((50, 1)), keras.Input((50, 1))
    layer = NadarayaWatson(learn_width=True)
    outputs = layer(inputs[0], *inputs, attention_mask=~np.eye(50, dtype=bool))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(0.2), "mse")
    before = model.evaluate((x, y), y, verbose=0)
    model.fit((x, y), y, epochs=30, verbose=0)
    assert model.evaluate((x, y), y, verbose=0) < 0.3 * before
    assert 0.05 < np.exp(layer.log_width.numpy()) < 0.5


def test_nothing_is_learned_unless_it_is_asked_for():
    x = floats(B, S, D)
    for layer in (KernelPooling(), KernelPooling("boxcar")):
        layer(x)
        assert layer.weights == []


def test_keeps_the_layer_checks():
    config = {"kernel": "epanechnikov", "width": 1.7, "learn_width": True}
    inputs = {
        "query": floats(B, T, D),
        "key": floats(B, S, D, seed=1),
        "value": floats(B, S, E, seed=2),
        "padding_mask": IS_REAL,
    }
    check_layer(NadarayaWatson, config, inputs)


def test_pooling_keeps_the_layer_checks():
    config = {"kernel": "epanechnikov", "width": 1.7, "learn_width": True}
    check_layer(KernelPooling, config, {"inputs": floats(B, S, D), "padding_mask": IS_REAL})


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"kernel": "cubic"}, "one of gaussian, boxcar, epanechnikov. Received: 'cubic'"),
        ({"width": 0.0}, "`width` must be above 0. Received: width=0.0"),
        ({"kernel": "boxcar", "learn_width": True}, "boxcar cannot be learned.*another kernel"),
    ],
)
@pytest.mark.parametrize("layer", [NadarayaWatson, KernelPooling])
def test_what_cannot_be_is_refused(layer, wrong, match):
    with pytest.raises(ValueError, match=match):
        layer(**wrong)
