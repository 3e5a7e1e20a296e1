"""Where a training writes; `test_workers` has what several write."""

import pytest

from regard import UserError
from regard.recipes.runs.interrupted import _locked


def test_a_state_that_is_in_use(tmp_path):
    with (
        _locked(tmp_path),
        pytest.raises(UserError, match="in use: another training writes the same run"),
        _locked(tmp_path),
    ):
        pass
    with _locked(tmp_path):
        pass
