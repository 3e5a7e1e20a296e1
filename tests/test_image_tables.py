"""Tables that name images in every way that people have: ids, other folders, other slashes."""

import json

import pytest

from image_files import write_folder
from regard.recipes.errors import UserError
from regard.recipes.images.data import check_source, find_images


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "train_images", {"cat": 3, "dog": 2})


@pytest.fixture
def said(caplog):
    caplog.set_level("INFO", logger="regard")
    return caplog


def table(path, header, *rows):
    path.write_text("\n".join([header, *rows, ""]))
    return path


def relative(images, folder):
    return [str(file).removeprefix(f"{folder}/") for file in images.files]


@pytest.mark.parametrize(
    "paths",
    [
        ("cat/0.png", "dog/1.png"),
        ("cat/0", "dog/1"),
        ("cat\\0.png", "dog\\1.png"),
        (r".\cat\0", r".\dog\1"),
        ("./cat/0.png", " dog/1 "),
    ],
)
def test_paths_from_a_folder_on(paths, folder):
    path = table(folder.parent / "t.csv", "image,label", *(f"{each},x" for each in paths))
    images = find_images(path, image_folder=folder)
    assert [name.removeprefix("./") for name in relative(images, folder)] == [
        "cat/0.png",
        "dog/1.png",
    ]
    moved = table(folder / "t.csv", "image,label", *(f"{each},x" for each in paths))
    assert find_images(moved).files == images.files


@pytest.mark.parametrize(
    "header",
    [
        *("filepaths,labels", "image_path,label", "img,label", "id_code,diagnosis"),
        *("image_id,healthy", "ImageName,Class", "Image Path,kind", "PHOTO,x", "id,breed"),
        *("where it is,what", "idx,where,what"),
    ],
)
def test_names_of_columns(header, folder, said):
    number = "7," if header.startswith("idx") else ""
    rows = f"{number}cat/0,x", f"{number}dog/1,y"
    images = find_images(table(folder / "t.csv", header, *rows))
    names = header.split(",")[-2:]
    assert (images.columns, images.labels) == (tuple(names), ["x", "y"])
    assert f"column {names[0]!r} taken as the image (--image-column names another)" in said.text
    assert f"column {names[1]!r} taken as the label (--label-column names another)" in said.text


def test_several_columns_may_name_images(folder):
    """The one with files is taken; of an id and a path of the same files, either."""
    rows = "a,cat/0,1", "b,dog/1,2"
    images = find_images(table(folder / "t.csv", "image_name,image_path,label", *rows))
    assert images.columns == ("image_path", "label")
    rows = "cat/0,cat/0.png,1", "dog/1,dog/1.png,2"
    images = find_images(table(folder / "t.csv", "image_id,image_path,label", *rows))
    assert relative(images, folder) == ["cat/0.png", "dog/1.png"]
    rows = "cat/0,cat/1,1", "dog/1,dog/0,2"
    with pytest.raises(UserError, match="--image-column"):
        find_images(table(folder / "t.csv", "image_left,image_right,label", *rows))


def test_numbers_are_images_rather_than_labels(folder):
    path = table(folder / "cat" / "t.csv", "id,level", "0,1", "1,1", "2,0")
    assert relative(find_images(path), folder) == ["cat/0.png", "cat/1.png", "cat/2.png"]
    rows = [{"id": number, "level": number % 2} for number in range(3)]
    path = folder / "cat" / "t.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    images = find_images(path)
    assert relative(images, folder) == ["cat/0.png", "cat/1.png", "cat/2.png"]
    assert images.labels == ["0", "1", "0"]


def test_how_many_are_not_there_and_where_they_are(folder, said):
    (folder.parent / "far").mkdir()
    folder = folder.rename(folder.parent / "far" / "images")
    path = table(folder.parents[1] / "t.csv", "id_code,label", "cat/0,x", "cat/9,y", "dog/1,x")
    with pytest.raises(UserError, match=rf"3 of 3\. The first, {path.parent}/cat/0: ") as error:
        find_images(path)
    advice = str(error.value).partition("--image-folder ")[2].partition(", or ")[0]
    assert advice == str(folder)
    with pytest.raises(UserError, match=rf"1 of 3\. The first, {folder}/cat/9: .*--skip-bad-files"):
        find_images(path, image_folder=advice)
    images = find_images(path, image_folder=advice, skip_bad_files=True)
    assert (images.labels, images.num_skipped) == (["x", "x"], 1)
    assert f"rows whose image is not there, left out: 1, first {folder}/cat/9" in said.text
    with pytest.raises(UserError, match="images that are not there: 3 of 3") as error:
        find_images(path, skip_bad_files=True)
    assert "--skip-bad-files" not in str(error.value)


def test_a_bad_row_is_left_out_by_the_option_that_there_is(folder):
    path = table(folder / "t.csv", "image,label", "cat/0,x", "cat/1,", "dog/1,y")
    with pytest.raises(UserError, match=r"row 3: .* pass --skip-bad-files"):
        find_images(path)
    assert find_images(path, skip_bad_files=True).num_skipped == 1


def test_columns_of_images_that_are_not_there(folder):
    path = table(folder / "t.csv", "image_id,image_path,label", "a,b,x", "c,d,y")
    with pytest.raises(UserError, match=r"images that are not there: 2 of 2\. The first, .*/a:"):
        find_images(path)


@pytest.mark.parametrize("named", [True, False])
def test_images_in_a_folder_beside_the_table(named, folder, said):
    """The one of the table's name, or the only one that has them."""
    path = table(folder / ("cat.csv" if named else "t.csv"), "id,label", "0,x", "1,y")
    if named:  # both have such images
        assert relative(find_images(path), folder) == ["cat/0.png", "cat/1.png"]
        assert f"its images are in {folder}/cat (--image-folder names another)" in said.text
    else:
        with pytest.raises(UserError, match="--image-column"):
            find_images(path)
        (folder / "dog").rename(folder.parent / "elsewhere")
        assert relative(find_images(path), folder) == ["cat/0.png", "cat/1.png"]


def test_an_id_of_two_images(folder):
    (folder / "cat" / "0.jpg").write_bytes(b"another")
    path = table(folder / "t.csv", "image,label", "cat/0,x", "cat/1,y")
    with pytest.raises(UserError, match=r"have: 1 of 2, first 'cat/0': 0\.jpg and 0\.png"):
        find_images(path)


def test_a_folder_that_is_none(folder, said):
    path = table(folder / "t.csv", "image,label", "cat/0,x")
    with pytest.raises(UserError, match=r"must be a folder\. Received: nowhere"):
        check_source(path, "nowhere")
    find_images(folder, image_folder=folder)
    assert "train_images is no table of paths: --image-folder changes nothing there" in said.text
