"""Tables that are damaged or empty, and rows that are bad."""

import codecs

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from regard.recipes.errors import UserError
from regard.recipes.text.data import read_labelled_texts


def test_missing_file(tmp_path):
    with pytest.raises(UserError, match=r"reviews\.csv: no such file"):
        read_labelled_texts(tmp_path / "reviews.csv")


def test_text_file_holds_no_labels(write):
    with pytest.raises(
        UserError, match=r"a\.txt: .*without labels. Formats that hold labels: \.csv.*\.parquet"
    ):
        read_labelled_texts(write("a.txt", "one\ntwo\n"))


@pytest.mark.parametrize("name", ["a.doc", "plain"])
def test_unknown_suffix(write, name):
    with pytest.raises(
        UserError, match=rf"{name}: .*\.csv, \.tsv, .*\.jsonl.*\.parquet.*'(\.doc)?'"
    ):
        read_labelled_texts(write(name, "x"))


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_empty_file(write, suffix):
    with pytest.raises(UserError, match=rf"a\.{suffix}: the file is empty"):
        read_labelled_texts(write(f"a.{suffix}", ""))


def test_file_of_nothing_but_a_byte_order_mark_and_blank_lines(write):
    with pytest.raises(UserError, match=r"a\.csv: the file is empty"):
        read_labelled_texts(write("a.csv", codecs.BOM_UTF8 + b"\n\n"))


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_header_only(write, name):
    header = "text,label" if name == "a.csv" else "text\tlabel"
    with pytest.raises(UserError, match=f"{name} must hold at least one text.*no rows"):
        read_labelled_texts(write(name, header))


def test_parquet_without_rows(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(
        pa.table({"text": pa.array([], pa.string()), "label": pa.array([], pa.int64())}), path
    )
    with pytest.raises(UserError, match=r"a\.parquet must hold at least one text.*no rows"):
        read_labelled_texts(path)


def test_not_utf8_names_the_line_and_byte_and_offers_encoding(write):
    rows = b"fine,a\n" * 5000  # further than one buffer
    path = write("a.csv", b"text,label\n" + rows + "café,b\n".encode("latin-1"))
    message = r"a\.csv, line 5002: byte 0xE9 is not utf-8.*--encoding.*cp1252"
    with pytest.raises(UserError, match=message):
        read_labelled_texts(path)
    with pytest.raises(UserError, match=message):
        read_labelled_texts(path, skip_bad_rows=True)
    assert read_labelled_texts(path, encoding="cp1252").texts[-1] == "café"


def test_not_utf8_in_json_lines(write):
    path = write("a.jsonl", '{"text": "a", "label": "b"}\n{"text": "é"}'.encode("cp1252"))
    with pytest.raises(UserError, match=r"a\.jsonl, line 2: byte 0xE9 is not utf-8.*--encoding"):
        read_labelled_texts(path)


def test_another_encoding_than_the_one_that_is_named(write):
    path = write("a.csv", "text,label\na,b\n".encode("utf-16-le"))
    with pytest.raises(UserError, match=r"a\.csv is not utf-16\..*--encoding"):
        read_labelled_texts(path, encoding="utf-16")
    with pytest.raises(UserError, match=r"row 1: .*NUL byte.*--encoding, such as utf-16-le"):
        read_labelled_texts(path, encoding="utf-8")
    with pytest.raises(UserError, match=r"byte 0xFF is not utf-8.*--encoding, such as utf-16"):
        read_labelled_texts(write("b.csv", "a,b\n".encode("utf-16")), encoding="utf-8")


@pytest.mark.parametrize("encoding", ["utf-9", "base64"])
def test_unknown_encoding(write, encoding):
    with pytest.raises(UserError, match=f"'{encoding}' is not a text encoding.*utf-8.*gb18030"):
        read_labelled_texts(write("a.csv", "text,label\na,b\n"), encoding=encoding)


def test_quote_that_is_not_closed_names_the_row_where_it_opens(write):
    path = write("a.csv", 'text,label\n"one\ntwo",a\n"open,b\nc,d\n')
    with pytest.raises(UserError, match=r"a\.csv, row 3: the quotes do not match.*doubled"):
        read_labelled_texts(path)


def test_rows_whose_quotes_do_not_match_are_skipped_and_no_other(write, caplog):
    rows = ['"open,b', '"one\ntwo",a', 'c"d,a', '"e" f,b', "g,b", '"last,a']
    path = write("a.csv", "text,label\n" + "\n".join(rows) + "\n")
    table = read_labelled_texts(path, skip_bad_rows=True)
    assert (table.texts, table.labels) == (["one\ntwo", 'c"d', "g"], ["a", "a", "b"])
    assert "bad rows left out: 3, first row 2: the quotes do not match" in caplog.text


def test_the_first_error_tells_how_many_there_are(write):
    path = write("a.csv", "text,label\n,a\nx,b\ny,\nz\n")
    with pytest.raises(UserError, match=r"row 2: the text .* is empty.*Bad rows in all: 3\."):
        read_labelled_texts(path)


def test_quote_within_a_quoted_field(write):
    path = write("a.csv", 'text,label\n"say "hi"",b\n')
    with pytest.raises(UserError, match=r"a\.csv, row 2: the quotes do not match.*doubled"):
        read_labelled_texts(path)


@pytest.mark.parametrize("cut", [slice(40), slice(None, -20)])
def test_corrupt_parquet(tmp_path, cut):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["a"], "label": ["b"]}), path)
    path.write_bytes(path.read_bytes()[cut])
    with pytest.raises(UserError, match=r"a\.parquet is not a sound Parquet file"):
        read_labelled_texts(path)


def test_parquet_with_corrupt_pages(tmp_path):
    path = tmp_path / "a.parquet"
    texts = [f"text {i}" for i in range(1000)]
    pq.write_table(pa.table({"text": texts, "label": texts}), path)
    content = bytearray(path.read_bytes())
    content[4:1000] = bytes(996)
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.parquet is not a sound Parquet file"):
        read_labelled_texts(path)


# Bad rows: each an error, or skipped if the user says so


CSV, TSV, JSONL = "text,label\ngood,a\n{}\nfine,b\n", "text\tlabel\ngood\ta\n{}\nfine\tb\n", (
    '{{"text": "good", "label": "a"}}\n{}\n{{"text": "fine", "label": "b"}}\n'
)  # fmt: skip


BAD_ROWS = [
    ("a.csv", CSV, ",b", r"row 3: the text in column 'text' is empty"),
    ("a.csv", CSV, "x,", r"row 3: the label in column 'label' is empty"),
    ("a.csv", CSV, "\u3000 ,b", r"row 3: the text in column 'text' is empty"),
    ("a.csv", CSV, "x, ", r"row 3: the label in column 'label' is empty"),
    ("a.csv", CSV, "x", r"row 3: its fields number 1, not 2 as in the first row \(each comma"),
    ("a.csv", CSV, "x,y,b", r"row 3: its fields number 3, not 2 as in the first row \(each comma"),
    ("a.csv", CSV, "x\0,b", r"row 3: the text in column 'text' holds a NUL byte"),
    ("a.csv", CSV, "x,b\0", r"row 3: the label in column 'label' holds a NUL byte"),
    ("a.csv", CSV, '\n"two\nlines",', r"row 4: the label in column 'label' is empty"),
    ("a.tsv", TSV, "\tb", r"row 3: the text in column 'text' is empty"),
    ("a.tsv", TSV, '""\tb', r"row 3: the text in column 'text' is empty"),
    ("a.tsv", TSV, "x\ty\tb", r"row 3: its fields number 3, not 2 as in the first row \(each tab"),
    ("a.jsonl", JSONL, '{"text": "x"}', r"row 2: the label in column 'label' is missing"),
    ("a.jsonl", JSONL, '{"label": "b"}', r"row 2: the text in column 'text' is missing"),
    ("a.jsonl", JSONL, '{"text": "x", "label": null}', r"row 2: the label .* is missing"),
    ("a.jsonl", JSONL, '{"text": "x", "label": NaN}', r"row 2: the label .* is missing"),
    ("a.jsonl", JSONL, '{"text": "x", "label": " "}', r"row 2: the label .* is empty"),
    ("a.jsonl", JSONL, '{"text": [7], "label": "b"}', r"row 2: the text .* must be .* not \[7\]"),
    ("a.jsonl", JSONL, '{"text": "x", "label": [[0.5]]}', r"row 2: the label .* not \[\[0\.5\]\]"),
    ("a.jsonl", JSONL, '{"text": "\\u0000", "label": "b"}', r"row 2: the text .* NUL byte"),
    ("a.jsonl", JSONL, '{"text": "\\ud83d", "label": "b"}', r"row 2: the text .* half a character"),
    ("a.jsonl", JSONL, '["x", "b"]', r"row 2: the line must be a JSON object, not \['x', 'b'\]"),
    ("a.jsonl", JSONL, '{"text": "x", ', r"row 2: the line is not valid JSON"),
    ("a.jsonl", JSONL, '\n{"text": "x", ', r"row 3: the line is not valid JSON"),
    ("a.jsonl", JSONL, '{"text": "x", "label": "b", "text": "y"}', r"row 2: .* stands twice"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "template", "bad", "message"), BAD_ROWS)
def test_bad_row(write, caplog, name, template, bad, message):
    path = write(name, template.format(bad))
    with pytest.raises(UserError, match=rf"{name}, {message}.*--skip-bad-rows"):
        read_labelled_texts(path)
    table = read_labelled_texts(path, skip_bad_rows=True)
    assert (table.texts, table.labels) == (["good", "fine"], ["a", "b"])
    assert table.num_skipped == 1
    assert "bad rows left out: 1, first row" in caplog.text


def test_bad_rows_of_parquet(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["a", None, "c"], "label": [1.0, 2.0, 3.0]}), path)
    with pytest.raises(UserError, match=r"a\.parquet, row 2: the text in column 'text' is missing"):
        read_labelled_texts(path)
    table = read_labelled_texts(path, skip_bad_rows=True)
    assert (table.texts, table.labels, table.num_skipped) == (["a", "c"], ["1", "3"], 1)


def test_lists_in_the_text_column_of_parquet(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": [[7]], "label": ["x"]}), path)
    with pytest.raises(UserError, match=r"a\.parquet, row 1: .*'text' must be a string, .*\[7\]"):
        read_labelled_texts(path)


def test_skipped_rows_are_counted_and_the_first_is_named(write, caplog):
    path = write("a.csv", "text,label\n,a\nx,b\ny,\nz\n")
    assert read_labelled_texts(path, skip_bad_rows=True).num_skipped == 3
    assert "bad rows left out: 3, first row 2: the text in column 'text' is empty" in caplog.text


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "text,label\n,a\ny,\n", "only bad rows, first row 2: the text"),
        ("a.jsonl", "[1]\n{\n", r"row 1: the line must be a JSON object, not \[1\]"),
    ],
)
def test_nothing_is_left_after_skipping(write, name, content, message):
    with pytest.raises(UserError, match=message):
        read_labelled_texts(write(name, content), skip_bad_rows=True)
