"""Where things are written until they are whole, and what a killed process leaves there."""

import os

import pytest
from faults import contents

from regard.recipes.runs.workspaces import clear, workspace


def in_a_child(act):
    """Calls a function in a process that dies right after, and tidies nothing."""
    child = os.fork()
    if not child:
        act()
        os._exit(0)
    os.waitpid(child, 0)


def leave(place, prefix=".a-"):
    """Leaves a workspace with a file in it, as a killed process does."""

    def act():
        with workspace(place, prefix) as work:
            (work / "file").write_text("half")
            os._exit(0)

    in_a_child(act)


def test_it_is_gone_afterwards_and_so_are_folders_made_for_it(tmp_path):
    with workspace(tmp_path / "deep" / "er", ".a-") as work:
        (work / "folder").mkdir()
        (work / "folder" / "file").write_text("")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_it_is_gone_whatever_happens(failure, tmp_path):
    with pytest.raises(failure), workspace(tmp_path, ".a-") as work:
        (work / "file").write_text("")
        raise failure
    assert os.listdir(tmp_path) == []


def test_what_the_dead_left_is_cleared_and_nothing_else(tmp_path):
    leave(tmp_path)
    leave(tmp_path, ".another-")
    (tmp_path / ".a-notes.txt").write_text("dear")
    (tmp_path / "file").write_text("dear")
    assert len(os.listdir(tmp_path)) == 4
    with workspace(tmp_path, ".a-") as mine, workspace(tmp_path, ".a-") as other:
        (mine / "file").write_text("")
        clear(tmp_path, ".a-")
        names = sorted(os.listdir(tmp_path))
        (another,) = (name for name in names if name.startswith(".another-"))
        assert names == sorted([mine.name, other.name, another, ".a-notes.txt", "file"])
        in_a_child(lambda: clear(tmp_path, ".a-"))
        assert mine.exists() and other.exists()
    assert sorted(os.listdir(tmp_path)) == sorted([another, ".a-notes.txt", "file"])


def test_one_that_was_just_made_when_its_process_died(tmp_path):
    (tmp_path / ".a-12345678").mkdir()
    clear(tmp_path, ".a-")
    assert os.listdir(tmp_path) == []


def test_many_at_once_take_none_from_each_other(tmp_path):
    def work_and_clear():
        for number in range(20):
            with workspace(tmp_path, ".a-") as work:
                (work / "file").write_text(str(number))
                clear(tmp_path, ".a-")
                assert contents(work)["file"] == str(number).encode()

    children = []
    for _ in range(4):
        if not (child := os.fork()):
            try:
                work_and_clear()
                os._exit(0)
            finally:
                os._exit(1)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    assert os.listdir(tmp_path) == []
