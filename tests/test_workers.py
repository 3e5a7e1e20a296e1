"""Two workers on the loopback, which stand in for two machines, beside one."""

import json
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import small_runs
from regard import TextRun
from regard.recipes.cli import launcher, run_command
from regard.recipes.cli.launcher import launch
from regard.recipes.training.states import StateFiles

COMMAND = (sys.executable, str(Path(__file__).with_name("small_runs.py")))

# Epochs of a second or more, so that workers can be killed in one of them and in a later one.
LONG_ENOUGH = {"dropout": 0.0, "epochs": 6}


def fit(task, output, settings, count=2):
    """Trains in several workers; the exit status."""
    return launch(count, [task, str(output), json.dumps(settings)], COMMAND)


@pytest.fixture(scope="module")
def texts(plain_run, tmp_path_factory):
    """A run of one worker, and one of two."""
    one, two = plain_run("text"), tmp_path_factory.mktemp("workers") / "two"
    assert fit("text", two, {"dropout": 0.0}) == 0
    return one, two


def test_two_workers_are_as_one(texts):
    assert small_runs.largest_difference(*texts) < 1e-5
    metrics = [json.loads((run / "metrics.json").read_text()) for run in texts]
    assert metrics[0].keys() == metrics[1].keys()
    assert metrics[1]["best_epoch"] == metrics[0]["best_epoch"]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A run of two workers."""
    two = tmp_path_factory.mktemp("images") / "two"
    assert fit("images", two, LONG_ENOUGH) == 0
    return two


@pytest.mark.slow
def test_two_workers_are_as_one_of_images(images, small_run):
    assert small_runs.largest_difference(small_run("images", **LONG_ENOUGH), images) < 1e-5


@pytest.mark.slow
def test_two_workers_are_as_one_of_translation(plain_run, tmp_path):
    assert fit("translation", tmp_path / "two", {"dropout": 0.0}) == 0
    assert small_runs.largest_difference(plain_run("translation"), tmp_path / "two") < 1e-5


def test_the_chief_alone_writes(texts):
    one, two = texts
    assert sorted(path.name for path in two.parent.iterdir()) == ["two"]
    names = [
        {path.relative_to(run) for path in run.rglob("*") if "attention" not in path.name}
        for run in (one, two)
    ]
    assert names[0] == names[1]


@pytest.mark.slow
def test_exports_are_the_same(texts, plain_export, tmp_path, request):
    one = plain_export("text")
    request.getfixturevalue("unverified")  # as that is
    asked = tf.constant(["a lovely room", "", "never again, awful"])
    answers = []
    for served in (one, TextRun.load(texts[1]).export(tmp_path / "served")):
        signature = tf.saved_model.load(str(served)).signatures["serving_default"]
        answers.append((signature(asked), signature.structured_input_signature))
    (one, inputs_of_one), (two, inputs_of_two) = answers
    assert inputs_of_one == inputs_of_two and one.keys() == two.keys()
    np.testing.assert_array_equal(one["label"], two["label"])
    np.testing.assert_allclose(one["scores"], two["scores"], atol=1e-5)


@pytest.mark.slow
def test_killed_workers_are_no_end(images, tmp_path, monkeypatch):
    """Each of two once: the training goes on, within an epoch, to the same weights."""
    started, start = [], launcher._start

    def note(*arguments):
        started.append(start(*arguments))
        return started[-1]

    monkeypatch.setattr(launcher, "_start", note)
    killed = tmp_path / "killed"
    thread = threading.Thread(target=kill_when_saved, args=(killed, started, [1, 0]))
    thread.start()
    status = fit("images", killed, LONG_ENOUGH)
    thread.join()
    assert status == 0
    assert len(started) == 6
    epochs = [row.split(",")[0] for row in (killed / "history.csv").read_text().splitlines()[1:]]
    assert epochs == [str(number + 1) for number in range(LONG_ENOUGH["epochs"])]
    assert small_runs.largest_difference(images, killed) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["colours", "killed"]


def kill_when_saved(output, started, order):
    """Kills these workers one after the other, each once one more state has been written."""
    files = StateFiles(output.with_name(f".{output.name}.state"), "training-0")
    seen, until = 0.0, time.monotonic() + 120
    for number, index in enumerate(order):
        while time.monotonic() < until:
            time.sleep(0.05)
            newest = last_written(files)
            if newest > seen and len(started) == 2 * (number + 1):
                break
        started[2 * number + index].kill()
        while started[2 * number + 1 - index].poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        seen = last_written(files)


def last_written(files):
    return max((path.stat().st_mtime for path in files.paths()), default=0.0)


def test_different_settings_are_refused(tmp_path, capfd):
    """Also those that make another model."""
    settings = [{}, {"vocabulary_size": 150}]
    assert fit("text", tmp_path / "run", settings) == 2
    said = capfd.readouterr().err
    assert "Every worker must have the same vocabulary_size: worker 1 and worker 0" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--workers", "2", "--strategy", "mirrored"], "--workers does not go with --strategy"),
        (["--workers", "0"], "'--workers'"),
        (["--strategy", "multiworker"], "needs TF_CONFIG"),
    ],
)
def test_mistakes_of_the_command_line(options, message, tmp_path, capsys):
    table = tmp_path / "t.csv"
    rows = [f"good {number},yes\nbad {number},no\n" for number in range(9)]
    table.write_text("text,label\n" + "".join(rows))
    output = tmp_path / "run"
    assert run_command(["fit", "text", str(table), "--output", str(output), *options]) == 2
    assert message in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.parametrize("config", ["{", '{"cluster": {"worker": []}}'])
def test_a_malformed_tf_config(config, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", config)
    assert run_command(["fit", "text", "none.csv", "--output", str(tmp_path / "run")]) == 2
    assert "Error: TF_CONFIG" in capsys.readouterr().err
