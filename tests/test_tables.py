"""Labelled texts from files: formats, names of classes, encodings, and what cannot be read."""

import csv
import json
import logging

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from regard.recipes.errors import UserError
from regard.recipes.text.data import LabelledTexts, read_labelled_texts

ROWS = [("good film", "pos"), ("bad film", "neg"), ("好片", "pos")]


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


@pytest.mark.parametrize("value", [float("inf"), [[1]]])
def test_label_of_another_type(write, value):
    path = write("a.jsonl", json.dumps({"text": "t", "label": value}))
    with pytest.raises(UserError, match=r"a\.jsonl, row 1: the label in column 'label' must .*not"):
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
