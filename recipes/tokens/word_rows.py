"""Reads tables with a row for each word, and a column that says where sentences begin."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..data.rows import Row, Table, is_missing

SENTENCES = ("sentence #", "sentence_id", "sentence id", "sentence_idx", "sent_id", "sentence")
WORDS = ("word", "token")
TAGS = ("tag", "ner_tag", "ner", "label", "entity")


class WordColumns(NamedTuple):
    """Names the columns of sentences, words and tags."""

    sentence: str
    word: str
    tag: str


def find_word_columns(
    columns: Sequence[str], word: str | None, tag: str | None
) -> WordColumns | None:
    """Returns the columns of a table with a row for each word; None if it is none.

    Words and tags may be named; sentences go by the name of their column.
    """
    there = {name.casefold().strip(): name for name in reversed(columns)}
    found = [
        given if given in columns else next((there[name] for name in known if name in there), None)
        for given, known in ((None, SENTENCES), (word, WORDS), (tag, TAGS))
    ]
    is_one = None not in found and len(set(found)) == 3 and found[1].casefold().strip() in WORDS
    return WordColumns(*found) if is_one else None


def read_sentences(table: Table, columns: WordColumns) -> Iterator[Row]:
    """Yields of each sentence the number of its first row, what is wrong, and (words, tags).

    A sentence goes on as long as its column is empty, or says the same, or its row is bad.
    """
    current, start, problem, words, tags = None, None, "", [], []
    for row, wrong, cells in table.read(list(columns)):
        sentence, word, tag = cells if not wrong else (None, "", "")
        is_new = not wrong and not is_missing(sentence) and str(sentence) != current
        if is_new or start is None:
            if start is not None:
                yield start, problem, (words, tags)
            start, problem, words, tags = row, "", [], []
            current = current if wrong else str(sentence)
        problem = problem or (f"{wrong}, in row {row}" if wrong and row != start else wrong)
        words.append(word)
        tags.append(tag)
    if start is not None:
        yield start, problem, (words, tags)
