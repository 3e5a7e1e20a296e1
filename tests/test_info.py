"""What `regard info` and `regard list` tell of runs, whose files are made here."""

import json
import subprocess
import sys

import pytest

from commands import mistake, regard_here
from regard.recipes.runs.description import MOST_IN_MATRIX, read_metrics, write_metrics

SETTINGS = {"epochs": 7, "preset": "scratch", "max_sequence_length": 256, "learning_rate": 0.001}
TRAINED = {"source": "reviews.csv", "text_column": "t", "label_column": "l", "num_examples": 1200}
METADATA = {
    "task": "text",
    "settings": SETTINGS,
    "given": {"epochs": 7},
    "class_names": ["bad", "good"],
    "seconds": 61.4,
    "finished": "2024-05-06T07:08:09+00:00",
    "data": {"train": TRAINED, "validation": {**TRAINED, "num_examples": 80}},
    "versions": {"regard": "0.1.0", "keras": "3.15.1"},
}
METRICS = {"accuracy": 0.95, "macro_f1": 0.9412345, "best_epoch": 2}
TRANSLATION = {
    "task": "translation",
    "settings": {"max_sequence_length": 256},
    "data": {"train": {"source": "train.en", "num_examples": 3}, "validation": {"num_examples": 1}},
    "finished": "2024-05-06T07:08:10+00:00",
}
PRETRAINED = {
    "task": "masked_lm",
    "settings": {"max_sequence_length": 256},
    "data": {"sources": ["a.txt", "b.txt", "c.txt"], "num_examples": 5},
    "finished": "2023-01-01T00:00:00+00:00",
}


def write_run(directory, metadata=METADATA, metrics=METRICS):
    (directory / "model").mkdir(parents=True)
    (directory / "run.json").write_text(json.dumps(metadata))
    (directory / "metrics.json").write_text(json.dumps(metrics))
    (directory / "history.csv").write_text("epoch,loss\n1,0.5\n2,0.25\n3,0.3\n")
    (directory / "model/model.safetensors").write_bytes(bytes(1_500_000))
    return directory


@pytest.mark.parametrize("count", [2, MOST_IN_MATRIX, MOST_IN_MATRIX + 1])
def test_metrics_of_many_classes_can_be_read_again(tmp_path, count):
    matrix = [[row % 7 if row == column else 0 for column in range(count)] for row in range(count)]
    metrics = {**METRICS, "class_names": ['"confusion_matrix": []'], "confusion_matrix": matrix}
    write_metrics(tmp_path, metrics)
    if count > MOST_IN_MATRIX:
        del metrics["confusion_matrix"]
    assert read_metrics(tmp_path) == metrics
    text = (tmp_path / "metrics.json").read_text()
    assert count > 2 or '"confusion_matrix": [\n    [0, 0],\n    [0, 1]\n  ]\n}\n' in text


def test_info(tmp_path):
    said = regard_here("info", write_run(tmp_path / "run"))
    assert (said.returncode, said.stderr) == (0, "")
    told = dict(line.split(maxsplit=1) for line in said.stdout.splitlines()[:9])
    assert told["task"] == "text: a text classifier"
    assert told["data"] == "reviews.csv: 1,200 to learn from, 80 to validate on"
    assert told["classes"] == "2: bad, good"
    assert told["settings"] == "epochs=7"
    assert told["scores"] == "accuracy 0.9500, macro-F1 0.9412"
    assert told["training"].startswith("3 epochs, epoch 2 kept, in 61 s, 2024-05-0")
    assert told["versions"] == "regard 0.1.0, keras 3.15.1"
    assert told["size"] == "1.50MB"
    assert "model/model.safetensors  1.50MB" in said.stdout


@pytest.mark.parametrize(
    ("problem_type", "words"),
    [
        ("multi_label_classification", "any number of the classes"),
        ("regression", "a number"),
        ("single_label_classification", None),
    ],
)
def test_info_says_what_answers_are(problem_type, words, tmp_path):
    run = write_run(tmp_path / "run", {**METADATA, "problem_type": problem_type})
    told = dict(line.split(maxsplit=1) for line in regard_here("info", run).stdout.splitlines()[:9])
    assert told.get("answers") == words
    assert json.loads(regard_here("info", run, "--json").stdout)["problem_type"] == problem_type


def test_info_for_programs(tmp_path):
    run = write_run(tmp_path / "run")
    told = json.loads(regard_here("info", run, "--json").stdout)
    assert (told["settings"], told["given"]) == (SETTINGS, {"epochs": 7})
    assert (told["metrics"], told["class_names"]) == (METRICS, ["bad", "good"])
    assert told["files"]["model/model.safetensors"] == 1_500_000
    assert told["size"] == sum(told["files"].values())


def test_a_run_of_before_tells_what_differs_in_the_end(tmp_path):
    older = {name: each for name, each in METADATA.items() if name not in ("given", "finished")}
    told = json.loads(regard_here("info", write_run(tmp_path, older), "--json").stdout)
    assert told["given"] == {"epochs": 7, "preset": "scratch", "learning_rate": 0.001}
    assert told["finished"]


def test_all_runs_below_a_folder_newest_first(tmp_path):
    write_run(tmp_path / "reviews")
    write_run(tmp_path / "deep/er/en-de", TRANSLATION, {"bleu": 38.612, "chrf": 60.1})
    write_run(tmp_path / "notes", PRETRAINED, {"perplexity": 225.304, "accuracy": 0.3})
    write_run(tmp_path / ".reviews.unfinished")
    write_run(tmp_path / "reviews/report/copy")  # within a run
    (write_run(tmp_path / "torn") / "run.json").write_text("{")
    (write_run(tmp_path / "bare") / "metrics.json").unlink()
    done = regard_here("list", tmp_path)
    assert done.returncode == 0
    head, *rows = (line.split() for line in done.stdout.splitlines())
    assert head == ["run", "task", "data", "score", "date", "size"]
    assert [row[0] for row in rows] == [
        str(tmp_path / name) for name in ("deep/er/en-de", "reviews", "notes")
    ]
    assert rows[0][1:5] == ["translation", "train.en", "BLEU", "38.61"]
    assert rows[1][1:5] == ["text", "reviews.csv", "accuracy", "0.9500"]
    assert "a.txt and 2 more  perplexity 225.30" in done.stdout
    assert len(done.stderr.splitlines()) == 2
    assert "torn/run.json does not describe a run" in done.stderr
    assert "bare/metrics.json cannot be read" in done.stderr


def test_where_there_is_no_run(tmp_path):
    done = regard_here("list", tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert f"no run in {tmp_path}" in done.stderr
    assert "nowhere is not a folder" in mistake("list", tmp_path / "nowhere")
    assert "is not a run" in mistake("info", tmp_path)


@pytest.mark.parametrize("history", [None, "epoch,loss\n1,much\n", "a,b\n1,2\n"])
def test_a_damaged_history_is_said(tmp_path, history):
    run = write_run(tmp_path / "run")
    (run / "history.csv").unlink()
    if history is not None:
        (run / "history.csv").write_text(history)
    assert "history.csv cannot be read" in mistake("info", run)


def test_neither_needs_tensorflow(tmp_path):
    write_run(tmp_path / "run")
    code = (
        "import sys; from regard.recipes.cli import run_command\n"
        "assert run_command(['info', sys.argv[1] + '/run']) == 0\n"
        "assert run_command(['list', sys.argv[1]]) == 0\n"
        "assert not {'tensorflow', 'keras', 'sklearn', 'matplotlib'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
