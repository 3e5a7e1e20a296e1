"""Files as people have them: each format, compression, delimiter and encoding."""

import bz2
import gzip
import io
import json
import logging
import lzma
import re
from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from pyarrow import feather, ipc
from table_rows import ROWS, rows_of

from regard.recipes.data.formats import holds_table, open_table
from regard.recipes.data.json_forms import records_of
from regard.recipes.data.streams import stream_lines
from regard.recipes.errors import UserError
from regard.recipes.pretraining.data import read_texts
from regard.recipes.text.data import read_labelled_texts
from regard.recipes.translation.data import read_parallel_texts

CSV = 'text,label\ngood film,pos\n"bad film, alas",neg\n"""好片""; ja",pos\n'


# Delimiters

SEMICOLONS = 'text;label\ngood film;pos\nbad film, alas;neg\n"""好片""; ja";pos\n'


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
@pytest.mark.parametrize("first", ["", "sep={}\n", '"sep={}"\n'])
def test_delimiters_are_found_and_said(write, caplog, first, delimiter, line_end):
    caplog.set_level(logging.INFO, logger="regard")
    quoted = [f'"{text.replace(chr(34), 2 * chr(34))}"{delimiter}{label}' for text, label in ROWS]
    lines = [f"text{delimiter}label", *quoted]
    content = (first.format(delimiter) + "\n".join(lines) + "\n").replace("\n", line_end)
    assert rows_of(write("a.csv", content)) == ROWS
    if not first:
        assert "a.csv: fields end at a " in caplog.text


def test_a_delimiter_may_be_given(write):
    assert rows_of(write("a.csv", "text^label\na,b^x\nc^y\n"), delimiter="^") == [
        ("a,b", "x"),
        ("c", "y"),
    ]
    assert rows_of(write("a.dat", "text;label\na;x\n"), delimiter=";") == [("a", "x")]
    with pytest.raises(UserError, match=r"delimiter is one character\. Received: ';;'"):
        read_labelled_texts(write("b.csv", "text;label\na;b\n"), delimiter=";;")


@pytest.mark.parametrize(
    "content",
    [
        "text,label\na;b;c,x\nd|e|f,y\n",
        "text,label\n" + "one; two; three,x\n" * 5,
        "label,text\nx,a\ty\n",
    ],
)
def test_delimiters_within_texts_are_not_those_of_the_file(write, content):
    assert set(read_labelled_texts(write("a.csv", content)).labels) <= {"x", "y"}


def test_a_table_of_one_column_is_not_cut_at_what_its_texts_hold(write):
    texts = read_texts([str(write("a.csv", 'text\n"a, b; c"\n"d; e"\n'))])
    assert texts.texts == ["a, b; c", "d; e"]


def test_decimal_commas_of_labels(write):
    content = "text;label\na;2,5\nb;2,50\nc;3,0\nd, e;1\n"
    labels = read_labelled_texts(write("a.csv", content)).labels
    assert labels == ["2.5", "2.5", "3", "1"]


# Headers


@pytest.mark.parametrize(
    "content",
    ["1,good film\n0,bad film\n", "pos,good film\n" + "neg,bad film\npos,fine film\n" * 5],
)
def test_files_without_a_header(write, caplog, content):
    caplog.set_level(logging.INFO, logger="regard")
    options = {"label_column": "1", "text_column": "2"}
    table = read_labelled_texts(write("a.csv", content), **options)
    assert len(table) == content.count("\n")
    assert "the first row is no header" in caplog.text


def test_whether_there_is_a_header_may_be_said(write):
    path = write("a.csv", "good film,pos\nbad film,neg\n")
    options = {"text_column": "1", "label_column": "2"}
    assert len(read_labelled_texts(path, header=False, **options)) == 2
    path = write("b.csv", "1,2\na,b\n")
    assert len(read_labelled_texts(path, header=True, **options)) == 1
    assert len(read_labelled_texts(path, **options)) == 2


def test_a_header_whose_quotes_do_not_match(write):
    path = write("a.csv", '"text"x,label\na,b\n')
    with pytest.raises(UserError, match=r"a\.csv, row 1: the quotes do not match"):
        read_labelled_texts(path, skip_bad_rows=True)


# Encodings


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_encodings_that_the_bytes_show(write, caplog, encoding):
    caplog.set_level(logging.INFO, logger="regard")
    assert rows_of(write("a.csv", CSV.encode(encoding))) == ROWS
    assert caplog.text.count("read as") == (encoding != "utf-8-sig")  # said once
    chinese = "这家酒店的房间很干净，服务员非常热情，早餐也不错，下次还会再来。\n"
    assert read_texts([write("a.txt", chinese.encode(encoding))]).texts == [chinese.strip()]


@pytest.mark.parametrize("encoding", ["gb18030", "big5", "shift_jis", "cp1252"])
def test_other_encodings_are_errors_that_name_them(write, encoding):
    texts = {
        "gb18030": "这家酒店的房间很干净，服务员非常热情，早餐也不错，下次还会再来。",
        "big5": "這家酒店的房間很乾淨，服務員非常熱情，早餐也不錯，下次還會再來。",
        "shift_jis": "このホテルの部屋はとても清潔で、朝食も美味しかったです。また来ます。",
        "cp1252": "Schöne Grüße aus dem Café",
    }
    path = write("a.csv", f"text,label\n{texts[encoding]},x\n".encode(encoding))
    named = {"shift_jis": "cp932"}.get(encoding, encoding)
    with pytest.raises(UserError, match=rf"line 2: byte .* not utf-8.*--encoding.*{named}"):
        read_labelled_texts(path)
    assert rows_of(path, encoding=encoding) == [(texts[encoding], "x")]


# Compression


@pytest.mark.parametrize(
    ("suffix", "compress"),
    [
        (".gz", gzip.compress),
        (".bz2", bz2.compress),
        (".xz", lzma.compress),
        (".zst", zstandard.compress),
        (".zst", lambda data: zstandard.compress(data[:20]) + zstandard.compress(data[20:])),
        (".gz", lambda data: gzip.compress(data[:20]) + gzip.compress(data[20:])),
        ("", gzip.compress),
    ],
)
def test_compressed_files(write, suffix, compress):
    assert rows_of(write(f"a.csv{suffix}", compress(CSV.encode()))) == ROWS
    lines = "\n".join(json.dumps({"text": text, "label": label}) for text, label in ROWS)
    assert rows_of(write(f"a.jsonl{suffix}", compress(lines.encode("utf-8")))) == ROWS
    texts = "\n".join(text for text, _ in ROWS)
    assert read_texts([str(write(f"a.txt{suffix}", compress(texts.encode())))]).texts == [
        text for text, _ in ROWS
    ]


def test_a_damaged_compressed_file(write):
    path = write("a.csv.gz", gzip.compress(CSV.encode() * 1000)[:-20])
    with pytest.raises(UserError, match=r"a\.csv\.gz is not a sound compressed file"):
        read_labelled_texts(path)


def test_compressed_parallel_files(write):
    source = write("a.en.gz", gzip.compress(b"one\ntwo\n"))
    target = write("a.de.zst", zstandard.compress(b"eins\nzwei\n"))
    pairs = read_parallel_texts(source, target)
    assert (pairs.sources, pairs.targets) == (["one", "two"], ["eins", "zwei"])


# JSON, Arrow, fastText


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
@pytest.mark.parametrize("indent", [None, 2])
def test_json_arrays(write, name, indent):
    objects = [{"text": text, "label": label} for text, label in ROWS]
    assert rows_of(write(name, json.dumps(objects, indent=indent))) == ROWS


def test_json_arrays_with_mistakes(write):
    with pytest.raises(UserError, match=r"a\.json is not a sound JSON array"):
        read_labelled_texts(write("a.json", '[{"text": "a", "label": "b"}'))
    path = write("b.json", '[{"text": "a", "label": "b"}, 7]')
    with pytest.raises(UserError, match="row 2: the element must be a JSON object, not 7"):
        read_labelled_texts(path)


def test_records_in_records_have_columns_of_their_own(write, tmp_path):
    pairs = [{"id": i, "translation": {"en": f"one {i}", "de": f"eins {i}"}} for i in range(9)]
    path = write("a.jsonl", "\n".join(map(json.dumps, pairs)))
    found = read_parallel_texts(path)
    assert found.columns == ("translation.en", "translation.de")
    pq.write_table(pa.Table.from_pylist(pairs), tmp_path / "a.parquet")
    assert read_parallel_texts(tmp_path / "a.parquet").targets == found.targets


@pytest.mark.parametrize("name", ["a.arrow", "a.csv"])
def test_arrow_files_and_streams(tmp_path, name):
    table = pa.table({"text": [text for text, _ in ROWS], "label": [label for _, label in ROWS]})
    for new in (ipc.new_file, ipc.new_stream):
        with new(str(tmp_path / name), table.schema) as writer:
            writer.write_table(table, max_chunksize=2)
        assert rows_of(tmp_path / name) == ROWS
    feather.write_feather(table, str(tmp_path / "a.feather"), compression="uncompressed")
    assert rows_of(tmp_path / "a.feather") == ROWS


@pytest.mark.parametrize("name", ["a.txt", "train.ft", "plain"])
def test_fasttext(write, name):
    content = "".join(f"__label__{label} {text}\n" for text, label in ROWS)
    assert rows_of(write(name, content)) == ROWS
    with pytest.raises(UserError, match="row 4: it must begin with __label__, at least once"):
        read_labelled_texts(write(name, content + "text\n"))
    several = read_labelled_texts(write(name, content + "__label__a __label__b text\n"))
    assert several.labels == [*((label,) for _, label in ROWS), ("a", "b")]


# Labels are the same in every format


def test_labels_have_one_form_in_every_format(write, tmp_path):
    text = ["1", "1.0", "True", "2.5", "2.50", "01", "1e3", "-3", "-0.0", "no"]
    expected = ["1", "1", "true", "2.5", "2.5", "01", "1e3", "-3", "0", "no"]
    lines = "".join(f"t,{label}\n" for label in text)
    assert read_labelled_texts(write("a.csv", f"text,label\n{lines}")).labels == expected
    values = [1, 1.0, True, 2.5, 2.50, "01", "1e3", -3, -0.0, "no"]
    lines = "\n".join(json.dumps({"text": "t", "label": value}) for value in values)
    assert read_labelled_texts(write("a.jsonl", lines)).labels == expected
    for labels in (
        pa.array([1, 1.0, 2.5, -3], pa.float32()),
        pa.array([Decimal("1"), Decimal("1.0"), Decimal("2.5"), Decimal("-3.00")]),
    ):
        pq.write_table(pa.table({"text": ["t"] * 4, "label": labels}), tmp_path / "a.parquet")
        assert read_labelled_texts(tmp_path / "a.parquet").labels == ["1", "1", "2.5", "-3"]


def test_labels_that_become_one_are_said(write, caplog):
    caplog.set_level(logging.INFO, logger="regard")
    read_labelled_texts(write("a.csv", "text,label\na,1.1\nb,1.10\nc,2\n"))
    assert "labels written in several ways, taken as one: 1, first '1.1' ('1.1', '1.10')" in (
        caplog.text
    )


@pytest.mark.parametrize("offsets", [[0, 4, 1], [0, -5, 3], [0, 2**30, 8]])
def test_cells_of_arrow_that_are_nowhere(offsets, tmp_path):
    """Arrow takes a file's word for where its cells are: reading them would end the process."""
    places = [pa.py_buffer(bytes(8 * [255])), pa.array(offsets, pa.int32()).buffers()[1]]
    texts = pa.Array.from_buffers(pa.string(), 2, [*places, pa.py_buffer(b"good bad")])
    batch = pa.record_batch({"text": texts, "label": ["a", "b"]})
    with ipc.new_stream(tmp_path / "a.arrow", batch.schema) as writer:
        writer.write_batch(batch)
    with pytest.raises(UserError, match="is not a sound Arrow file"):
        read_labelled_texts(tmp_path / "a.arrow")


def test_columns_of_arrow_whose_names_are_no_text(tmp_path):
    feather.write_feather(pa.table({"review": ["x"], "label": ["y"]}), tmp_path / "a.arrow")
    damaged = (tmp_path / "a.arrow").read_bytes().replace(b"review", b"\xff\xffview")
    (tmp_path / "a.arrow").write_bytes(damaged)
    with pytest.raises(UserError, match="is not a sound Arrow file"):
        read_labelled_texts(tmp_path / "a.arrow")


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_decimal_commas(tmp_path, delimiter):
    lines = ["text,label", "a,2½", "b,3½", "c,2½"]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(lines).replace(",", delimiter).replace("½", ",50"), "utf-8")
    assert read_labelled_texts(path).labels == ["2.5", "3.5", "2.5"]


def test_a_separator_in_capitals(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("SEP=;\ntext;label\na;x\nb;y\n")
    assert read_labelled_texts(path).texts == ["a", "b"]


def test_tables_that_are_called_texts(tmp_path):
    fasttext, parquet = tmp_path / "a.txt", tmp_path / "b.txt"
    fasttext.write_text("__label__x a fine film\n__label__y a bad one\n")
    pq.write_table(pa.table({"text": ["a fine film", "a bad one"]}), parquet)
    plain = tmp_path / "c.txt"
    plain.write_text("a fine film\na bad one\n")
    assert [holds_table(str(path)) for path in (fasttext, parquet, plain)] == [True, True, False]
    for path in (fasttext, parquet, plain):
        assert read_texts([str(path)]).texts == ["a fine film", "a bad one"]


LANGUAGES = {
    "cp1251": "Отличный отель, чистые номера и вежливый персонал. Я ещё вернусь.",
    "koi8-r": "Ужасный сервис, больше никогда не приеду сюда снова.",
    "cp1253": "Πολύ ωραίο ξενοδοχείο, καθαρά δωμάτια και ευγενικό προσωπικό.",
    "cp1256": "فندق رائع جدا والغرف نظيفة والموظفون لطفاء",
    "cp1255": "מלון נהדר, חדרים נקיים וצוות אדיב",
    "cp874": "โรงแรมดีมาก ห้องพักสะอาดและพนักงานสุภาพ",
    "cp1254": "Çok güzel bir otel, odalar temiz ve personel güler yüzlü, şikayetim yok.",
    "cp1250": "Świetny hotel, bardzo czyste pokoje i uprzejma obsługa, łóżko też.",
    "iso8859-2": "Świetny hotel, bardzo czyste pokoje i uprzejma obsługa, łóżko też.",
    "cp1257": "Labai gražus viešbutis, švarūs kambariai, daugiau niekada čia negrįšiu.",
    "cp1252": "Très bel hôtel, les chambres sont propres, à côté du café.",
}


@pytest.mark.parametrize("encoding", LANGUAGES)
def test_the_advice_on_an_encoding_is_good_advice(write, encoding):
    text = LANGUAGES[encoding]
    path = write("a.csv", f'text,label\nplain,no\n"{text}",yes\n'.encode(encoding))
    with pytest.raises(UserError, match="line 3: byte") as error:
        read_labelled_texts(path)
    advised = re.search(r"--encoding, such as (\S+)\.$", str(error.value))[1]
    assert rows_of(path, encoding=advised) == [("plain", "no"), (text, "yes")]
    with pytest.raises(UserError, match=rf"--encoding, such as {advised}\.$"):
        list(stream_lines(io.BytesIO(text.encode(encoding)), None))


FRAME = pd.DataFrame({"text": ["good film", "bad film", "fine"], "label": ["pos", "neg", "pos"]})
RECORDS = FRAME.to_dict("records")


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    "value",
    [
        *(json.loads(FRAME.to_json(orient=each)) for each in ("columns", "records", "index")),
        *(json.loads(FRAME.to_json(orient=each)) for each in ("split", "table")),
        json.loads(FRAME.set_index(pd.Index(["a", "b", "c"])).to_json()),
        json.loads(FRAME.set_index(pd.Index(["a", "b", "c"])).to_json(orient="index")),
        {"data": RECORDS},
        {"version": 1, "examples": RECORDS, "tags": ["x"]},
        {"rasa_nlu_data": {"common_examples": RECORDS, "regex_features": []}},
        FRAME.to_dict("list"),
    ],
)
@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_tables_in_one_value_of_json(write, value, indent, name):
    path = write(name, json.dumps(value, indent=indent))
    if name == "a.jsonl" and indent is None and isinstance(value, dict):
        assert len(list(open_table(str(path)).read([]))) == 1  # a line is a row
        return
    assert rows_of(path) == [("good film", "pos"), ("bad film", "neg"), ("fine", "pos")]


def test_json_without_names_of_columns(write):
    path = write("a.json", FRAME.to_json(orient="values"))
    assert len(rows_of(path, text_column="1", label_column="2")) == 3
    assert read_texts([str(write("b.json", '["good film",\n"bad film"]'))]).texts == [
        "good film",
        "bad film",
    ]


def test_one_record_is_a_record(write, caplog):
    assert rows_of(write("a.jsonl", json.dumps(RECORDS[0]))) == [("good film", "pos")]
    with caplog.at_level("INFO", "regard"):
        rows_of(write("b.json", FRAME.to_json()))
    assert "b.json: a table as objects by their index" in caplog.text
    with pytest.raises(UserError, match=r"the one value in it is no table\. Forms: an object a li"):
        read_labelled_texts(write("c.json", '{\n"a": 1,\n"b": {"c": [1, 2]}\n}'))


# Times, numbers and blank lines


def test_times_have_one_form_in_every_format(write, tmp_path):
    times = [datetime(2024, 5, 1), datetime(2024, 5, 1, 13, 30), datetime(2024, 5, 1)]
    expected = ["2024-05-01", "2024-05-01 13:30:00", "2024-05-01"]
    frame = pd.DataFrame({"text": ["a", "b", "c"], "label": times})
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_excel(tmp_path / "a.xlsx", index=False)
    frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True, date_format="iso")
    for name in ("a.csv", "a.parquet", "a.xlsx", "a.jsonl"):
        assert read_labelled_texts(tmp_path / name).labels == expected, name
    for data in (frame, (["a", "b", "c"], np.array(times, "M8[ns]")), frame.to_dict("records")):
        assert read_labelled_texts(data).labels == expected
    lines = "text,label\na,2024-05-01T00:00\nb,2024-05-01T13:30\nc,2024-05-01\n"
    assert read_labelled_texts(write("b.csv", lines)).labels == expected
    days = pa.table({"text": ["a", "b"], "label": pa.array([date(2024, 5, 1), date(2024, 5, 2)])})
    pq.write_table(days, tmp_path / "b.parquet")
    assert read_labelled_texts(tmp_path / "b.parquet").labels == ["2024-05-01", "2024-05-02"]


def test_numbers_in_strings(write):
    given = ["-0", "+1", "-1", ".5", "-.50", "+2.5", "1e0", "1,000", "1,000.50", "5.", "+", "."]
    expected = ["0", "1", "-1", "0.5", "-0.5", "2.5", "1e0", "1,000", "1,000.50", "5.", "+", "."]
    given, expected = [*given, "2024-13-01"], [*expected, "2024-13-01"]
    lines = "".join(f't,"{label}"\n' for label in given)
    assert read_labelled_texts(write("a.csv", f"text,label\n{lines}")).labels == expected
    rows = [{"text": "t", "label": label} for label in given]
    assert read_labelled_texts(rows).labels == expected
    commas = "text;label\nt;+2,5\nt;,5\nt;1.000\nt;1.000,5\nt;1.50\nt;-0,0\n"
    expected = ["2.5", "0.5", "1.000", "1.000,5", "1.5", "0"]
    assert read_labelled_texts(write("b.csv", commas)).labels == expected


def test_a_blank_line_of_one_column_is_a_row(write):
    path = write("a.csv", "text\ngood film\n\nbad film\n\n\n")
    with pytest.raises(UserError, match="row 3: the text in column 'text' is empty"):
        read_texts([str(path)])
    found = read_texts([str(path)], skip_bad_rows=True)
    assert (found.texts, found.num_skipped) == (["good film", "bad film"], 1)


def test_two_rows_of_images_without_a_header(write):
    table = open_table(str(write("a.csv", "a.jpg,cat\nb.jpg,dog\n")))
    assert table.columns == ["1", "2"]


@pytest.mark.parametrize("data", [1.5, 7, None, "ab"])
def test_rows_of_json_that_are_none(data):
    assert records_of({"columns": ["text"], "data": data}) is None
