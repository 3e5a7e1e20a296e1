"""How sure a classifier must be to answer: the promised error holds on rows to come."""

import numpy as np
import pytest
from scipy.stats import binom

from regard.recipes.runs.abstention import (
    NOTHING,
    RISK,
    fewest_examples,
    promise,
    upper_bound,
)


def rows(count, scale, seed):
    """Labels of two classes drawn from the probabilities that a model gives."""
    random = np.random.default_rng(seed)
    first = 1 / (1 + np.exp(-random.normal(scale=scale, size=count)))
    return (random.random(count) > first).astype(int), np.stack([first, 1 - first], axis=1)


@pytest.mark.parametrize(("wrong", "count"), [(0, 59), (3, 100), (40, 700)])
def test_the_bound_is_where_so_few_mistakes_are_as_rare_as_the_risk(wrong, count):
    assert binom.cdf(wrong, count, upper_bound(wrong, count, 0.05)) == pytest.approx(0.05)
    assert upper_bound(count, count, 0.05) == 1.0


def test_the_rule_of_three():
    """Nothing wrong in 59 bounds the error by 5% with 95%."""
    assert upper_bound(0, 59, 0.05) < 0.05 < upper_bound(0, 58, 0.05)


@pytest.mark.parametrize("scale", [1.0, 4.0])
@pytest.mark.parametrize("error", [0.05, 0.1])
def test_a_promise_is_broken_no_more_often_than_said(scale, error):
    """In 100 draws of 700 rows; the error of answers to others is seen on 100,000."""
    labels, others = rows(100_000, scale, seed=1)
    scores, is_wrong = others.max(axis=1), others.argmax(axis=1) != labels
    broken, coverage = 0, []
    for seed in range(100):
        promised = promise(*rows(700, scale, seed + 10), error)
        answered = scores >= promised.threshold
        broken += answered.any() and is_wrong[answered].mean() > error
        coverage.append(answered.mean())
        assert promised.found <= error
    assert broken <= binom.ppf(0.999, 100, RISK)
    ideal = (np.cumsum(is_wrong[np.argsort(-scores)]) / np.arange(1, 100_001) <= error).mean()
    assert np.mean(coverage) > 0.6 * ideal if ideal > 0.3 else True


def test_all_are_answered_where_all_are_right():
    _, probabilities = rows(400, 3.0, seed=0)
    promised = promise(probabilities.argmax(axis=1), probabilities, 0.05)
    assert (promised.coverage, promised.found) == (1.0, 0.0)
    least = probabilities.max(axis=1).min()
    assert least - 2e-5 < promised.threshold < least


def test_rows_with_one_score_are_answered_together_or_not_at_all():
    """A hundred equal rows of which half are wrong: none of them may have an answer."""
    sure, unsure = np.tile([0.99, 0.01], (300, 1)), np.tile([0.7, 0.3], (100, 1))
    labels = np.concatenate([np.zeros(300, int), np.arange(100) % 2])
    promised = promise(labels, np.concatenate([unsure[:0], sure, unsure]), 0.05)
    assert (promised.coverage, promised.threshold) == (0.75, pytest.approx(0.99, abs=2e-5))


def test_nothing_is_promised_where_nothing_can_be():
    _, probabilities = rows(fewest_examples(0.05) - 1, 3.0, seed=0)
    promised = promise(probabilities.argmax(axis=1), probabilities, 0.05)
    assert (promised.threshold, promised.coverage) == (NOTHING, 0.0)
    enough = fewest_examples(0.05)
    _, probabilities = rows(enough, 3.0, seed=0)
    assert promise(probabilities.argmax(axis=1), probabilities, 0.05).coverage == 1.0


def test_more_models_to_choose_from_cost_answers():
    data = rows(700, 3.0, seed=3)
    one, twenty = promise(*data, 0.08), promise(*data, 0.08, choices=20)
    assert 0 < twenty.coverage < one.coverage
    assert fewest_examples(0.05, 20) > fewest_examples(0.05)
