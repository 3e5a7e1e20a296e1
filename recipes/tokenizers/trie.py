"""Makes a trie of strings: what all of them begin with is there once."""

from collections.abc import Mapping

import numpy as np

CODES = 0x110000  # of Unicode: how many children a node can have


def make_trie(ids: Mapping[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """Makes a trie of strings that each have an id.

    Returns:
        The key of each node but the root, int64, (N,): the number of its parent times `CODES`, and
        its own character. The first of them is node 1; the root is 0.
        The id of the string that each of them ends, int32, (N,), -1 if none does.
    """
    strings = [np.array([ord(each) for each in string], np.int64) for string in ids]
    lengths = np.array([len(each) for each in strings], np.int64)
    codes = np.concatenate([*strings, np.zeros(0, np.int64)])
    starts = np.cumsum(lengths) - lengths
    numbers = np.array([*ids.values()], np.int32)
    parents = np.zeros(len(strings), np.int64)
    keys, found = [np.zeros(0, np.int64)], [np.zeros(0, np.int32)]
    count, depth, left = 0, 0, np.flatnonzero(lengths > 0)
    while left.size:
        level, places = np.unique(
            parents[left] * CODES + codes[starts[left] + depth], return_inverse=True
        )
        ends = lengths[left] == depth + 1
        of_level = np.full(len(level), -1, np.int32)
        of_level[places[ends]] = numbers[left[ends]]
        keys.append(level)
        found.append(of_level)
        parents[left] = count + places + 1
        count, depth, left = count + len(level), depth + 1, left[~ends]
    return np.concatenate(keys), np.concatenate(found)
