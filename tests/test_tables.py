import codecs
import csv
import json
import logging
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from regard.recipes.errors import UserError
from regard.recipes.text.data import (
    LabelledTexts,
    read_labelled_texts,
    read_like,
    read_train_and_validation,
)

ROWS = [("good film", "pos"), ("bad film", "neg"), ("好片", "pos")]


@pytest.fixture
def write(tmp_path):
    """Writes a file in the test's folder and returns its path."""

    def write_file(name: str, content: str | bytes):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file


def table_of(labels: list[str]) -> LabelledTexts:
    return LabelledTexts(
        "x.csv", [f"text {i}" for i in range(len(labels))], labels, "text", "label"
    )


# Formats


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "text,label\ngood film,pos\nbad film,neg\n好片,pos\n"),
        ("a.CSV", "text,label\r\ngood film,pos\r\nbad film,neg\r\n好片,pos\r\n"),
        ("a.tsv", "text\tlabel\ngood film\tpos\nbad film\tneg\n好片\tpos\n"),
        ("a.tsv", '"text"\t"label"\r\n"good film"\t"pos"\r\nbad film\tneg\r\n好片\tpos'),
        ("bom.csv", "\ufefftext,label\ngood film,pos\nbad film,neg\n好片,pos\n"),
        ("blank.csv", "\ntext,label\n\ngood film,pos\nbad film,neg\n\n好片,pos\n\n"),
        ("a.jsonl", "\n".join(json.dumps({"text": t, "label": n}) for t, n in ROWS)),
        ("a.ndjson", "\n\n".join(json.dumps({"label": n, "text": t}) for t, n in ROWS) + "\r\n"),
        ("bom.jsonl", "\ufeff" + "\n".join(json.dumps({"text": t, "label": n}) for t, n in ROWS)),
    ],
)
def test_text_formats(write, name, content):
    table = read_labelled_texts(write(name, content))
    assert list(zip(table.texts, table.labels, strict=True)) == ROWS
    assert (table.text_column, table.label_column, table.num_skipped) == ("text", "label", 0)
    assert len(table) == 3


@pytest.mark.parametrize("suffix", [".parquet", ".pq"])
def test_parquet(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    labels = pa.array([label for _, label in ROWS]).dictionary_encode()
    pq.write_table(
        pa.table({"text": [text for text, _ in ROWS], "n": [1, 2, 3], "label": labels}), path
    )
    table = read_labelled_texts(str(path))
    assert list(zip(table.texts, table.labels, strict=True)) == ROWS
    assert table.source == str(path)


HUGGING_FACE_LABEL = {"names": ["neg", "pos"], "_type": "ClassLabel"}


@pytest.fixture
def write_parquet(tmp_path):
    """Writes a Parquet file with such metadata as Hugging Face's `datasets` writes."""

    def write_file(labels: pa.Array, metadata: str):
        table = pa.table({"text": [f"text {i}" for i in range(len(labels))], "label": labels})
        path = tmp_path / "a.parquet"
        pq.write_table(table.replace_schema_metadata({"huggingface": metadata}), path)
        return path

    return write_file


def features(**columns) -> str:
    return json.dumps({"info": {"features": {"text": {"_type": "Value"}, **columns}}})


def test_parquet_with_class_names_in_its_metadata(write_parquet, caplog):
    caplog.set_level(logging.INFO, logger="regard")
    path = write_parquet(pa.array([1, 0, 1]), features(label=HUGGING_FACE_LABEL))
    assert read_labelled_texts(path).labels == ["pos", "neg", "pos"]
    assert "a.parquet: column 'label' holds numbers; their names in the file's metadata are" in (
        caplog.text
    )


@pytest.mark.parametrize("number", [-1, 2, None])
def test_parquet_row_whose_class_has_no_name(write_parquet, number):
    path = write_parquet(pa.array([0, number]), features(label=HUGGING_FACE_LABEL))
    with pytest.raises(UserError, match=r"a\.parquet, row 2: the label .* is missing"):
        read_labelled_texts(path)
    assert read_labelled_texts(path, skip_bad_rows=True).labels == ["neg"]


@pytest.mark.parametrize(
    "metadata",
    [
        features(),
        features(label={"names": ["neg", "pos"], "_type": "Value"}),
        features(label={"names": None, "_type": "ClassLabel"}),
        features(label=[{"dtype": "int64"}]),
        "{}",
        "[]",
        "not JSON",
    ],
)
def test_parquet_with_other_metadata(write_parquet, metadata):
    assert read_labelled_texts(write_parquet(pa.array([1, 0]), metadata)).labels == ["1", "0"]


def test_parquet_names_are_for_numbers_alone(write_parquet):
    path = write_parquet(pa.array(["1", "good"]), features(label=HUGGING_FACE_LABEL))
    assert read_labelled_texts(path).labels == ["1", "good"]


def test_csv_quotes_commas_and_line_breaks(write):
    content = 'text,label\n"one, ""two""\nthree",a\n" four ", b \n'
    table = read_labelled_texts(write("a.csv", content))
    assert table.texts == ['one, "two"\nthree', " four "]
    assert table.labels == ["a", "b"]


def test_tsv_keeps_bare_quotes_and_removes_quotes_around_a_field(write):
    lines = ['"open , he said', 'a "b" c', '"a" and "b"', '"say ""hi"" now"', '"whole"']
    content = "text\tlabel\n" + "".join(f"{line}\tx\n" for line in lines)
    table = read_labelled_texts(write("a.tsv", content))
    assert table.texts == ['"open , he said', 'a "b" c', '"a" and "b"', 'say "hi" now', "whole"]


def test_csv_field_longer_than_the_default_limit(write):
    default_limit = 131072
    csv.field_size_limit(default_limit)
    text = "x" * 2 * default_limit
    assert read_labelled_texts(write("a.csv", f"text,label\n{text},a\n")).texts == [text]


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16"])
def test_other_encodings(write, encoding):
    path = write("a.csv", "评论,标签\n好,正\n差,负\n".encode(encoding))
    table = read_labelled_texts(path, encoding=encoding)
    assert (table.texts, table.labels) == (["好", "差"], ["正", "负"])


# Labels


def test_labels_of_typed_formats_become_strings(write):
    values = [3, True, False, 4.0, " x ", 10**30]
    lines = "\n".join(json.dumps({"text": "t", "label": value}) for value in values)
    expected = ["3", "true", "false", "4", "x", str(10**30)]
    assert read_labelled_texts(write("a.jsonl", lines)).labels == expected


@pytest.mark.parametrize("value", [float("inf"), [1]])
def test_label_of_another_type(write, value):
    path = write("a.jsonl", json.dumps({"text": "t", "label": value}))
    with pytest.raises(
        UserError, match=r"a\.jsonl, row 1: the label in column 'label' must be .*not"
    ):
        read_labelled_texts(path)


def test_class_names():
    assert table_of(["b", "a", "b", "10"]).class_names() == ["10", "a", "b"]
    assert table_of(["10", "9", "-1", "9"]).class_names() == ["-1", "9", "10"]


def test_fingerprint_depends_on_texts_labels_and_order_alone():
    def fingerprint(texts, labels, source="x.csv"):
        return LabelledTexts(source, texts, labels, "text", "label").fingerprint()

    same = fingerprint(["a", "b"], ["1", "2"])
    assert len(same) == 64
    assert fingerprint(["a", "b"], ["1", "2"], source="y.csv") == same
    others = [
        (["b", "a"], ["2", "1"]),
        (["ab", ""], ["1", "2"]),
        (["a"], ["b", "1", "2"]),
        (['a", "b'], ["1", "2"]),
    ]
    assert same not in {fingerprint(*other) for other in others}


# Bad files


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
    ("a.jsonl", JSONL, '{"text": 7, "label": "b"}', r"row 2: the text .* must be a string, not 7"),
    ("a.jsonl", JSONL, '{"text": "x", "label": [0.5]}', r"row 2: the label .* not \[0\.5\]"),
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


def test_numbers_in_the_text_column_of_parquet(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": [7], "label": ["x"]}), path)
    with pytest.raises(UserError, match=r"a\.parquet, row 1: .*'text' must be a string, not 7"):
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


# Pairs of texts

QUESTIONS = "first,second,label\nwho?,what?,no\n你好吗,好吗,yes\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", QUESTIONS),
        ("a.tsv", QUESTIONS.replace(",", "\t")),
        (
            "a.jsonl",
            '{"first": "who?", "second": "what?", "label": "no"}\n'
            '{"second": "好吗", "first": "你好吗", "label": "yes"}\n',
        ),
    ],
)
def test_pairs(write, name, content):
    table = read_labelled_texts(write(name, content), text_column="first", pair_column="second")
    assert table.texts == ["who?", "你好吗"]
    assert table.pairs == ["what?", "好吗"]
    assert table.labels == ["no", "yes"]
    assert (table.text_column, table.pair_column) == ("first", "second")


def test_pairs_of_parquet(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"second": ["b"], "text": ["a"], "label": ["x"]}), path)
    table = read_labelled_texts(path, pair_column="second")
    assert (table.texts, table.pairs, table.labels) == (["a"], ["b"], ["x"])


def test_no_pairs_unless_named(write):
    table = read_labelled_texts(write("a.csv", QUESTIONS), text_column="first")
    assert (table.pairs, table.pair_column) == (None, None)


def test_the_pair_column_is_no_candidate_for_another(write):
    path = write("a.csv", QUESTIONS)
    assert read_labelled_texts(path, pair_column="second").text_column == "first"
    path = write("b.csv", "text,review,label\n1,2,3\n")
    assert read_labelled_texts(path, pair_column="text").texts == ["2"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pair_column": "third"}, "no column 'third'.*'first', 'second', 'label'.*--pair-column"),
        ({"pair_column": "first", "text_column": "first"}, "'first' cannot be both the text and"),
        ({"pair_column": "label", "label_column": "label"}, "'label' cannot be both the label and"),
        ({"pair_column": "label"}, "no column is known to hold the texts.*--text-column"),
    ],
)
def test_pair_columns_that_will_not_do(write, options, message):
    with pytest.raises(UserError, match=f"a.csv: .*{message}"):
        read_labelled_texts(write("a.csv", QUESTIONS), **options)


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ('{"text": "x", "label": "b"}', "is missing"),
        ('{"text": "x", "label": "b", "second": " "}', "is empty"),
        ('{"text": "x", "label": "b", "second": 7}', "must be a string, not 7"),
        ('{"text": "x", "label": "b", "second": "\\u0000"}', "holds a NUL byte"),
        ('{"text": "x", "label": "b", "second": "\\ud83d"}', "holds half a character"),
    ],
)
def test_bad_second_text(write, bad, problem):
    good = '{"text": "good", "label": "a", "second": "also"}'
    path = write("a.jsonl", f"{good}\n{bad}\n")
    message = rf"a\.jsonl, row 2: the second text in column 'second' {problem}.*--skip-bad-rows"
    with pytest.raises(UserError, match=message):
        read_labelled_texts(path, pair_column="second")
    table = read_labelled_texts(path, pair_column="second", skip_bad_rows=True)
    assert (table.pairs, table.num_skipped) == (["also"], 1)


def test_fingerprint_depends_on_pairs():
    single = LabelledTexts("x.csv", ["a", "b"], ["1", "2"], "text", "label")
    # Runs remember it, so it must not change.
    known = "ea1b34619359072f936ba8d28e01f461889bbb04036f6b1d95539ff7423da8a0"
    assert single.fingerprint() == known
    paired = replace(single, pairs=["c", "d"], pair_column="second")
    swapped = replace(single, pairs=["d", "c"], pair_column="second")
    assert len({single.fingerprint(), paired.fingerprint(), swapped.fingerprint()}) == 3


def test_pairs_go_with_their_column():
    with pytest.raises(ValueError, match=r"together.*pair_column=None"):
        LabelledTexts("x.csv", ["a"], ["1"], "text", "label", pairs=["b"])


# Data that goes with the training data

TRAINED = {"text_column": "first", "label_column": "label", "pair_column": "second"}


def test_read_like_takes_the_columns_of_the_training_data(write):
    path = write("a.csv", "first,second,text,label\na,b,c,d\n")
    table = read_like(TRAINED, path)
    assert (table.texts, table.pairs, table.labels) == (["a"], ["b"], ["d"])
    table = read_like({**TRAINED, "pair_column": None}, path)
    assert (table.texts, table.pairs) == (["a"], None)
    table = read_like({"text_column": "first", "label_column": "label"}, path)  # an older run
    assert (table.texts, table.pairs) == (["a"], None)


def test_read_like_guesses_where_the_names_differ_except_for_pairs(write):
    path = write("a.csv", "text,other,class\na,b,c\n")
    with pytest.raises(UserError, match=r"a\.csv: there is no column 'second'.*--pair-column"):
        read_like(TRAINED, path)
    table = read_like(TRAINED, path, pair_column="other")
    assert (table.texts, table.pairs, table.labels) == (["a"], ["b"], ["c"])


def test_pairs_for_a_model_of_single_texts(write):
    trained = {**TRAINED, "pair_column": None}
    with pytest.raises(UserError, match=r"a\.csv must hold single texts.*Leave out --pair-column"):
        read_like(trained, write("a.csv", QUESTIONS), pair_column="second")


def test_train_and_validation_are_pairs_alike(write):
    train = write("train.csv", QUESTIONS)
    train, validation = read_train_and_validation(
        train, write("dev.csv", QUESTIONS.replace("who", "why")), seed=0, pair_column="second"
    )
    assert train.pairs == validation.pairs == ["what?", "好吗"]
    single = replace(validation, pairs=None, pair_column=None)
    with pytest.raises(UserError, match=r"dev\.csv must hold pairs of texts.*--pair-column"):
        read_train_and_validation(train, single, seed=0)
    with pytest.raises(UserError, match=r"no column 'second'.*--pair-column"):
        read_train_and_validation(train, write("b.csv", "text,label\na,no\n"), seed=0)


def test_pairs_are_held_out_together(write):
    rows = "".join(f"first {i},second {i},{i % 2}\n" for i in range(20))
    path = write("a.csv", f"first,second,label\n{rows}")
    parts = read_train_and_validation(path, 0.25, seed=0, pair_column="second")
    assert [len(part) for part in parts] == [15, 5]
    for part in parts:
        assert part.pairs == [text.replace("first", "second") for text in part.texts]
