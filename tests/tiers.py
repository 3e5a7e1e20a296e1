"""Which tests `make test` leaves to `make test-all`: those marked as slow.

They try with other tasks, precisions or workers what a quicker test tries with one.
"""

from collections.abc import Iterable

import pytest


def only_first(parameters: Iterable) -> list:
    """Gives parameters of a test, of which all but the first are slow."""
    first, *others = parameters
    given = [each if isinstance(each, tuple) else (each,) for each in others]
    return [first, *(pytest.param(*each, marks=pytest.mark.slow) for each in given)]
