"""Describes examples of any kind: their fingerprint, their labels in order, their origin."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any


def sorted_labels(labels: Iterable[str]) -> list[str]:
    """Returns the distinct labels, sorted: as numbers if all are integers, else by code point."""
    names = sorted(set(labels))
    all_integers = all(re.fullmatch("-?[0-9]{1,18}", name) for name in names)
    return sorted(names, key=int) if all_integers else names


def fingerprint(*columns: Iterable[str]) -> str:
    """Returns the SHA-256 over columns of texts, in hexadecimal."""
    digest = hashlib.sha256()
    for column in columns:
        for value in column:
            digest.update(json.dumps(value).encode("ascii") + b"\n")
        digest.update(b"\n")
    return digest.hexdigest()


def describe(examples, **origin: Any) -> dict[str, Any]:
    """Returns what `run.json` says of examples: their origin, their number and fingerprint.

    Args:
        examples: Examples of any task.
        **origin: Where they are from.
    """
    counts = {}
    if hasattr(examples, "labels"):
        found = Counter(examples.labels)
        counts = {"class_counts": {name: found[name] for name in examples.class_names()}}
    return {
        **origin,
        "num_examples": len(examples),
        "num_skipped": examples.num_skipped,
        **counts,
        "sha256": examples.fingerprint(),
    }
