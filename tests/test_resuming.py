"""A training that was interrupted, beside one that was not; `test_runs` has one of each task."""

import errno
import shutil
import signal

import pytest
from interruptions import at_each_step, in_two_sittings

import replicas  # noqa: F401  two devices
import small_runs
from regard import UserError
from regard.models import disk
from regard.recipes.errors import Terminated
from regard.recipes.runs.interrupted import forget_written, kept_until_written, note_written
from regard.recipes.training import keeping


def bytes_of(run):
    return (run / "model/model.safetensors").read_bytes()


def names_in(directory):
    return sorted(path.name for path in directory.iterdir())


@pytest.mark.slow
def test_nothing_is_different_with_a_teacher_and_a_scaled_loss(small_run, tmp_path):
    settings = {"epochs": 2, "precision": "float16"}
    whole, resumed = small_run("taught", **settings), tmp_path / "resumed"
    in_two_sittings(lambda: small_runs.fit("taught", resumed, **settings))
    assert bytes_of(whole) == bytes_of(resumed)
    assert names_in(tmp_path) == ["resumed"]


@pytest.mark.slow
def test_nothing_is_different_on_two_devices_with_gradients_added_up(small_run, tmp_path):
    """Each device has metrics of its own, and a step takes the gradients of several batches."""
    settings = {"strategy": "mirrored", "accumulate": 4, "epochs": 3}
    whole, resumed = small_run("images", **settings), tmp_path / "resumed"
    in_two_sittings(lambda: small_runs.fit("images", resumed, **settings))
    assert bytes_of(whole) == bytes_of(resumed)
    histories = [(run / "history.csv").read_text().splitlines()[-1] for run in (whole, resumed)]
    assert histories[0].split(",")[:5] == histories[1].split(",")[:5]


OVER = {"patience": 1, "epochs": 8}


@pytest.mark.slow
def test_a_training_that_is_over_is_never_lost(small_run, tmp_path, monkeypatch):
    """Whatever happens while its run is written, the same again writes it, without a step."""
    whole, run = small_run("images", **OVER), tmp_path / "run"

    def fail(*_):
        raise RuntimeError("no font")

    with monkeypatch.context() as patched:
        patched.setattr("regard.recipes.images.recipe.write_image_report", fail)
        with pytest.raises(UserError, match=r"cannot be written: no font\. The training is kept"):
            small_runs.fit("images", run, **OVER)
    assert names_in(tmp_path) == [".run.state", "colours"]

    with pytest.raises(UserError, match=r"other learning_rate \(0\.01, now 0\.02\)\. Go on with"):
        small_runs.fit("images", run, learning_rate=0.02, **OVER)
    assert not run.exists()

    with at_each_step(lambda *_: None) as steps:
        small_runs.fit("images", run, **OVER)
    assert steps == []
    assert bytes_of(whole) == bytes_of(run)
    assert names_in(tmp_path) == ["colours", "run"]


@pytest.mark.slow
def test_a_full_disk_in_the_middle(small_run, tmp_path, monkeypatch, caplog):
    """The training goes on without its states, and says so once."""

    def watch(what, path):
        if str(path).endswith(".partial"):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(disk, "watch", watch)
    monkeypatch.setattr(keeping, "SAVE_SECONDS", 0.0)
    small_runs.fit("images", tmp_path / "run", **OVER)
    said = [line for line in caplog.messages if "could not be kept" in line]
    assert len(said) == 1 and "No space left on device. It goes on" in said[0]
    assert bytes_of(small_run("images", **OVER)) == bytes_of(tmp_path / "run")


def test_one_that_diverged_is_not_gone_on_with(tmp_path):
    with pytest.raises(UserError, match="Training diverged"):
        small_runs.fit("images", tmp_path / "run", learning_rate=1e30)
    assert names_in(tmp_path) == ["colours"]


def test_no_room_is_said_before_training(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 2000))
    with (
        at_each_step(lambda *_: None) as steps,
        pytest.raises(UserError, match=r"take 0\.00 GB, .* has 0\.00 GB free\. Make room there"),
    ):
        small_runs.fit("images", tmp_path / "run")
    assert steps == []
    assert names_in(tmp_path) == ["colours"]


def test_sigterm_while_data_is_read(tmp_path, monkeypatch):
    """It ends the training at once, and what had the signal before has it again."""
    before = signal.getsignal(signal.SIGTERM)

    def wait(*_, **__):
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("regard.recipes.images.recipe.read_train_and_validation", wait)
    with pytest.raises(Terminated) as ended:
        small_runs.fit("images", tmp_path / "run")
    assert ended.value.code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) == before
    assert names_in(tmp_path) == ["colours"]


def test_what_a_dead_process_left_is_cleared(tmp_path):
    state = tmp_path / ".run.state"
    (state / ".run.abc" / "model").mkdir(parents=True)
    for name in ("training-0.3.state", "training-0.4.partial", "lock", "written"):
        (state / name).touch()
    with pytest.raises(KeyError), kept_until_written(tmp_path / "run"):
        assert names_in(state) == ["lock", "training-0.3.state"]
        with (
            pytest.raises(UserError, match=r"\.run\.state is in use: another training"),
            kept_until_written(tmp_path / "run"),
        ):
            pass
        raise KeyError
    assert names_in(state) == ["training-0.3.state"]
    with kept_until_written(tmp_path / "run"):
        pass
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("name", ["run", "r" * 250])
def test_no_state_no_directory(name, tmp_path):
    with pytest.raises(KeyError), kept_until_written(tmp_path / "deep" / name):
        raise KeyError
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("is_written", [False, True])
def test_what_is_left_beside_a_run_that_is_there(is_written, tmp_path):
    """It goes if it is what the run was made of, not if it is to replace the run."""
    run, state = tmp_path / "run", tmp_path / ".run.state"
    run.mkdir()
    state.mkdir()
    (run / "run.json").write_text("{}")
    (state / "training-0.1.state").touch()
    note_written(state, run)
    if not is_written:
        (run / "run.json").write_text("{1}")
    forget_written(run)
    assert state.exists() != is_written
