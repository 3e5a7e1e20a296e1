"""Reads word vectors: the text files of GloVe, word2vec and fastText, and word2vec's binary ones.

A line is a word and its numbers, with spaces between. The first line may say how many words and
numbers there are. Such files have gigabytes: they are read as a stream, and only what is wanted of
them is kept.

References:
    Pennington et al., "GloVe", https://nlp.stanford.edu/projects/glove/;
    Mikolov et al., "word2vec", https://code.google.com/archive/p/word2vec/
"""

from collections.abc import Callable, Collection, Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

from .vector_files import VectorFile, find_vectors, open_vectors

LONGEST_LINE = 2**20  # bytes: some 50,000 numbers
LONGEST_WORD = 2**10  # bytes, in the binary form
_PIECE = 2**20  # bytes

Record = tuple[bytes, list[bytes] | bytes]  # a word, and its numbers as they are written


class WordVectors(NamedTuple):
    """Holds vectors of words.

    Attributes:
        file: Where they are from.
        vectors: The vector (W,) of each word that was found, in the order of the file.
        num_damaged: Lines that were passed over: too few or too many numbers, or none at all.
        num_repeated: Words that came again, and were passed over.
        num_missing: Words that the first line promises and that are not there.
    """

    file: VectorFile
    vectors: dict[str, np.ndarray]
    num_damaged: int
    num_repeated: int
    num_missing: int


def read_vectors(
    source: str,
    token_of: Callable[[str], str | None],
    wanted: Collection[str],
    num_others: int = 0,
) -> WordVectors:
    """Reads the vectors of the tokens that are wanted, and of the first others.

    Where several words are one token, such as "Paris" and "paris", the one that is written like the
    token goes before, then the first: files have the most frequent words first.

    Args:
        source: The file, as `find_vectors` takes it.
        token_of: Returns the token that a word of the file is, or None where it is not just one.
        wanted: The tokens.
        num_others: How many other tokens to read, the first of the file.

    Raises:
        UserError: If it is no such file.
    """
    file, chosen = find_vectors(source), _Chosen(wanted, num_others)
    with open_vectors(file) as stream:
        for record in _records(stream, file):
            chosen.num_records += 1
            word = None if record is None else _decoded(record[0])
            if word is None or _is_number_behind(word):
                chosen.num_damaged += 1
            elif chosen.wants(token := token_of(word)):
                chosen.take(token, word, record[1])
    num_missing = max(0, (file.count or 0) - chosen.num_records)
    return WordVectors(file, chosen.vectors, chosen.num_damaged, chosen.num_repeated, num_missing)


class _Chosen:
    """Holds the vectors that were taken so far, as `read_vectors` takes them."""

    def __init__(self, wanted: Collection[str], num_others: int):
        self.wanted, self.num_others = wanted, num_others
        self.vectors: dict[str, np.ndarray] = {}
        self.exact: set[str] = set()  # tokens whose vector is that of a word written like them
        self.num_records = self.num_damaged = self.num_repeated = 0

    def wants(self, token: str | None) -> bool:
        if token is None:
            return False
        return token in self.wanted or token in self.vectors or self.num_others > 0

    def take(self, token: str, word: str, numbers: list[bytes] | bytes) -> None:
        is_exact = word == token
        if token in self.vectors and (token in self.exact or not is_exact):
            self.num_repeated += is_exact
            return
        vector = _vector(numbers)
        if vector is None:
            self.num_damaged += 1
            return
        self.num_others -= token not in self.wanted and token not in self.vectors
        self.vectors[token] = vector
        if is_exact:
            self.exact.add(token)


def _decoded(word: bytes) -> str | None:
    try:
        return word.decode()
    except UnicodeDecodeError:
        return None


def _is_number_behind(word: str) -> bool:
    """Returns whether a line has more numbers than others: some then stand in the word's place."""
    _, space, last = word.rpartition(" ")
    return bool(space) and _vector([last.encode()]) is not None


def _vector(numbers: list[bytes] | bytes) -> np.ndarray | None:
    """Returns what is written as numbers; None unless all are finite, and some are not 0."""
    try:
        with np.errstate(over="ignore"):
            if isinstance(numbers, bytes):
                vector = np.frombuffer(numbers, "<f4")
            else:
                vector = np.array([float(each) for each in numbers], "float32")
    except ValueError:
        return None
    return vector if np.isfinite(vector).all() and vector.any() else None


def _records(stream: BinaryIO, file: VectorFile) -> Iterator[Record | None]:
    """Yields each word with its numbers, or None for what is damaged."""
    if file.count is not None:
        stream.readline()
    return (_binary_records if file.is_binary else _text_records)(stream, file)


def _text_records(stream: BinaryIO, file: VectorFile) -> Iterator[Record | None]:
    while line := stream.readline(LONGEST_LINE):
        fields = line.rsplit(None, file.width)  # from behind: a word may have spaces in it
        if len(fields) == file.width + 1:
            yield fields[0], fields[1:]
        elif fields:
            yield None


def _binary_records(stream: BinaryIO, file: VectorFile) -> Iterator[Record | None]:
    size, buffer, start = 4 * file.width, b"", 0
    for _ in range(file.count):
        while (end := buffer.find(b" ", start)) < 0 or len(buffer) < end + 1 + size:
            piece = stream.read(_PIECE)
            if not piece or (end < 0 and len(buffer) - start > LONGEST_WORD):
                return  # cut short, or beyond help: nothing tells where the next word begins
            buffer, start = buffer[start:] + piece, 0
        yield buffer[start:end].lstrip(b"\n"), buffer[end + 1 : end + 1 + size]
        start = end + 1 + size
