"""Finds what annotators decided in JSON as tools for annotation export it.

References:
    https://labelstud.io/guide/export#Label-Studio-JSON-format-of-annotated-tasks
    https://prodi.gy/docs/api-interfaces#choice
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, NamedTuple

from .rows import Passed

LABEL = "label"
_ACCEPTED, _ANSWERS = "accept", ("accept", "reject", "ignore")
_TASKS = ("annotations", "completions")  # the second before Label Studio 1.0
_KINDS = ("choices", "rating")  # of results that are labels of a whole example

Record = dict[str, Any]


class Annotations(NamedTuple):
    """Says where the labels of records are.

    Attributes:
        tool: Whose form it is.
        columns: The columns of labels that it has.
        label: Returns the label of a record in a column, or why it has none.
    """

    tool: str
    columns: tuple[str, ...]
    label: Callable[[Record, str], Any | Passed]


def annotations_in(first: Record, records: Callable[[], Iterable[Record]]) -> Annotations | None:
    """Returns where the labels of records are that a tool for annotation wrote; None for others."""
    if _is_of_prodigy(first) and _all(records(), _is_of_prodigy):
        return Annotations("Prodigy", (LABEL,), _answer)
    if not (_is_of_label_studio(first) and _all(records(), _is_of_label_studio)):
        return None
    names = dict.fromkeys(name for record in records() for name, _ in _results(record))
    columns = {f"{LABEL}.{name}": name for name in names}
    if len(names) == 1:
        columns = {LABEL: next(iter(names))}

    def label(record: Record, column: str) -> Any | Passed:
        return _decision(record, columns[column])

    return Annotations("Label Studio", (*columns,), label) if names else None


def _all(records: Iterable[Record], test: Callable[[Record], bool]) -> bool:
    """Returns whether all records pass a test; empty ones are of bad rows."""
    return all(map(test, filter(None, records)))


def _is_of_prodigy(record: Record) -> bool:
    is_answered = isinstance(record.get("answer"), str) and record["answer"] in _ANSWERS
    return is_answered and (LABEL in record or isinstance(record.get("accept"), list))


def _answer(record: Record, _: str) -> Any | Passed:
    if record and record["answer"] != _ACCEPTED:
        return Passed(f"examples that the annotator did not {_ACCEPTED}")
    return record.get("accept", record.get(LABEL))


def _is_of_label_studio(record: Record) -> bool:
    return isinstance(record.get("data"), dict) and any(
        isinstance(record.get(name), list) for name in _TASKS
    )


def _results(record: Record) -> Iterator[tuple[str, tuple[Hashable, ...]]]:
    """Yields what each annotator of a record chose, by the name of the question."""
    for name in _TASKS:
        for annotation in _objects(record.get(name)):
            if annotation.get("was_cancelled"):
                continue
            chosen: dict[str, tuple[Hashable, ...]] = {}
            for result in _objects(annotation.get("result")):
                question = str(result.get("from_name", LABEL))
                if found := _values(result):
                    chosen[question] = (*chosen.get(question, ()), *found)
            yield from chosen.items()


def _objects(value: Any) -> list[Record]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _values(result: Record) -> list[Hashable]:
    """Returns the labels in a result; none if it is of another kind, such as a span."""
    kind, value = result.get("type"), result.get("value")
    if kind not in _KINDS or not isinstance(value, dict) or value.get(kind) is None:
        return []
    found = value[kind] if isinstance(value[kind], list) else [value[kind]]
    return [each if isinstance(each, str | int | float) else str(each) for each in found]


def _decision(record: Record, question: str) -> Any | Passed:
    """Returns what most annotators chose."""
    votes = Counter(chosen for name, chosen in _results(record) if name == question)
    if not votes:
        return Passed("examples without an annotation")
    (best, count), *others = votes.most_common(2)
    if others and others[0][1] == count:
        return Passed("examples of which as many annotators say one thing as another")
    return list(best)
