"""`regard predict --output`: what comes out of tables, and what stops it."""

import datetime
import decimal
import gzip
import json
import tracemalloc

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from commands import mistake
from regard.recipes.cli import commands
from regard.recipes.data.rows import Table
from regard.recipes.runs.scoring import ROWS_AT_ONCE, Asked, new_columns, score_table
from scored_runs import AWKWARD, FakeRun, answers_of, guess, read_csv, score, write_csv, write_run
from tiers import only_first


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(commands, "load_run", lambda directory: FakeRun())
    return write_run(tmp_path / "run")


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
@pytest.mark.parametrize("output", only_first(["csv", "parquet"]))
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
