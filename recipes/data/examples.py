"""Holds examples of any task, in columns."""

import hashlib
import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from functools import wraps
from itertools import chain
from typing import Any, ClassVar, Self

from ..errors import UserError
from ..log import heard
from ..names import display_name
from ..problem_types import MULTI_LABEL, REGRESSION, SINGLE_LABEL, VALUE

SHOWN_WIDTH = 60  # terminal columns of an example in a message
# Soft hyphen, zero-width spaces and joiners, byte order mark: nobody sees them.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200d\u2060\ufeff]")


class Examples:
    """Holds examples in columns; each task has a frozen dataclass with these and `num_skipped`."""

    COLUMNS: ClassVar[tuple[str, ...]]  # fields with a value an example, unless None or empty
    CONTENT: ClassVar[tuple[str, ...]]  # those whose values the fingerprint is taken of
    ORIGIN: ClassVar[tuple[str, ...]]  # fields that say where the examples are from
    NOUN: ClassVar[str] = "texts"  # what they are called in messages

    # What `doubts` has said of them, so that it says it once.
    said_labels = False
    said_beside = None  # the training data that they were compared with
    is_held_out = False  # of the training data, to validate on
    said = ()  # lines, while they were read; see `noting`

    def __len__(self) -> int:
        return len(getattr(self, self.COLUMNS[0]))

    def keys(self) -> list[Hashable]:
        """Returns a key of each example: those with equal keys are the same, whatever their labels.

        A model that has learned one of them knows the others, so they are no test of it.
        """
        return [folded(text) for text in getattr(self, self.COLUMNS[0])]

    def show(self, row: int) -> str:
        """Returns an example as messages show it."""
        return repr(display_name(getattr(self, self.COLUMNS[0])[row], SHOWN_WIDTH))

    def fingerprint(self) -> str:
        """Returns the SHA-256 over the examples, in hexadecimal: the same for the same data."""
        columns = (getattr(self, name) for name in self.CONTENT)
        return fingerprint(*(column for column in columns if column is not None))

    def take(self, rows: Sequence[int]) -> Self:
        """Returns some of the examples."""
        columns = {name: getattr(self, name) for name in self.COLUMNS}
        taken = {name: [each[row] for row in rows] for name, each in columns.items() if each}
        return replace(self, **taken)

    def joined(self, *others: Self) -> Self:
        """Returns the examples of all, as if they were from where these are from."""
        columns = {name: getattr(self, name) for name in self.COLUMNS}
        whole = {
            name: [*each, *chain.from_iterable(getattr(other, name) for other in others)]
            for name, each in columns.items()
            if each
        }
        return replace(self, **whole)

    def describe(self) -> dict[str, Any]:
        """Returns the entries of `run.json` on the examples."""
        return {
            **{name: getattr(self, name) for name in self.ORIGIN},
            "num_examples": len(self),
            "num_skipped": self.num_skipped,
            "sha256": self.fingerprint(),
        }


class LabelledExamples(Examples):
    """Holds examples with `labels`: a string each, or by their `problem_type` a tuple or a number.

    A task's dataclass has, beside them, the `problem_type`, and the `label_separator` that stood
    between labels, if one did.
    """

    problem_type = SINGLE_LABEL
    label_separator = None

    def class_names(self) -> list[str]:
        """Returns the distinct labels: in order as numbers if all are integers, else as text.

        Where the labels are numbers to tell, there is one name, that of their value.

        Raises:
            UserError: If one cannot be written in UTF-8, in which a run has it.
        """
        if self.problem_type == REGRESSION:
            return [VALUE]
        names = sorted({name for label in self.labels for name in names_in(label)})
        for name in names:
            if name != name.encode(errors="replace").decode():
                raise UserError(
                    f"{self.source}: a label must be text that UTF-8 can hold. Received: "
                    f"{name!a}. Give it another name."
                )
        all_integers = all(re.fullmatch("-?[0-9]{1,18}", name) for name in names)
        return sorted(names, key=int) if all_integers else names

    def describe(self) -> dict[str, Any]:
        described = super().describe()
        if self.problem_type != SINGLE_LABEL:
            described["problem_type"] = self.problem_type
        if self.label_separator is not None:
            described["label_separator"] = self.label_separator
        if self.problem_type == REGRESSION:
            values = self.labels
            return {**described, "values": {"lowest": min(values), "highest": max(values)}}
        counts = Counter(name for label in self.labels for name in names_in(label))
        class_counts = {name: counts[name] for name in self.class_names()}
        if self.problem_type == MULTI_LABEL:
            described["num_without_label"] = sum(not label for label in self.labels)
        return {**described, "class_counts": class_counts}


def names_in(label: Any) -> tuple[Any, ...]:
    """Returns the classes that a label names: it may be a tuple of some."""
    return label if isinstance(label, tuple) else (label,)


def show_label(label: Any) -> str:
    """Returns a label as messages show it."""
    if isinstance(label, tuple):
        return " + ".join(map(display_name, label)) or "(none)"
    return display_name(str(label))


def noting(read: Callable) -> Callable:
    """Makes a function that reads examples keep with them what it says of them.

    Of several parts, the first has it. So it is known in a training that begins later.
    """

    @wraps(read)
    def noted(*args: Any, **options: Any) -> Any:
        with heard() as said:
            examples = read(*args, **options)
        first = examples[0] if isinstance(examples, tuple) else examples
        vars(first)["said"] = (*first.said, *said)
        return examples

    return noted


def folded(text: str) -> str:
    """Returns what texts have in common that differ by case, white space or Unicode form alone.

    That is Unicode's NFKC_Casefold, without white space.

    References:
        Unicode Standard Annex 31, section 5.1.1, https://www.unicode.org/reports/tr31/
    """
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).casefold()
    return "".join(unicodedata.normalize("NFKC", text).split())


def group_rows(keys: Iterable[Hashable]) -> list[list[int]]:
    """Returns the rows of each distinct key, in the order in which the keys first come."""
    groups = defaultdict(list)
    for row, key in enumerate(keys):
        groups[key].append(row)
    return list(groups.values())


def fingerprint(*columns: Iterable[str]) -> str:
    """Returns the SHA-256 over columns of texts, in hexadecimal."""
    digest = hashlib.sha256()
    for column in columns:
        for value in column:
            digest.update(json.dumps(value).encode("ascii") + b"\n")
        digest.update(b"\n")
    return digest.hexdigest()
