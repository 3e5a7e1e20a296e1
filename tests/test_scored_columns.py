"""`regard predict --output`: columns and rows, mistakes, and files that are there."""

import json
import os

import pytest

from commands import mistake, regard_here
from regard.recipes.cli import commands
from scored_runs import AWKWARD, FakeRun, read_csv, score, write_csv, write_run


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(commands, "load_run", lambda directory: FakeRun())
    return write_run(tmp_path / "run")


@pytest.fixture
def pair_run(run, tmp_path):
    return write_run(tmp_path / "pairs", pair_column="reply")


def test_names_that_are_taken(run, tmp_path):
    rows = [["review", "label", "predicted_label"], ["good", "x", "y"]]
    source = write_csv(tmp_path / "new.csv", rows)
    said = score(run, source, tmp_path / "out.csv")
    header, first = read_csv(tmp_path / "out.csv")
    assert header == [*rows[0], "predicted_predicted_label", "score"]
    assert first[:4] == ["good", "x", "y", "even"]
    assert "has columns of these names already, so the new ones are called predicted_p" in said


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_two_columns_of_one_name(run, tmp_path, suffix):
    source = write_csv(tmp_path / "new.csv", AWKWARD)
    said = mistake("predict", run, "--input", source, "--output", tmp_path / f"out{suffix}")
    assert "2 columns are named 'a'" in said and "or write .csv" in said


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("new.csv", "review,n\na,1\nb,1,2\nc,3\n", "row 3: its fields number 3, not 2"),
        ("new.jsonl", '{"review": "a"}\n{"review"\n{"review": "c"}\n', "row 2: the line is not"),
    ],
)
def test_what_is_no_row(run, tmp_path, name, content, problem):
    (tmp_path / name).write_text(content)
    output = tmp_path / name.replace("new", "out")
    said = mistake("predict", run, "--input", tmp_path / name, "--output", output)
    assert problem in said and "--skip-bad-rows" in said
    assert sorted(os.listdir(tmp_path)) == [name, "run"]
    said = score(run, tmp_path / name, output, "--skip-bad-rows")
    assert f"{name}: bad rows left out: 1, first {problem}" in said
    assert output.read_text().count("odd") == 2


def test_no_row_has_a_text(run, tmp_path):
    (tmp_path / "new.jsonl").write_text('{"review": [5]}\n{"review": null}\n')
    said = mistake(
        "predict", run, "--input", tmp_path / "new.jsonl", "--output", tmp_path / "o.csv"
    )
    assert (
        "none of its rows has an answer, first row 1: the text in column 'review' must be" in said
    )
    assert sorted(os.listdir(tmp_path)) == ["new.jsonl", "run"]


def test_all_rows_are_bad(run, tmp_path):
    (tmp_path / "new.csv").write_text("review,n\ngood\na,b,c\n")
    ask = ["predict", run, "--input", tmp_path / "new.csv", "--skip-bad-rows"]
    assert "none of its rows has an answer, first row 2: its fields number 1" in mistake(*ask)
    mistake(*ask, "--output", tmp_path / "out.csv")
    assert sorted(os.listdir(tmp_path)) == ["new.csv", "run"]


def test_one_row_is_one(run, tmp_path):
    source = write_csv(tmp_path / "new.csv", [["review"], ["good"]])
    assert score(run, source, tmp_path / "out.csv").endswith("out.csv: 1 row, with label, score\n")


def test_texts_that_are_cut_are_counted(run, tmp_path):
    source = write_csv(tmp_path / "new.csv", [["review"], ["a"], ["b" * 501], ["c" * 502]])
    said = score(run, source, tmp_path / "out.csv")
    assert "longer than the model reads, cut there: 2, first row 3" in said


def test_output_that_is_there(run, tmp_path):
    source = write_csv(tmp_path / "new.csv", AWKWARD)
    output = tmp_path / "out.csv"
    output.write_text("old")
    ask = ["predict", run, "--input", source, "--output"]
    assert "Pass --overwrite" in mistake(*ask, output)
    (tmp_path / "bad.csv").write_text("review\na\nb,c\n")
    mistake("predict", run, "--input", tmp_path / "bad.csv", "--output", output, "--overwrite")
    assert output.read_text() == "old"
    (tmp_path / "link.csv").symlink_to(output)
    score(run, source, tmp_path / "link.csv", "--overwrite")
    assert output.read_text().startswith("id,,review") and (tmp_path / "link.csv").is_symlink()
    assert "is what is read" in mistake(*ask, source, "--overwrite")
    (tmp_path / "run.csv").mkdir()
    assert "is no file" in mistake(*ask, tmp_path / "run.csv", "--overwrite")
    assert "cannot be written" in mistake(*ask, output / "out.csv")
    for name in ("out", "out.xls", "out.parquet.gz", "out.gz"):
        assert "the suffix must say what to write: .csv" in mistake(*ask, tmp_path / name)
    score(run, source, tmp_path / "deep" / "out.csv")
    expected = ["bad.csv", "deep", "link.csv", "new.csv", "out.csv", "run", "run.csv"]
    assert sorted(os.listdir(tmp_path)) == expected


def test_a_failure_leaves_nothing(run, tmp_path, monkeypatch):
    class Failing(FakeRun):
        def answer(self, texts):
            raise KeyboardInterrupt

    monkeypatch.setattr(commands, "load_run", lambda directory: Failing())
    source = write_csv(tmp_path / "new.csv", [["review"], ["good"]])
    for suffix in (".csv", ".jsonl", ".parquet"):
        output = tmp_path / "deep" / f"out{suffix}"
        done = regard_here("predict", run, "--input", source, "--output", output)
        assert done.returncode == 130
    assert sorted(os.listdir(tmp_path)) == ["new.csv", "run"]


# Columns


def test_the_column_of_training_comes_first(run, tmp_path):
    source = write_csv(tmp_path / "new.csv", [["text", "review"], ["good", "bad"], ["a", "b"]])
    score(run, source, tmp_path / "out.csv")
    assert [row[2] for row in read_csv(tmp_path / "out.csv")[1:]] == ["odd", "odd"]
    score(run, source, tmp_path / "out2.csv", "--text-column", "text")
    assert [row[2] for row in read_csv(tmp_path / "out2.csv")[1:]] == ["even", "odd"]
    other = write_csv(tmp_path / "other.csv", [["id", "text"], ["1", "good"]])
    said = score(run, other, tmp_path / "out3.csv")
    assert "column 'text' taken as the text (--text-column names another)" in said
    options = ["--output", tmp_path / "out4.csv", "--text-column", "body"]
    assert "no column 'body'" in mistake("predict", run, "--input", source, *options)


def test_pairs(pair_run, tmp_path):
    rows = [["reply", "n", "review"], ["no", "1", "good"], ["", "2", "bad"]]
    source = write_csv(tmp_path / "new.csv", rows)
    said = score(pair_run, source, tmp_path / "out.csv")
    assert [row[3] for row in read_csv(tmp_path / "out.csv")] == ["label", "even", ""]
    assert "first row 3: the second text in column 'reply' is empty" in said
    score(pair_run, source, tmp_path / "out2.csv", "--pair-column", "n")
    assert [row[3] for row in read_csv(tmp_path / "out2.csv")] == ["label", "odd", "even"]
    write_csv(tmp_path / "other.csv", [["review"], ["a"]])
    ask = ["--input", tmp_path / "other.csv", "--output", tmp_path / "out3.csv"]
    assert "no column 'reply'" in mistake("predict", pair_run, *ask)


def test_a_pair_column_for_single_texts(run, tmp_path):
    source = write_csv(tmp_path / "new.csv", AWKWARD)
    said = mistake("predict", run, "--input", source, "--pair-column", "id")
    assert "Leave out --pair-column" in said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["good", "--scores"], "--scores goes with --output"),
        (["good", "--overwrite"], "--overwrite goes with --output"),
        (["good", "--output", "out.csv", "--json"], "--output FILE.jsonl"),
        (["good", "--encoding", "utf-8"], "--encoding goes with --input"),
        (["good", "--text-column", "a"], "--text-column goes with a table as --input"),
        (
            ["--input", "a.txt", "--text-column", "a"],
            "a.txt is none by what it begins with, nor is its suffix one of .csv",
        ),
        (["--input", "a.csv", "--source-column", "a"], "--source-column does not go with this"),
        (["--input", "a.csv"], "a.csv: no such file"),
        (["--input", "a.txt"], "a.txt: no such file"),
        (["--input", "-", "--encoding", "klingon"], "'klingon' is not a text encoding"),
    ],
)
def test_mistakes(run, options, message):
    assert message in mistake("predict", run, *options)


def test_a_run_that_has_no_column_for_a_table(tmp_path, monkeypatch):
    monkeypatch.setattr(commands, "load_run", lambda directory: FakeRun())
    settings = {"max_sequence_length": 8, "num_beams": 1, "length_penalty": 1.0}
    for task in ("masked_lm", "translation"):
        (tmp_path / task).mkdir()
        metadata = {"task": task, "settings": settings, "data": {"train": {}}}
        (tmp_path / task / "run.json").write_text(json.dumps(metadata))
    ask = ["a", "--output", tmp_path / "out.csv"]
    assert "leave out --output" in mistake("predict", tmp_path / "masked_lm", *ask)
    said = mistake("predict", tmp_path / "translation", *ask, "--scores")
    assert "--scores are of classes, and a translator has none" in said
