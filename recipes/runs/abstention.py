"""Chooses how sure a classifier must be to answer, so that its answers are wrong no more than said.

The rows to validate on are ranked by the score of their label. Of those above any rank, how many
are wrong is binomial, so that a bound of Clopper and Pearson tells the error of all rows to come
that score as high. The ranks are tried in chains that are fixed beforehand, from fewer answers to
more, each until its first rank that fails: then the bounds of all hold together.

References:
    Geifman and El-Yaniv, "Selective Classification for Deep Neural Networks",
    https://arxiv.org/abs/1705.08500;
    Angelopoulos et al., "Learn then Test", section 3 (fixed sequences),
    https://arxiv.org/abs/2110.01052
"""

from math import ceil, log
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import beta

from ..data.examples import LabelledExamples
from ..errors import UserError
from ..problem_types import SINGLE_LABEL

RISK = 0.05  # probability of validation data for which a promise does not hold
CHAINS = 4  # which begin where that many parts of the rows are answered
STEP = 0.01  # of the share of rows, from one rank to the next
MARGIN = 1e-5  # of a score, which is not computed to the last digit alike everywhere
NOTHING = 2.0  # a threshold that no score reaches


class Promise(NamedTuple):
    """Says from which score on a classifier answers, and what is known of these answers.

    Attributes:
        error: The share of wrong ones among answers that is promised not to be passed.
        threshold: The least score of an answer; `NOTHING` where none can be promised.
        coverage: The share of rows to validate on that have an answer.
        found: The share of wrong ones among these.
        choices: The number of models that the same rows have chosen from.
    """

    error: float
    threshold: float
    coverage: float
    found: float
    choices: int = 1


def upper_bound(wrong: int, count: int, risk: float) -> float:
    """Returns the error below which a model is with probability 1 - risk, by Clopper and Pearson.

    Args:
        wrong: Number of mistakes seen.
        count: Number of examples seen.
        risk: Probability that the error is above, in (0, 1).
    """
    return 1.0 if wrong >= count else float(beta.ppf(1 - risk, wrong + 1, count - wrong))


def fewest_examples(error: float, choices: int = 1) -> int:
    """Returns how many rows, all answered rightly, it takes to promise an error."""
    return ceil(log(RISK / CHAINS / choices) / log(1 - error))


def check_abstention(validation: LabelledExamples, settings: Any) -> None:
    """Makes sure, before any training, that what is asked of the validation data can be had.

    Raises:
        UserError: If there are too few examples to promise an error, or they have no single label.
    """
    error, kind = settings.abstain_below, validation.problem_type
    if kind != SINGLE_LABEL and (error is not None or settings.calibrate):
        raise UserError(
            "--calibrate and --abstain-below are for examples with one label each: leave them out. "
            f"Received: {kind}"
        )
    if error is not None and len(validation) < fewest_examples(error):
        raise UserError(
            f"To promise that at most {error:.3g} of the answers are wrong, it takes at least "
            f"{fewest_examples(error):,} examples to validate on. Received: {len(validation):,}. "
            "Name more with --validation, or promise less with a larger --abstain-below."
        )


def promise(
    labels: np.ndarray, probabilities: np.ndarray, error: float, choices: int = 1
) -> Promise:
    """Chooses the threshold with the most answers of which an error can be promised.

    Args:
        labels: Integers of shape (B,): the true classes of examples not learned from.
        probabilities: Floats of shape (B, C), rows summing to 1.
        error: The share of wrong answers to promise, in (0, 1).
        choices: Number of models, such as epochs, that these examples chose this one from. The
            promise holds for all of them, so that it does whichever was chosen. Defaults to 1.
    """
    scores = np.asarray(probabilities, "float32").max(axis=1)
    order = np.argsort(-scores, kind="stable")
    scores, is_wrong = scores[order], (probabilities.argmax(axis=1) != labels)[order]
    wrong = np.cumsum(is_wrong)

    def holds(rank: int) -> bool:
        return upper_bound(int(wrong[rank - 1]), rank, RISK / CHAINS / choices) <= error

    best = max(_longest(holds, ranks) for ranks in _chains(scores))
    if not best:
        return Promise(error, NOTHING, 0.0, 0.0, choices)
    last, below = scores[best - 1], scores[best] if best < len(scores) else 0.0
    threshold = float(np.float32(max(last - MARGIN, (last + below) / 2)))
    return Promise(error, threshold, best / len(scores), float(wrong[best - 1] / best), choices)


def _chains(scores: np.ndarray) -> list[list[int]]:
    """Returns the ranks to try, each the last of those with its score."""
    count = len(scores)
    last = np.searchsorted(-scores, -scores, side="right")
    shares = np.arange(1, round(1 / STEP) + 1) * STEP
    ranks = np.unique(last[np.ceil(count * shares - 1e-9).astype(int).clip(1, count) - 1])
    return [ranks[ranks >= count * (part + 1) / CHAINS].tolist() for part in range(CHAINS)]


def _longest(holds, ranks: list[int]) -> int:
    """Returns the last rank of a chain before the first that does not hold; 0 if there is none."""
    best = 0
    for rank in ranks:
        if not holds(rank):
            break
        best = rank
    return best
