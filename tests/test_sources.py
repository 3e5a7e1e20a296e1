"""Data that is named in other ways than by one file: several, patterns, folders; or in memory."""

import logging

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import ipc

from regard.recipes.data.memory import texts_of
from regard.recipes.errors import UserError
from regard.recipes.pretraining.data import read_texts
from regard.recipes.runs.directories import default_output
from regard.recipes.text.data import read_labelled_texts, read_like, read_train_and_validation
from regard.recipes.translation.data import read_parallel_texts


@pytest.fixture
def folder(tmp_path):
    """Writes tables of a row or two into a folder: `folder(**{name: text})`."""

    def write(names, folder=tmp_path / "data"):
        for number, name in enumerate(names):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"text,label\n{name},{number % 2}\n", "utf-8")
        return folder

    return write


def test_several_files_are_one_table(folder):
    files = [folder(["a.csv", "b.csv"]) / name for name in ("b.csv", "a.csv")]
    table = read_labelled_texts(files)
    assert table.texts == ["b.csv", "a.csv"]
    assert table.source.endswith("b.csv and 1 more")
    assert read_labelled_texts(list(map(str, files))).texts == table.texts


def test_the_columns_of_the_first_are_those_of_all(folder, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("content,label\nx,y\n", "utf-8")
    with pytest.raises(UserError, match=r"other\.csv: there is no column 'text'"):
        read_labelled_texts([folder(["a.csv"]) / "a.csv", other])


def test_patterns(folder, caplog):
    caplog.set_level(logging.INFO, logger="regard")
    pattern = str(folder(["part-2.csv", "part-1.csv", "other.csv"]) / "part-*.csv")
    assert read_labelled_texts(pattern).texts == ["part-1.csv", "part-2.csv"]
    assert "part-*.csv: 2 files" in caplog.text
    with pytest.raises(UserError, match=r"no-\*\.csv: no file has such a name"):
        read_labelled_texts(pattern.replace("part-", "no-"))


def test_folders_without_splits(folder, caplog):
    caplog.set_level(logging.INFO, logger="regard")
    data = folder(["b.csv", "deep/a.csv", ".hidden.csv"])
    (data / "README.md").write_text("about", "utf-8")
    assert read_labelled_texts(data).texts == ["b.csv", "deep/a.csv"]
    assert "data: files read: 2 (2 .csv)" in caplog.text


@pytest.mark.parametrize(
    "names",
    [
        ("train.csv", "test.csv", "validation.csv"),
        ("Train.csv", "testing.csv", "dev.csv"),
        ("reviews_train.csv", "reviews_test.csv", "reviews_val.csv"),
        ("train-00000-of-00001.csv", "test-00000-of-00001.csv", "validation-00000-of-00001.csv"),
        ("train/a.csv", "test/a.csv", "valid/a.csv"),
    ],
)
def test_folders_with_splits(folder, caplog, names):
    caplog.set_level(logging.INFO, logger="regard")
    data, (train, test, validation) = folder(names), names
    found = read_labelled_texts(data)
    assert found.texts == [train]
    assert "(split train); of other splits, passed over: 2" in caplog.text
    assert read_like(found.describe(), data, "test", "validation").texts == [test]
    assert read_labelled_texts(data, "validation").texts == [validation]


def test_files_of_no_split_are_not_of_another(folder, caplog):
    caplog.set_level(logging.INFO, logger="regard")
    data = folder(["train.csv", "test.csv", "notes.csv", "more.csv"])
    assert read_labelled_texts(data).texts == ["train.csv"]
    said = "(split train); of other splits, passed over: 1; of no split, passed over: 2"
    assert said in caplog.text


def test_a_split_that_is_not_there(folder):
    data = folder(["test.csv"])
    with pytest.raises(UserError, match=r"data has no split 'train', but test\. Name a file"):
        read_labelled_texts(data)
    assert read_labelled_texts(data / "test.csv").texts == ["test.csv"]


def test_validation_data_may_be_a_folder(folder):
    data = folder(["train/1.csv", "train/2.csv", "validation/1.csv"])
    train, validation = read_train_and_validation(data, data, seed=0)
    assert (train.texts, validation.texts) == (["train/1.csv", "train/2.csv"], ["validation/1.csv"])


def test_an_empty_folder(tmp_path):
    with pytest.raises(UserError, match=r"holds no table: a file that ends in \.csv"):
        read_labelled_texts(tmp_path)


def test_data_sets_saved_to_disk(tmp_path):
    """As Hugging Face's `datasets` writes them: a stream of batches a file, with class names."""
    metadata = '{"info": {"features": {"label": {"names": ["no", "yes"], "_type": "ClassLabel"}}}}'
    table = pa.table({"text": ["a", "b"], "label": [1, 0]})
    table = table.replace_schema_metadata({"huggingface": metadata})
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
        name = tmp_path / split / "data-00000-of-00001.arrow"
        with ipc.new_stream(str(name), table.schema) as writer:
            writer.write_table(table)
        for state in ("state.json", "dataset_info.json"):
            (tmp_path / split / state).write_text("{}", "utf-8")
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "test"]}', "utf-8")
    assert read_labelled_texts(tmp_path).labels == ["yes", "no"]
    assert read_labelled_texts(tmp_path / "test").labels == ["yes", "no"]


def test_texts_without_labels_of_a_folder(tmp_path):
    (tmp_path / "a.txt").write_text("one\ntwo\n", "utf-8")
    (tmp_path / "b.csv").write_text("text,n\nthree,1\n", "utf-8")
    assert read_texts([tmp_path]).texts == ["one", "two", "three"]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("data/reviews.csv", "reviews"),
        ("reviews.csv.gz", "reviews"),
        ("data/part-*.csv", "data"),
        ("data", "data"),
        ("v1.2/reviews.tsv", "reviews"),
    ],
)
def test_a_run_is_named_for_its_data(source, name):
    assert default_output(source).as_posix() == f"runs/{name}"


# Data in memory

TEXTS, LABELS = ["good", "bad", "fine"], [1, 0, 1]


def in_memory():
    frame = pd.DataFrame({"review": TEXTS, "stars": LABELS}, index=[7, 7, "x"])
    rows = list(zip(TEXTS, LABELS, strict=True))
    return {
        "frame": frame,
        "categories": frame.astype({"stars": "category"}),
        "strings": frame.astype({"review": "string", "stars": "Int64"}),
        "arrow": pa.table({"text": TEXTS, "label": LABELS}),
        "columns": {"text": np.array(TEXTS), "label": np.array(LABELS)},
        "two lists": (TEXTS, LABELS),
        "two series": (frame["review"], frame["stars"]),
        "two arrays": (np.array(TEXTS), np.array(LABELS, "float32")),
        "rows": rows,
        "generator": (row for row in rows),
        "dicts": [{"text": text, "label": label} for text, label in rows],
    }


@pytest.mark.parametrize("kind", list(in_memory()))
def test_labelled_texts_in_memory(kind):
    table = read_labelled_texts(in_memory()[kind])
    assert (table.texts, table.labels) == (TEXTS, ["1", "0", "1"])


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, pd.NaT, "", 7])
def test_what_is_no_text_names_its_position(missing):
    frame = pd.DataFrame({"text": ["a", missing, "c"], "label": [1, 2, 1]}, index=[5, 5, 5])
    with pytest.raises(UserError, match=r"the DataFrame, row 1: the text in column 'text'"):
        read_labelled_texts(frame)
    assert read_labelled_texts(frame, skip_bad_rows=True).texts == ["a", "c"]


@pytest.mark.parametrize("data", [7, ["a", 1], [], [("a", "b", "c")], {"text": ["a"], "label": []}])
def test_what_is_no_data(data):
    with pytest.raises(UserError, match=r"data|rows|columns"):
        read_labelled_texts(data)


def test_pairs_in_memory():
    pairs = read_parallel_texts(pd.DataFrame({"en": list("abcdefgh"), "de": list("ijklmnop")}))
    assert pairs.columns == ("en", "de")
    assert read_parallel_texts({"source": ["a"], "target": ["b"]}).targets == ["b"]


def test_texts_without_labels_in_memory():
    frame = pd.DataFrame({"text": TEXTS}, index=[3, 1, 2])
    for texts in (frame, frame["text"], np.array(TEXTS), iter(TEXTS)):
        assert read_texts(texts).texts == TEXTS


def test_texts_to_classify():
    frame = pd.DataFrame({"id": [1, 2, 3], "text": TEXTS, "more": ["x", "", "z"]}, index=[3, 1, 2])
    for texts in (TEXTS, tuple(TEXTS), frame["text"], np.array(TEXTS), iter(TEXTS), frame):
        assert texts_of(texts, ["text"]) == TEXTS
    assert texts_of(frame, [("text", "more")]) == ["good\nx", "bad", "fine\nz"]
    assert texts_of(frame.fillna(""), ["text", "more"])[1] == ("bad", "")
    with pytest.raises(UserError, match=r"must have a column 'body'\. Its columns: 'id', 'text'"):
        texts_of(frame, ["body"])
    with pytest.raises(UserError, match="The text at position 1 is missing"):
        texts_of(pd.Series(["a", None], index=["x", "y"]))
    with pytest.raises(UserError, match="The text at position 2 must be a string, not 7"):
        texts_of(["a", "b", 7])
    with pytest.raises(UserError, match="has columns: give one of them"):
        texts_of(frame)


# Folders of texts, a file each


def write_texts(folder, names, content="text of {}\n"):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.format(name).encode("latin-1"))
    return folder


def test_folders_of_texts_by_label(tmp_path, caplog):
    """As IMDb's reviews come: aclImdb/train/pos/0_9.txt."""
    names = [
        f"{split}/{label}/{number}_7.txt"
        for split in ("test", "train")
        for label in ("neg", "pos")
        for number in range(2)
    ]
    data = write_texts(tmp_path / "aclImdb", names)
    write_texts(data, ["train/unsup/0_0.txt", "train/urls_pos.txt", "train/x.feat", "README"])
    with caplog.at_level("INFO", "regard"):
        found = read_labelled_texts(data)
    assert (found.labels, found.texts[0]) == (["neg", "neg", "pos", "pos"], f"text of {names[4]}")
    assert "train: texts, a file each: 4, in folders by label: 2; passed over: unsup" in caplog.text
    assert "files beside the folders, passed over: 1" in caplog.text
    assert read_like(found.describe(), data, "test", "validation").texts[0] == f"text of {names[0]}"
    assert read_labelled_texts(data / "test").texts[0] == f"text of {names[0]}"


def test_folders_of_texts_without_suffix(tmp_path):
    """As 20 Newsgroups comes, in Latin-1."""
    data = write_texts(tmp_path, ["sci.space/1001", "rec.autos/2001"], "Subject: café {}")
    with pytest.raises(UserError, match=r"rec\.autos/2001, line 1: byte .*such as cp1252"):
        read_labelled_texts(data)
    found = read_labelled_texts(data, encoding="latin-1")
    assert (found.labels, found.texts[1]) == (
        ["rec.autos", "sci.space"],
        "Subject: café sci.space/1001",
    )
    write_texts(data, ["sci.space/1002"], "")
    with pytest.raises(UserError, match=r"row sci\.space/1002: the text in column 'text' is empty"):
        read_labelled_texts(data, encoding="latin-1")
    (tmp_path / "one" / "a").mkdir(parents=True)
    with pytest.raises(UserError, match="one holds no table"):
        read_labelled_texts(tmp_path / "one")


def test_test_sets_of_wmt(tmp_path):
    segments = '<seg id="1">Tom &amp; Ann</seg>\n<seg id="2"> gone </seg>\n</doc>\n'
    for kind in ("src", "ref"):
        text = f'<{kind}set setid="x" srclang="en">\n<doc docid="a">\n{segments}</{kind}set>\n'
        (tmp_path / f"{kind}.sgm").write_text(text.replace("gone", f"gone {kind}"))
    pairs = read_parallel_texts(tmp_path / "src.sgm", tmp_path / "ref.sgm")
    assert pairs.sources == ["Tom & Ann", "gone src"]
    assert pairs.targets == ["Tom & Ann", "gone ref"]
