"""Which export `regard serve` takes, and what is said of how to ask it."""

import json
import shlex
import subprocess
from pathlib import Path

import pytest
from json_requests import PAIRS, TEXTS, tensors

from regard.recipes.cli.next_steps import after_export, ask
from regard.recipes.errors import UserError
from regard.recipes.server.exports import find_version

# Exports


def test_the_newest_version_is_found(tmp_path):
    for number in ("2", "10", "9", "nine", "11"):
        (tmp_path / "reviews" / number).mkdir(parents=True)
        if number != "11":  # one that is not whole
            (tmp_path / "reviews" / number / "saved_model.pb").touch()
    folder = tmp_path / "reviews"
    assert find_version(folder) == (folder / "10", "reviews", 10)
    assert find_version(folder / "2") == (folder / "2", "reviews", 2)
    assert find_version(folder / "nine") == (folder / "nine", "nine", 1)


def test_where_there_is_no_export(tmp_path):
    with pytest.raises(UserError, match="neither a run nor an export"):
        find_version(tmp_path)
    with pytest.raises(UserError, match=r"There is no directory .*nothing"):
        find_version(tmp_path / "nothing")


# What is said of it


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (TEXTS, {"instances": ["Not bad at all."]}),
        (PAIRS, {"instances": [{"texts": "Not bad at all.", "pairs": "Not bad at all."}]}),
    ],
)
def test_the_command_that_asks(inputs, expected):
    curl, data, body, url = shlex.split(ask("http://localhost:8501", "my model", inputs))
    assert (curl, data, json.loads(body)) == ("curl", "-d", expected)
    assert url == "http://localhost:8501/v1/models/my%20model:predict"


def test_the_command_that_asks_of_an_image(tmp_path):
    (tmp_path / "IMAGE").write_bytes(b"\xff\x00" * 999)
    command = ask("http://localhost:8501", "m", {"image_bytes": "string"})
    piped = command.partition(" | curl")[0]
    body = subprocess.run(piped, shell=True, cwd=tmp_path, capture_output=True, check=True).stdout
    found, _ = tensors(body, {"image_bytes": "string"})
    assert found["image_bytes"].tolist() == [b"\xff\x00" * 999]


def test_what_follows_an_export(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = after_export(Path("my served/3"), TEXTS, ["--flag=1"])
    docker = shlex.split(said[1])
    assert docker[docker.index("-v") + 1] == f"{tmp_path}/my served:/models/my served"
    assert docker[docker.index("-e") + 1] == "MODEL_NAME=my served"
    assert docker[-2:] == ["tensorflow/serving", "--flag=1"]
    assert shlex.split(said[3]) == ["regard", "serve", "my served"]
    assert said[-1] == f"  {ask('http://localhost:8501', 'my served', TEXTS)}"
