"""The commands of images, as a person runs them."""

import json

import pytest

from commands import mistake, regard, regard_here
from image_files import huge_png, write_folder

FAST = ("--image-size", 8, "--epochs", 1, "--batch-size", 16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "colours"
    for split, count in (("train", 16), ("validation", 4), ("test", 3)):
        write_folder(folder / split, {"green": count, "red": count})
    return folder


@pytest.fixture(scope="module")
def run(folder):
    directory = folder.parent / "run"
    done = regard("fit", "images", folder, *FAST, "--output", directory)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"run: {directory}"
    first, *splits, odd = done.stderr.splitlines()[:4]
    lines = done.stderr.splitlines()[4:]
    assert first.startswith("Reading ") and first.endswith(f"the run will be {directory}.")
    assert splits == [
        f"{folder}: the train images are those in train",
        f"{folder}: the validation images are those in validation",
    ]
    assert odd.startswith(f"{folder}/train is validated on its own training data, 8 of 8 examples")
    assert lines[:6] == [
        "Training on 1 CPU, in float32, no XLA.",
        "32 images to learn from, 8 to validate on, 2 classes: green, red; read as 8 x 8 pixels.",
        "At most 1 epoch of 2 batches of 16 images; augmentation strong, mirrored.",
        "With fewer than 10000 images the advice is to start from a checkpoint: --checkpoint "
        "hf://facebook/dinov2-small --freeze all.",
        "vit_mini_conv opens in Regard alone; other programs open --preset vit_compact.",
        "8 examples to validate on cannot tell the best epoch: the last one is kept.",
    ]
    assert lines[6].startswith("epoch 1/1: loss")
    assert lines[7].startswith("8 examples to validate on are too few to calibrate by")
    assert lines[8].startswith("It has learned nothing that shows")  # in two steps
    assert lines[8].endswith(
        "Try more epochs, more data, more than 8 examples to validate on or a pretrained model "
        "(--checkpoint)."
    )
    assert lines[9].startswith("Next: regard predict")
    assert len(lines) == 10
    return directory


def test_evaluate_takes_the_images_to_test_on(run, folder):
    done = regard_here("evaluate", run, folder, "--json")
    assert json.loads(done.stdout)["num_examples"] == 6
    shown = regard_here("evaluate", run, folder / "train")
    assert shown.stdout.splitlines()[0].split() == ["examples", "32"]


def test_predict_files_and_folders(run, folder):
    files = [folder / "test" / "red" / "0.png", folder / "test" / "green"]
    done = regard_here("predict", run, *files)
    assert done.returncode == 0, done.stderr
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [row[2] for row in rows] == [
        str(files[0]),
        *(str(files[1] / f"{number}.png") for number in range(3)),
    ]
    as_json = regard_here("predict", run, "--input", "-", "--json", text=f"{files[0]}\n")
    assert set(json.loads(as_json.stdout)) == {"image", "label", "score", "scores"}


def test_predict_names_or_skips_a_bad_file(run, folder, tmp_path):
    write_folder(tmp_path, {"a": 2})
    (tmp_path / "a" / "bad.png").write_bytes(huge_png())
    done = regard("predict", run, tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"Error: {tmp_path}/a/bad.png: it must have 1 to")
    assert len(done.stderr.splitlines()) == 1
    done = regard_here("predict", run, tmp_path, "--skip-bad-files")
    assert len(done.stdout.splitlines()) == 2


def test_a_table_of_paths(run, folder, tmp_path):
    """They are from its own folder. What is no image stays, without an answer."""
    (tmp_path / "bad.png").write_bytes(huge_png())
    files = [folder / "test" / "red" / "0.png", "bad.png", "", "none.png", folder / "test"]
    rows = [f"{number},{file}\n" for number, file in enumerate(files)]
    (tmp_path / "photos.csv").write_text("n,file\n" + "".join(rows))
    ask = ["predict", run, "--input", tmp_path / "photos.csv"]
    done = regard_here(*ask, "--output", tmp_path / "scored.jsonl")
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in (tmp_path / "scored.jsonl").read_text().splitlines()]
    assert [each["file"] for each in records] == list(map(str, files))
    expected = json.loads(regard_here("predict", run, files[0], "--json").stdout)
    assert records[0]["label"] == expected["label"]
    assert records[0]["score"] == pytest.approx(expected["score"], abs=1e-5)
    assert [each["label"] for each in records[1:]] == [None] * 4
    said = f"rows without an answer: 4, first row 3: {tmp_path}/bad.png: it must have 1 to"
    assert said in done.stderr
    assert regard_here(*ask).stdout.splitlines()[1:] == [""] * 4


def test_a_table_of_a_folder(run, folder, tmp_path):
    done = regard_here("predict", run, folder / "test", "--output", tmp_path / "scored.csv")
    assert done.returncode == 0, done.stderr
    header, *rows = (tmp_path / "scored.csv").read_text().splitlines()
    assert header == "image,label,score"
    assert len(rows) == 6 and rows[0].startswith(f"{folder}/test/green/0.png,")
    done = regard_here("predict", run, "--input", folder / "test")
    assert [line.split("\t")[2] for line in done.stdout.splitlines()] == [
        row.split(",")[0] for row in rows
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere must be a folder of images"),
        (["colours", "--preset", "vit_bse_16"], "Did you mean 'vit_base_16'"),
        (["colours", "--image-size", "8x"], "must be a number of pixels, or two as in 192x256"),
        (["colours", "--checkpoint", "nowhere"], "which is not a directory"),
        (["colours", "--checkpoint", "colours", "--patch-size", 4], "leave out patch_size"),
        (["colours", "--augmentation", "wild"], "'none', 'light', 'medium', 'strong'"),
        (["colours/train/red"], "must hold a folder of images for each class"),
    ],
)
def test_mistakes(arguments, message, folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    assert message in mistake("fit", "images", *arguments)
    assert not (folder.parent / "runs").exists()


def test_options_of_another_task(run, folder):
    message = mistake("evaluate", run, folder, "--text-column", "english")
    assert "--text-column does not go with this RUN" in message
    assert "an image classifier. Here it is --image-column." in message
    message = mistake("evaluate", run, folder, "--skip-bad-rows")
    assert "--skip-bad-rows does not go with this RUN" in message
    assert "Here it is --skip-bad-files" in message
