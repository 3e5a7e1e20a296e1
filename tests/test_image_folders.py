"""Folders of splits and folders of classes are told apart by what is in them."""

import pytest

from image_files import encode, picture
from regard.recipes.errors import UserError
from regard.recipes.images import folders
from regard.recipes.images.checks import read_train_and_validation
from regard.recipes.images.data import find_images
from regard.recipes.images.folders import list_images
from regard.recipes.images.other_formats import SERVED
from regard.recipes.images.splits import find_splits, split_of


def write(root, *files):
    """Writes images, `root/<file>`; that is enough for finding them."""
    for number, file in enumerate(files):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(encode(picture(seed=number)))
    return root


def classes(split):
    return f"{split}/cat/0.png", f"{split}/cat/1.png", f"{split}/dog/deep/0.png"


@pytest.fixture
def said(caplog):
    caplog.set_level("INFO", logger="regard")
    return caplog


@pytest.mark.parametrize(
    ("name", "split"),
    [
        *((name, "train") for name in ("train", "Training", "TRAIN", "train_set", "training-data")),
        *((name, "validation") for name in ("val", "Valid", "validation", "dev", "images_val")),
        *((name, "test") for name in ("test", "TESTING", "test images", "testset", "eval")),
        *((name, "") for name in ("trains", "training shoes", "value", "devil", "contest", "set")),
    ],
)
def test_names_of_splits(name, split):
    assert split_of(name) == split


@pytest.mark.parametrize(
    "names", [("train", "val", "test"), ("Training", "valid", "TESTING"), ("TRAIN", "dev", "Test")]
)
def test_splits_hold_folders_of_classes(names, tmp_path, said):
    write(tmp_path, *(file for name in names for file in classes(name)))
    roles = ("train", "validation", "test")
    assert find_splits(tmp_path) == {r: tmp_path / n for r, n in zip(roles, names, strict=True)}
    for role, name in zip(roles, names, strict=True):
        images = find_images(tmp_path, role)
        assert (images.source, images.class_names()) == (str(tmp_path / name), ["cat", "dog"])
        assert f"the {role} images are those in {name}" in said.text


@pytest.mark.parametrize("name", ["train", "Test", "val", "testing"])
def test_a_class_holds_images_whatever_its_name(name, tmp_path, said):
    write(tmp_path, f"{name}/0.png", "car/0.png", "plane/0.png", "plane/old/1.png")
    assert find_splits(tmp_path) == {}
    assert find_images(tmp_path).class_names() == sorted([name, "car", "plane"])
    assert f"classes, not splits, for there are images in them: {name}" in said.text


def test_classes_that_are_called_as_splits_within_a_split(tmp_path):
    write(tmp_path, "train/train/0.png", "train/car/0.png", "val/train/0.png", "val/car/1.png")
    assert find_images(tmp_path).class_names() == ["car", "train"]
    assert find_images(tmp_path, "validation").source == str(tmp_path / "val")


def test_a_class_may_have_images_and_folders(tmp_path):
    write(tmp_path, "train/0.png", "train/steam/0.png", "car/0.png")
    assert find_images(tmp_path).labels == ["car", "train", "train"]


def test_stray_images_and_other_folders_beside_splits(tmp_path, said):
    write(tmp_path, *classes("train"), *classes("val"), "train/stray.png", "unlabelled/0.png")
    assert find_images(tmp_path).class_names() == ["cat", "dog"]
    assert "images are those in train; passed over: unlabelled" in said.text
    assert "images outside of class folders, passed over: 1" in said.text


def test_a_stray_image_in_a_split_without_company(tmp_path):
    write(tmp_path, *classes("train"), "train/stray.png")
    assert find_images(tmp_path).class_names() == ["cat", "dog"]


def test_evaluation_without_a_test_split(tmp_path, said):
    write(tmp_path, *classes("train"), *classes("val"))
    assert find_images(tmp_path, "test").source == str(tmp_path / "val")
    assert "the test images are those in val" in said.text
    (tmp_path / "val").rename(tmp_path / "..val")
    with pytest.raises(UserError, match=f"has no test split. Name .* {tmp_path}/train"):
        find_images(tmp_path, "test")
    assert find_images(tmp_path / "train", "test").class_names() == ["cat", "dog"]


def test_no_split_to_train_on(tmp_path):
    write(tmp_path, *classes("Test"))
    with pytest.raises(UserError, match=rf"has no train split. Name .* {tmp_path}/Test\."):
        find_images(tmp_path)
    assert find_images(tmp_path / "Test").class_names() == ["cat", "dog"]


def test_a_split_without_labels(tmp_path):
    """As competitions have it: the images to be predicted lie beside those to learn from."""
    write(tmp_path, *classes("train"), "test/0.png", "test/1.png")
    train, validation = read_train_and_validation(tmp_path, 0.5, seed=0)
    assert len(train) + len(validation) == 3
    with pytest.raises(UserError, match=r"test must hold a folder of images for each class"):
        find_images(tmp_path, "test")
    (tmp_path / "test").rename(tmp_path / "val")
    with pytest.raises(UserError, match=r"val must hold .*Move it elsewhere"):
        read_train_and_validation(tmp_path, None, seed=0)


AMBIGUOUS = {
    "images alone": (("train/0.png", "test/0.png"), "train", r"test and train may be splits or"),
    "folders beside a class": ((*classes("train"), "car/0.png"), "train", "beside it is car"),
    "nested classes": (("train/a/0.png", "car/a/0.png"), "train", "a split or a class"),
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_what_may_be_either_is_an_error_and_another_name_helps(name, tmp_path):
    files, called, message = AMBIGUOUS[name]
    write(tmp_path, *files)
    with pytest.raises(UserError, match=message) as error:
        find_images(tmp_path)
    assert f"class_{called}" in str(error.value) or "class_test" in str(error.value)
    for each in ("train", "test"):
        if (tmp_path / each).exists():
            (tmp_path / each).rename(tmp_path / f"class_{each}")
    assert f"class_{called}" in find_images(tmp_path).class_names()


def test_two_folders_of_one_split(tmp_path):
    write(tmp_path, *classes("train"), *classes("val"), *classes("valid"))
    with pytest.raises(UserError, match=r"val and valid may both be the validation split"):
        find_images(tmp_path)
    assert find_images(tmp_path / "val").class_names() == ["cat", "dog"]


@pytest.mark.parametrize("read", [find_images, lambda folder: list_images([folder])])
def test_what_is_passed_over_is_counted_by_suffix(read, tmp_path, said, monkeypatch):
    monkeypatch.setattr(folders, "suffixes", lambda: SERVED)  # as where nothing else is read
    write(tmp_path, "a/0.png", "b/0.JFIF", "b/1.jpe", "b/2.pjpeg")
    for name in ("a/1.heic", "a/2.HEIC", "b/notes.txt", "b/data", "b/.hidden.txt"):
        (tmp_path / name).write_bytes(b"anything")
    images = read(tmp_path)
    assert len(images) == 4
    assert (
        f"{tmp_path}: files that are no images, passed over: "
        ".heic: 2 (pip install pillow-heif would read them), no suffix: 1, .txt: 1"
    ) in said.text
    assert said.text.count("passed over") == 1
