"""Small files that ask for much memory are refused, in words; large honest texts are not."""

import bz2
import csv
import gzip
import io
import json
import lzma
import subprocess
import sys
import tarfile
import zipfile
from unittest import mock

import openpyxl
import pytest
import zstandard

from regard.recipes.data import archives, bounds, sheets
from regard.recipes.data.bounds import BoundedXml, depth_problem
from regard.recipes.data.formats import open_table
from regard.recipes.data.lines import open_lines
from regard.recipes.data.rows import read_rows
from regard.recipes.data.streams import stream_lines
from regard.recipes.data.text_writing import as_plain_text
from regard.recipes.devices.cluster import LONGEST_CONFIG, MOST_WORKERS, read_cluster
from regard.recipes.errors import UserError, out_of_memory
from regard.recipes.runs.config import read_config
from regard.recipes.settings import TableLayout

ROW, ROWS_END = b"<row><c><v>1</v></c></row>", b"</sheetData>"
HONEST = b"text,label\n" + b"a fine film,good\n" * 100
PACKED = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
PACKED[".zst"] = zstandard.ZstdCompressor().compress


def rows_of(path, contents, **layout):
    path.write_bytes(contents)
    table = open_table(str(path), TableLayout(**layout))
    return read_rows(str(path), table, {each: each for each in table.columns}, False)[0]


@pytest.fixture
def small_bounds(monkeypatch):
    """Bounds that are met at once."""
    lengths = {"LONGEST_TEXT": 2**17, "LONGEST_LINE": 2**18, "LONGEST_ARRAY": 2**19}
    for name, length in {**lengths, "LONGEST_STRINGS": 2**19}.items():
        monkeypatch.setattr(bounds, name, length)
        for room in ("delimited", "tabbed", "json_rows", "rows", "streams", "sheets"):
            module = sys.modules.get(f"regard.recipes.data.{room}")
            if hasattr(module, name):
                monkeypatch.setattr(module, name, length)
    yield
    csv.field_size_limit(2**24)


LONG = b"a" * 2**20
NESTED = b'{"text": ' + b"[" * 500 + b"]" * 500 + b', "label": "x"}\n'
REFUSED = {
    "a line without an end.csv": (HONEST + LONG, "line 102: a line must have fewer"),
    "a field.csv": (HONEST + b"a" * 200_000 + b",good\n", "a field must have 131,072"),
    "an open quote.csv": (HONEST + b'"a\n' + b"b\n" * 90_000, "or close the quotes"),
    "a line.jsonl": (b'{"text": "' + LONG + b'", "label": "x"}\n', "line 1: a line must have"),
    "nested.jsonl": (NESTED, "100 deep in each other"),
    "deeper.jsonl": (NESTED.replace(b"[" * 500, b"[" * 10**5), "not valid JSON"),
    "an array.json": (b'[{"text": "' + LONG + b'"}]', "one piece must have fewer than 524,288"),
    "a text.tsv": (b"text\tlabel\n" + b"a" * 200_000 + b"\tgood\n", "a field must have"),
}


@pytest.mark.usefixtures("small_bounds")
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_too_long_or_too_deep_is_refused(tmp_path, name):
    contents, message = REFUSED[name]
    with pytest.raises(UserError, match=message):
        rows_of(tmp_path / name, contents)


@pytest.mark.usefixtures("small_bounds")
@pytest.mark.parametrize("suffix", PACKED)
def test_what_becomes_too_long_is_refused(tmp_path, suffix):
    assert len(rows_of(tmp_path / f"good.csv{suffix}", PACKED[suffix](HONEST))["text"]) == 100
    bomb = PACKED[suffix](HONEST + LONG)
    assert len(bomb) < 3000
    with pytest.raises(UserError, match="a line must have fewer"):
        rows_of(tmp_path / f"bomb.csv{suffix}", bomb)


@pytest.mark.usefixtures("small_bounds")
def test_lines_and_standard_input():
    with pytest.raises(UserError, match="standard input, line 2: a line must have"):
        list(stream_lines(io.BytesIO(b"good\n" + LONG), None))


@pytest.mark.usefixtures("small_bounds")
def test_a_file_of_lines(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"good\n" + LONG)
    lines = open_lines(str(tmp_path / "a.txt"), None)
    with pytest.raises(UserError, match="line 2: a line must have"):
        list(lines.read(lines.columns))


UNITS = "<tmx><body>{}</body></tmx>"
UNIT = '<tu><tuv xml:lang="en"><seg>{}</seg></tuv><tuv xml:lang="de"><seg>b</seg></tuv></tu>'
ENTITIES = '<!DOCTYPE t [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
XML = {
    "entities": (ENTITIES + UNITS.format(UNIT.format("&b;")), "defines entities"),
    "a text": (UNITS.format(UNIT.format("a" * 2**18)), "a text must have"),
    "a unit": (UNITS.format(UNIT.format("a<hi/>" * 2**17)), "a line must have fewer"),
    "nested": (UNITS.format(UNIT.format("<hi>" * 3000 + "</hi>" * 3000)), "not a sound TMX"),
}


@pytest.mark.usefixtures("small_bounds")
@pytest.mark.parametrize("name", XML)
def test_translation_memories(tmp_path, name):
    contents, message = XML[name]
    for encoding in ("utf-8", "utf-16"):
        with pytest.raises(UserError, match=message):
            rows_of(tmp_path / "a.tmx", contents.encode(encoding))


def test_a_translation_memory_may_name_its_kind(tmp_path):
    good = '<!DOCTYPE tmx SYSTEM "tmx14.dtd">' + UNITS.format(UNIT.format("a") * 3)
    assert rows_of(tmp_path / "a.tmx", good.encode())["en"] == ["a"] * 3


def workbook(path, **parts):
    book = openpyxl.Workbook()
    for row in (["text", "label"], ["a fine film", "good"]):
        book.active.append(row)
    whole = io.BytesIO()
    book.save(whole)
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            change = parts.get(name.rpartition("/")[2].partition(".")[0], lambda contents: contents)
            new.writestr(name, change(old.read(name)))
    return path.read_bytes()


@pytest.mark.usefixtures("small_bounds")
def test_workbooks(tmp_path):
    path = tmp_path / "a.xlsx"
    assert rows_of(path, workbook(path))["label"] == ["good"]
    large = workbook(path, styles=lambda old: old + b" " * 2**20)
    with pytest.raises(UserError, match="must have 524,288 bytes at most, unpacked"):
        rows_of(path, large)
    inline = b'<c r="A2" t="inlineStr"><is><t>' + LONG + b"</t></is></c>"
    cell = workbook(path, sheet1=lambda old: old.replace(b'<c r="A2"', inline + b'<c r="A2"'))
    with pytest.raises(UserError, match="a text must have"):
        rows_of(path, cell)
    entity = workbook(path, sheet1=lambda old: ENTITIES.encode() + old)
    with pytest.raises(UserError, match="defines entities"):
        rows_of(path, entity)


def test_what_becomes_many_times_its_size_is_refused(tmp_path, monkeypatch):
    for module in (archives, sheets):
        monkeypatch.setattr(module, "MOST_UNPACKED", 2**15)
    many = HONEST + b"a fine film,good\n" * 10**4
    members = {"a.csv": many, "README": b"about"}
    packed = {f"a.csv{suffix}": pack(many) for suffix, pack in PACKED.items()}
    for mode, name in {"w:gz": "a.tar.gz", "w:xz": "a.tar.xz"}.items():
        whole = io.BytesIO()
        with tarfile.open(fileobj=whole, mode=mode) as archive:
            for member, content in members.items():
                header = tarfile.TarInfo(member)
                header.size = len(content)
                archive.addfile(header, io.BytesIO(content))
        packed[name] = whole.getvalue()
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv.gz", gzip.compress(many))
    packed["a.zip"] = whole.getvalue()
    for name, content in packed.items():
        with pytest.raises(UserError, match="must become 32,768 bytes at most, or 100 times"):
            rows_of(tmp_path / name, content)
    path = tmp_path / "a.xlsx"
    large = workbook(path, sheet1=lambda old: old.replace(b"</sheetData>", ROW * 9000 + ROWS_END))
    with pytest.raises(UserError, match=r"sheet1[.]xml must become 32,768 bytes at most"):
        rows_of(path, large)


def test_a_sheet_is_as_wide_as_its_cells(tmp_path):
    path = tmp_path / "a.xlsx"
    wide = workbook(path, sheet1=lambda old: old.replace(b"A1:B2", b"A1:XFD1048576"))
    assert b"XFD1048576" in zipfile.ZipFile(io.BytesIO(wide)).read("xl/worksheets/sheet1.xml")
    assert rows_of(path, wide) == {"text": ["a fine film"], "label": ["good"]}


def test_xml_is_read_in_pieces():
    with mock.patch.object(bounds, "LONGEST_TEXT", 2**20):
        assert len(BoundedXml(io.BytesIO(b"<a>" * 10), "x").read(5)) == 5
        cut = BoundedXml(io.BytesIO(b" " * (2**16 - 4) + b"<!ENTITY a>"), "x")
        assert cut.read()
        with pytest.raises(UserError, match="entities"):
            cut.read()


def test_depth():
    value = []
    for _ in range(bounds.DEEPEST - 1):
        value = {"a": value}
    assert not depth_problem(value)
    assert depth_problem([value])
    assert not depth_problem([1, [2, {"a": "b"}]])


def config_of(count):
    workers = [f"host{number}:1" for number in range(count)]
    return {"cluster": {"worker": workers}, "task": {"type": "worker", "index": 0}}


def test_tf_config():
    few = json.dumps(config_of(MOST_WORKERS))
    assert len(read_cluster({"TF_CONFIG": few}).addresses) == MOST_WORKERS
    for text, message in {
        json.dumps(config_of(MOST_WORKERS + 1)): "1,024 workers at most. Received: 1,025",
        " {" + "a" * LONGEST_CONFIG: "131,072 characters at most",
        "[" * 10**5: "must be JSON",
        '{"cluster": ' * 10**4: "must be JSON",
    }.items():
        with pytest.raises(UserError, match=message):
            read_cluster({"TF_CONFIG": text})


ALIASES = "a: &a [x]\n" + "".join(
    f"{n}: &{n} [*{m}, *{m}]\n" for m, n in zip("abcd", "bcde", strict=True)
)


def test_config_yaml(tmp_path):
    path = tmp_path / "c.yaml"
    for text, message in {
        ALIASES: "must have no aliases",
        "epochs: " + "[" * 10**5: "10 deep in each other",
        "- " * 10**5: "10 deep in each other",
        "epochs: " + "1" * 2**20: "fewer than 1,048,576 characters",
    }.items():
        path.write_text(text)
        with pytest.raises(UserError, match=message):
            read_config(path, ["epochs"])


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1"])
def test_what_a_spreadsheet_takes_for_a_formula(text):
    assert as_plain_text(text) == f"'{text}"


@pytest.mark.parametrize("value", ["a=1", "", "-1", "+1.5", "-1,5", "-1e-05", -0.25, "1-2", None])
def test_what_is_no_formula_stays(value):
    assert as_plain_text(value) == ("" if value is None else str(value))


def test_a_lack_of_memory_is_known():
    assert out_of_memory(MemoryError()) == "MemoryError"
    error = UserError("a.tsv cannot be read")
    assert not out_of_memory(error)
    error.__cause__ = MemoryError("no room\nfor it")
    assert out_of_memory(error) == "no room"


def cells_of(path):
    """Reads a table in a process of its own; kilobytes more at its peak, and what it says."""
    code = (
        "import re, sys\n"
        "from regard.recipes.data.formats import open_table\n"
        "def peak():\n"  # getrusage tells of the parent before, too
        "    with open('/proc/self/status') as file:\n"
        "        return int(re.search(r'VmHWM:\\s+(\\d+)', file.read())[1])\n"
        "before = peak()\n"
        "try:\n"
        "    for _ in open_table(sys.argv[1]).read(['text', 'label']): pass\n"
        "except ValueError as error:\n"
        "    print(peak() - before, error)\n"
    )
    command = [sys.executable, "-c", code, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    kilobytes, _, said = done.stdout.partition(" ")
    return int(kilobytes), said


def test_one_cell_of_much_takes_little_memory(tmp_path):
    with gzip.open(tmp_path / "a.csv.gz", "wb", compresslevel=1) as file:
        file.write(HONEST)
        for _ in range(24):
            file.write(b"a" * 2**24)
    kilobytes, said = cells_of(tmp_path / "a.csv.gz")
    assert "line 102: a line must have fewer than 33,554,432 characters" in said
    assert kilobytes < 200_000


def test_a_bad_byte_far_into_a_bomb_is_found_in_little_memory(tmp_path):
    with gzip.open(tmp_path / "a.csv.gz", "wb", compresslevel=1) as file:
        file.write(HONEST)
        for _ in range(30):
            file.write(b"a" * 2**20 + b",good\n")
        file.write(b"\xff,good\n")
    kilobytes, said = cells_of(tmp_path / "a.csv.gz")
    assert "line 132: byte 0xFF" in said
    assert kilobytes < 50_000
