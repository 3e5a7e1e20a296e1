"""Asks a run about the rows of a table, a few at a time, however many there are."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from ..data.rows import Table, first_problem
from ..data.writing import open_writer
from ..errors import UserError, writing
from ..names import counted
from .directories import file_written_aside

# With fewer, a model is slower, and what TensorFlow keeps of each call adds up.
ROWS_AT_ONCE = 8192

logger = logging.getLogger("regard")


def one_or_two(cells: Sequence[Any]) -> Any:
    """Returns a text, or a pair of texts, of the cells that hold it."""
    return cells[0] if len(cells) == 1 else tuple(cells)


class Asked(NamedTuple):
    """Says what a run is asked about: rows of a table.

    Attributes:
        source: What the user named, for messages.
        table: The table.
        columns: The columns of what is asked, by what they hold, such as "text".
        question: Makes of the cells of these columns what the run takes.
        skip_bad_rows: Whether rows that are none are left out and counted.
        is_table: Whether it was one, and not lines.
        beside: A table with the same rows that has these columns, where `table` has them not.
    """

    source: str
    table: Table
    columns: dict[str, str]
    question: Callable[[Sequence[Any]], Any] = one_or_two
    skip_bad_rows: bool = False
    is_table: bool = True
    beside: Table | None = None


class Part(NamedTuple):
    """Holds some rows of a table: number, problem and cells of the question of each; and itself."""

    rows: list[tuple[int, str, Sequence[Any]]]
    kept: Any


class Tally:
    """Counts the rows of a table, and those that something is to be said of.

    Args:
        source: What the user named.
        unit: What a row is called.
    """

    def __init__(self, source: str, unit: str = "row"):
        self.source, self.unit = source, unit
        self.rows = 0
        self.counts: Counter[str] = Counter()
        self.first: dict[str, str] = {}

    def note(self, what: str, row: int, problem: str = "") -> None:
        self.counts[what] += 1
        self.first.setdefault(what, f"{self.unit} {row}: {problem}".removesuffix(": "))

    def say(self) -> None:
        """Says what was noted, in a line for each kind.

        Raises:
            UserError: If there are rows, and none has an answer.
        """
        noted = UNANSWERED if self.counts[UNANSWERED] else LEFT_OUT
        if self.counts[noted] and self.counts[UNANSWERED] == self.rows:
            raise UserError(
                f"{self.source}: none of its rows has an answer, first {self.first[noted]}. "
                "Name the right column, or correct the table."
            )
        for what, first in self.first.items():
            count = f"{self.counts[what]:,}"
            logger.warning("%s: %s: %s, first %s", self.source, what, count, first)


UNANSWERED = "rows without an answer"
LEFT_OUT = "bad rows left out"
UNSURE = "labels left empty, for the score is below that of the run's --abstain-below"
CUT = "longer than the model reads, cut there"

Ask = Callable[[list], Sequence[Any]]  # from questions to answers, or to what is wrong with one


class NewColumn(NamedTuple):
    """Says what is written of an answer: under what name, of what type, and what of it."""

    name: str
    kind: type
    cell: Callable[[Any], Any]


def new_columns(answers: Mapping[str, type], classes: Sequence[str] = ()) -> list[NewColumn]:
    """Returns columns for attributes of answers, then for the scores of some classes."""
    named = [
        NewColumn(name, str, lambda answer, name=name: "|".join(getattr(answer, name)))
        if kind is list
        else NewColumn(name, list, lambda answer, name=name: [*map(asdict, getattr(answer, name))])
        if kind is dict
        else NewColumn(name, kind, attrgetter(name))
        for name, kind in answers.items()
    ]
    return named + [
        NewColumn(f"score_{name}", float, lambda answer, name=name: answer.scores[name])
        for name in classes
    ]


def answered(
    asked: Asked, ask: Ask, tally: Tally, keeps: str = "rows"
) -> Iterator[tuple[Any, list[Any]]]:
    """Yields some rows, as a writer `keeps` them, with the answer of each, or None.

    A row without a question, such as one whose text is empty, has no answer, and is noted.

    Raises:
        UserError: If a row cannot be told apart into cells, unless such are to be skipped.
    """
    for part in _parts(asked, keeps):
        part = _without_bad_rows(asked, part, tally)
        part = part._replace(
            rows=[(row, bad, [*map(asked.table.spelled, cells)]) for row, bad, cells in part.rows]
        )
        problems = [first_problem(asked.columns, cells) for _, _, cells in part.rows]
        questions = {
            index: asked.question(cells)
            for index, (_, _, cells) in enumerate(part.rows)
            if not problems[index]
        }
        found = ask(list(questions.values())) if questions else []
        answers: list[Any] = [None] * len(part.rows)
        for index, answer in zip(questions, found, strict=True):
            problems[index] = answer if isinstance(answer, str) else ""
            answers[index] = None if isinstance(answer, str) else answer
        _note(tally, part, problems, answers)
        yield part.kept, answers


def _parts(asked: Asked, keeps: str) -> Iterator[Part]:
    table = asked.table
    whole = {"objects": table.objects, "batches": table.batches}.get(keeps) or table.typed
    if whole is None and asked.beside is None:
        yield from _parts_of_cells(asked)
        return
    # What is asked is read beside what is kept, row by row.
    rows = iter((asked.beside or table).read(list(asked.columns.values())))
    kept = whole() if whole else (cells for _, _, cells in table.read(table.own_columns))
    for some in kept if keeps == "batches" and table.batches else _some(kept):
        for start in range(0, max(1, len(some)), ROWS_AT_ONCE):
            part = some[start : start + ROWS_AT_ONCE]
            yield Part(list(islice(rows, len(part))), part)


def _parts_of_cells(asked: Asked) -> Iterator[Part]:
    """Yields parts of a table whose cells are both asked about and kept."""
    indices = [asked.table.columns.index(column) for column in asked.columns.values()]
    own = len(asked.table.own_columns)
    for some in _some(asked.table.read(asked.table.columns)):
        rows = [
            (row, problem, [] if problem else [cells[index] for index in indices])
            for row, problem, cells in some
        ]
        yield Part(rows, [cells[:own] for _, _, cells in some])


def _some(rows: Any) -> Iterator[list[Any]]:
    rows = iter(rows)
    while some := list(islice(rows, ROWS_AT_ONCE)):
        yield some


def _without_bad_rows(asked: Asked, part: Part, tally: Tally) -> Part:
    good = []
    for index, (row, problem, _) in enumerate(part.rows):
        if not problem:
            good.append(index)
        elif asked.skip_bad_rows:
            tally.note(LEFT_OUT, row, problem)
        else:
            raise UserError(
                f"{asked.source}, row {row}: {problem}. Correct it, or pass --skip-bad-rows to "
                "leave such rows out."
            )
    if len(good) == len(part.rows):
        return part
    return Part(*([each[index] for index in good] for each in part))


def _note(tally: Tally, part: Part, problems: list[str], answers: list[Any]) -> None:
    tally.rows += len(part.rows)
    for (row, _, _), problem, answer in zip(part.rows, problems, answers, strict=True):
        if problem:
            tally.note(UNANSWERED, row, problem)
        if getattr(answer, "truncated", None):
            tally.note(CUT, row)
        if getattr(answer, "label", None) == "":
            tally.note(UNSURE, row)


def score_table(
    asked: Asked,
    ask: Ask,
    output: Path,
    added: Sequence[NewColumn],
    overwrite: bool = False,
    escape_formulas: bool = False,
) -> None:
    """Writes a table with all its columns and the answers of its rows, whole or not at all.

    Args:
        asked: The table, and what of it is asked.
        ask: Gives the answers to some questions, or in words what is wrong with one.
        output: The file to write; its suffix says the format.
        added: The new columns.
        overwrite: Whether to replace a file.
        escape_formulas: Whether no cell may be a formula to a spreadsheet.

    Raises:
        UserError: If a row is bad, none has an answer, or the file cannot be written.
    """
    tally = Tally(asked.source)
    names = free_names(asked, [column.name for column in added])
    kinds = {name: column.kind for name, column in zip(names, added, strict=True)}
    with (
        file_written_aside(output, overwrite) as path,
        ExitStack() as opened,
        tqdm(unit=" rows", disable=None) as bar,
    ):
        with writing(output):
            table = open_writer(path, asked.table.own_columns, kinds, escape_formulas)
            writer = opened.enter_context(table)
        for kept, answers in answered(asked, ask, tally, writer.keeps):
            with writing(output):
                writer.write(kept, _cells(added, answers))
            bar.update(len(answers))
        with writing(output):
            opened.close()
        tally.say()
    logger.info("%s: %s, with %s", output, counted(tally.rows, "row"), ", ".join(names))


def _cells(added: Sequence[NewColumn], answers: Sequence[Any]) -> list[list[Any]]:
    return [
        [None if answer is None else column.cell(answer) for column in added] for answer in answers
    ]


def free_names(asked: Asked, names: list[str]) -> list[str]:
    """Returns names for new columns: "predicted_label" where the table has a "label", and so on."""
    # A record may be taken apart: of a column "label.id", the table's own is "label".
    taken = {part for name in asked.table.columns for part in (name, name.partition(".")[0])}
    free = []
    for name in names:
        while name in taken:
            name = f"predicted_{name}"
        free.append(name)
    renamed = [new for new, name in zip(free, names, strict=True) if new != name]
    if renamed:
        message = "%s has columns of these names already, so the new ones are called %s"
        logger.info(message, asked.source, ", ".join(renamed))
    return free
