"""Divides the rows of a batch among several devices or machines."""

from typing import NamedTuple


class Shard(NamedTuple):
    """Names one shard of every batch: its number, counted from 0, and how many there are."""

    index: int = 0
    count: int = 1

    def rows(self, count) -> slice:
        """Returns which of a batch's `count` rows it has; two shards differ by at most one row."""
        return slice(self.index * count // self.count, (self.index + 1) * count // self.count)


WHOLE = Shard()
