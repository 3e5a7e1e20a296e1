"""The temperature of a classifier's logits: what is fitted is what was hidden."""

import numpy as np
import pytest
from scipy.special import softmax

from regard.recipes.runs.evaluation import expected_calibration_error
from regard.recipes.runs.temperature import RANGE, fit_temperature, logs_of, with_temperature


def drawn(count, num_classes, temperature, seed=0):
    """Labels drawn from probabilities, and these as a model tells them that is not so sure."""
    random = np.random.default_rng(seed)
    logits = random.normal(scale=2.0, size=(count, num_classes))
    truly = softmax(logits, axis=1)
    labels = (truly.cumsum(axis=1) < random.random((count, 1))).sum(axis=1)
    return labels.clip(max=num_classes - 1), softmax(logits * temperature, axis=1)


@pytest.mark.parametrize("num_classes", [2, 7])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_a_hidden_temperature_is_found(num_classes, temperature):
    labels, told = drawn(20_000, num_classes, temperature)
    assert fit_temperature(labels, told) == pytest.approx(temperature, rel=0.05)


def test_others_are_as_sure_as_they_are_right():
    """The labels stay the same, and the error of calibration is what chance leaves."""
    temperature = fit_temperature(*drawn(1000, 3, 2.5))
    labels, told = drawn(20_000, 3, 2.5, seed=1)
    calibrated = with_temperature(told, temperature)
    assert calibrated.dtype == np.float32
    np.testing.assert_array_equal(calibrated.argmax(axis=1), told.argmax(axis=1))
    assert expected_calibration_error(labels, told) > 0.1
    assert expected_calibration_error(labels, calibrated) < 0.02


def test_no_mistakes_are_no_reason_to_be_sure_of_everything():
    """By hand: all logits are ±z, so that the best probability is the target, 31/32."""
    labels, z = np.array([0, 1] * 15), 1.5
    told = softmax(np.where(np.eye(2)[labels] > 0, z, -z), axis=1)
    temperature = fit_temperature(labels, told)
    assert temperature == pytest.approx(2 * z / np.log(31), rel=1e-3)
    assert with_temperature(told, temperature).max(axis=1) == pytest.approx(31 / 32, rel=1e-3)


def test_what_is_no_better_than_chance_is_not_sure():
    random = np.random.default_rng(0)
    told = softmax(random.normal(scale=3.0, size=(500, 2)), axis=1)
    assert fit_temperature(random.integers(0, 2, 500), told) > 0.5 * RANGE[1]


def test_probabilities_of_zero_stay_numbers():
    calibrated = with_temperature(np.array([[1.0, 0.0], [0.0, 1.0]]), 2.0)
    assert np.isfinite(logs_of(calibrated)).all()
    np.testing.assert_allclose(calibrated.sum(axis=1), 1.0, rtol=1e-6)
