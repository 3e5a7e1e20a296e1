"""Tables that are written come back equal: read by us, and by pandas."""

import datetime
import itertools
import json
import random

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from regard.recipes.data.formats import open_table
from regard.recipes.data.sources import open_together
from regard.recipes.data.writing import open_writer
from regard.recipes.runs.scoring import Asked, new_columns, score_table
from regard.recipes.settings import TableLayout

NASTY = [
    "plain",
    "a\tb",
    "a\nb",
    "a\r\nb",
    "a\rb",
    '"',
    '""',
    '"all of it"',
    '"begins so',
    'ends so"',
    'in "the" middle',
    '"a"\t"b"',
    'x"\n"y',
    "\t",
    "\n",
    " padded ",
    "'quote",
    "a,b;c|d",
    "#N/A",
    "007",
    "1e5",
    "\u2028 \x85 \u00a0",
    "=1+1",
    "\\N",
]
ADDED = {"label": str, "score": float}
DAY = datetime.date(2026, 11, 30)
NOON = datetime.datetime(2026, 11, 30, 12, 30)


def nasty_rows(width, seed=0):
    draw = random.Random(seed)
    rows = [[draw.choice(NASTY) for _ in range(width - 1)] + [cell] for cell in NASTY]
    rows += [list(pair) + ["x"] * (width - 2) for pair in itertools.product(NASTY[:13], repeat=2)]
    return [row[-width:] for row in rows]


def write(path, columns, rows):
    with open_writer(path, columns, ADDED) as writer:
        writer.write(rows, [["good", 0.1 + 0.2]] * len(rows))


def kept(path):
    """The columns that were there, read by us."""
    table = open_table(str(path))
    return [list(cells)[:-2] for _, problem, cells in table.read(table.columns) if not problem]


def by_pandas(path):
    options = {"dtype": str, "keep_default_na": False}
    match path.suffix:
        case ".csv":
            frame = pd.read_csv(path, **options)
        case ".tsv":
            frame = pd.read_csv(path, sep="\t", **options)
        case ".jsonl":
            frame = pd.read_json(path, lines=True, dtype=False, convert_dates=False)
        case ".parquet":
            frame = pd.read_parquet(path)
        case ".xlsx":
            frame = pd.read_excel(path, **options)
    return frame.iloc[:, :-2].values.tolist()


@pytest.mark.parametrize("width", [2, 3])
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet", ".xlsx"])
def test_nasty_texts(tmp_path, suffix, width):
    columns = ["review", "a note", "more"][:width]
    path = tmp_path / f"out{suffix}"
    rows = nasty_rows(width)
    write(path, columns, rows)
    assert by_pandas(path) == rows
    expected = [[None if each == "#N/A" else each for each in row] for row in rows]  # an error
    assert kept(path) == (expected if suffix == ".xlsx" else rows)


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_nasty_names(tmp_path, suffix):
    names = ['a "b"', "tab\there", "line\nbreak", '"quoted"', "c,d"]
    path = tmp_path / f"out{suffix}"
    write(path, names, [["1", "2", "3", "4", "5"]])
    options = {"sep": "\t"} if suffix == ".tsv" else {}
    assert list(pd.read_csv(path, **options).columns) == [*names, "label", "score"]
    assert open_table(str(path)).columns == [*names, "label", "score"]


def test_tabbed_lines_of_others_are_rows_as_ever(tmp_path):
    """Quotes that begin in one line and end in another join no two rows."""
    path = tmp_path / "a.tsv"
    rows = ['"Hello world\tpos', 'said "it"\tneg', 'world"\tpos', '"a" b\tneg', '"whole"\tpos']
    path.write_text("text\tlabel\n" + "\n".join(rows) + "\n")
    assert [cells for *_, cells in open_table(str(path)).read(["text", "label"])] == [
        ['"Hello world', "pos"],
        ['said "it"', "neg"],
        ['world"', "pos"],
        ['"a" b', "neg"],
        ["whole", "pos"],
    ]


def test_tabbed_files_of_pandas(tmp_path):
    """Which quotes the cells alone that need it."""
    texts = [text for text in NASTY if text != "a\rb"]  # which it does not quote
    frame = pd.DataFrame({"text": texts, "label": "pos"})
    frame.to_csv(tmp_path / "a.tsv", sep="\t", index=False)
    table = open_table(str(tmp_path / "a.tsv"))
    found = [list(cells) for _, _, cells in table.read(["text", "label"])]
    assert found == frame.values.tolist()


def test_a_bad_tabbed_row_takes_no_other_with_it(tmp_path):
    rows = ["text\tlabel", '"no label', "fine\tpos", 'good "film"\tneg', '"\tneg']
    (tmp_path / "a.tsv").write_text("\n".join(rows))
    read = open_table(str(tmp_path / "a.tsv")).read(["text", "label"])
    assert [list(cells) for *_, cells in read] == [
        [],
        ["fine", "pos"],
        ['good "film"', "neg"],
        ['"', "neg"],
    ]


# From typed formats to typed formats

TYPED = {
    "text": ["good", "bad", "fine"],
    "whole": [1, -2, None],
    "float": [0.1, 2.5, None],
    "flag": [True, False, None],
    "day": [DAY, datetime.date(2001, 2, 3), None],
    "at": [NOON, datetime.datetime(2001, 2, 3, 4, 5, 6), None],
    "digits": ["007", "1.0", ""],
}
AS_TEXT = [
    ["good", "1", "0.1", "true", "2026-11-30", "2026-11-30 12:30:00", "007"],
    ["bad", "-2", "2.5", "false", "2001-02-03", "2001-02-03 04:05:06", "1.0"],
    ["fine", "", "", "", "", "", ""],
]


def write_typed(path):
    rows = list(map(list, zip(*TYPED.values(), strict=True)))
    if path.suffix == ".xlsx":
        book = openpyxl.Workbook()
        for row in [list(TYPED), *rows]:
            book.active.append(row)
        book.save(path)
    elif path.suffix == ".parquet":
        pq.write_table(pa.table(TYPED), path)
    elif path.suffix == ".arrow":
        table = pa.table(TYPED)
        with pa.ipc.new_file(path, table.schema) as file:
            file.write_table(table)
    else:
        records = (dict(zip(TYPED, map(plain, row), strict=True)) for row in rows)
        path.write_text("".join(json.dumps(each) + "\n" for each in records))


def plain(value):
    return str(value) if isinstance(value, datetime.date) else value


class Answer:
    label, score = "x", 0.25


def score(source, output):
    """Scores a table, or a folder of tables."""
    table = open_together(str(source), TableLayout())
    asked = Asked(str(source), table, {"text": "text"})
    columns = new_columns({"label": str, "score": float})
    score_table(asked, lambda texts: [Answer] * len(texts), output, columns)


@pytest.mark.parametrize("source", ["in.xlsx", "in.parquet", "in.arrow", "in.jsonl"])
def test_types_stay(tmp_path, source):
    write_typed(tmp_path / source)
    dates = source != "in.jsonl"  # where they are texts
    expected = {name: each if dates else list(map(plain, each)) for name, each in TYPED.items()}
    for output in ("out.parquet", "out.xlsx", "out.jsonl", "out.csv"):
        score(tmp_path / source, tmp_path / output)
    found = pq.read_table(tmp_path / "out.parquet").to_pydict()
    if source == "in.xlsx":  # which has no empty texts
        expected["digits"] = ["007", "1.0", None]
    assert {name: found[name] for name in TYPED} == expected
    assert found["label"] == ["x"] * 3
    book = openpyxl.load_workbook(tmp_path / "out.xlsx", data_only=True)
    _, *rows = book.active.iter_rows(values_only=True)
    columns = zip(*rows, strict=True)
    for name, column in zip(TYPED, columns, strict=False):
        wanted = [None if each == "" else each for each in expected[name]]
        if name == "day" and dates:  # as openpyxl gives them
            wanted = [each and datetime.datetime.combine(each, datetime.time()) for each in wanted]
        assert list(column) == wanted
        assert list(map(type, column)) == list(map(type, wanted))
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    for name in TYPED:
        column = [json.loads(line)[name] for line in lines]
        assert column == list(map(plain, expected[name]))
    assert by_pandas(tmp_path / "out.csv") == AS_TEXT


@pytest.mark.parametrize("suffix", [".xlsx", ".parquet", ".jsonl"])
def test_a_folder_of_typed_tables_keeps_its_types(tmp_path, suffix):
    folder = tmp_path / "new"
    folder.mkdir()
    write_typed(folder / f"a{suffix}")
    write_typed(folder / f"b{suffix}")
    score(folder, tmp_path / "both.parquet")
    score(folder / f"a{suffix}", tmp_path / "one.parquet")
    both, one = (pq.read_table(tmp_path / f"{name}.parquet") for name in ("both", "one"))
    assert both == pa.concat_tables([one, one])


def test_nanoseconds_are_times_where_python_has_them(tmp_path):
    at = pa.array([1_700_000_000_000_001_000, None], pa.timestamp("ns"))
    finer = pa.array([1_700_000_000_000_000_001, None], pa.timestamp("ns", "UTC"))
    pq.write_table(pa.table({"at": at, "finer": finer}), tmp_path / "a.parquet")
    first, second = open_table(str(tmp_path / "a.parquet")).read(["at", "finer"])
    assert first[2][0] == datetime.datetime(2023, 11, 14, 22, 13, 20, 1)
    assert first[2][1].startswith("2023-11-14 22:13:20.000000001")
    assert list(second[2]) == [None, None]


def test_json_has_no_number_that_is_none(tmp_path):
    rows = [[float("inf"), [float("nan"), {"x": -float("inf")}], 1.5]]
    write(tmp_path / "a.jsonl", ["a", "b", "c"], rows)
    line = (tmp_path / "a.jsonl").read_text()
    found = json.loads(line, parse_constant=pytest.fail)
    assert (found["a"], found["b"], found["c"]) == (None, [None, {"x": None}], 1.5)
