"""Archives: the one table in a zip or a tar is read, others are named."""

import bz2
import gzip
import io
import re
import shlex
import subprocess
import sys
import tarfile
import zipfile

import pandas as pd
import pytest

from regard.recipes.data.archives import unpacking
from regard.recipes.data.formats import holds_table, open_table
from regard.recipes.errors import UserError
from regard.recipes.runs.directories import default_output
from regard.recipes.text.data import read_labelled_texts
from regard.recipes.translation.data import read_parallel_texts

CSV = b"text,label\ngood film,pos\nbad film,neg\n"
LINES = b'{"text": "good film", "label": "pos"}\n{"text": "bad film", "label": "neg"}\n'


def zipped(members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def tarred(members, mode="w"):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        for name, content in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return file.getvalue()


PACK = {
    ".zip": zipped,
    ".tar": tarred,
    ".tar.gz": lambda members: tarred(members, "w:gz"),
    ".tgz": lambda members: tarred(members, "w:gz"),
    ".tar.xz": lambda members: tarred(members, "w:xz"),
    ".gz": lambda members: gzip.compress(tarred(members, "w:gz")),
}


def write(path, content):
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("suffix", PACK)
@pytest.mark.parametrize(
    "members",
    [
        {"train.csv": CSV},
        {"data/train.jsonl": LINES, "data/README.md": b"about", "__MACOSX/._a.csv": b"\0"},
        {"train.csv.gz": gzip.compress(CSV), "notes.txt": b"some notes"},
        {"reviews": CSV},
    ],
)
def test_an_archive_with_one_table_is_read(tmp_path, suffix, members):
    path = write(tmp_path / f"data{suffix}", PACK[suffix](members))
    assert holds_table(str(path))
    table = read_labelled_texts(path)
    assert (table.texts, table.labels) == (["good film", "bad film"], ["pos", "neg"])
    assert str(default_output(path)) == "runs/data"


@pytest.mark.parametrize("name", ["train.csv.zip", "train.csv.gz", "train.csv"])
def test_any_name_will_do(tmp_path, name):
    assert len(read_labelled_texts(write(tmp_path / name, zipped({"train.csv": CSV})))) == 2
    assert str(default_output(name)) == "runs/train"


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
def test_several_tables_are_named(tmp_path, suffix):
    members = {f"{split}.csv": CSV for split in ("train", "test")}
    path = write(tmp_path / f"data{suffix}", PACK[suffix](members))
    module = "zipfile" if suffix == ".zip" else "tarfile"
    with pytest.raises(UserError, match=rf"tables: 2: train\.csv, test\.csv.*-m {module} -e"):
        read_labelled_texts(path)
    path = write(tmp_path / f"none{suffix}", PACK[suffix]({"README.md": b"about"}))
    with pytest.raises(UserError, match=r"must hold one table.*Received, files: none"):
        read_labelled_texts(path)


def test_an_archive_of_parallel_texts_is_named(tmp_path):
    members = {"README": b"about", "x.de-en.de": b"Hund\n", "x.de-en.en": b"dog\n"}
    path = write(tmp_path / "de-en.txt.zip", zipped(members))
    with pytest.raises(UserError, match=r"files: 2: x\.de-en\.de, x\.de-en\.en.*Unpack it"):
        read_parallel_texts(path)
    for language, text in (("de", b"Hund\nHaus\n"), ("en", b"dog\nhouse\n")):
        write(tmp_path / f"{language}.zip", zipped({f"x.{language}": text, "LICENSE": b"free"}))
    pairs = read_parallel_texts(tmp_path / "de.zip", tmp_path / "en.zip")
    assert (pairs.sources, pairs.targets) == (["Hund", "Haus"], ["dog", "house"])


def test_what_cannot_be_read_in_an_archive(tmp_path):
    whole = tarred({"a.csv": CSV * 1000}, "w:gz")
    for name, content in (("a.tar.gz", whole[:100]), ("a.csv.zip", zipped({"a.csv": CSV})[:60])):
        with pytest.raises(UserError, match="is not a sound compressed file"):
            read_labelled_texts(write(tmp_path / name, content))
    with pytest.raises(UserError, match="a zip that is compressed again"):
        read_labelled_texts(write(tmp_path / "a.gz", gzip.compress(zipped({"a.csv": CSV}))))
    with pytest.raises(UserError, match="a document of OpenOffice"):
        read_labelled_texts(
            write(tmp_path / "a.ods", zipped({"mimetype": b"", "content.xml": b""}))
        )
    with pytest.raises(UserError, match=r"is not a sound Parquet file"):
        open_table(str(write(tmp_path / "b.gz", gzip.compress(b"PAR1" + 90 * b"\0"))))


def test_a_header_of_a_tar_that_goes_on_for_megabytes(tmp_path):
    header = tarfile.TarInfo("name")
    header.type, header.size = tarfile.XHDTYPE, 2**30
    content = header.tobuf(tarfile.USTAR_FORMAT) + 2**16 * b"\0"
    with pytest.raises(UserError, match=r"a header of 1,073,741,824 bytes"):
        read_labelled_texts(write(tmp_path / "a.tar.gz", gzip.compress(content)))


def test_an_archive_that_changes_is_read_anew(tmp_path):
    for name in ("a.csv", "other.csv"):
        write(tmp_path / "data.zip", zipped({name: CSV.replace(b"film", name.encode())}))
        assert read_labelled_texts(tmp_path / "data.zip").texts[0] == f"good {name}"


# Formats that are read at any place

FRAME = pd.DataFrame({"text": ["good film", "bad film"], "label": ["pos", "neg"]})
WRITERS = {
    "train.parquet": FRAME.to_parquet,
    "train.feather": FRAME.to_feather,
    "train.xlsx": lambda file: FRAME.to_excel(file, index=False),
}
PACKED = {
    **PACK,
    ".gz": lambda members: gzip.compress(next(iter(members.values()))),
    ".bz2": lambda members: bz2.compress(next(iter(members.values()))),
}


@pytest.fixture(scope="module", params=WRITERS)
def member(request):
    file = io.BytesIO()
    WRITERS[request.param](file)
    return {request.param: file.getvalue()}


@pytest.mark.parametrize("suffix", PACKED)
def test_what_is_read_at_any_place_may_be_packed(tmp_path, monkeypatch, member, suffix):
    (name,) = member
    content = PACKED[suffix](member)
    path = write(tmp_path / f"{name}{suffix}", content)
    table = read_labelled_texts(path)
    assert (table.texts, table.labels) == (["good film", "bad film"], ["pos", "neg"])
    path = write(tmp_path / f"data{suffix}", content)
    if (name, suffix) != ("train.xlsx", ".gz") and (name, suffix) != ("train.xlsx", ".bz2"):
        assert len(read_labelled_texts(path)) == 2
    monkeypatch.setattr("regard.recipes.data.files.LONGEST_PACKED", 100)
    with pytest.raises(
        UserError, match=r"must have 100 bytes at most\. Received: more\. Unpack it, `"
    ):
        open_table(str(tmp_path / f"{name}{suffix}"))


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".zip", ".tar.gz", ".tar"])
def test_the_advice_to_unpack_works(tmp_path, monkeypatch, suffix):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / f"train.csv{suffix}", PACKED[suffix]({"train.csv": CSV}))
    command = re.search("`(.*)`", unpacking(path.name))[1]
    subprocess.run(shlex.split(command.replace("python", sys.executable)), check=True)
    assert any(file.is_file() and file.read_bytes() == CSV for file in tmp_path.rglob("*"))


def test_an_archive_in_an_archive_is_named(tmp_path):
    inner = zipped({"train.csv": CSV})
    path = write(tmp_path / "data.zip", zipped({"train.csv.zip": inner}))
    with pytest.raises(
        UserError, match=r"holds an archive, with train\.csv, and no workbook\. Unpack"
    ):
        read_labelled_texts(path)


def test_a_tar_with_a_size_that_none_has(tmp_path):
    whole = tarred({"n" * 150 + ".csv": CSV})
    broken = whole[:512] + b"9" * 25 + b" path=" + whole[543:]  # of what is in a header
    with pytest.raises(UserError, match="is not a sound compressed file"):
        open_table(str(write(tmp_path / "a.tar", broken)))


def test_a_zip_of_another_kind(tmp_path):
    whole = zipped({"a.csv": CSV})
    at = whole.index(b"PK\x01\x02") + 6  # the version that is needed to read it
    with pytest.raises(UserError, match=r"sound compressed file \(zip file version 25"):
        open_table(str(write(tmp_path / "a.zip", whole[:at] + b"\xff" + whole[at + 1 :])))
