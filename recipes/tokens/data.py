"""Reads texts with the entities that are marked in them, to learn from and to evaluate on."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..data.examples import Examples, noting
from ..data.files import check_file
from ..data.sources import is_named, list_tables, names_in
from ..data.splitting import with_validation
from ..declarations import takes
from ..errors import UserError
from ..names import counted
from .brat import is_brat, read_brat
from .conll import read_conll
from .settings import TokenReading
from .spans import Marked, Span
from .tables import SUFFIXES, is_table_of_entities, open_entities, tagged
from .tags import scheme_of

logger = logging.getLogger("regard")


@dataclass(frozen=True)
class LabelledTokens(Examples):
    """Holds texts with the entities that are marked in them, in file order.

    Attributes:
        source: The name that the user gave, for messages.
        texts: The texts; of words, these with spaces between.
        entities: Of each text its entities: the first character, that after the last, and what it
            is. They do not overlap, and are in their order.
        text_column: The column that the texts came from; None of a file without columns.
        label_column: That which the tags or entities came from.
        num_skipped: Bad rows of the source that were left out.
    """

    COLUMNS = ("texts", "entities")
    CONTENT = COLUMNS
    ORIGIN = ("source", "text_column", "label_column")

    source: str
    texts: list[str]
    entities: list[list[Span]]
    text_column: str | None = None
    label_column: str | None = None
    num_skipped: int = 0

    def counts(self) -> dict[str, int]:
        """Returns the number of entities of each kind."""
        counts = Counter(kind for row in self.entities for _, _, kind in row)
        return dict(sorted(counts.items()))

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "class_counts": self.counts()}


@noting
@takes(TokenReading)
def read_labelled_tokens(source: Any, *splits: str, **reading: Any) -> LabelledTokens:
    """Reads texts with entities, at least one text, from files or memory.

    A file whose suffix says so, such as `.jsonl` or `.parquet`, is a table: of `tokens` with
    `ner_tags`, or of a `text` with `spans`, `entities` or `label`, each [start, end, label] or an
    object of these, in characters as Python counts them. In any other file, such as `.conll`, each
    line has a word in its first column and the word's tag in its last, and an empty line ends a
    sentence. Tags may be in IOB1, IOB2 or BIOES: entities are the same. A table may also have a row
    for each word, and a folder texts with brat's marks beside them.

    Args:
        source: The name of a file, or of a folder of such files; a pattern; a list of these; or a
            data frame, a dict of columns, or rows.
        *splits: Which split to read of a folder that has some, the first that is there. Defaults
            to "train".
        **reading: Attributes of `TokenReading`. A bad row has too many or too few columns, not as
            many tags as words, or a span that is not within the text.

    Raises:
        UserError: If the source cannot be read, a column cannot be told, or a row is bad.

    Example:
        >>> table = read_labelled_tokens("train.conll")
        >>> table.texts[0], table.entities[0]
        ('Ada lives in Rome .', [(0, 3, 'PER'), (13, 17, 'LOC')])
    """
    reading, splits = TokenReading(**reading), splits or ("train",)
    if not is_named(source):
        return _read_one(source, reading)
    names = [
        name
        for each in names_in(source)
        for name in ([each] if is_brat(each) else list_tables(each, splits, also=SUFFIXES))
    ]
    parts = [_read_one(name, reading) for name in names]
    if len(parts) == 1:
        return parts[0]
    whole = parts[0]
    for part in parts[1:]:
        whole = replace(whole.joined(part), num_skipped=whole.num_skipped + part.num_skipped)
    return replace(whole, source=f"{whole.source} and {len(parts) - 1} more")


def _read_one(source: Any, reading: TokenReading) -> LabelledTokens:
    """Reads one file, or what is in memory."""
    text_column = label_column = None
    counts: Counter[str] = Counter()
    if is_brat(source):
        name, rows = source, read_brat(source, reading.encoding, counts)
    elif is_table_of_entities(source, reading.encoding):
        name, columns, rows = open_entities(source, reading, counts)
        text_column, label_column = columns
    else:
        check_file(source)
        name, rows = source, _of_lines(source, reading)
    marked, num_skipped, tags = _good_rows(name, rows, reading.skip_bad_rows)
    if tags:
        _check_tags(name, tags)
        logger.info("%s: tags in %s; a model's own are IOB2", name, scheme_of(tags))
    for what, count in counts.items():
        logger.warning("%s: %s: %d", name, what, count)
    texts, entities = [each.text for each in marked], [each.entities for each in marked]
    return LabelledTokens(name, texts, entities, text_column, label_column, num_skipped)


def _of_lines(source: str, reading: TokenReading) -> Iterator[tuple]:
    for row, problem, words, tags in read_conll(source, reading):
        yield row, problem, None if problem else tagged(words, tags)


def _good_rows(
    source: str, rows: Iterator[tuple], skip_bad_rows: bool
) -> tuple[list[Marked], int, list[Sequence[str]]]:
    """Returns the good rows, the number of bad ones, and the tags of sentences that had some."""
    good, bad, tags = [], [], []
    for row, problem, marked in rows:
        if problem:
            bad.append(f"row {row}: {problem}")
            continue
        good.append(marked)
        if marked.tags is not None:
            tags.append(marked.tags)
    if bad and not skip_bad_rows:
        others = f" Bad rows in all: {len(bad):,}." if len(bad) > 1 else ""
        raise UserError(
            f"{source}, {bad[0]}. Correct it, or pass --skip-bad-rows to leave such rows "
            f"out.{others}"
        )
    if not good:
        found = f"only bad rows, first {bad[0]}" if bad else "no rows"
        raise UserError(f"{source} must hold at least one text with its entities, but has {found}.")
    if bad:
        logger.warning("%s: bad rows left out: %d, first %s", source, len(bad), bad[0])
    return good, len(bad), tags


def _check_tags(source: str, tags: list[Sequence[str]]) -> None:
    """Raises `UserError` if what was taken for tags differs from word to word, as in plain text."""
    all_tags = [tag for each in tags for tag in each]
    distinct = set(all_tags)
    if "O" not in distinct and len(distinct) > len(all_tags) / 2:
        raise UserError(
            f"{source}: tags must come again and again, as O and B-PER do. Received: "
            f"{len(distinct):,} for {counted(len(all_tags), 'word')}, such as "
            f"{min(distinct)!r:.40}. "
            "Name a file with a word and its tag in each line, a table, or a folder of brat's."
        )


@noting
def read_train_and_validation(
    train: Any, validation: Any, seed: int, **reading: Any
) -> tuple[LabelledTokens, LabelledTokens]:
    """Reads the data to learn from and the data to validate on, or holds out a part for that."""
    if not isinstance(train, LabelledTokens):
        train = read_labelled_tokens(train, **reading)
    if not train.counts():
        raise UserError(
            f"{train.source}: no text of {len(train):,} has an entity, so there is nothing to "
            "learn. Name the right column with --label-column."
        )
    return with_validation(
        train,
        validation,
        seed,
        lambda source: read_labelled_tokens(source, "validation", **reading),
    )
