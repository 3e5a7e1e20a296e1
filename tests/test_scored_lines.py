"""`regard predict`: lines, and texts that are called as files are."""

import gzip
import json
import os
import tempfile
from pathlib import Path

import pytest

from commands import mistake, regard_here
from regard.recipes.cli import commands
from scored_runs import FakeRun, guess, read_csv, score, write_csv, write_run


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(commands, "load_run", lambda directory: FakeRun())
    return write_run(tmp_path / "run")


@pytest.fixture
def pair_run(run, tmp_path):
    return write_run(tmp_path / "pairs", pair_column="reply")


@pytest.mark.parametrize("output", ["-", "/dev/stdout"])
def test_a_table_is_not_printed(run, tmp_path, output):
    source = write_csv(tmp_path / "new.csv", [["review"], ["good"]])
    said = mistake("predict", run, "--input", source, "--output", output)
    assert f"not to {output}. To print answers leave out --output" in said


def test_a_pipe_is_no_file(run, tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    said = mistake("predict", run, "--input", tmp_path / "pipe.csv")
    assert "pipe.csv is a pipe or a device" in said and "--input -" in said


def test_a_table_without_output_is_printed_as_lines(run, tmp_path):
    rows = [["n", "review"], ["1", "two\nlines"], ["2", ""], ["3", "good"]]
    source = write_csv(tmp_path / "new.csv", rows)
    done = regard_here("predict", run, "--input", source)
    assert done.stdout.splitlines() == [guess("two\nlines").to_line(), "", guess("good").to_line()]
    assert "rows without an answer: 1, first row 3" in done.stderr
    done = regard_here("predict", run, "--input", source, "--json")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert answers[1] == {"label": None, "score": None}
    assert answers[2]["text"] == "good"


@pytest.mark.parametrize("output", ["out.csv", "out.parquet"])
def test_lines_as_a_table(run, pair_run, tmp_path, output):
    (tmp_path / "new.txt").write_text("\ufeffgood\n\nbad film\r\n", "utf-8")
    score(run, tmp_path / "new.txt", tmp_path / "out.jsonl")
    records = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(each["text"], each["label"]) for each in records] == [
        ("good", "even"),
        ("", None),
        ("bad film", "even"),
    ]
    done = regard_here("predict", run, "good", "b, c", "--output", tmp_path / "arguments.csv")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    header, *rows = read_csv(tmp_path / "arguments.csv")
    assert (header, rows[1][:2]) == (["text", "label", "score"], ["b, c", "even"])
    options = ["--input", "-", "--output", tmp_path / output]
    done = regard_here("predict", pair_run, *options, text="one\ttwo\n")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / output).exists()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_lines_in_other_encodings(run, tmp_path, encoding):
    texts = ["好片", "", "Ċ\u0a0a\u0d0a", "x"]
    content = "\r\n".join(texts).encode(encoding)
    (tmp_path / "lines.txt").write_bytes(content)
    options = [] if encoding.startswith("utf-8") else ["--encoding", encoding]
    done = regard_here("predict", run, "--input", tmp_path / "lines.txt", *options, "--json")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer.get("text", "") for answer in answers] == texts
    assert answers[1] == {"label": None, "score": None}
    assert "lines.txt: rows without an answer: 1, first line 2: it is blank" in done.stderr
    piped = regard_here("predict", run, "--input", "-", *options, "--json", text=content)
    assert piped.stdout == done.stdout


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"fine\ncaf\xe9\n", "line 2: byte 0xE9 is not utf-8"),
        (b"fine\n\0\n", "line 2 holds a NUL byte"),
    ],
)
def test_what_is_no_text_is_not_answered(run, tmp_path, content, problem):
    (tmp_path / "lines.txt").write_bytes(content)
    assert f"lines.txt, {problem}" in mistake("predict", run, "--input", tmp_path / "lines.txt")
    done = regard_here("predict", run, "--input", "-", text=content)
    assert done.returncode == 2
    assert f"standard input, {problem}" in done.stderr


def test_a_table_that_is_called_a_text(run, tmp_path):
    (tmp_path / "lines.txt").write_bytes(b"PAR1\x15\0\n")
    said = mistake("predict", run, "--input", tmp_path / "lines.txt")
    assert "lines.txt is not a sound Parquet file" in said
    done = regard_here("predict", run, "--input", "-", text=b"PAR1\x15\0\n")
    assert done.returncode == 2
    assert "standard input is not a sound Parquet file" in done.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"id,review\n1,good film\n2,bad\n", "read as a table of fields, for so it begins"),
        (b"id;review\n1;good film\n2;bad\n", "fields end at a semicolon"),
        (b"sep=|\nid|review\n1|good film\n2|bad\n", "read as a table of fields"),
        (b'{"id": 1, "review": "good film"}\n{"id": 2, "review": "bad"}\n', "read as JSON"),
        (b'[{"id": 1, "review": "good film"},\n {"id": 2, "review": "bad"}]', "read as JSON"),
        (gzip.compress(b"id,review\n1,good film\n2,bad\n", mtime=0), "read as a table of fields"),
        ("id\treview\n1\tgood film\n2\tbad\n".encode("utf-16"), "read as utf-16"),
    ],
)
@pytest.mark.parametrize("name", ["-", "new", "new.txt", "new.log"])
def test_what_a_file_begins_with_tells_that_it_is_a_table(run, tmp_path, content, said, name):
    source = name if name == "-" else tmp_path / name
    if name != "-":
        source.write_bytes(content)
    done = regard_here("predict", run, "--input", source, "--json", text=content)
    answers = [json.loads(line)["text"] for line in done.stdout.splitlines()]
    assert answers == ["good film", "bad"], done.stderr
    assert said in done.stderr
    assert not list(Path(tempfile.gettempdir()).glob("regard-input-*"))


@pytest.mark.parametrize(
    "lines",
    [
        ["good film, bad end", "bad, but short", "a text, and more"],
        ["Text", "more text"],
        ["Review, please", "no, thanks, never"],
        ["{not JSON}", "[1] as cited"],
        ["text: good; label: bad"],
    ],
)
def test_sentences_stay_lines(run, tmp_path, lines):
    (tmp_path / "new").write_text("\n".join(lines))
    for source, text in ((tmp_path / "new", ""), ("-", "\n".join(lines))):
        done = regard_here("predict", run, "--input", source, "--json", text=text)
        assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == lines
        assert "taken as a text" not in done.stderr


def test_lines_that_look_like_rows_are_said(run, tmp_path):
    (tmp_path / "new").write_text("good film,pos\nbad film,neg\nfine,pos\n")
    done = regard_here("predict", run, "--input", tmp_path / "new")
    assert "new: each line is taken as a text, though all have 2 fields." in done.stderr
    as_table = ["--delimiter", ",", "--text-column", "1", "--json"]
    done = regard_here("predict", run, "--input", tmp_path / "new", *as_table)
    assert json.loads(done.stdout.splitlines()[0])["text"] == "good film", done.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "a pointer of Git LFS"),
        (b"\n<!DOCTYPE html>\n<html>", "a page of the web"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"SQLite format 3\0", "a database of SQLite"),
        (b"\x80\x04\x95abc.", "a pickle"),
    ],
)
def test_what_is_no_table_is_named(run, tmp_path, content, said):
    (tmp_path / "new.csv").write_bytes(content)
    assert f"new.csv is {said}" in mistake("predict", run, "--input", tmp_path / "new.csv")


def test_a_text_that_is_the_name_of_a_file(run, pair_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new.csv").write_text("review\ngood\n")
    assert "Pass --input new.csv to ask" in mistake("predict", run, "good", "new.csv")
    assert "Pass --input new.csv" in mistake("predict", pair_run, "good", "--pair", "new.csv")
    for name in ("run", "run/"):
        assert f"{name} is a folder, and its name" in mistake("predict", run, name)
    for name in ("*.csv", "run/*", "./ne?.csv"):
        assert f"{name} is a pattern of files" in mistake("predict", run, name)
    for name in ("reviews.csv", "data/Reviews.TSV.gz", "notes.txt", "new.xlsx", "a.jsonl.zst"):
        said = mistake("predict", run, name)
        assert f"{name} is the name of a file, though there is no such file" in said
        assert f"Pass --input {name} to ask" in said
    piped = regard_here("predict", run, "--input", "-", text="run\nnew.csv\n")
    assert piped.stdout == "".join(guess(text).to_line() + "\n" for text in ("run", "new.csv"))


@pytest.mark.parametrize(
    "text",
    ["new.csv is bad", "Is it good?", "really?", "*", "???", "[sic]", "Node.js", "1.5", "a.b", "",
     "...", "x" * 5000, "~", "see new.csv", "good/bad", "Great!*", "*****"],
)  # fmt: skip
def test_texts_that_are_no_names_of_files(run, tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new.csv").write_text("review\ngood\n")
    assert regard_here("predict", run, text).stdout == guess(text).to_line() + "\n"


def test_lines_that_are_cut_are_counted_too(run, tmp_path):
    (tmp_path / "new.txt").write_text(f"a\n{'b' * 501}\n{'c' * 600}\n")
    done = regard_here("predict", run, "--input", tmp_path / "new.txt")
    assert "new.txt: longer than the model reads, cut there: 2, first line 2\n" in done.stderr
    assert done.stdout.count("\n") == 3
    done = regard_here("predict", run, "a", "b" * 502, "--json")
    assert done.stderr == (
        "the command line: longer than the model reads, cut there: 1, first text 2\n"
    )
