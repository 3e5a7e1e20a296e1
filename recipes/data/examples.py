"""What examples of every kind have in common: a fingerprint, and labels in an order."""

import hashlib
import json
import re
from collections.abc import Iterable


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
