"""Where a training writes; `test_workers` has what several write."""

import pytest

from regard import UserError
from regard.recipes.runs import session as places


def test_a_state_that_is_in_use(tmp_path):
    with (
        places._locked(tmp_path),
        pytest.raises(UserError, match="in use: another training writes the same run"),
        places._locked(tmp_path),
    ):
        pass
    with places._locked(tmp_path):
        pass
