"""A training that was interrupted, beside one that was not."""

import re

import numpy as np
import pytest

import small_runs
from regard import UserError
from regard.recipes.runs import session as places
from regard.recipes.training import fit as training
from regard.recipes.training import resuming
from regard.recipes.training.resuming import State, read_state, write_state


@pytest.fixture(autouse=True)
def at_every_epoch(monkeypatch):
    monkeypatch.setattr(resuming, "SAVE_SECONDS", 0.0)


@pytest.fixture
def kept(monkeypatch, tmp_path):
    """As on the chief of several workers: the state is kept beside the run."""
    run_directory = places.run_directory
    state = tmp_path / "state"

    class Here:
        def __init__(self, *arguments):
            self.inner = run_directory(*arguments)

        def __enter__(self):
            return self.inner.__enter__()._replace(state=state)

        def __exit__(self, *error):
            return self.inner.__exit__(*error)

    for module in ("text", "translation", "images", "pretraining"):
        monkeypatch.setattr(f"regard.recipes.{module}.run_directory", Here)
    return state


def interrupt(monkeypatch, after):
    """A training that stops when an epoch, counted from 1, is over."""
    epochs = []

    class Stopping(training.Progress):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch >= after:
                raise KeyboardInterrupt
            epochs.append(epoch)
            super().on_epoch_begin(epoch, logs)

    monkeypatch.setattr(training, "Progress", Stopping)
    return epochs


SETTINGS = {
    "text": {"epochs": 3, "dropout": 0.1, "token_dropout": 0.1, "accumulate": 2},
    "taught": {"epochs": 2, "precision": "float16"},
    "translation": {"epochs": 3, "dropout": 0.1, "subword_dropout": 0.1},
    "images": {"epochs": 4, "dropout": 0.1, "augmentation": "strong", "stochastic_depth": 0.1},
    "pretraining": {"epochs": 3},
}


@pytest.mark.parametrize("task", SETTINGS)
def test_nothing_is_different(task, tmp_path, kept, monkeypatch):
    settings = SETTINGS[task]
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    small_runs.fit(task, whole, **settings)
    for path in kept.iterdir():
        path.unlink()

    with monkeypatch.context() as context:
        first = interrupt(context, after=settings["epochs"] - 1)
        with pytest.raises(KeyboardInterrupt):
            small_runs.fit(task, resumed, **settings)
    assert first == list(range(settings["epochs"] - 1))
    assert not resumed.exists()

    second = interrupt(monkeypatch, after=settings["epochs"])
    small_runs.fit(task, resumed, **settings)
    assert second == [settings["epochs"] - 1]  # no epoch twice
    expected, found = small_runs.weights_of(whole), small_runs.weights_of(resumed)
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
    rows = [
        [row.rpartition(",")[0] for row in (run / "history.csv").read_text().splitlines()]
        for run in (whole, resumed)
    ]
    assert rows[0] == rows[1]  # but for the seconds


def test_one_that_is_over_is_not_gone_on_with(tmp_path, kept, monkeypatch):
    small_runs.fit("images", tmp_path / "whole", patience=1, epochs=8)
    epochs = interrupt(monkeypatch, after=0)
    small_runs.fit("images", tmp_path / "again", patience=1, epochs=8)
    assert epochs == []
    assert small_runs.largest_difference(tmp_path / "whole", tmp_path / "again") == 0


def test_one_that_diverged_is_not_gone_on_with(tmp_path, kept):
    with pytest.raises(UserError, match="Training diverged"):
        small_runs.fit("images", tmp_path / "run", learning_rate=1e30)
    assert not list(kept.glob("*"))


def test_another_training_is_refused(tmp_path, kept):
    small_runs.fit("images", tmp_path / "run")
    with pytest.raises(
        UserError, match=r"interrupted training with other learning_rate\. Go on with"
    ):
        small_runs.fit("images", tmp_path / "other", learning_rate=0.02)
    assert not (tmp_path / "other").exists()


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
