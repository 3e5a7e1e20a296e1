"""Answers what a run is asked at a command line: in lines, or by the columns of a table."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from ..data.rows import Row, is_missing
from ..errors import UserError
from ..problem_types import ANSWERS, REGRESSION
from ..runs.scoring import CUT, UNANSWERED, Asked, NewColumn, Tally, answered, new_columns
from ..tasks import Task
from .questions import COMMAND_LINE

LINES_AT_ONCE = 1024  # so that long input is answered as it is read


def answer_columns(task: Task, metadata: dict[str, Any], scores: bool) -> list[NewColumn]:
    """Returns the columns of a run's answers.

    Raises:
        UserError: If it has none for a table, or no classes to write the `scores` of.
    """
    answers = answers_of(task, metadata)
    if not answers:
        raise UserError(
            f"{task.noun.capitalize()} has no column for a table: leave out --output, and take "
            "what is printed, or --json."
        )
    has_records = dict in answers.values()  # of parts of a text, not of the whole
    classes = () if has_records else metadata.get("class_names", ())
    if scores and (not classes or metadata.get("problem_type") == REGRESSION):
        what = task.noun if not classes else "a run that tells numbers"
        raise UserError(f"--scores are of classes, and {what} has none.")
    return new_columns(answers, classes if scores else ())


def answers_of(task: Task, metadata: Mapping[str, Any]) -> Mapping[str, type]:
    """Returns the columns of a run's answers in a table, with their types."""
    return ANSWERS.get(metadata.get("problem_type"), task.answers)


def answer_lines(
    asked: Asked, run: Any, choices: Mapping[str, Any], empty: Any, as_json: bool
) -> Iterator[str]:
    """Yields a line for each row, or several, of what a run answers.

    A row without an answer, such as a blank line, is an empty line, or JSON's null for each of
    `empty`.
    """
    nothing = json.dumps(dict.fromkeys(empty)) if as_json else ""
    for answer in _answers(asked, run, choices):
        if answer is None:
            yield nothing
        else:
            yield answer.to_json() if as_json else answer.to_line()


def _answers(asked: Asked, run: Any, choices: Mapping[str, Any]) -> Iterator[Any]:
    """Yields the answer to each row, line or text, and says in the end what there is to say."""
    if asked.is_table:
        tally = Tally(asked.source)
        for _, answers in answered(asked, lambda some: run.answer(some, **choices), tally):
            yield from answers
    else:
        tally = Tally(asked.source, "line" if asked.source != COMMAND_LINE else "text")
        rows = asked.table.read(asked.table.columns)
        while some := list(islice(rows, LINES_AT_ONCE)):
            yield from _answers_of_lines(
                asked, some, lambda each: run.predict(each, **choices), tally
            )
    tally.say()


def _answers_of_lines(
    asked: Asked, some: Sequence[Row], ask: Callable[[list], Sequence[Any]], tally: Tally
) -> Iterator[Any]:
    """Yields the answers to some lines, None to a blank one; a blank text that is given has one."""
    is_given = asked.source == COMMAND_LINE
    blank = {row for row, _, cells in some if not is_given and all(map(is_missing, cells))}
    questions = [asked.question(cells) for row, _, cells in some if row not in blank]
    found = iter(ask(questions) if questions else ())
    for row, _, _ in some:
        tally.rows += 1
        answer = None if row in blank else next(found)
        if answer is None:
            tally.note(UNANSWERED, row, "it is blank")
        if getattr(answer, "truncated", None):
            tally.note(CUT, row)
        yield answer
