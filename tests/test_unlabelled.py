import logging

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from regard.recipes.errors import UserError
from regard.recipes.pretraining.data import read_texts


@pytest.fixture
def write(tmp_path):
    """Writes a file in the test's folder and returns its path, a string."""

    def write_file(name: str, content: str | bytes) -> str:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    return write_file


# Text files


@pytest.mark.parametrize(
    "content",
    [
        "one\n two \n三\n",
        "one\r\n two \r\n三",
        "\ufeffone\n\n \t\n two \n\u3000\n三\n\n",
    ],
)
def test_each_line_is_a_text(write, caplog, content):
    caplog.set_level(logging.INFO, logger="regard")
    path = write("a.txt", content)
    texts = read_texts([path])
    assert texts.texts == ["one", " two ", "三"]
    assert (texts.sources, texts.num_skipped, len(texts)) == ([path], 0, 3)
    assert not caplog.records


def test_other_encoding(write):
    path = write("a.TXT", "好\n坏\n".encode("gb18030"))
    assert read_texts([path], encoding="gb18030").texts == ["好", "坏"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("\n \n", "must hold at least one text, but has no rows"),
        (b"one\ncaf\xe9\n", "line 2: byte 0xE9 is not utf-8.*--encoding, such as cp1252"),
        ("one\n\nt\0wo\n", "row 3: the text holds a NUL byte.*--skip-bad-rows"),
    ],
)
def test_bad_text_file(write, content, message):
    with pytest.raises(UserError, match=rf"a\.txt[:,]? {message}"):
        read_texts([write("a.txt", content)])


def test_bad_lines_are_skipped_and_counted(write, caplog):
    texts = read_texts([write("a.txt", "one\n\0\ntwo\n")], skip_bad_rows=True)
    assert (texts.texts, texts.num_skipped) == (["one", "two"], 1)
    assert "bad rows left out: 1, first row 2: the text holds a NUL byte" in caplog.text


def test_missing_text_file(tmp_path):
    with pytest.raises(UserError, match=r"none\.txt: no such file"):
        read_texts([str(tmp_path / "none.txt")])


# Tables


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("id,review", "review"),
        ("review,stars,place", "review"),
        ("words", "words"),
        ("idx,words", "words"),
        ("words,label", "words"),
    ],
)
def test_guessed_column(write, caplog, header, expected):
    caplog.set_level(logging.INFO, logger="regard")
    columns = header.split(",")
    path = write("a.csv", f"{header}\n{','.join(f'a {name}' for name in columns)}\n")
    assert read_texts([path]).texts == [f"a {expected}"]
    assert f"a.csv: column '{expected}' taken as the text (--text-column" in caplog.text


@pytest.mark.parametrize(
    ("header", "text_column", "message"),
    [
        ("foo,bar", None, "no column is known to hold the texts.*'foo', 'bar'.*--text-column"),
        ("label", None, "no column is known to hold the texts.*'label'.*--text-column"),
        ("text,review", None, "'review' and 'text' could each hold the texts.*--text-column"),
        ("text,label", "words", "there is no column 'words'.*'text', 'label'.*--text-column"),
        ("text,text", "text", "2 columns are named 'text'"),
    ],
)
def test_column_that_cannot_be_told(write, header, text_column, message):
    path = write("a.csv", f"{header}\n{header}\n")
    with pytest.raises(UserError, match=rf"a\.csv: {message}"):
        read_texts([path], text_column=text_column)


def test_bad_rows_of_a_table(write):
    path = write("a.csv", "text,label\nfine,\n,x\none,two,three\n")
    with pytest.raises(UserError, match=r"a\.csv, row 3: the text in column 'text' is empty"):
        read_texts([path])
    texts = read_texts([path], skip_bad_rows=True)
    assert (texts.texts, texts.num_skipped) == (["fine"], 2)


def test_unknown_suffix(write):
    with pytest.raises(UserError, match=r"a\.doc: the suffix .* \.txt .*'\.doc'"):
        read_texts([write("a.doc", "x")])


# Several sources


def test_sources_are_read_in_order(write, tmp_path):
    parquet = str(tmp_path / "c.parquet")
    pq.write_table(pa.table({"words": ["five"], "label": [1]}), parquet)
    sources = [
        write("a.txt", "one\n\0\ntwo\n"),
        write("b.jsonl", '{"words": "three"}\n{"words": ""}\n{"words": "four"}\n'),
        parquet,
    ]
    texts = read_texts(sources, text_column="words", skip_bad_rows=True)
    assert texts.texts == ["one", "two", "three", "four", "five"]
    assert (texts.sources, texts.num_skipped) == (sources, 2)


def test_fingerprint_depends_on_the_texts_and_their_order(write):
    first, second = write("a.txt", "one\ntwo\n"), write("b.csv", "text\none\ntwo\n")
    other = write("c.txt", "two\none\n")
    assert read_texts([first]).fingerprint() == read_texts([second]).fingerprint()
    assert read_texts([first]).fingerprint() != read_texts([other]).fingerprint()


def test_no_source():
    with pytest.raises(UserError, match="Name at least one file"):
        read_texts([])


def test_one_string_is_not_a_list():
    with pytest.raises(TypeError, match=r"must be a list of strings.*'a\.txt'"):
        read_texts("a.txt")
