"""Finds and opens files of word vectors: as they are, compressed, or among others in a .zip."""

import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

import numpy as np

from ..errors import UserError
from .files import HEAD, check_file, open_binary

FASTTEXT_MODEL = (793712314).to_bytes(4, "little")  # fastText, fasttext.cc
WIDEST = 2**13  # numbers of a word
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError)
_CLOSED = (NotImplementedError, RuntimeError)  # compressed in an unknown way, or encrypted


class VectorFile(NamedTuple):
    """Says where word vectors are, and in what form.

    Attributes:
        path: The file.
        member: Its part, if it is a .zip.
        width: Numbers of each word.
        count: Words that the first line promises; None if it is a word as all others.
        is_binary: Whether numbers are written as word2vec's binary form has them.
    """

    path: str
    member: str | None
    width: int
    count: int | None
    is_binary: bool

    @property
    def name(self) -> str:
        """Returns what to call it: the name of the file that holds the lines."""
        return PurePosixPath(self.member).name if self.member else Path(self.path).name


def find_vectors(source: str) -> VectorFile:
    """Finds word vectors, and looks at the first lines.

    Args:
        source: A file, compressed or not; a .zip with one file of vectors in it; or FILE.zip/NAME
            for one of several.

    Raises:
        UserError: If there are none, or several to choose from; the message names them.
    """
    archive = next((each for each in Path(source).parents if each.is_file()), None)
    if archive is not None:
        return _look(str(archive), Path(source).relative_to(archive).as_posix())
    check_file(source)
    if not zipfile.is_zipfile(source):
        return _look(source, None)
    found, problems = [], []
    for member in _members(source):
        try:
            found.append(_look(source, member))
        except UserError as error:
            problems.append(str(error))
    if not found:
        raise UserError(problems[0] if problems else f"{source}: there is no file in it.")
    if len(found) > 1:
        widths = ", ".join(f"{each.member} ({each.width} numbers a word)" for each in found)
        raise UserError(
            f"{source} holds several files of word vectors: {widths}. Name one of them: "
            f"{source}/{found[0].member}"
        )
    return found[0]


@contextmanager
def open_vectors(file: VectorFile) -> Iterator[BinaryIO]:
    """Opens a file of word vectors to read its bytes.

    Raises:
        UserError: If it cannot be read, in the `with` block, too.
    """
    with _open(file.path, file.member) as stream:
        yield stream


@contextmanager
def _open(path: str, member: str | None) -> Iterator[BinaryIO]:
    if member is None:
        with open_binary(path) as stream:
            yield stream
        return
    try:
        with zipfile.ZipFile(path) as archive, _open_member(archive, path, member) as stream:
            yield stream
    except _DAMAGED as error:
        raise UserError(
            f"{path}: {member} cannot be read ({error}). Download it again, or unpack it."
        ) from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error


def _open_member(archive: zipfile.ZipFile, path: str, member: str) -> BinaryIO:
    try:
        return archive.open(member)
    except KeyError:
        names = ", ".join(_members(path)) or "none"
        raise UserError(f"{path} has no {member}. The files in it: {names}") from None
    except _CLOSED as error:
        raise UserError(f"{path}: {member} cannot be read ({error}). Unpack it.") from error


def _members(path: str) -> list[str]:
    """Returns the names of the files in a .zip, but for those that macOS adds."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [each.filename for each in archive.infolist() if not each.is_dir()]
    except (*_DAMAGED, *_CLOSED, OSError) as error:
        raise UserError(f"{path} is not a sound .zip ({error}). Download it again.") from error
    return [name for name in names if not name.startswith("__MACOSX/")]


def _look(path: str, member: str | None) -> VectorFile:
    """Tells the form of a file by its first lines."""
    with _open(path, member) as stream:
        head = stream.read(HEAD).removeprefix(b"\xef\xbb\xbf")
    where = path if member is None else f"{path}/{member}"
    if head.startswith(FASTTEXT_MODEL):
        raise UserError(
            f"{where} is a model of fastText, not word vectors as text. Take the .vec file that "
            "comes with it."
        )
    width, count, is_binary = _form(head)
    if width < 2:
        received = _shown(head.partition(b"\n")[0])
        if width:
            received = "1 number a word; is it a list of words and how often each occurs?"
        raise UserError(
            f"{where} holds no word vectors: each line must have a word and its numbers, with "
            f"spaces between. Name a file of GloVe or word2vec. Received: {received}"
        )
    return VectorFile(path, member, width, count, is_binary)


def _form(head: bytes) -> tuple[int, int | None, bool]:
    """Returns width, count and form as `VectorFile` has them; a width of 0 if these are none."""
    first, *lines = head.split(b"\n")
    if lines and len(head) >= HEAD - 3:
        lines.pop()  # it need not be whole
    count, width = _header(first)
    widths = Counter(filter(None, map(_width, [first, *lines] if count is None else lines)))
    if widths:
        return widths.most_common(1)[0][0], count, False
    return (
        (width, count, True) if count is not None and _is_binary(head, width) else (0, None, False)
    )


def _header(line: bytes) -> tuple[int | None, int]:
    """Returns how many words and numbers a first line promises; None if it is none."""
    fields = line.split()
    if len(fields) == 2 and all(each.isdigit() and len(each) < 10 for each in fields):
        return int(fields[0]), int(fields[1])
    return None, 0


def _width(line: bytes) -> int:
    """Returns how many numbers follow the word of a line; 0 if what follows are none."""
    _, *numbers = line.split() or [b""]
    try:
        return len([float(each) for each in numbers])
    except ValueError:
        return 0


def _is_binary(head: bytes, width: int) -> bool:
    """Returns whether what comes after the first line is a word, a space and numbers of 4 bytes."""
    _, _, rest = head.partition(b"\n")
    word, space, rest = rest.partition(b" ")
    numbers = np.frombuffer(rest[: min(len(rest), 4 * width) // 4 * 4], "<f4")
    is_there = bool(space and word and len(numbers)) and 0 < width <= WIDEST
    return is_there and bool(np.isfinite(numbers).all())


def _shown(line: bytes) -> str:
    return repr(line[:60].decode("utf-8", "backslashreplace"))
