"""Texts as they were read: with labels, to learn a task from, and without, to pre-train on."""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class LabelledTexts:
    """Texts, or pairs of texts, with their labels, in file order.

    Attributes:
        source: What the user named, for messages.
        texts: The texts, as they stand in the source.
        labels: One label per text, always a string.
        text_column: The column that the texts came from.
        label_column: The column that the labels came from.
        num_skipped: Bad rows of the source that were left out.
        pairs: The second text of each example; None where the examples are single texts.
        pair_column: The column that the second texts came from; None likewise.
    """

    source: str
    texts: list[str]
    labels: list[str]
    text_column: str
    label_column: str
    num_skipped: int = 0
    pairs: list[str] | None = None
    pair_column: str | None = None

    def __post_init__(self):
        if (self.pairs is None) != (self.pair_column is None):
            raise ValueError(
                "`pairs` and `pair_column` must be given together, or neither. "
                f"Received: pair_column={self.pair_column!r}"
            )

    def __len__(self) -> int:
        return len(self.texts)

    def examples(self) -> list[str] | list[tuple[str, str]]:
        """The texts, or the pairs of texts."""
        return self.texts if self.pairs is None else list(zip(self.texts, self.pairs, strict=True))

    def fingerprint(self) -> str:
        """SHA-256 over texts, labels and pairs, in hexadecimal: the same for the same data."""
        return fingerprint(self.texts, self.labels, *([] if self.pairs is None else [self.pairs]))

    def class_names(self) -> list[str]:
        """The distinct labels, sorted as `sorted_labels` does."""
        return sorted_labels(self.labels)

    def take(self, rows: Sequence[int]) -> "LabelledTexts":
        """Some of the rows."""
        return replace(
            self,
            texts=[self.texts[row] for row in rows],
            labels=[self.labels[row] for row in rows],
            pairs=None if self.pairs is None else [self.pairs[row] for row in rows],
        )


@dataclass(frozen=True)
class Texts:
    """Texts without labels, in the order of their sources.

    Attributes:
        sources: What the user named, for messages.
        texts: The texts, as they stand in the sources.
        num_skipped: Bad rows of the sources that were left out.
    """

    sources: list[str]
    texts: list[str]
    num_skipped: int = 0

    def __len__(self) -> int:
        return len(self.texts)

    def fingerprint(self) -> str:
        """SHA-256 over the texts, in hexadecimal: the same data, the same fingerprint."""
        return fingerprint(self.texts)


def sorted_labels(labels: Iterable[str]) -> list[str]:
    """The distinct labels, sorted: as numbers where all are integers, else by code point."""
    names = sorted(set(labels))
    all_integers = all(re.fullmatch("-?[0-9]{1,18}", name) for name in names)
    return sorted(names, key=int) if all_integers else names


def fingerprint(*columns: Iterable[str]) -> str:
    """SHA-256 over columns of texts, in hexadecimal."""
    digest = hashlib.sha256()
    for column in columns:
        for value in column:
            digest.update(json.dumps(value).encode("ascii") + b"\n")
        digest.update(b"\n")
    return digest.hexdigest()
