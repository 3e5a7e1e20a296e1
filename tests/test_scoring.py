"""A table in, a table out: `regard predict --output`, with a run that needs no model."""

import csv
import datetime
import decimal
import gzip
import json
import os
import tempfile
import tracemalloc
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from commands import mistake, regard_here
from regard.recipes.cli import commands
from regard.recipes.data.rows import Table
from regard.recipes.runs.scoring import ROWS_AT_ONCE, Asked, new_columns, score_table
from tiers import only_first

CLASSES = ["even", "odd"]
METADATA = {
    "task": "text",
    "settings": {"max_sequence_length": 8},
    "data": {"train": {"text_column": "review", "label_column": "stars", "pair_column": None}},
    "class_names": CLASSES,
}


@dataclass
class Guess:
    """A text is even or odd, as its number of characters is."""

    text: str
    label: str
    score: float
    scores: dict
    truncated: bool | None = None

    def to_line(self):
        return f"{self.label}\t{self.score:.4f}\t{' '.join(self.text.split())}"

    def to_json(self):
        return json.dumps({k: v for k, v in asdict(self).items() if v is not None})


class FakeRun:
    asked = 0

    def predict(self, texts):
        self.asked = max(self.asked, len(texts))
        return [guess("".join(text)) for text in texts]

    answer = predict


def guess(text):
    score = 0.5 + 1 / (2 + len(text))
    label, other = CLASSES if len(text) % 2 == 0 else CLASSES[::-1]
    return Guess(text, label, score, {label: score, other: 1 - score}, len(text) > 500 or None)


def write_run(directory, **train):
    directory.mkdir()
    metadata = {**METADATA, "data": {"train": METADATA["data"]["train"] | train}}
    (directory / "run.json").write_text(json.dumps(metadata))
    return directory


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(commands, "load_run", lambda directory: FakeRun())
    return write_run(tmp_path / "run")


@pytest.fixture
def pair_run(run, tmp_path):
    return write_run(tmp_path / "pairs", pair_column="reply")


def score(run, source, output, *options):
    """Runs the command; returns what it says."""
    done = regard_here("predict", run, "--input", source, "--output", output, *options)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    return done.stderr


def read_csv(path, **dialect):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file, **dialect))


AWKWARD = [
    ["id", "", "review", "a", "a", " padded name"],
    ["007", "1.0", "good film", 'say "hi"', '"quoted"', " padded "],
    ["008", "1e5", "two\nlines", "a\rb", "c\r\nd", "tab\tbed"],
    ["009", "", "好片, 真的", "=1+1", "\u00a0", '"'],
]


def write_csv(path, rows, encoding="utf-8"):
    with open(path, "w", encoding=encoding, newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def answers_of(texts):
    return [[guess(text).label, str(guess(text).score)] for text in texts]


# Tables of text


@pytest.mark.parametrize(("suffix", "delimiter"), [(".csv", ","), (".tsv", "\t")])
def test_every_cell_comes_out_as_it_came(run, tmp_path, suffix, delimiter):
    source = write_csv(tmp_path / "new.csv", AWKWARD)
    output = tmp_path / f"scored{suffix}"
    said = score(run, source, output)
    header, *rows = read_csv(output, delimiter=delimiter)
    names = [name.strip() for name in AWKWARD[0]]
    assert header == [*names, "label", "score"]
    assert [row[:-2] for row in rows] == AWKWARD[1:]
    assert [row[-2:] for row in rows] == answers_of(row[2] for row in AWKWARD[1:])
    assert said == f"{output}: 3 rows, with label, score\n"


def test_csv_out_is_what_was_in_byte_for_byte(run, tmp_path):
    content = 'review,n\r\n"a ""b""\r\nc",1\r\nplain,"2,5"\r\n'
    (tmp_path / "new.csv").write_bytes(content.encode())
    score(run, tmp_path / "new.csv", tmp_path / "out.csv")
    first, second = (",".join(answer) for answer in answers_of(['a "b"\r\nc', "plain"]))
    assert (tmp_path / "out.csv").read_bytes().decode() == (
        f'review,n,label,score\n"a ""b""\r\nc",1,{first}\nplain,"2,5",{second}\n'
    )


def test_tsv_keeps_bare_quotes(run, tmp_path):
    lines = ["review\tnote", 'say "hi"\tan inch: 1"', "plain\t"]
    (tmp_path / "new.tsv").write_text("\n".join(lines) + "\n")
    score(run, tmp_path / "new.tsv", tmp_path / "out.tsv")
    assert [
        line.rsplit("\t", 2)[0] for line in (tmp_path / "out.tsv").read_text().splitlines()
    ] == lines


def test_compressed_output(run, tmp_path):
    source = write_csv(tmp_path / "new.csv", AWKWARD)
    score(run, source, tmp_path / "out.csv.gz")
    score(run, source, tmp_path / "out.csv.zst")
    score(run, source, tmp_path / "out.csv")
    for name, opened in {"out.csv.gz": gzip.open, "out.csv.zst": zstandard.open}.items():
        with opened(tmp_path / name) as file:
            assert file.read() == (tmp_path / "out.csv").read_bytes()


def test_several_tables_are_one(run, tmp_path):
    folder = tmp_path / "new"
    folder.mkdir()
    write_csv(folder / "a.csv", [["review", "id"], ["good", 1], ["bad", 2]])
    write_csv(folder / "b.csv", [["id", "review"], [3, ""], [4, "fine"]])
    (folder / "notes.md").touch()
    said = score(run, folder, tmp_path / "out.csv")
    assert "files read: 2 (2 .csv); no tables, passed over: 1 .md" in said
    assert f"rows without an answer: 1, first row 2 of {folder / 'b.csv'}: the text" in said
    score(run, folder / "*.csv", tmp_path / "out2.csv")
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "out2.csv").read_bytes()
    score(run, folder / "?.*", tmp_path / "out3.csv")
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "out3.csv").read_bytes()
    rows = read_csv(tmp_path / "out.csv")
    assert [row[:2] for row in rows[1:]] == [["good", "1"], ["bad", "2"], ["", "3"], ["fine", "4"]]
    (folder / "b.csv").rename(folder / "test.csv")  # no split is left out
    score(run, folder, tmp_path / "out4.csv")
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "out4.csv").read_bytes()
    twice = ("--input", folder / "a.csv", "--input", folder / "test.csv")
    assert "Give --input once: a folder" in mistake("predict", run, *twice)
    said = mistake("predict", run, "--input", folder, "--output", folder / "out.csv")
    assert "lies in the folder that is read" in said
    write_csv(folder / "c.csv", [["review", "number"], ["good", 1]])
    said = mistake("predict", run, "--input", folder, "--output", tmp_path / "out5.csv")
    assert f"must have the same columns: {folder / 'a.csv'} has review, id; {folder}" in said


def test_another_encoding(run, tmp_path):
    rows = [["review", "ort"], ["好", "上海"], ["坏人", "北京"]]
    source = write_csv(tmp_path / "new.csv", rows, "gb18030")
    score(run, source, tmp_path / "out.csv", "--encoding", "gb18030")
    assert [row[:2] for row in read_csv(tmp_path / "out.csv")] == rows
    said = mistake("predict", run, "--input", source, "--output", tmp_path / "out2.csv")
    assert "new.csv, line 2: byte 0xBA is not utf-8" in said
    assert not (tmp_path / "out2.csv").exists()


def test_more_rows_than_are_asked_at_once_keep_their_order(run, tmp_path, monkeypatch):
    fake = FakeRun()
    monkeypatch.setattr(commands, "load_run", lambda directory: fake)
    rows = [[str(number), "x" * (number % 7) or " "] for number in range(2 * ROWS_AT_ONCE + 9)]
    source = write_csv(tmp_path / "new.csv", [["n", "review"], *rows])
    said = score(run, source, tmp_path / "out.csv")
    _, *found = read_csv(tmp_path / "out.csv")
    assert [row[:2] for row in found] == rows
    assert [row[2] for row in found] == [
        guess(text).label if text != " " else "" for _, text in rows
    ]
    assert fake.asked <= ROWS_AT_ONCE
    empty = sum(text == " " for _, text in rows)
    assert (
        f"rows without an answer: {empty:,}, first row 2: the text in column 'review' is empty"
        in said
    )


# Tables with types


def typed_table():
    now = datetime.datetime(2026, 11, 30, 12, 0, 0, 123456)
    return pa.table(
        {
            "review": pa.array(["good", "bad film", None, ""], pa.large_string()),
            "tiny": pa.array([1, -2, None, 4], pa.int8()),
            "huge": pa.array([2**63, 1, 2, 3], pa.uint64()),
            "half": pa.array([0.1, 1.0, None, float("nan")], pa.float32()),
            "whole": pa.array([1.0, 2.0, 3.0, 4.0], pa.float64()),
            "flag": pa.array([True, False, None, True]),
            "kind": pa.array(["a", "b", "a", None]).dictionary_encode(),
            "price": pa.array([decimal.Decimal("1.10")] * 4, pa.decimal128(10, 2)),
            "at": pa.array([now] * 4, pa.timestamp("ns", tz="UTC")),
            "day": pa.array([datetime.date(2026, 11, 30)] * 4),
            "words": pa.array([["a"], [], None, ["b", None]]),
            "meta": pa.array([{"id": 1, "by": "x"}] * 4),
            "bytes": pa.array([b"\xff\x00"] * 4),
        }
    ).replace_schema_metadata({"mine": "kept"})


def test_parquet_keeps_its_types(run, tmp_path):
    before = typed_table()
    pq.write_table(before, tmp_path / "new.parquet", row_group_size=3)
    before = pq.read_table(tmp_path / "new.parquet")
    said = score(run, tmp_path / "new.parquet", tmp_path / "out.parquet", "--scores")
    after = pq.read_table(tmp_path / "out.parquet")
    kept = [name for name in before.column_names if name != "half"]  # where NaN is not itself
    assert after.select(kept) == before.select(kept)
    assert str(after["half"].to_pylist()) == str(before["half"].to_pylist())
    assert after.schema.names[-4:] == ["label", "score", "score_even", "score_odd"]
    assert after.schema.types == [*before.schema.types, pa.string(), *[pa.float64()] * 3]
    assert after.schema.metadata[b"mine"] == b"kept"
    assert after["label"].to_pylist() == ["even", "even", None, None]
    assert (
        after["score_even"].to_pylist()
        == [guess("good").score, guess("bad film").score] + [None] * 2
    )
    assert "rows without an answer: 2, first row 3: the text in column 'review' is missing" in said


def test_parquet_as_text(run, tmp_path):
    pq.write_table(typed_table(), tmp_path / "new.parquet")
    score(run, tmp_path / "new.parquet", tmp_path / "out.csv")
    header, first, *_, last = read_csv(tmp_path / "out.csv")
    cells = dict(zip(header, first, strict=True))
    assert (cells["review"], cells["tiny"], cells["huge"]) == ("good", "1", str(2**63))
    assert (cells["flag"], cells["price"], cells["day"]) == ("true", "1.10", "2026-11-30")
    assert cells["at"].startswith("2026-11-30 12:00:00.123456")
    assert (cells["words"], json.loads(cells["meta"])) == ('["a"]', {"id": 1, "by": "x"})
    assert last[-2:] == ["", ""]
    score(run, tmp_path / "new.parquet", tmp_path / "out.jsonl")
    records = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert records[0]["meta"] == {"id": 1, "by": "x"}
    assert [each["half"] for each in records[2:]] == [None, None]
    assert (records[3]["label"], records[3]["score"]) == (None, None)


def test_json_objects_stay_as_they_are(run, tmp_path):
    records = [
        {"review": "good", "n": 1, "x": 1.0, "meta": {"id": 2**70, "tags": ["ü", None]}},
        {"x": None, "review": "bad film", "": True},
        {"n": "1"},
    ]
    lines = "".join(json.dumps(each) + "\n\n" for each in records)
    (tmp_path / "new.jsonl").write_text(lines)
    said = score(run, tmp_path / "new.jsonl", tmp_path / "out.jsonl")
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    answers = [("even", guess("good").score), ("even", guess("bad film").score), (None, None)]
    assert found == [
        {**record, "label": label, "score": value}
        for record, (label, value) in zip(records, answers, strict=True)
    ]
    assert [list(each)[:-2] for each in found] == [list(each) for each in records]
    assert "first row 5: the text in column 'review' is missing" in said


def test_types_of_json_in_parquet(run, tmp_path):
    """They are those of all rows, however late a row comes; without a common type, texts."""
    rows = [
        {"review": "x", "n": 1, "m": 1, "q": {"a": 1}, "none": None, "big": 2**70}
    ] * ROWS_AT_ONCE
    rows += [{"review": "y", "n": 1.5, "m": "one", "q": {"b": "z"}, "big": True}]
    (tmp_path / "new.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    score(run, tmp_path / "new.jsonl", tmp_path / "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet")
    types = dict(zip(table.schema.names, table.schema.types, strict=True))
    assert (types["n"], types["m"], types["none"]) == (pa.float64(), pa.string(), pa.string())
    first, last = table.slice(0, 1).to_pylist()[0], table.slice(ROWS_AT_ONCE).to_pylist()[0]
    assert (first["n"], first["m"], first["q"]) == (1.0, "1", {"a": 1, "b": None})
    assert (last["m"], last["big"], first["big"]) == ("one", "true", str(2**70))
    assert (first["label"], table.num_rows) == ("odd", ROWS_AT_ONCE + 1)


def test_csv_as_parquet_is_texts(run, tmp_path):
    source = write_csv(tmp_path / "new.csv", [["review", "zip"], ["good", "007"]])
    score(run, source, tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == [
        {"review": "good", "zip": "007", "label": "even", "score": guess("good").score}
    ]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("source", ["new.csv", "new.parquet"])
def test_a_table_without_rows(run, tmp_path, suffix, source):
    pq.write_table(pa.table({"review": pa.array([], pa.string())}), tmp_path / "new.parquet")
    (tmp_path / "new.csv").write_text("review\n")
    output = tmp_path / f"out{suffix}"
    score(run, tmp_path / source, output)
    if suffix == ".parquet":
        assert pq.read_schema(output).names == ["review", "label", "score"]
    else:
        assert len(output.read_text().splitlines()) == (suffix != ".jsonl")


def test_what_is_asked_may_stand_beside_the_table(tmp_path):
    """As where it is made of several columns: these are kept, and it is not."""
    rows = [["a", "b"], ["c", ""], ["", ""]]
    kept = Table(["x", "y"], lambda names: ((n, "", cells) for n, cells in enumerate(rows)))
    joined = kept._replace(read=lambda names: ((n, "", ["".join(r)]) for n, r in enumerate(rows)))
    asked = Asked("new", kept, {"text": "x + y"}, beside=joined)
    columns = new_columns({"label": str})
    for suffix in ("csv", "jsonl", "parquet"):
        score_table(asked, FakeRun().answer, tmp_path / f"out.{suffix}", columns)
    assert read_csv(tmp_path / "out.csv") == [
        ["x", "y", "label"],
        ["a", "b", "even"],
        ["c", "", "odd"],
        ["", "", ""],
    ]
    assert pq.read_table(tmp_path / "out.parquet")["label"].to_pylist() == ["even", "odd", None]


# What stands in the way


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
    (tmp_path / "new.jsonl").write_text('{"review": 5}\n{"review": null}\n')
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


@pytest.mark.parametrize("output", ["-", "/dev/stdout"])
def test_a_table_is_not_printed(run, tmp_path, output):
    source = write_csv(tmp_path / "new.csv", [["review"], ["good"]])
    said = mistake("predict", run, "--input", source, "--output", output)
    assert f"not to {output}. To print answers leave out --output" in said


def test_a_pipe_is_no_file(run, tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    said = mistake("predict", run, "--input", tmp_path / "pipe.csv")
    assert "pipe.csv is a pipe or a device" in said and "--input -" in said


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


# Lines, and the command line


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
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == texts
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
        (gzip.compress(b"id,review\n1,good film\n2,bad\n"), "read as a table of fields"),
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


# Memory


def peak_of(run, source, output):
    """The most that Python and Arrow hold at once, in bytes."""
    pool = pa.proxy_memory_pool(pa.system_memory_pool())
    before = pa.default_memory_pool()
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        score(run, source, output)
        return tracemalloc.get_traced_memory()[1] + pool.max_memory()
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(before)


@pytest.mark.parametrize("kind", only_first(["csv", "tsv", "jsonl", "parquet"]))
@pytest.mark.parametrize("output", ["csv", "parquet"])
def test_memory_does_not_grow_with_the_rows(run, tmp_path, kind, output):
    peaks = []
    for count in (20_000, 60_000):
        source = tmp_path / f"{count}.{kind}"
        write_rows(source, count)
        peaks.append(peak_of(run, source, tmp_path / f"out-{count}.{output}"))
    assert peaks[1] < 1.2 * peaks[0], peaks


def write_rows(source, count):
    rows = [(f"text {number} of {count}" * 4, str(number)) for number in range(count)]
    if source.suffix == ".parquet":
        texts, numbers = zip(*rows, strict=True)
        table = pa.table({"review": texts, "n": numbers})  # one group of rows, in small pages
        pq.write_table(table, source, data_page_size=2**14, use_dictionary=False)
    elif source.suffix == ".jsonl":
        lines = (json.dumps({"review": text, "n": number}) + "\n" for text, number in rows)
        source.write_text("".join(lines))
    else:
        delimiter = "\t" if source.suffix == ".tsv" else ","
        lines = (delimiter.join(row) + "\n" for row in [("review", "n"), *rows])
        source.write_text("".join(lines))
