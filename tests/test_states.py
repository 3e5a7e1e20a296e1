"""States of a training on disk: whole to the last bit, or not used."""

import random

import numpy as np
import pytest

from regard.recipes.errors import UserError
from regard.recipes.training.states import (
    Damaged,
    State,
    StateFiles,
    differences,
    read_state,
    write_state,
)

STATE = State(
    [np.arange(3.0), np.array(7), np.zeros((0, 2)), np.ones((2, 3), "float32", "F")],
    [np.ones((2, 1), "float32")],
    [np.arange(5, dtype="uint8")],
    {"history": [{"loss": 0.1}], "step": 3},
)
FACTS = {"data": {"train": "abc"}, "seed": (1, 2), "rate": 0.1}


@pytest.fixture
def files(tmp_path):
    return StateFiles(tmp_path, "training-0")


def assert_same(found, state):
    assert found.notes == state.notes
    for group, expected in zip(found[:-1], state[:-1], strict=True):
        for a, b in zip(group, expected, strict=True):
            assert (a.dtype, a.shape) == (b.dtype, b.shape)
            np.testing.assert_array_equal(a, b)


def test_a_state_on_disk(tmp_path):
    path = tmp_path / "training-0.1.state"
    write_state(path, STATE, FACTS)
    found, facts, digest = read_state(path)
    assert_same(found, STATE)
    assert facts == {**FACTS, "seed": [1, 2]}
    assert path.read_bytes().endswith(bytes.fromhex(digest))
    assert list(tmp_path.iterdir()) == [path]


def test_every_damage_is_seen(tmp_path):
    path, damaged = tmp_path / "a.1.state", tmp_path / "b.1.state"
    write_state(path, STATE, FACTS)
    whole, draw = path.read_bytes(), random.Random(0)
    changed = [whole[: draw.randrange(len(whole))] for _ in range(30)] + [b"", whole + b"\0"]
    for _ in range(60):
        flipped = bytearray(whole)
        flipped[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        changed.append(bytes(flipped))
    for data in changed:
        damaged.write_bytes(data)
        with pytest.raises(Damaged):
            read_state(damaged)


def test_the_last_two_are_kept(files, tmp_path):
    assert files.read(FACTS) == (None, "none")
    for step in range(1, 13):
        files.write(STATE._replace(notes={"step": step}), FACTS)
    assert [path.name for path in files.paths()] == ["training-0.12.state", "training-0.11.state"]
    assert len(list(tmp_path.iterdir())) == 2
    assert files.read(FACTS)[0].notes == {"step": 12}


def test_a_damaged_one_gives_way_to_the_one_before(files, caplog, tmp_path):
    for step in (1, 2):
        files.write(STATE._replace(notes={"step": step}), FACTS)
    newest, older = files.paths()
    newest.write_bytes(newest.read_bytes()[:-9])
    assert files.read(FACTS)[0].notes == {"step": 1}
    assert "training-0.2.state is damaged" in caplog.text
    older.write_bytes(b"")
    with pytest.raises(UserError, match=r"training-0\.1\.state is damaged.*begin anew: rm -r "):
        files.read(FACTS)
    files.clear()
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_leaves_what_was_there(files, monkeypatch, tmp_path):
    files.write(STATE, FACTS)

    def watch(what, path):
        if what == "flush":
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("regard.models.disk.watch", watch)
    with pytest.raises(OSError, match="No space"):
        files.write(STATE, FACTS)
    assert [path.name for path in tmp_path.iterdir()] == ["training-0.1.state"]


def test_other_facts(files):
    files.write(STATE, FACTS)
    other = r"other data train \(\"abc\", now \"abd\"\), more \(null, now 1\)\. .*: rm -r "
    with pytest.raises(UserError, match=other):
        files.read({**FACTS, "data": {"train": "abd"}, "more": 1})


def test_long_differences_are_only_named():
    assert differences({"code": "a" * 64}, {"code": "b" * 64}) == ["code"]
