"""What disks do to files: a bit that flips, an end that is lost."""

import random
from contextlib import contextmanager


def files_in(directory):
    """Returns all files in a directory and below it, in order."""
    return sorted(path for path in directory.rglob("*") if path.is_file())


def damages(directory, flips, cuts, seed=0):
    """Yields files with damaged contents: bits flipped, then ends lost, spread over all files."""
    rng = random.Random(seed)
    files = [path for path in files_in(directory) if path.stat().st_size]
    for number in range(flips + cuts):
        path = files[number % len(files)]
        content = bytearray(path.read_bytes())
        place = rng.randrange(len(content))
        if number < flips:
            content[place] ^= 1 << rng.randrange(8)
            yield path, bytes(content)
        else:
            yield path, bytes(content[:place])


@contextmanager
def damaged(path, content):
    """Has a file hold something else for a while."""
    whole = path.read_bytes()
    path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(whole)


def flipped(path, place=-1):
    """Returns the content of a file with one bit flipped, by default in its last byte."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    return bytes(content)
