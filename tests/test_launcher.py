"""Starting workers, and what becomes of them; `test_workers` trains with some."""

import os
import signal
import subprocess
import sys
import time

import pytest

from regard import UserError
from regard.recipes.cli import launcher
from regard.recipes.cli.launcher import launch
from regard.recipes.errors import WORKER_LOST


def test_giving_up(monkeypatch):
    monkeypatch.setattr(launcher, "MOST_RESTARTS", 1)
    program = (sys.executable, "-c", f"import sys; sys.exit({WORKER_LOST})")
    assert launch(2, [], program) == WORKER_LOST


def ending_with(*statuses):
    """A command that ends with another status in each worker."""
    lines = "import json, os, sys\n"
    lines += "index = json.loads(os.environ['TF_CONFIG'])['task']['index']\n"
    lines += f"sys.exit({statuses}[index])"
    return sys.executable, "-c", lines


def test_the_mistake_of_one_ends_all():
    assert launch(2, [], ending_with(WORKER_LOST, 2)) == 2


def test_a_worker_that_is_lost_when_the_run_is_written():
    assert launch(2, [], ending_with(0, WORKER_LOST)) == 0


def test_a_chief_that_is_lost_when_the_run_is_written(tmp_path):
    run, starts = tmp_path / "run", tmp_path / "starts"
    run.mkdir()
    (run / "run.json").touch()
    (tmp_path / ".run.state").mkdir()
    os.utime(run / "run.json", (0, 0))  # one of before, which is to be replaced
    lines = "import json, os, pathlib, signal\n"
    lines += "if json.loads(os.environ['TF_CONFIG'])['task']['index'] == 0:\n"
    lines += f"    with open({str(starts)!r}, 'a') as file: file.write('.')\n"
    lines += f"    if os.path.getsize({str(starts)!r}) == 2:\n"
    lines += f"        pathlib.Path({str(run / 'run.json')!r}).touch()\n"
    lines += "    os.kill(os.getpid(), signal.SIGKILL)\n"
    assert launch(2, [], (sys.executable, "-c", lines), output=run) == 0
    assert starts.read_text() == ".."
    assert not (tmp_path / ".run.state").exists()


def test_gpus_are_dealt(monkeypatch, capfd):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,4,5,7,9")
    print_them = "import os; print(os.environ['CUDA_VISIBLE_DEVICES'])"
    assert launch(2, [], (sys.executable, "-c", print_them)) == 0
    assert sorted(capfd.readouterr().out.splitlines()) == ["3,4", "5,7"]


def test_too_few_gpus(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    with pytest.raises(UserError, match="2 workers need as many GPUs"):
        launch(2, [], (sys.executable, "-c", ""))


WORKER = """
import os, signal, sys, time
def leave(number, frame):
    time.sleep(0.3)
    os.write(1, b"kept\\n")
    sys.exit(128 + number)
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, leave)
os.write(1, b"%d\\n" % os.getpid())
time.sleep(60)
"""


@pytest.fixture
def launched():
    """Two workers under way: the process that has started them, and their numbers."""
    lines = "import sys; from regard.recipes.cli.launcher import launch; "
    lines += f"launch(2, [], (sys.executable, '-c', {WORKER!r}))"
    launcher = subprocess.Popen([sys.executable, "-c", lines], stdout=subprocess.PIPE, text=True)
    with launcher:
        yield launcher, [int(launcher.stdout.readline()) for _ in range(2)]
        launcher.kill()


def test_workers_end_with_who_started_them(launched):
    """They have time to keep what they did; the same signal may come twice."""
    launcher, workers = launched
    launcher.terminate()
    launcher.terminate()
    assert [launcher.stdout.readline() for _ in workers] == ["kept\n"] * 2
    assert launcher.wait(timeout=30) == 128 + signal.SIGTERM
    for worker in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell a child")
def test_workers_end_when_who_started_them_is_killed(launched):
    launcher, _ = launched
    began = time.monotonic()
    launcher.kill()
    assert launcher.stdout.read() == ""  # all that could write there have ended
    assert time.monotonic() - began < 30
