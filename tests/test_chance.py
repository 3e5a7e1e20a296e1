import numpy as np
import pytest

from regard.recipes.runs.chance import is_no_better_than_guessing
from regard.recipes.runs.evaluation import classification_metrics


def metrics_of(labels, predicted, num_classes):
    names = [f"class {number}" for number in range(num_classes)]
    return classification_metrics(labels, np.eye(num_classes)[predicted], names)


@pytest.mark.parametrize("shares", [[0.5, 0.5], [0.995, 0.005], [0.2] * 5])
@pytest.mark.parametrize("guess", ["the largest", "as often as it occurs", "evenly"])
def test_guessing(shares, guess):
    random, flagged = np.random.default_rng(0), []
    for _ in range(50):
        labels = random.choice(len(shares), 400, p=shares)
        weights = {"the largest": None, "as often as it occurs": shares, "evenly": None}[guess]
        predicted = random.choice(len(shares), 400, p=weights)
        if guess == "the largest":
            predicted = np.full(400, np.argmax(shares))
        flagged.append(is_no_better_than_guessing(metrics_of(labels, predicted, len(shares))))
    assert np.mean(flagged) > 0.7


@pytest.mark.parametrize("num_classes", [2, 20])
def test_what_was_learned(num_classes):
    random = np.random.default_rng(0)
    labels = random.integers(num_classes, size=400)
    noise = random.integers(num_classes, size=400)
    predicted = np.where(random.random(400) < 0.5, labels, noise)
    assert not is_no_better_than_guessing(metrics_of(labels, predicted, num_classes))


def test_a_rare_class_that_is_found_was_learned():
    labels = np.array([0] * 995 + [1] * 5)
    predicted = np.where(np.arange(1000) < 998, 0, 1)  # two of five, and no more right than before
    assert not is_no_better_than_guessing(metrics_of(labels, predicted, 2))


def test_of_one_class_nothing_can_be_told():
    assert not is_no_better_than_guessing(metrics_of(np.zeros(9, int), np.ones(9, int), 2))
