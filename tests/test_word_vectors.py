"""Word vectors as people have them, read without TensorFlow."""

import gzip
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from regard.recipes.data.vector_files import WIDEST, find_vectors, open_vectors
from regard.recipes.data.word_vectors import read_vectors
from regard.recipes.errors import UserError
from regard.recipes.tokenizers.whole_words import Words, word_of

# A word each: its vector is the number of its line, and what comes behind that.
LINES = ["the {} 0 2.5", "Paris {} 0 -1e-1", "US {} 0 1", "café {} 0 1", ". . . {} 0 1", ", {} 0 1"]
BODY = "".join(f"{line.format(number)}\n" for number, line in enumerate(LINES, 1)).encode()
FOUND = {"the": [1, 0, 2.5], "paris": [2, 0, -0.1], "us": [3, 0, 1], "cafe": [4, 0, 1]}
WANTED = {"the", "paris", "us", "cafe", ".", "never"}


def read(path, wanted=WANTED, num_others=0, **options):
    return read_vectors(str(path), Words(**options).token_of, wanted, num_others)


def written(path, content):
    path.write_bytes(content)
    return path


def binary(words, width=3):
    numbers = [np.arange(row, row + width, dtype="<f4").tobytes() for row in range(len(words))]
    rows = [word.encode() + b" " + each + b"\n" for word, each in zip(words, numbers, strict=True)]
    return f"{len(words)} {width}\n".encode() + b"".join(rows)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("glove.3d.txt", BODY),
        ("word2vec.txt", b"6 3\n" + BODY),
        ("tool.txt", b"6 3\n" + BODY.replace(b"\n", b" \n")),  # so the first word2vec wrote them
        ("windows.vec", b"\xef\xbb\xbf6 3\r\n" + BODY.replace(b"\n", b"\r\n")),
        ("tabs.tsv", BODY.replace(b" ", b"\t").replace(b".\t.\t.", b". . .")),
        ("glove.txt.gz", gzip.compress(BODY)),
    ],
)
def test_forms_of_text(name, content, tmp_path):
    found = read(written(tmp_path / name, content))
    assert {word: vector.tolist() for word, vector in found.vectors.items()} == {
        word: np.float32(vector).tolist() for word, vector in FOUND.items()
    }
    assert found[2:] == (0, 0, 0)
    assert (found.file.width, found.file.name) == (3, name)


def test_the_binary_form(tmp_path):
    words = ["</s>", "Paris", "the", "paris"]
    for content in (binary(words), binary(words).replace(b"\n", b"").replace(b"4 3", b"4 3\n")):
        found = read(written(tmp_path / "GoogleNews.bin", content))
        assert {word: vector[0] for word, vector in found.vectors.items()} == {"paris": 3, "the": 2}
    cut = read(written(tmp_path / "cut.bin", binary(words)[:-20]))
    assert (list(cut.vectors), cut.num_missing) == (["paris", "the"], 1)


def test_a_zip_of_one_and_of_several(tmp_path):
    path = tmp_path / "glove.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.md", "Words and\ntheir vectors.\n")
        archive.writestr("__MACOSX/._glove.3d.txt", BODY)
        archive.writestr("glove.3d.txt", BODY)
    assert set(read(path).vectors) == set(FOUND)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("all/glove.2d.txt", b"the 1 2\n")
    with pytest.raises(UserError) as error:
        find_vectors(str(path))
    advice = str(error.value).rpartition(" ")[2]
    assert "glove.3d.txt (3 numbers a word), all/glove.2d.txt (2 numbers a word)" in str(
        error.value
    )
    assert set(read(advice).vectors) == set(FOUND)
    assert read(path / "all/glove.2d.txt").vectors["the"].tolist() == [1, 2]
    with pytest.raises(UserError, match=r"has no glove.4d.txt. .*: readme.md, glove.3d.txt, all/"):
        find_vectors(f"{path}/glove.4d.txt")


def test_errors_of_who_reads_a_member_are_his(tmp_path):
    path = tmp_path / "glove.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("glove.3d.txt", BODY)
    file = find_vectors(str(path))
    for error in (KeyError("mine"), RuntimeError("mine"), NotImplementedError("mine")):
        with pytest.raises(type(error), match="mine"), open_vectors(file) as stream:
            assert stream.read(3) == BODY[:3]
            raise error


def test_what_is_written_like_the_token_goes_before_and_then_the_first(tmp_path):
    path = written(tmp_path / "cased.txt", b"US 1 1\nPARIS 2 2\nParis 3 3\nus 4 4\nUs 5 5\n")
    found = read(path)
    assert {word: vector[0] for word, vector in found.vectors.items()} == {"us": 4, "paris": 2}
    assert found.num_repeated == 0


def test_damaged_lines_are_counted_and_repeated_ones_too(tmp_path):
    lines = ["the 1 1", "us 1", "paris x 1", "cafe nan 1", "never 1 1e99", "", "the 2 2"]
    lines += ["us 1 1 1", "us 0 0", "\udcff 1 1", "us 7 7", "x" * 2**21, "nobody 1 1"]
    content = "\n".join(lines).encode("utf-8", "surrogateescape")
    found = read(written(tmp_path / "damaged.txt", b"90 2\n" + content))
    assert {word: vector[0] for word, vector in found.vectors.items()} == {"the": 1, "us": 7}
    assert (found.num_damaged, found.num_repeated) == (9, 1)  # a line too long counts as two
    assert found.num_missing == 90 - 13


def test_the_first_others_are_read_as_well(tmp_path):
    path = written(
        tmp_path / "a.txt", b"zebra 1 1\nthe 2 2\nZebra 3 3\nyak 4 4\nnew york 5 5\nox 6 6"
    )
    assert list(read(path, {"the"}, 2).vectors) == ["zebra", "the", "yak"]
    assert list(read(path, {"the"}, 9).vectors) == ["zebra", "the", "yak", "ox"]


def test_words_without_spaces():
    """With and without Chinese in pieces of several characters."""
    text = "房间 Zimmer。"
    assert Words().split(text) == ["房", "间", "zimmer", "。"]
    assert Words(split_chinese=False).split(text) == ["房间", "zimmer", "。"]
    assert (Words().token_of("房间"), Words(split_chinese=False).token_of("房间")) == (None, "房间")
    assert Words().added(["a"], ["房", "a", "b"]) == ["a", "房", "b"]
    assert Words(split_chinese=False).added(["a"], ["房", "b"]) == ["a", "房", "##房", "b"]
    pieces = ["room", "##room", "##间", "##2"]
    assert list(map(word_of, pieces)) == ["room", None, "间", None]
    assert Words().token_of("x" * 101) is None
    assert Words().ranked(["a B a", "b, a"]) == ["a", "b", ","]


def test_memory_is_that_of_what_is_wanted(tmp_path):
    """Of 5 MB, 10 vectors are kept."""
    line = " ".join(["0.12345"] * 300)
    path = written(tmp_path / "a.txt", "".join(f"w{n} {line}\n" for n in range(2000)).encode())
    tracemalloc.start()
    found = read(path, {f"w{n}" for n in range(0, 2000, 200)})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found.vectors) == 10
    assert peak < 500_000


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("a.txt", b"", "a.txt: the file is empty"),
        ("a.csv", b"text,label\nfine,good\n", "a.csv holds no word vectors: .*GloVe.*'text,label'"),
        ("a.txt", "the 1 2\n".encode("utf-16"), "holds no word vectors"),
        ("a.txt", b"6 3\n", "holds no word vectors"),
        ("counts.txt", b"the 100\nof 90\n", "1 number a word; is it a list of words and how often"),
        ("a.bin", struct.pack("<ii", 793712314, 12) + bytes(99), "a model of fastText.*the .vec"),
        ("a.bin", f"3 {WIDEST + 1}\nthe ".encode() + bytes(99), "holds no word vectors"),
        ("a.gz", gzip.compress(BODY)[:-9], "not a sound compressed file"),
        ("a.zip", b"PK\x05\x06" + bytes(18), "there is no file in it"),
    ],
)
def test_what_holds_no_vectors_is_refused(name, content, match, tmp_path):
    with pytest.raises(UserError, match=match):
        read(written(tmp_path / name, content))


def test_what_is_not_there(tmp_path):
    with pytest.raises(UserError, match=r"none.zip/a.txt: no such file"):
        find_vectors(str(tmp_path / "none.zip/a.txt"))
    with pytest.raises(UserError, match="is a directory"):
        find_vectors(str(tmp_path))
    path = written(tmp_path / "a.txt", BODY)
    with pytest.raises(UserError, match=r"a\.txt: b\.txt cannot be read \(File is not a zip file"):
        find_vectors(f"{path}/b.txt")
