"""Reads labelled texts from files and TensorFlow Datasets, to learn from and to evaluate on."""

import logging
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..data.columns import choose_columns
from ..data.doubts import warn_of_labels
from ..data.examples import LabelledExamples, folded
from ..data.formats import open_table
from ..data.rows import Table, read_rows
from ..data.splitting import with_validation
from ..errors import UserError
from ..names import display_name
from .settings import TextReading

MOST_LABELS = 0.8  # of the number of texts: with more, the column is likely another one

logger = logging.getLogger("regard")


@dataclass(frozen=True)
class LabelledTexts(LabelledExamples):
    """Holds texts, or pairs of texts, with their labels, in file order.

    Attributes:
        source: The name that the user gave, for messages.
        texts: The texts, as they stand in the source.
        labels: One label per text, always a string.
        text_column: The column that the texts came from.
        label_column: The column that the labels came from.
        num_skipped: Bad rows of the source that were left out.
        pairs: The second text of each example; None where the examples are single texts.
        pair_column: The column that the second texts came from; None likewise.
    """

    COLUMNS = ("texts", "labels", "pairs")
    CONTENT = COLUMNS
    ORIGIN = ("source", "text_column", "label_column", "pair_column")

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

    def keys(self) -> list[Hashable]:
        keys = super().keys()
        return keys if self.pairs is None else list(zip(keys, map(folded, self.pairs), strict=True))

    def examples(self) -> list[str] | list[tuple[str, str]]:
        """Returns the texts, or the pairs of texts."""
        return self.texts if self.pairs is None else list(zip(self.texts, self.pairs, strict=True))


def read_labelled_texts(
    source: str | Path,
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    pair_column: str | None = None,
    encoding: str = "utf-8",
    skip_bad_rows: bool = False,
) -> LabelledTexts:
    """Reads texts and labels, at least one, from a file or from TensorFlow Datasets.

    The suffix tells the format: `.csv`, `.tsv`, `.jsonl` or `.ndjson`, `.parquet` or `.pq`. CSV is
    read strictly, with quotes as in RFC 4180. In TSV every line is a row, whatever quotes it holds,
    so a field may begin with a bare quote; a field that is quoted as a whole, as spreadsheets and
    pandas write it, loses these quotes. Texts are kept as they are; labels lose white space at both
    ends.

    Args:
        source: A file, or `tfds:NAME[/CONFIG][:SPLIT]`, where the default split is "train".
        text_column: The column of texts. Default: guessed from the names, and the guess logged.
        label_column: The column of labels. Default: guessed likewise. Labels that are integers,
            whole floats and booleans become "3", "3" and "true"; numbers that TFDS, or a Parquet
            file of Hugging Face's `datasets`, has names for become these.
        pair_column: The column of the second texts, where each example is a pair of texts. Never
            guessed.
        encoding: How a CSV, TSV or JSON Lines file is encoded. A UTF-8 byte order mark is dropped.
        skip_bad_rows: Leave out, and count, rows with too many or too few fields, lines that are
            not JSON objects, and rows where a text or the label is missing, empty, of a wrong
            type, or holds what is not text.

    Raises:
        UserError: If the source cannot be read, a column cannot be told, or a row is bad.

    Example:
        >>> table = read_labelled_texts("reviews.csv", label_column="stars")
        >>> table.class_names()
        ['1', '2', '3', '4', '5']
    """
    reading = TextReading(encoding, skip_bad_rows, text_column, pair_column, label_column)
    return _read_table(str(source), open_table(str(source), encoding), reading)


def _read_table(source: str, table: Table, reading: TextReading) -> LabelledTexts:
    given = {role: getattr(reading, f"{role}_column") for role in ("text", "label", "pair")}
    columns = choose_columns(source, table.columns, given)
    roles = {"second text" if role == "pair" else role: each for role, each in columns.items()}
    cells, num_skipped = read_rows(source, table, roles, reading.skip_bad_rows)
    pairs = cells.get("second text"), columns.get("pair")
    data = LabelledTexts(
        source,
        *(cells["text"], cells["label"], columns["text"], columns["label"], num_skipped, *pairs),
    )
    warn_of_labels(data)
    return data


def read_train_and_validation(
    train: str | Path | LabelledTexts,
    validation: str | Path | LabelledTexts | float,
    seed: int,
    **reading: Any,
) -> tuple[LabelledTexts, LabelledTexts]:
    """Reads the data to learn from and the data to validate on, or holds out a part for that.

    Either is a source for `read_labelled_texts`, or a table; `validation` may also be the share of
    the training data to hold out, in (0, 1).
    """
    if not isinstance(train, LabelledTexts):
        train = read_labelled_texts(train, **reading)
    _check_labels(train)
    train, validation = with_validation(
        train, validation, seed, lambda source: read_like(train.describe(), source, **reading)
    )
    check_pairs(validation, trained_on_pairs=train.pairs is not None)
    return train, validation


def _check_labels(train: LabelledTexts) -> None:
    num_classes = len(set(train.labels))
    if num_classes < 2:
        raise UserError(
            f"{train.source}: a classifier needs at least two labels to tell apart, but column "
            f"{train.label_column!r} holds only {display_name(train.labels[0])!r}."
        )
    if num_classes > max(2, MOST_LABELS * len(train)):
        raise UserError(
            f"{train.source}: a classifier needs several texts for most labels, but column "
            f"{train.label_column!r} holds {num_classes:,} labels for {len(train):,} texts. "
            "Name the right column with --label-column."
        )


def read_like(trained: dict[str, Any], source: str | Path, **reading: Any) -> LabelledTexts:
    """Reads data that goes with the training data: its columns are the first guess.

    `trained` has the `text_column`, `label_column` and, unless it is None, `pair_column` of the
    training data. The last is not a guess: the data must have it, or name another. The rest are
    attributes of `TextReading`.

    Raises:
        UserError: As `read_labelled_texts`, or if only one of the two holds pairs of texts.
    """
    reading = TextReading(**reading)
    table, pair_column = open_table(str(source), reading.encoding), trained.get("pair_column")
    trained_on = {name: trained[name] for name in ("text_column", "label_column")}
    known = {name: column for name, column in trained_on.items() if column in table.columns}
    reading = reading.with_defaults(**known, pair_column=pair_column)
    data = _read_table(str(source), table, reading)
    check_pairs(data, trained_on_pairs=pair_column is not None)
    return data


def check_pairs(data: LabelledTexts, trained_on_pairs: bool) -> None:
    """Raises `UserError` unless the data holds pairs of texts just where the training data does."""
    if (data.pairs is not None) == trained_on_pairs:
        return
    wanted = "pairs of texts" if trained_on_pairs else "single texts"
    fix = "Name the column of the second text with" if trained_on_pairs else "Leave out"
    raise UserError(
        f"{data.source} must hold {wanted}, as the training data does. {fix} --pair-column."
    )
