"""Small files of Apache Arrow that ask for much memory are refused or read in little of it."""

import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather, ipc

from regard.recipes.data import arrow_bounds
from regard.recipes.data.arrow_messages import messages
from regard.recipes.data.arrow_weights import BYTES_AT_ONCE, HEAVIEST_ROW, ROWS_AT_ONCE, pieces
from regard.recipes.data.formats import open_table
from regard.recipes.errors import UserError
from regard.recipes.images.embedded import with_embedded

LONG = "a" * 2**20
MOST_MORE = 400  # megabytes that reading any of these may take
COUNT = 300  # of long texts: more megabytes than a part may become
LABELS = ["good", "bad"]


def texts(count=COUNT):
    return pa.array([LONG] * count)


def referring(count, text=LONG):
    return pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), pa.array([text]))


def parquet(path, table, **options):
    pq.write_table(table, path, compression="zstd", store_schema=False, **options)


def arrow(path, table, new=ipc.new_file, compression="zstd"):
    with new(path, table.schema, options=ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table)


def with_label(text):
    return pa.table(
        {"text": text, "label": pa.array(["x"]).take(pa.array(np.zeros(len(text), int)))}
    )


def views(count):
    length = 2**22
    view = np.array([[length, int.from_bytes(b"aaaa", "little"), 0, 0]], np.int32).repeat(count, 0)
    buffers = [None, pa.py_buffer(view.tobytes()), pa.py_buffer(b"a" * length)]
    return pa.Array.from_buffers(pa.string_view(), count, buffers)


def overlapping(count):
    values = pa.array(np.zeros(2**20, np.int8))
    places = (pa.array(np.full(count, number), pa.int32()) for number in (0, 2**20))
    return pa.ListViewArray.from_arrays(*places, values)


def delta(path):
    column = {"text": "DELTA_BYTE_ARRAY"}
    parquet(path, with_label(texts()), use_dictionary=["label"], column_encoding=column)


def few_rows_at_once(path):
    parquet(path, with_label(texts()), use_dictionary=False, write_batch_size=20)


def nothing(count):
    return pa.nulls(count, pa.int8())


def list_of_nothing(count):
    return pa.ListArray.from_arrays(pa.array([0, count - 1, count], pa.int32()), nothing(count))


def fixed_list_of_nothing():
    return pa.FixedSizeListArray.from_arrays(pa.nulls(2**28), 2**27)


def runs(count):
    return pa.RunEndEncodedArray.from_arrays(pa.array([count], pa.int32()), pa.array(["a film"]))


def both(column):
    return pa.table({"text": column, "label": column})


# How each is made, and what is said: the number of rows, or why it is refused.
BOMBS = {
    "a.parquet": (lambda path: parquet(path, with_label(referring(2000))), "2000"),
    "page.parquet": (
        lambda path: parquet(path, with_label(texts()), use_dictionary=False),
        "pages of all columns must become 268,435,456 bytes",
    ),
    "pages.parquet": (few_rows_at_once, "what is read must become 134,217,728 bytes"),
    "delta.parquet": (delta, "what is read must become 134,217,728 bytes"),
    "rows.parquet": (
        lambda path: parquet(path, both(nothing(2**22 + 1))),
        "4,194,304 rows at most, or as many as its bytes. Received: 4,194,305 rows",
    ),
    "list.parquet": (
        lambda path: parquet(path, both(list_of_nothing(2**24 + 1))),
        "16,777,216 values at most",
    ),
    "a.arrow": (lambda path: arrow(path, with_label(texts())), "rows in one piece must become"),
    "b.arrow": (
        lambda path: arrow(path, with_label(texts()), ipc.new_stream, "lz4"),
        "rows in one piece must become",
    ),
    "a.feather": (
        lambda path: feather.write_feather(with_label(texts()), path, compression="zstd"),
        "rows in one piece must become",
    ),
    "dictionary.arrow": (
        lambda path: arrow(path, with_label(pa.DictionaryArray.from_arrays([0], texts()))),
        "dictionaries must become",
    ),
    "refer.arrow": (lambda path: arrow(path, with_label(referring(2000))), "2000"),
    "runs.arrow": (lambda path: arrow(path, both(runs(2**30))), "4,194,304 rows at most"),
    "fixed.arrow": (
        lambda path: arrow(path, both(fixed_list_of_nothing())),
        "a row must have 134,217,728 bytes at most",
    ),
    "views.arrow": (lambda path: arrow(path, with_label(views(2**10))), "what is read must become"),
    "overlap.arrow": (
        lambda path: arrow(path, with_label(overlapping(2**10))),
        "what is read must become",
    ),
}
CHILD = """
import json, re, sys
from regard.recipes.data import arrow, sheets
from regard.recipes.data.formats import open_table
from regard.recipes.data.rows import read_rows

def peak():
    with open("/proc/self/status") as file:  # getrusage tells of the parent before, too
        return int(re.search(r"VmHWM:\\s+(\\d+) kB", file.read())[1]) // 1024

def read(path):
    table = open_table(path)
    kept = [cells for _, _, cells in table.read(["text", "label"])]
    return str(len(kept))

before = peak()
for path in sys.argv[1:]:
    try:
        said = read(path)
    except ValueError as error:
        said = f"{type(error).__name__}: {error}"
    print(json.dumps([said, peak() - before]))
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What a process that reads one after the other says, and megabytes more at its peak."""
    folder = tmp_path_factory.mktemp("bombs")
    for name, (make, _) in BOMBS.items():
        make(folder / name)
        assert (folder / name).stat().st_size < 2**21
    command = [sys.executable, "-c", CHILD, *(str(folder / name) for name in BOMBS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(zip(BOMBS, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("name", BOMBS)
def test_bombs(answers, name):
    said, megabytes = answers[name]
    expected = BOMBS[name][1]
    assert said == expected if expected.isdecimal() else expected in said
    assert expected.isdecimal() or said.startswith("UserError")
    assert megabytes < MOST_MORE


def test_an_image_of_many_rows_is_in_memory_once(tmp_path):
    rows = [{"bytes": bytes([n % 2]) * 1000, "path": "ab"[n % 2]} for n in range(10)]
    rows[9]["path"] = "c"
    parquet(tmp_path / "a.parquet", pa.table({"image": rows, "label": LABELS * 5}))
    table, _ = with_embedded(open_table(str(tmp_path / "a.parquet")))
    images = [cells[0] for _, _, cells in table.read(["image"])]
    assert [bytes(image) for image in images] == [row["bytes"] for row in rows]
    assert [getattr(image, "name", "") for image in images] == [*"ab", *[""] * 8]
    assert len({id(image) for image in images}) == 4


TYPES = [pa.string(), pa.large_string(), pa.binary()]
WRITTEN = [
    {},
    {"data_page_version": "2.0"},
    {"use_dictionary": False},
    {"dictionary_pagesize_limit": 50},
]


@pytest.mark.parametrize("kind", TYPES, ids=str)
@pytest.mark.parametrize("options", WRITTEN)
def test_tables_are_read_as_they_are(tmp_path, kind, options):
    made = (lambda text: text.encode()) if kind == pa.binary() else str
    column = [None if n % 7 == 3 else made(f"{n % 500}") for n in range(20_000)]
    nested = [None if n % 5 == 2 else {"b": value} for n, value in enumerate(column)]
    lists = [None if n % 3 == 1 else [value, value] for n, value in enumerate(column)]
    types = {"t": kind, "s": pa.struct([("b", kind)]), "l": pa.list_(kind)}
    given = {"t": column, "s": nested, "l": lists}
    table = pa.table({name: pa.array(given[name], types[name]) for name in types})
    path = tmp_path / "a.parquet"
    pq.write_table(table, path, row_group_size=9000, **options)
    opened = open_table(str(path))
    rows = [cells for _, _, cells in opened.read(["t", "s.b", "l"])]
    fields = [None if each is None else each["b"] for each in nested]
    assert [*map(tuple, rows)] == list(zip(column, fields, lists, strict=True))
    batches = list(opened.batches())
    assert pa.Table.from_batches(batches).equals(table)
    assert max(batch.num_rows for batch in batches) <= ROWS_AT_ONCE


def test_batches_are_cut_by_weight():
    count, length = 1000, 2**17
    batch = pa.record_batch({"t": referring(count, "a" * length), "n": list(range(count))})
    cut = list(pieces("x", batch, lambda each: each.columns))
    assert [n for each, _ in cut for n in each["n"].to_pylist()] == list(range(count))
    assert max(weight for _, weight in cut) <= BYTES_AT_ONCE + length + 100
    assert len(cut) == count * length // BYTES_AT_ONCE + 1
    [(whole, weight)] = pieces("x", batch, lambda each: [each["t"].indices])
    assert (whole.num_rows, weight) == (count, count * 32)


def test_a_heavy_row_is_refused():
    heavy = pa.record_batch({"t": [["a" * (HEAVIEST_ROW // 2)] * 3, []]})
    with pytest.raises(UserError, match="in row 1 of a batch: about 201,326,"):
        list(pieces("x", heavy, lambda each: each.columns))


WEIGHTS = {
    "map": (
        pa.array([[("a", 1)], [], [("bb", 2)] * 3], pa.map_(pa.string(), pa.int8())),
        (97, 32, 230),
    ),
    "struct": (pa.array([{"a": "xyz", "b": 1}, None]), (99, 96)),
    "list": (pa.array([["x"], None, ["yy", "z"]]), (65, 32, 99)),
    "fixed list": (pa.array([["x", "y"], ["zz", "z"]], pa.list_(pa.string(), 2)), (98, 99)),
    "list view": (pa.array([["x"], None, ["yy"]], pa.list_view(pa.string())), (65, 32, 66)),
    "runs": (pa.RunEndEncodedArray.from_arrays(pa.array([2], pa.int32()), ["abc"]), (35, 35)),
    "view": (pa.array(["x", None, "y" * 100], pa.string_view()), (33, 32, 132)),
    "fixed": (pa.array([b"abc"], pa.binary(3)), (35,)),
    "number": (pa.array([1, None]), (32, 32)),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights(name):
    array, expected = WEIGHTS[name]
    cells = pa.concat_arrays([array, array])
    for start in range(len(array)):  # of a slice as well
        batch = pa.record_batch({"x": cells.slice(start, len(array))})
        [(_, weight)] = pieces("x", batch, lambda each: each.columns)
        assert weight == sum(expected)


@pytest.mark.parametrize("new", [ipc.new_file, ipc.new_stream])
@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
def test_messages(tmp_path, new, compression):
    table = pa.table({"t": ["abc" * 1000] * 30, "d": pa.array(["x", "y"] * 15).dictionary_encode()})
    arrow(tmp_path / "a.arrow", table, new, compression)
    with pa.memory_map(str(tmp_path / "a.arrow")) as file:
        dictionary, rows = messages(file)
    assert (dictionary.is_dictionary, dictionary.num_rows) == (True, 2)
    assert (rows.is_dictionary, rows.num_rows) == (False, 30)
    assert 90_000 <= rows.unpacked < 91_000
    assert rows.packed < 2000 if compression else rows.packed == rows.unpacked


def test_what_compresses_little_may_be_large(tmp_path, monkeypatch):
    monkeypatch.setattr(arrow_bounds, "MOST_UNPACKED", 2**16)
    draw = np.random.default_rng(0)
    column = [draw.bytes(1000).hex() for _ in range(300)]
    for name, write in {"a.parquet": parquet, "a.arrow": arrow}.items():
        write(tmp_path / name, with_label(column))
        rows = list(open_table(str(tmp_path / name)).read(["text"]))
        assert [cells[0] for _, _, cells in rows] == column


def test_a_page_without_sizes_is_refused(tmp_path):
    parquet(tmp_path / "a.parquet", both(pa.array(["x", "y"])))
    data = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(data[:4] + b"\0" * 20 + data[24:])
    with pytest.raises(UserError, match="is not a sound Parquet file"):
        list(open_table(str(tmp_path / "a.parquet")).read(["text"]))
