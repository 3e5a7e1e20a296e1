"""Which tests `make test` leaves to `make test-all`: those marked as slow.

They try with other tasks, precisions or workers what a quicker test tries with one.

Attributes:
    IS_WHOLE: Whether those run as well. Where not, `layer_checks` compiles with XLA models alone,
        which are made of the layers.
"""

from collections.abc import Iterable

import pytest

IS_WHOLE = True


def only_first(parameters: Iterable) -> list:
    """Gives parameters of a test, of which all but the first are slow."""
    first, *others = parameters
    given = [each if isinstance(each, tuple) else (each,) for each in others]
    return [first, *(pytest.param(*each, marks=pytest.mark.slow) for each in given)]
