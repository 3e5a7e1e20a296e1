"""Reads labelled texts from files and TensorFlow Datasets, to learn from and to evaluate on."""

import logging
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..data.checks import check_labels
from ..data.columns import choose_columns
from ..data.doubts import warn_of_labels
from ..data.examples import LabelledExamples, folded, noting
from ..data.label_kinds import label_kind, with_flags
from ..data.label_reading import labels_like
from ..data.rows import Table, names_of, read_rows, with_joined
from ..data.sources import open_tables
from ..data.spelled_lists import with_spelled_lists
from ..data.splitting import with_validation
from ..declarations import takes
from ..errors import UserError
from ..problem_types import SINGLE_LABEL
from .settings import TextReading

COLUMNS = ("_column", "_columns")  # what names of settings end in, that name some
MOST_LABELS = 0.8  # of the number of texts: with more, the column is likely another one

logger = logging.getLogger("regard")


@dataclass(frozen=True)
class LabelledTexts(LabelledExamples):
    """Holds texts, or pairs of texts, with their labels, in file order.

    Attributes:
        source: The name that the user gave, for messages.
        texts: The texts, as they stand in the source.
        labels: One label per text: a string, or by the problem's type a tuple of strings, or a
            number.
        text_column: The column that the texts came from, or those that were joined.
        label_column: The column that the labels came from, or several of 0 and 1.
        num_skipped: Bad rows of the source that were left out.
        pairs: The second text of each example; None where the examples are single texts.
        pair_column: The column that the second texts came from; None likewise.
        problem_type: What the labels are, by `transformers`' word.
        label_separator: What stood between the labels of a cell; None if nothing did.
    """

    COLUMNS = ("texts", "labels", "pairs")
    CONTENT = COLUMNS
    ORIGIN = ("source", "text_column", "label_column", "pair_column")

    source: str
    texts: list[str]
    labels: list[Any]
    text_column: str | Sequence[str]
    label_column: str | Sequence[str]
    num_skipped: int = 0
    pairs: list[str] | None = None
    pair_column: str | None = None
    problem_type: str = SINGLE_LABEL
    label_separator: str | None = None

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


@takes(TextReading)
@noting
def read_labelled_texts(source: Any, *splits: str, **reading: Any) -> LabelledTexts:
    """Reads texts and labels, at least one, from files, TensorFlow Datasets, or memory.

    The first bytes of a file or its suffix tell the format: CSV, TSV, JSON, JSON Lines, Parquet,
    Arrow, Excel, or fastText's; each but the last few may be compressed. CSV is read strictly, with
    quotes as in RFC 4180. In `.tsv` every line is a row, whatever quotes it holds, so a field may
    begin with a bare quote; a field that is quoted as a whole, as spreadsheets and pandas write it,
    loses these quotes. Texts are kept as they are; labels lose white space at both ends, and are
    the same in all formats: "3" is 3 and 3.0, "true" is `True`.

    Args:
        source: The name of a file, of a folder of such files, or of `tfds:NAME[/CONFIG][:SPLIT]`,
            where the default split is "train"; a pattern, such as `data/*.csv`; a list of these;
            or a data frame, a dict of columns, a tuple of texts and labels, or rows.
        *splits: Which split to read of a folder that has some, the first that is there. Defaults
            to "train".
        **reading: Attributes of `TextReading`. A bad row has too many or too few fields, is no JSON
            object, or its text or label is missing, empty, of a wrong type, or no text.

    Raises:
        UserError: If the source cannot be read, a column cannot be told, or a row is bad.

    Example:
        >>> table = read_labelled_texts("reviews.csv", label_column="stars")
        >>> table.class_names()
        ['1', '2', '3', '4', '5']
    """
    reading = TextReading(**reading)
    return _read_tables(open_tables(source, reading, *splits), reading)


def _read_tables(tables: list[tuple[str, Table]], reading: TextReading) -> LabelledTexts:
    """Reads tables as one; the columns of the first are those of all."""
    data = _read_table(*tables[0], reading)
    if len(tables) > 1:
        names = ("text_column", "pair_column", "problem_type")
        given = {name: getattr(data, name) for name in names}
        if reading.label_columns is None:
            given["label_column"] = data.label_column
        reading = replace(reading, **given)
        data = data.joined(*(_read_table(*table, reading) for table in tables[1:]))
        data = replace(data, source=f"{data.source} and {len(tables) - 1} more")
    warn_of_labels(data)
    return data


def _read_table(source: str, table: Table, reading: TextReading) -> LabelledTexts:
    table, text_column = with_joined(table, reading.text_column)
    table, flags = with_flags(source, table, reading.label_columns)
    label_column = flags or reading.label_column
    given = {"text": text_column, "label": label_column, "pair": reading.pair_column}
    columns = choose_columns(source, table, given)
    roles = {"second text" if role == "pair" else role: each for role, each in columns.items()}
    table = with_spelled_lists(source, table, columns["label"], reading)
    kind = label_kind(source, table, columns["label"], reading)
    cells, num_skipped = read_rows(source, table, roles, reading.skip_bad_rows, labels=kind)
    return LabelledTexts(
        source,
        cells["text"],
        cells["label"],
        columns["text"] if reading.text_column is None else reading.text_column,
        columns["label"] if flags is None else reading.label_columns,
        num_skipped,
        cells.get("second text"),
        columns.get("pair"),
        kind.problem_type,
        reading.label_separator,
    )


@noting
def read_train_and_validation(
    train: Any,
    validation: Any,
    seed: int,
    **reading: Any,
) -> tuple[LabelledTexts, LabelledTexts]:
    """Reads the data to learn from and the data to validate on, or holds out a part for that.

    Either is a source for `read_labelled_texts`, or a table; `validation` may also be the share of
    the training data to hold out, in (0, 1).
    """
    if not isinstance(train, LabelledTexts):
        train = read_labelled_texts(train, **reading)
    check_labels(train)
    if train.problem_type == SINGLE_LABEL:
        _check_number(train)
    train, validation = with_validation(
        train,
        validation,
        seed,
        lambda source: read_like(train.describe(), source, "validation", **reading),
    )
    check_pairs(validation, trained_on_pairs=train.pairs is not None)
    return train, validation


def _check_number(train: LabelledTexts) -> None:
    num_classes = len(set(train.labels))
    if num_classes > max(2, MOST_LABELS * len(train)):
        raise UserError(
            f"{train.source}: a classifier needs several texts for most labels, but column "
            f"{train.label_column!r} holds {num_classes:,} labels for {len(train):,} texts. "
            "Name the right column with --label-column."
        )


def read_like(trained: dict[str, Any], source: Any, *splits: str, **reading: Any) -> LabelledTexts:
    """Reads data that goes with the training data: its columns are the first guess.

    `trained` has what `describe` gives of the training data: columns, and what the labels are. The
    `pair_column` is not a guess: the data must have it, or name another. The rest are attributes of
    `TextReading`.

    Raises:
        UserError: As `read_labelled_texts`, or if only one of the two holds pairs of texts.
    """
    reading, pair_column = TextReading(**reading), trained.get("pair_column")
    tables = open_tables(source, reading, *splits)
    there = set(tables[0][1].columns)
    trained_on = {"text_column": trained["text_column"]} | labels_like(trained, reading)
    known = {
        name: each
        for name, each in trained_on.items()
        if not name.endswith(COLUMNS) or there.issuperset(names_of(each))
    }
    reading = reading.with_defaults(**known, pair_column=pair_column)
    data = _read_tables(tables, reading)
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
