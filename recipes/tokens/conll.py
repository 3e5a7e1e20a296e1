"""Reads files of words with tags, a word a line, as those of CoNLL-2003 are."""

import logging
from collections.abc import Iterator, Sequence

from ..data.bounds import lines_of
from ..data.files import encoding_of, open_text
from ..names import counted
from .settings import TokenReading
from .tags import is_tag

DOCUMENT = "-DOCSTART-"  # begins a line where a document begins

logger = logging.getLogger("regard")

# The number of a sentence's first line, what is wrong with it or "", its words, and their tags.
Sentence = tuple[int, str, list[str], list[str]]


def read_conll(source: str, reading: TokenReading) -> Iterator[Sentence]:
    """Yields the sentences of a file: a word a line, and an empty line after each sentence.

    The first column is the word, the last its tag. Tabs divide the columns of a line that has some,
    else white space does. Lines that begin documents, and comments, are counted and said.
    """
    lines = _Lines(source, reading)
    start, problem, words, tags = 1, "", [], []
    for number, fields in lines:
        if fields is None:
            if words or problem:
                yield start, problem, words, tags
            start, problem, words, tags = number + 1, "", [], []
            continue
        wrong = lines.problem(fields)
        if wrong:
            problem = problem or (wrong if number == start else f"{wrong}, in row {number}")
            continue
        words.append(fields[0])
        tags.append(fields[-1])
    if words or problem:
        yield start, problem, words, tags
    lines.say()


class _Lines:
    """Divides the lines of a file into columns, and counts those that are passed over."""

    def __init__(self, source: str, reading: TokenReading):
        self.source, self.delimiter = source, reading.delimiter
        self.encoding = encoding_of(source, reading.encoding)
        self.width = 0  # columns of the first line that has some
        self.documents = self.comments = 0

    def __iter__(self) -> Iterator[tuple[int, list[str] | None]]:
        """Yields the number of each line and its columns; None where a sentence ends."""
        with open_text(self.source, self.encoding) as file:
            for number, line in enumerate(lines_of(file, self.source), start=1):
                fields = self._fields(line)
                if not fields:
                    yield number, None
                elif fields[0] == DOCUMENT:
                    self.documents += 1
                    yield number, None
                elif self._is_comment(line, fields):
                    self.comments += 1
                else:
                    self.width = self.width or len(fields)
                    yield number, fields

    def _fields(self, line: str) -> list[str]:
        if line.isspace():
            return []
        delimiter = self.delimiter or ("\t" if "\t" in line.rstrip() else None)
        return [field.strip() for field in line.strip("\r\n").split(delimiter)]

    def _is_comment(self, line: str, fields: Sequence[str]) -> bool:
        is_word = len(fields) == (self.width or len(fields)) and is_tag(fields[-1])
        return line.startswith("#") and not is_word

    def problem(self, fields: Sequence[str]) -> str:
        """Says in words what is wrong with the columns of a line; empty if nothing is."""
        if len(fields) < 2:
            return f"a line must have a word and its tag, not only {fields[0]!r:.60}"
        if len(fields) != self.width:
            return f"a line must have {self.width} columns as the first, not {len(fields)}"
        return "" if fields[0] and fields[-1] else "a word or a tag is empty"

    def say(self) -> None:
        if self.documents or self.comments:
            message = "%s: lines passed over: %d that begin a document, %s"
            comments = counted(self.comments, "comment")
            logger.info(message, self.source, self.documents, comments)
