"""Runs and tables that finish at once."""

import multiprocessing
import os
import shutil
import traceback
from unittest import mock

import pytest

from regard.models import disk
from regard.recipes.runs.directories import RUN_CONTENTS, file_written_aside, written_aside
from tiers import only_first


def in_children(count, act):
    """Calls `act(number)` in as many processes at once; they all must end well."""
    children = []
    for number in range(count):
        if not (child := os.fork()):
            try:
                act(number)
                os._exit(0)
            finally:
                traceback.print_exc()
                os._exit(1)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * count


def together(count):
    """Makes all processes wait for each other before their last rename, to race for the name."""
    barrier = multiprocessing.get_context("fork").Barrier(count)

    def see(what, path):
        if what == "rename" and not getattr(barrier, "was_met", False):
            barrier.was_met = True
            barrier.wait(20)

    return mock.patch.object(disk, "watch", see)


@pytest.mark.parametrize("overwrite", only_first([True, False]))
def test_runs_that_finish_at_once_are_all_whole(overwrite, tmp_path):
    def write(number):
        with written_aside(tmp_path / "run", RUN_CONTENTS, overwrite) as directory:
            for name in RUN_CONTENTS:
                (directory / name).write_text(str(number))

    for _ in range(5):
        if overwrite:
            write("old")
        with together(6):
            in_children(6, write)
        assert all(not name.startswith(".") for name in os.listdir(tmp_path))
        found = [{path.read_text() for path in run.iterdir()} for run in tmp_path.iterdir()]
        assert all(len(each) == 1 and each != {"old"} for each in found), found
        if not overwrite:
            assert sorted(next(iter(each)) for each in found) == list("012345")
        shutil.rmtree(tmp_path)
        tmp_path.mkdir()


def test_tables_that_finish_at_once_are_all_whole(tmp_path):
    def write(number):
        with file_written_aside(tmp_path / "out.csv") as path:
            path.write_text(str(number) * 9)

    for _ in range(5):
        with together(6):
            in_children(6, write)
        assert sorted(path.read_text() for path in tmp_path.iterdir()) == [n * 9 for n in "012345"]
        names = {"out.csv", *(f"{number}-out.csv" for number in range(2, 7))}
        assert set(os.listdir(tmp_path)) == names
        for path in tmp_path.iterdir():
            path.unlink()
