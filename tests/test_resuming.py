"""A training that was interrupted, beside one that was not; `test_runs` has one of each task."""

import re

import numpy as np
import pytest
from interruptions import in_two_sittings, keep_state, stop_before

import small_runs
from regard import UserError
from regard.recipes.training.resuming import State, read_state, write_state


@pytest.fixture
def kept(monkeypatch, tmp_path):
    """The directory of the state of every training."""
    keep_state(monkeypatch, tmp_path / "state")
    return tmp_path / "state"


def test_nothing_is_different_with_a_teacher_and_a_scaled_loss(small_run, tmp_path):
    settings = {"epochs": 2, "precision": "float16"}
    whole, resumed = small_run("taught", **settings), tmp_path / "resumed"
    in_two_sittings(lambda: small_runs.fit("taught", resumed, **settings), tmp_path / "state", 2)
    expected, found = small_runs.weights_of(whole), small_runs.weights_of(resumed)
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


def test_one_that_is_over_is_not_gone_on_with(tmp_path, kept, monkeypatch):
    small_runs.fit("images", tmp_path / "whole", patience=1, epochs=8)
    epochs = stop_before(monkeypatch, 0)
    small_runs.fit("images", tmp_path / "again", patience=1, epochs=8)
    assert epochs == []
    assert small_runs.largest_difference(tmp_path / "whole", tmp_path / "again") == 0

    other = r"interrupted training with other learning_rate\. Go on with"
    with pytest.raises(UserError, match=other):
        small_runs.fit("images", tmp_path / "other", patience=1, epochs=8, learning_rate=0.02)
    assert not (tmp_path / "other").exists()


def test_one_that_diverged_is_not_gone_on_with(tmp_path, kept):
    with pytest.raises(UserError, match="Training diverged"):
        small_runs.fit("images", tmp_path / "run", learning_rate=1e30)
    assert not list(kept.glob("*"))


STATE = State([np.arange(3.0), np.array(7)], [np.ones((2, 1), "float32")], {"history": [{"a": 1}]})
FACTS = {"data": {"train": "abc"}, "seed": (1, 2)}


def test_a_state_on_disk(tmp_path):
    path = tmp_path / "new" / "state.safetensors"
    assert read_state(path, FACTS) is None
    write_state(path, STATE, FACTS)
    found = read_state(path, FACTS)
    assert found.notes == STATE.notes
    for name in ("weights", "best_weights"):
        for a, b in zip(getattr(STATE, name), getattr(found, name), strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)
    assert [file.name for file in path.parent.iterdir()] == ["state.safetensors"]


def test_other_facts(tmp_path):
    path = tmp_path / "state.safetensors"
    write_state(path, STATE, FACTS)
    with pytest.raises(UserError, match=rf"{re.escape(str(tmp_path))} has .*with other data, more"):
        read_state(path, {**FACTS, "data": {"train": "abd"}, "more": 1})


@pytest.mark.parametrize("damage", [b"", b"\x08\x00", None])
def test_a_damaged_state(damage, tmp_path):
    path = tmp_path / "state.safetensors"
    write_state(path, STATE, FACTS)
    path.write_bytes(path.read_bytes()[:-3] if damage is None else damage)
    with pytest.raises(UserError, match=r"cannot be read: .*Delete it to begin anew"):
        read_state(path, FACTS)
