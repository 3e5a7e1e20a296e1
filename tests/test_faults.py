"""An I/O error, no memory, or death at every write, flush and rename: whole before, or whole after.

`make faults` goes through all of them, and says how many there were; the suite through fewer.
"""

import os
import resource
import shutil
from collections import Counter
from functools import partial
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from faults import ERRORS, WAYS, Walk, contents, fail_at, kill_at, steps_of

from regard import TextRun
from regard.recipes.data.rows import Table
from regard.recipes.errors import UserError
from regard.recipes.runs.directories import (
    RUN_CONTENTS,
    holds_run,
    state_directory,
    written_aside,
)
from regard.recipes.runs.drawing import save_figure
from regard.recipes.runs.interrupted import forget_written, kept_until_written, note_written
from regard.recipes.runs.scoring import Asked, new_columns, score_table
from regard.recipes.runs.session import Session
from regard.recipes.runs.table_output import check_table_output
from regard.recipes.serving import export as serving
from regard.recipes.serving.export import Export, write_export
from regard.recipes.serving.warmup_requests import predict_request
from regard.recipes.training.states import State, StateFiles


def go(name, walk, way):
    count = walk.go(way)
    kinds = Counter(what for what, _ in walk.steps)
    steps = ", ".join(f"{number} {what}" for what, number in kinds.items())
    print(f"{name}, {way}: {count} of {len(walk.steps)} steps tried, all held ({steps})")


# A run, as a training writes it at its end


class Values(np.ndarray):
    """The values of a variable, with its path: what forked processes can read."""


class Still:
    """A model that is not TensorFlow's any more."""

    def __init__(self, model):
        self.model, self.variables = model, []
        for variable in model.variables:
            values = np.asarray(variable).view(Values)
            values.path = variable.path
            self.variables.append(values)

    def __getattr__(self, name):
        return getattr(self.model, name)


@pytest.fixture(scope="module")
def trained(small_run):
    run = TextRun.load(small_run("text"))
    run.model = Still(run.model)
    return run, run.history


def write_run(target, run, history):
    picture = SimpleNamespace(savefig=lambda file, **_: file.write(b"picture" * 3000))

    def report(folder):
        folder.mkdir()
        save_figure(picture, folder / "learning_curves.png")

    forget_written(target)
    with (
        kept_until_written(target) as state,
        written_aside(target, RUN_CONTENTS, overwrite=True, aside=state) as directory,
    ):
        current = Session.__new__(Session)  # without a training
        asked = {"data": "reviews.csv"}
        vars(current).update(task="text", output=target, asked=asked, directory=directory)
        current.write(run, history, report)
        note_written(state, directory)


STATE, FACTS = State([np.arange(9_000.0)], [], [], {"step": 3, "history": []}), {"seed": 0}


@pytest.fixture(params=["nothing there", "a run there"])
def runs(request, trained, small_run, tmp_path):
    target = tmp_path / "runs" / "reviews"
    files = StateFiles(state_directory(target), "training-0")

    def old():
        if request.param == "a run there":
            shutil.copytree(small_run("text"), target)
            (target / "metrics.json").write_text("{}")
        files.directory.mkdir()
        files.write(STATE, FACTS)

    def recover():
        """The training can be gone on with, if its run is not there."""
        is_there = holds_run(target) and (target / "metrics.json").read_text() != "{}"
        assert is_there or files.read(FACTS)[0].notes == STATE.notes

    command = partial(write_run, target, *trained)
    return Walk(target.parent, command, old, recover, files.directory.name)


@pytest.mark.parametrize("way", WAYS)
def test_a_run(runs, way):
    go("a run", runs, way)


def test_a_run_is_on_disk_before_it_has_its_name(trained, tmp_path):
    target = tmp_path / "run"
    steps = steps_of(partial(write_run, target, *trained))
    (at,) = (number for number, step in enumerate(steps) if step == ("rename", str(target)))
    written = {path for what, path in steps if what == "write" and ".partial-" in path}
    flushed = {path for what, path in steps[:at] if what == "flush"}
    assert written <= flushed and steps[at + 1 :] == [("flush", str(tmp_path))]
    last_write = max(number for number, (what, _) in enumerate(steps) if what == "write")
    first_flush = min(number for number, (what, _) in enumerate(steps) if what == "flush")
    assert last_write < first_flush
    names = {os.path.relpath(path, os.path.commonpath(written)) for path in written}
    found = contents(target)
    files = {name for name, content in found.items() if content is not None}
    assert names == files
    folders = {name for name, content in found.items() if content is None}
    base = os.path.commonpath(written)
    assert {os.path.join(base, folder) for folder in folders} | {base} <= flushed


# The states of a training


@pytest.mark.parametrize("way", WAYS)
def test_a_state(way, tmp_path):
    files = StateFiles(tmp_path, "training-0")

    def write(step):
        files.write(STATE._replace(notes={**STATE.notes, "step": step}), FACTS)

    def kept():
        return files.read(FACTS)[0].notes["step"]

    for number in range(len(steps_of(lambda: write(1)))):
        files.clear()
        write(1)
        write(2)
        if way == "killed":
            kill_at(number, lambda: write(3))
        else:
            assert isinstance(fail_at(number, ERRORS[way], lambda: write(3)), OSError | MemoryError)
            assert {path.suffix for path in tmp_path.iterdir()} == {".state"}
        assert kept() in (2, 3)
        write(4)
        assert kept() == 4
        assert [path.suffix for path in tmp_path.iterdir()] == [".state"] * 2
    print(f"a state, {way}: {number + 1} of {number + 1} steps tried, all held")


# A table that is asked about

ROWS = [[f"text {number} of a table, 好", str(number), "x" * 40] for number in range(400)]


def score(target):
    table = Table(["review", "n", "z"], lambda names: ((n, "", row) for n, row in enumerate(ROWS)))
    answer = SimpleNamespace(label="good", score=0.75)
    columns = new_columns({"label": str, "score": float})
    score_table(
        Asked("new", table, {"text": "review"}), lambda t: [answer] * len(t), target, columns, True
    )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("suffix", ["csv", "tsv.gz", "jsonl", "parquet"])
def test_a_table(suffix, way, tmp_path):
    target = tmp_path / "tables" / f"scored.{suffix}"
    walk = Walk(target.parent, lambda: score(target), lambda: target.write_bytes(b"old"))
    go(f"a table, {suffix}", walk, way)


@pytest.mark.parametrize(
    "error", [pa.ArrowInvalid("no\nroom"), RuntimeError("lost"), pa.ArrowMemoryError()]
)
def test_errors_of_any_library_are_one_line(error, tmp_path, monkeypatch):
    def fail(*_):
        raise error

    monkeypatch.setattr("regard.recipes.data.parquet_writing.ParquetWriter.write_table", fail)
    with pytest.raises(UserError, match=r"out\.parquet cannot be written: [^\n]*\.$"):
        score(tmp_path / "out.parquet")
    assert os.listdir(tmp_path) == []


def test_an_error_of_the_model_is_not_one_of_writing(tmp_path):
    table = Table(["review"], lambda names: [(1, "", ["a"])])
    with pytest.raises(RuntimeError, match="a defect"):
        score_table(
            Asked("new", table, {"text": "review"}),
            lambda texts: (_ for _ in ()).throw(RuntimeError("a defect")),
            tmp_path / "out.csv",
            new_columns({"label": str}),
        )
    assert os.listdir(tmp_path) == []


# An export


@pytest.fixture(scope="module")
def exported():
    """What is exported: some numbers, with a signature of each kind."""
    numbers = tf.Variable(tf.random.uniform([30_000]))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def answer(texts):
        return {"scores": tf.gather(numbers, tf.strings.length(texts))}

    return Export(
        model=SimpleNamespace(
            weights=[SimpleNamespace(value=numbers)], count_params=lambda: 30_000
        ),
        signatures={"serving_default": answer, "classify": answer},
        promises={},
        columns={"texts": [b"a"]},
        answers={},
        tolerances={},
        requests=[predict_request({"texts": [b"good"]})],
        assets={"labels.txt": ["good", "bad"]},
    )


@pytest.fixture(scope="module")
def saved(exported, tmp_path_factory):
    """What TensorFlow writes of it."""
    folder = tmp_path_factory.mktemp("saved") / "saved"
    module = tf.Module()
    module.weights = [weight.value for weight in exported.model.weights]
    tf.saved_model.save(module, str(folder), dict(exported.signatures))
    return folder


@pytest.mark.parametrize("way", WAYS)
def test_an_export(way, exported, saved, tmp_path, monkeypatch):
    """TensorFlow's part is copied, as its threads do not outlive a fork; see the next test."""

    def copy(module, path, signatures):
        shutil.copytree(saved, path, dirs_exist_ok=True)

    monkeypatch.setattr(tf.saved_model, "save", copy)
    monkeypatch.setattr(tf.saved_model, "Asset", lambda path: path)
    monkeypatch.setattr(serving, "_verify", lambda *_: None)
    served = tmp_path / "served"
    walk = Walk(served, lambda: write_export(served, exported, "float32"), (served / "1").mkdir)
    assert {"2", "2/variables", "2/assets.extra/tf_serving_warmup_requests"} <= set(walk.new)
    go("an export", walk, way)


@pytest.mark.parametrize("most", [1_000, 60_000])
def test_a_disk_that_takes_no_more_of_a_saved_model(most, exported, tmp_path):
    """The limit of a file's size is one that C++ meets as well."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        with pytest.raises(UserError, match=r"cannot be written there \([^\n]*File too large"):
            write_export(tmp_path / "served", exported, "float32")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert os.listdir(tmp_path) == []


# Who may read what is written


@pytest.fixture(params=[0o002, 0o027, 0o077])
def mask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def modes(path):
    return {(each.is_dir(), each.stat().st_mode & 0o777) for each in [path, *path.rglob("*")]}


def test_modes_follow_the_umask(mask, exported, trained, tmp_path, monkeypatch):
    monkeypatch.setattr(serving, "_verify", lambda *_: None)
    write_run(tmp_path / "run", *trained)
    score(tmp_path / "scored.csv")
    write_export(tmp_path / "served", exported, "float32")
    expected = {(True, 0o777 & ~mask), (False, 0o666 & ~mask)}
    for name in ("run", "served"):
        assert modes(tmp_path / name) == expected
    assert modes(tmp_path / "scored.csv") <= expected


def test_what_is_replaced_keeps_its_permissions(trained, tmp_path):
    for write in (
        partial(write_run, tmp_path / "run", *trained),
        lambda: score(tmp_path / "a.csv"),
    ):
        write()
        (path,) = tmp_path.iterdir()
        mode = 0o750 if path.is_dir() else 0o640
        path.chmod(mode)
        write()
        assert path.stat().st_mode & 0o777 == mode
        shutil.rmtree(path) if path.is_dir() else path.unlink()


# Room


def test_no_room_for_an_export(exported, tmp_path, monkeypatch):
    free = shutil.disk_usage(tmp_path)._replace(free=2_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: free)
    message = r"served: .*No space left on device: 17 MB are needed and 2 MB are free\)\. Name a"
    with pytest.raises(UserError, match=message):
        write_export(tmp_path / "served", exported, "float32")
    assert os.listdir(tmp_path) == []


def test_no_room_for_a_table(tmp_path, monkeypatch):
    free = shutil.disk_usage(tmp_path)._replace(free=2_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: free)
    source = tmp_path / "in.csv"
    source.write_text("review\n" + "x" * 4_000_000)
    check_table_output(tmp_path / "out.parquet", str(source), False)
    with pytest.raises(UserError, match=r"out\.csv cannot be written: .*3 MB are needed and 2 MB"):
        check_table_output(tmp_path / "out.csv", str(source), False)
    assert os.listdir(tmp_path) == ["in.csv"]
