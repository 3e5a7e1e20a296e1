"""Finds the problem of a run, or of data to learn from."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..data.examples import LabelledExamples
from ..errors import UserError
from ..problem_types import SINGLE_LABEL
from .multi_label import MultiLabel
from .problem import Problem
from .regression import Regression
from .single_label import SingleLabel

KINDS = {each.problem_type: each for each in (SingleLabel, MultiLabel, Regression)}


def encoded_for_training(
    train: LabelledExamples, validation: LabelledExamples, class_names: Sequence[str]
) -> tuple[Problem, list[np.ndarray]]:
    """Returns the problem of the data, and the labels of both parts as a model learns them.

    Raises:
        UserError: If a label to validate on is not among those to learn from.
    """
    problem = kind_of(train.problem_type)(class_names)
    check_problem(validation, problem)
    encoded = [problem.encode(each.labels, each.source) for each in (train, validation)]
    problem = problem.for_training(encoded[0])
    return problem, [problem.targets(each) for each in encoded]


def check_problem(examples: LabelledExamples, problem: Problem) -> None:
    """Raises `UserError` unless the labels of examples are of a problem's kind."""
    if examples.problem_type != problem.problem_type:
        raise UserError(
            f"{examples.source}: its labels must be of the run's problem type, "
            f"{problem.problem_type}. Received: {examples.problem_type}"
        )


def kind_of(problem_type: str) -> type[Problem]:
    """Returns the class of a problem, by `transformers`' word for it."""
    return KINDS[problem_type]


def problem_of(metadata: Mapping[str, Any]) -> Problem:
    """Returns the problem of a run, by what `run.json` holds."""
    problem_type = metadata.get("problem_type", SINGLE_LABEL)
    return kind_of(problem_type).from_metadata(metadata)
