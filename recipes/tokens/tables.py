"""Reads tables of texts with entities: words with tags, or texts with spans."""

import logging
import os
import reprlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from ..data.contents import guess_by_content
from ..data.files import head_of
from ..data.formats import open_table, shows_table
from ..data.memory import table_of
from ..data.recognition import text_format
from ..data.rows import NOT_TEXT, Table
from ..data.spelled_lists import read_spelled
from ..data.suffixes import TABLE_FORMATS, suffix_of
from ..errors import UserError
from .settings import TokenReading
from .spans import Marked, annotations_in, read_spans
from .tags import entities_of
from .word_rows import WordColumns, find_word_columns, read_sentences

SUFFIXES = (".conll", ".bio", ".iob", ".iob2", ".bioes", ".txt", ".tsv")  # of words with tags
WORDS = ("tokens", "words")
TEXTS = ("text", "sentence", "data", "content")
TAGS = ("ner_tags", "tags", "ner", "ner_labels", "labels", "label")
_OF_TASKS = ("annotations", "completions")  # of Label Studio, now and before its version 1
SPANS = ("spans", "entities", "annotations.entities", "label", "labels", "ner", *_OF_TASKS)
_ACCEPTED = ("accept", None)  # what Prodigy writes as the answer of an annotator

logger = logging.getLogger("regard")


def is_table_of_entities(source: Any, encoding: str | None = None) -> bool:
    """Returns whether data has columns with names, and not a word a line."""
    if not isinstance(source, str) or source.startswith("tfds:"):
        return True
    suffix = suffix_of(source)
    if suffix in (*TABLE_FORMATS, *SUFFIXES) or not os.path.isfile(source):
        return suffix in TABLE_FORMATS and suffix not in SUFFIXES
    head = head_of(source)
    return shows_table(head, encoding) and text_format(head, encoding) not in (".csv", ".ft")


def tagged(words: Sequence[str], tags: Sequence[str]) -> Marked:
    """Makes a text of words, with spaces between, and its entities of their tags."""
    starts, place = [], 0
    for word in words:
        starts.append(place)
        place += len(word) + 1
    entities = [
        (starts[first], starts[after - 1] + len(words[after - 1]), kind)
        for first, after, kind in entities_of(tags)
    ]
    return Marked(" ".join(words), entities, tags)


def open_entities(
    source: Any, reading: TokenReading, counts: Counter[str]
) -> tuple[str, tuple[str, str], Iterator[tuple]]:
    """Opens a table: what to call it, its two columns, and its rows, as `read_conll` has them.

    Raises:
        UserError: If it cannot be opened, or a column cannot be told.
    """
    name, table = (
        (source, open_table(source, reading)) if isinstance(source, str) else (table_of(source))
    )
    names = reading.tag_names.split(",") if reading.tag_names else None
    of_words = find_word_columns(table.columns, reading.text_column, reading.label_column)
    if of_words is not None:
        message = "%s: a row a word: %r, with the tag in %r, sentences by %r"
        logger.info(message, name, of_words.word, of_words.tag, of_words.sentence)
        return name, (of_words.word, of_words.tag), _sentences(table, of_words, names, counts)
    columns = choose_columns(name, table, reading.text_column, reading.label_column)
    return name, columns, _rows(table, columns, names, counts)


def choose_columns(
    source: str, table: Table, text_column: str | None, label_column: str | None
) -> tuple[str, str]:
    """Chooses the columns of texts or words, and of tags or spans.

    Raises:
        UserError: If one cannot be told, or is not there.
    """
    text = _find(source, table, text_column, (*WORDS, *TEXTS), "text")
    likely = TAGS if text.casefold() in WORDS else SPANS
    label = _find(source, table, label_column, [each for each in likely if each != text], "label")
    return text, label


def _find(source: str, table: Table, given: str | None, likely: Sequence[str], role: str) -> str:
    if given is not None and given in table.columns:
        return given
    there = {  # by its name, or that within a record, as "text" of "data.text"
        **{name.casefold().rpartition(".")[2]: name for name in reversed(table.columns)},
        **{name.casefold(): name for name in reversed(table.columns)},
    }
    found = next((there[name] for name in likely if name in there), None)
    if found is None and given is None and role == "text":
        guessed = guess_by_content(table, table.plain_columns, ["text"])["text"]
        found = guessed[0] if len(guessed) == 1 else None
    if given is None and found is not None:
        message = "%s: column %r taken as the %s (--%s-column names another)"
        what = "texts" if role == "text" else "entities"
        logger.info(message, source, found, what, role)
        return found
    problem = "no column is known to hold the " + (
        "texts or their words" if role == "text" else "tags of words or the entities"
    )
    if given is not None:
        problem = f"there is no column {given!r}"
    listed = ", ".join(map(reprlib.repr, table.columns))
    raise UserError(f"{source}: {problem}. Its columns: {listed}. Name one with --{role}-column.")


def _rows(
    table: Table, columns: tuple[str, str], names: list[str] | None, counts: Counter[str]
) -> Iterator[tuple]:
    wanted = [*columns, *(["answer"] if "answer" in table.columns else [])]
    is_of_tasks = columns[0].startswith("data.") and columns[1] in _OF_TASKS
    for row, problem, cells in table.read(wanted):
        if not problem and is_of_tasks and not (cells[1] and annotations_in(cells[1]) != []):
            counts["tasks that nobody annotated, left out"] += 1
            continue
        if not problem and len(cells) > 2 and cells[2] not in _ACCEPTED:
            counts["rows that the annotator did not accept, left out"] += 1
            continue
        marked = None
        if not problem:
            try:
                marked = _marked(cells[0], cells[1], names, counts)
            except ValueError as error:
                problem = str(error)
        yield row, problem, marked


def _sentences(
    table: Table, columns: WordColumns, names: list[str] | None, counts: Counter[str]
) -> Iterator[tuple]:
    for row, problem, (words, tags) in read_sentences(table, columns):
        marked = None
        if not problem:
            try:
                marked = _marked(words, tags, names, counts)
            except ValueError as error:
                problem = str(error)
        yield row, problem, marked


def _marked(text: Any, label: Any, names: list[str] | None, counts: Counter[str]) -> Marked:
    """Makes a text with its entities of two cells.

    Raises:
        ValueError: If they do not hold such; the message says why in words.
    """
    if isinstance(text, str) and text.startswith("[") and isinstance(label, str):
        text, label = _unspelled(text), _unspelled(label)
    if isinstance(text, str):
        if found := NOT_TEXT.search(text):
            what = "a NUL byte" if found[0] == "\0" else "half a character (a surrogate)"
            raise ValueError(f"the text holds {what}")
        if not text.strip():
            raise ValueError("the text is empty")
        return Marked(text, read_spans(text, label, counts))
    if not isinstance(text, list | tuple) or not text:
        raise ValueError(f"there must be a text, or a list of words, not {reprlib.repr(text)}")
    for word in text:
        if not isinstance(word, str) or not word.strip() or NOT_TEXT.search(word):
            raise ValueError(f"a word must be a text, not {reprlib.repr(word)}")
    if not isinstance(label, list | tuple) or len(label) != len(text):
        has = f"{len(label)}" if isinstance(label, list | tuple) else reprlib.repr(label)
        raise ValueError(f"there must be a tag for each of the {len(text)} words, not {has}")
    return tagged(text, [_named(tag, names) for tag in label])


def _unspelled(cell: str) -> Any:
    """Returns the list that a cell of a file without types spells; else the cell."""
    spelled = read_spelled(cell)
    return cell if spelled is None else spelled


def _named(tag: Any, names: list[str] | None) -> str:
    """Returns the name of a tag, which may be a number."""
    if isinstance(tag, str) and tag.strip():
        return tag.strip()
    if type(tag) is int and names is not None and 0 <= tag < len(names):
        return names[tag].strip()
    if type(tag) is int and names is None:
        raise ValueError(
            f"the tag {tag} is a number without a name: pass --tag-names O,B-PER,... in the order "
            "of the numbers"
        )
    known = f" of 0 to {len(names) - 1}" if names else ""
    raise ValueError(f"a tag must be a name, or a number{known}, not {reprlib.repr(tag)}")
