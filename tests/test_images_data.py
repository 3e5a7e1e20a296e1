"""Where images lie, and what is wrong with some."""

import os

import numpy as np
import pytest

from image_files import encode, huge_png, picture, write_folder
from regard.recipes.errors import UserError
from regard.recipes.images.checks import read_labelled_images, read_train_and_validation
from regard.recipes.images.data import LabelledImages, find_images
from regard.recipes.images.folders import list_images
from regard.recipes.images.splits import find_splits


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "pets", {"cat": 3, "dog": 2})


def names(images):
    return [os.path.relpath(file, images.source) for file in images.files]


def test_a_folder_for_each_class(folder):
    images = find_images(folder)
    assert names(images) == ["cat/0.png", "cat/1.png", "cat/2.png", "dog/0.png", "dog/1.png"]
    assert images.labels == ["cat"] * 3 + ["dog"] * 2
    assert images.class_names() == ["cat", "dog"]


def test_suffixes_hidden_files_and_folders_within_folders(folder):
    deep = folder / "dog" / "puppies" / "2026"
    deep.mkdir(parents=True)
    for name in ("Ünïcödé 狗.JPG", "b.jpeg", ".hidden.png", "notes.txt", "c.gif", "d.BMP"):
        (deep / name).write_bytes(b"anything")
    (folder / ".git").mkdir()
    found = [name for name in names(find_images(folder)) if "puppies" in name]
    within = "dog/puppies/2026"
    assert found == [f"{within}/{name}" for name in ("b.jpeg", "c.gif", "d.BMP", "Ünïcödé 狗.JPG")]


def test_a_folder_for_each_split(tmp_path):
    for split, count in (("train", 3), ("val", 2), ("test", 1)):
        write_folder(tmp_path / split, {"a": count, "b": 1})
    assert set(find_splits(tmp_path)) == {"train", "validation", "test"}
    sizes = [len(find_images(tmp_path, split)) for split in ("train", "validation", "test")]
    assert sizes == [4, 3, 2]
    train, validation = read_train_and_validation(tmp_path, None, seed=0)
    assert (len(train), len(validation)) == (4, 3)


def test_links_in_a_circle_end(folder):
    (folder / "cat" / "again").symlink_to(folder / "cat", target_is_directory=True)
    (folder / "dog" / "all").symlink_to(folder, target_is_directory=True)
    assert len([name for name in names(find_images(folder)) if name.startswith("cat")]) == 3


def test_images_outside_of_classes_are_passed_over(folder, caplog):
    (folder / "loose.png").write_bytes(encode(picture()))
    assert len(find_images(folder)) == 5
    assert "images outside of class folders, passed over: 1" in caplog.text


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl"])
def test_a_table_of_paths_and_labels(folder, suffix):
    path = folder / f"labels.{suffix}"
    if suffix == "jsonl":
        path.write_text('{"file": "cat/0.png", "label": 3}\n{"file": "dog/1.png", "label": 10}\n')
    else:
        tab = "," if suffix == "csv" else "\t"
        path.write_text(f"file{tab}label\ncat/0.png{tab}3\ndog/1.png{tab}10\n")
    images = find_images(path)
    assert images.files == [str(folder / "cat/0.png"), str(folder / "dog/1.png")]
    assert images.class_names() == ["3", "10"]
    assert images.columns == ("file", "label")


def test_a_tables_columns_may_be_named(folder):
    (folder / "t.csv").write_text("a,b,c\ncat/none.png,x,y\n")
    with pytest.raises(UserError, match=r"no column is known to hold the images.*--image-column"):
        find_images(folder / "t.csv")
    (folder / "t.csv").write_text("a,b,c\ncat/0.png,x,y\n")
    images = find_images(folder / "t.csv", image_column="a", label_column="c")
    assert images.labels == ["y"]


@pytest.mark.parametrize(
    ("name", "message"),
    [("none", "it is not there"), ("file.zip", "it is a file"), ("empty", "no folders, 0 images")],
)
def test_what_is_no_source(name, message, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.zip").write_bytes(b"")
    with pytest.raises(UserError, match=message):
        find_images(tmp_path / name)


def test_an_empty_class_is_named_or_left_out(folder, caplog):
    (folder / "bird").mkdir()
    with pytest.raises(UserError, match=r"pets/bird holds no images.*--skip-bad-files"):
        find_images(folder)
    assert find_images(folder, skip_bad_files=True).class_names() == ["cat", "dog"]
    assert "classes without images, left out: bird" in caplog.text


def test_one_class_is_nothing_to_tell_apart(tmp_path):
    write_folder(tmp_path / "pets", {"cat": 3})
    with pytest.raises(UserError, match=r"at least two labels.*only 'cat'"):
        read_train_and_validation(tmp_path / "pets", 0.5, seed=0)


BAD = {
    "nothing.png": (b"", "it is no JPEG, PNG, GIF or BMP image"),
    "cut.png": (encode(picture())[:60], "it is damaged or cut short"),
    "text.jpg": (b"hello", "it is no JPEG"),
    "huge.png": (huge_png(), "pixels, not 20000 x 20000"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_named_or_left_out(name, folder, caplog):
    contents, message = BAD[name]
    (folder / "cat" / name).write_bytes(contents)
    with pytest.raises(UserError, match=f"pets/cat/{name}: .*{message}.*--skip-bad-files"):
        read_labelled_images(folder)
    images = read_labelled_images(folder, skip_bad_files=True)
    assert (len(images), images.num_skipped) == (5, 1)
    assert f"bad files left out: 1, first {folder}/cat/{name}" in caplog.text


def test_a_file_that_a_table_names_must_be_there(folder):
    (folder / "t.csv").write_text("file,label\ncat/0.png,x\ncat/9.png,y\n")
    with pytest.raises(UserError, match=r"cat/9.png: it cannot be read \(No such file"):
        read_labelled_images(folder / "t.csv")
    assert len(read_labelled_images(folder / "t.csv", skip_bad_files=True)) == 1


def test_bad_files_are_counted(folder):
    for name in ("x.png", "y.png"):
        (folder / "cat" / name).write_bytes(b"no image")
    with pytest.raises(UserError, match=r"cat/x.png: it is no .* There are 2 of them\."):
        read_labelled_images(folder)


def test_no_good_file_at_all(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.png").write_bytes(b"")
    with pytest.raises(UserError, match="holds no image that can be decoded"):
        read_labelled_images(tmp_path, skip_bad_files=True)


def test_the_same_image_under_two_labels(folder, caplog):
    (folder / "dog" / "9.png").write_bytes((folder / "cat" / "1.png").read_bytes())
    read_labelled_images(folder)
    assert f"images under several labels: 1, first {folder}/cat/1.png (cat, dog)" in caplog.text


def test_the_fingerprint_is_of_what_the_images_hold(folder, tmp_path):
    first = read_labelled_images(folder).fingerprint()
    folder.rename(tmp_path / "moved")
    assert read_labelled_images(tmp_path / "moved").fingerprint() == first
    (tmp_path / "moved" / "cat" / "1.png").write_bytes(encode(picture(seed=99)))
    assert read_labelled_images(tmp_path / "moved").fingerprint() != first


def test_a_part_is_held_out_class_by_class(tmp_path):
    write_folder(tmp_path, {"a": 20, "b": 10})
    train, validation = read_train_and_validation(tmp_path, 0.2, seed=3)
    assert (train.labels.count("a"), validation.labels.count("a")) == (16, 4)
    assert not set(train.files) & set(validation.files)
    again, _ = read_train_and_validation(tmp_path, 0.2, seed=3)
    assert again == train


def test_equal_images_stay_on_one_side(tmp_path, caplog):
    """By what the files hold, whatever their names and classes."""
    caplog.set_level("INFO", logger="regard")
    write_folder(tmp_path / "pets", {"a": 20, "b": 20})
    for name in ("a", "b"):
        for file in sorted((tmp_path / "pets" / name).iterdir()):
            file.with_name(f"copy of {file.name}").write_bytes(file.read_bytes())
    for seed in range(5):
        train, validation = read_train_and_validation(tmp_path / "pets", 0.2, seed)
        assert (len(train), len(validation)) == (64, 16)
        assert not set(train.digests) & set(validation.digests)
    assert "equal images stay on one side of the split: 40 of 80 are distinct" in caplog.text


def test_validation_on_the_training_data_is_said(folder, caplog):
    read_train_and_validation(folder, str(folder), seed=0)
    assert "validated on its own training data" in caplog.text


def test_images_may_be_bytes():
    contents = [encode(picture(seed=seed)) for seed in range(3)]
    images = LabelledImages("memory", ["a", "b", "c"], ["x", "y", "x"], [], contents=contents)
    some = images.take([2, 0])
    assert (some.files, some.labels) == (["c", "a"], ["x", "x"])
    assert some.contents == [contents[2], contents[0]]


def test_files_and_folders_to_predict(folder):
    loose = folder / "dog" / "1.png"
    assert list_images([loose, folder / "cat"]) == [
        str(loose),
        *(str(folder / "cat" / f"{n}.png") for n in range(3)),
    ]
    with pytest.raises(UserError, match="none is not there"):
        list_images([folder / "none"])
    (folder / "empty").mkdir()
    with pytest.raises(UserError, match="holds no images"):
        list_images([folder / "empty"])


def test_pictures_of_a_test_differ_by_class(folder):
    assert not np.array_equal(picture(seed=0), picture(seed=1))
