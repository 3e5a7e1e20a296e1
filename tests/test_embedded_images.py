"""Tables with images in them, as Hugging Face's `datasets` saves them."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import ipc

from image_files import encode, picture
from regard.recipes.errors import UserError
from regard.recipes.images.data import find_images
from regard.recipes.images.embedded import EmbeddedImage
from regard.recipes.images.sources import read_questions
from regard.recipes.images.splits import has_validation
from regard.recipes.runs.scoring import Tally, answered

IMAGES = [encode(picture(seed=seed)) for seed in range(4)]
FEATURES = {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}, "image": {"_type": "Image"}}
METADATA = {"huggingface": json.dumps({"info": {"features": FEATURES}})}
TRAINED = {"data": {"train": {"columns": ["image", "label"]}}}


def saved(images=IMAGES, labels=(0, 1, 1, 0), **columns):
    records = [{"bytes": each, "path": f"{row}.png"} for row, each in enumerate(images)]
    columns = {"image": records, "label": list(labels), **columns}
    return pa.table(columns).replace_schema_metadata(METADATA)


def write_arrow(path, table):
    path.parent.mkdir(parents=True, exist_ok=True)
    with ipc.new_stream(str(path), table.schema) as writer:
        writer.write_table(table)


def test_a_shard_of_the_hub(tmp_path):
    pq.write_table(saved(), tmp_path / "train-00000-of-00001.parquet")
    found = find_images(tmp_path / "train-00000-of-00001.parquet")
    assert (found.labels, found.columns) == (["cat", "dog", "dog", "cat"], ("image", "label"))
    assert [found.read(row) for row in range(4)] == IMAGES
    assert found.show(1) == "1.png"
    assert len(set(found.keys())) == 4


def test_splits_of_a_folder(tmp_path):
    for split, rows in (("train", 4), ("validation", 2)):
        write_arrow(tmp_path / split / "data-00000-of-00002.arrow", saved()[:rows])
        write_arrow(tmp_path / split / "data-00001-of-00002.arrow", saved()[:rows])
        (tmp_path / split / "state.json").write_text("{}")
    (tmp_path / "dataset_dict.json").write_text("{}")
    assert has_validation(tmp_path)
    assert len(find_images(tmp_path)) == 8
    assert len(find_images(tmp_path, "validation")) == len(find_images(tmp_path, "test")) == 4


def test_other_columns_of_images(tmp_path):
    table = pa.table({"img": IMAGES, "fine_label": ["a", "b", "a", "b"]})
    pq.write_table(table, tmp_path / "bare.parquet")
    assert find_images(tmp_path / "bare.parquet").contents == IMAGES
    masks = [{"bytes": IMAGES[0], "path": None}] * 4
    pq.write_table(saved(mask=masks), tmp_path / "two.parquet")
    found = find_images(tmp_path / "two.parquet", image_column="mask", label_column="label")
    assert found.contents == 4 * IMAGES[:1]
    assert found.files[1] == f"{tmp_path}/two.parquet, image 2"


def test_records_with_paths_alone(tmp_path):
    (tmp_path / "0.png").write_bytes(IMAGES[0])
    (tmp_path / "1.png").write_bytes(IMAGES[1])
    pq.write_table(saved(images=[None, None], labels=[0, 1]), tmp_path / "a.parquet")
    found = find_images(tmp_path / "a.parquet")
    assert [found.read(row) for row in range(2)] == IMAGES[:2]
    pq.write_table(saved(images=[None, IMAGES[1]], labels=[0, 1]), tmp_path / "b.parquet")
    assert find_images(tmp_path / "b.parquet").contents == IMAGES[:2]


@pytest.mark.parametrize("keeps", ["rows", "batches"])
def test_questions(tmp_path, keeps):
    pq.write_table(saved(images=[*IMAGES[:3], None]), tmp_path / "a.parquet")
    asked = read_questions(TRAINED, str(tmp_path / "a.parquet"))
    given = []

    def ask(questions):
        given.extend(questions)
        return list(questions)

    ((kept, answers),) = answered(asked, ask, Tally("a.parquet"), keeps)
    assert given[:3] == IMAGES[:3]
    assert given[3] == str(tmp_path / "3.png")
    assert isinstance(given[0], EmbeddedImage)
    assert len(answers) == 4
    if keeps == "rows":
        assert list(kept[0]) == ["0.png", "cat"]


def test_images_without_labels(tmp_path):
    pq.write_table(saved().drop_columns("label"), tmp_path / "a.parquet")
    with pytest.raises(UserError, match="no column is known to hold the labels"):
        find_images(tmp_path / "a.parquet")
