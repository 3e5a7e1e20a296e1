import json
import os

import pytest

from regard.models import disk
from regard.recipes.errors import UserError
from regard.recipes.runs.directories import RUN_CONTENTS, check_output, holds_run, written_aside
from regard.recipes.runs.metadata import read_metadata


def write_run(directory, text="old", missing=()):
    directory.mkdir(parents=True)
    for name in RUN_CONTENTS - set(missing):
        (directory / name).write_text(text)


def test_what_is_written_appears_whole(tmp_path):
    place = tmp_path / "deep" / "run"
    with written_aside(place, RUN_CONTENTS) as directory:
        (directory / "run.json").write_text("new")
        assert not place.exists()
    assert (place / "run.json").read_text() == "new"
    assert os.listdir(place.parent) == ["run"]


def test_existing_directory_is_kept_unless_asked(tmp_path):
    write_run(tmp_path / "run")
    with pytest.raises(UserError, match=r"run exists\. Pass --overwrite"):
        check_output(tmp_path / "run", RUN_CONTENTS)
    with written_aside(tmp_path / "run", RUN_CONTENTS, overwrite=True) as directory:
        (directory / "run.json").write_text("new")
        assert (tmp_path / "run" / "run.json").read_text() == "old"
    assert (tmp_path / "run" / "run.json").read_text() == "new"
    assert os.listdir(tmp_path) == ["run"]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_failure_leaves_what_was_there(tmp_path, failure):
    write_run(tmp_path / "run")
    with (
        pytest.raises(failure),
        written_aside(tmp_path / "run", RUN_CONTENTS, overwrite=True) as directory,
    ):
        (directory / "run.json").write_text("half")
        raise failure
    assert (tmp_path / "run" / "run.json").read_text() == "old"
    assert os.listdir(tmp_path) == ["run"]


def test_failure_of_the_last_step_brings_the_old_one_back(tmp_path, monkeypatch):
    write_run(tmp_path / "run")

    def fail_to_arrive(what, path):
        if (what, path) == ("rename", tmp_path / "run") and not path.exists():
            monkeypatch.undo()
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(disk, "watch", fail_to_arrive)
    with (
        pytest.raises(UserError, match="run cannot be written: Input/output error"),
        written_aside(tmp_path / "run", RUN_CONTENTS, overwrite=True) as directory,
    ):
        (directory / "new").write_text("")
    assert (tmp_path / "run" / "run.json").read_text() == "old"
    assert os.listdir(tmp_path) == ["run"]


def test_full_disk_is_said_and_leaves_nothing(tmp_path):
    with (
        pytest.raises(UserError, match="run cannot be written: No space left on device"),
        written_aside(tmp_path / "deep" / "run", RUN_CONTENTS),
    ):
        raise OSError(28, "No space left on device")
    assert os.listdir(tmp_path) == []


def test_a_file_elsewhere_that_fails_is_named(tmp_path):
    with (
        pytest.raises(UserError, match=r"run cannot be written: .*data/one\.csv: No such file"),
        written_aside(tmp_path / "runs" / "run", RUN_CONTENTS),
    ):
        (tmp_path / "data" / "one.csv").read_bytes()
    assert os.listdir(tmp_path) == []


def test_place_that_is_taken_meanwhile(tmp_path, caplog):
    with written_aside(tmp_path / "run", RUN_CONTENTS) as directory:
        (directory / "run.json").write_text("mine")
        write_run(tmp_path / "run", "theirs")
    assert (tmp_path / "run" / "run.json").read_text() == "theirs"
    assert (tmp_path / "run-2" / "run.json").read_text() == "mine"
    assert "was taken meanwhile" in caplog.text


def test_overwrite_takes_nothing_but_its_own_kind(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "holiday.jpg").write_text("dear")
    (tmp_path / "file").write_text("dear")
    write_run(tmp_path / "run")
    (tmp_path / "run" / "notes.txt").write_text("dear")
    write_run(tmp_path / "half", missing=["metrics.json"])
    for name, found in (
        ("photos", r"holiday\.jpg"),
        ("file", "a file"),
        ("run", r"notes\.txt"),
        ("half", "an incomplete one"),
    ):
        with pytest.raises(UserError, match=f"{name} is not just what regard writes.*{found}"):
            check_output(tmp_path / name, RUN_CONTENTS, overwrite=True)
    assert (tmp_path / "photos" / "holiday.jpg").read_text() == "dear"


def test_a_run_of_before_may_be_replaced(tmp_path):
    write_run(tmp_path / "run", missing=["config.yaml"])
    check_output(tmp_path / "run", RUN_CONTENTS, overwrite=True)


def test_current_directory_and_links_are_not_replaced(tmp_path, monkeypatch):
    write_run(tmp_path / "run")
    (tmp_path / "link").symlink_to(tmp_path / "run")
    with pytest.raises(UserError, match="link is a link"):
        check_output(tmp_path / "link", RUN_CONTENTS, overwrite=True)
    monkeypatch.chdir(tmp_path / "run")
    for name in (".", "../run", ".."):
        with pytest.raises(UserError, match=r"is not just what|current directory"):
            check_output(type(tmp_path)(name), RUN_CONTENTS, overwrite=True)


def test_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file/run cannot be written: .*file is not a directory"):
        check_output(tmp_path / "file" / "run", RUN_CONTENTS)


def test_check_output_leaves_no_trace(tmp_path):
    check_output(tmp_path / "deep" / "er" / "run", RUN_CONTENTS)
    assert os.listdir(tmp_path) == []


def test_read_metadata_errors(tmp_path):
    with pytest.raises(UserError, match=r"nowhere is not a run: there is no run\.json"):
        read_metadata(tmp_path / "nowhere")
    for number, text in enumerate(("{", "[]", '{"task": "text"}', json.dumps({"task": "images"}))):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "run.json").write_text(text)
        with pytest.raises(UserError, match=r"run\.json does not describe a run"):
            read_metadata(tmp_path / str(number))


def test_a_run_of_another_task_is_named(tmp_path):
    metadata = {"task": "masked_lm", "settings": {"max_sequence_length": 8}}
    (tmp_path / "run.json").write_text(json.dumps(metadata))
    assert read_metadata(tmp_path) == metadata
    with pytest.raises(UserError, match=r"masked language model.*needs a text classifier"):
        read_metadata(tmp_path, "text")
    with pytest.raises(UserError, match=r"needs a text classifier or a translator\. Name one that"):
        read_metadata(tmp_path, "text", "translation")


def die_between_renames(directory):
    """Replaces a run in a process that dies when the old one has gone and the new is not there."""

    def see(what, path):
        if (what, path) == ("rename", directory) and not directory.exists():
            os._exit(0)

    if not (child := os.fork()):
        disk.watch = see
        with written_aside(directory, RUN_CONTENTS, overwrite=True) as new:
            (new / "run.json").write_text("new")
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0 and not directory.exists()


@pytest.mark.parametrize("name", ["run", "lock", "old", "长" * 80 + "a", "x" * 255])
def test_a_run_whose_replacement_died_is_back(name, tmp_path, caplog):
    others = [tmp_path / name[:-1], tmp_path / f"{name[:-1]}b"]  # of nearly the same name
    for directory in (tmp_path / name, *others):
        write_run(directory)
    die_between_renames(tmp_path / name)
    for other in others:
        with written_aside(other, RUN_CONTENTS, overwrite=True) as new:
            (new / "run.json").write_text("new")
        assert holds_run(other) and not (tmp_path / name).exists()
    assert holds_run(tmp_path / name)
    assert (tmp_path / name / "run.json").read_text() == "old"
    assert "is what it was before: a process was killed while it replaced it" in caplog.text
    with written_aside(tmp_path / name, RUN_CONTENTS, overwrite=True) as new:
        (new / "run.json").write_text("newer")
    assert {path.name for path in tmp_path.iterdir()} == {name, *(path.name for path in others)}
