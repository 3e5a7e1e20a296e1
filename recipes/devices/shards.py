"""Shards of a batch: which of its rows one of several devices or machines has."""

from typing import NamedTuple


class Shard(NamedTuple):
    """One of several shards of every batch: that of one of several machines.

    Attributes:
        index: Which, counted from 0.
        count: Of how many.
    """

    index: int = 0
    count: int = 1

    def rows(self, count) -> slice:
        """Which of a batch's `count` rows it has; two shards differ by at most one row."""
        return slice(self.index * count // self.count, (self.index + 1) * count // self.count)


WHOLE = Shard()
