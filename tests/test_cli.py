"""The command line, from outside: exit status, what is on stdout and what on stderr."""

import csv
import json
import os
import re
import subprocess
import sys

import pytest
import yaml

from commands import mistake, regard, regard_here
from regard.recipes.cli import main
from regard.recipes.text.demo import write_reviews
from regard.recipes.text.reviews import generate_reviews

ADDED = ["label", "score", "score_negative", "score_positive"]
FAST = ("--epochs", "1", "--preset", "tiny", "--no-refit")
GOOD = "text,label\n" + "".join(f"good {i},yes\nbad {i},no\n" for i in range(20))


@pytest.fixture(scope="module")
def reviews(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "reviews.csv"
    write_reviews(path, *generate_reviews(200, seed=0, held_out=False))
    return path


@pytest.fixture(scope="module")
def run(reviews):
    """A run, trained as people do it; stderr tells the story without noise."""
    done = regard("fit", "text", reviews, *FAST, cwd=reviews.parent)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "run: runs/reviews"
    first, *lines = done.stderr.splitlines()
    assert first == f"Reading {reviews}; the run will be runs/reviews."
    assert done.stdout.splitlines()[-2] == "report: runs/reviews/report/index.html"
    assert "column 'review' taken as the text" in lines[0]
    assert "column 'sentiment' taken as the label" in lines[1]
    assert lines[2] == "Training on 1 CPU, in float32, no XLA."
    assert lines[3].startswith("180 texts to learn from, 20 to validate on, 2 classes")
    assert lines[4] == "Asking linear models of n-grams to teach."
    assert lines[5].startswith("epoch 1/1: loss")
    assert lines[6].startswith("20 examples to validate on are too few to calibrate by")
    assert lines[7].startswith("Next: regard predict runs/reviews")
    assert len(lines) == 8
    assert (reviews.parent / "runs" / "reviews" / "run.json").is_file()
    return reviews.parent / "runs" / "reviews"


def test_evaluate(run, reviews):
    table = regard("evaluate", run, reviews)
    assert (table.returncode, table.stderr) == (0, "")
    assert "confusion matrix" in table.stdout
    metrics = json.loads(regard_here("evaluate", run, reviews, "--json").stdout)
    assert metrics["num_examples"] == 200
    assert f"{metrics['accuracy']:.4f}" in table.stdout


def test_predict_from_arguments_and_from_standard_input(run):
    texts = ["The room was clean.", "房间很干净。", ""]
    done = regard_here("predict", run, *texts, "--json")
    assert done.stderr == ""  # `test_reader_that_goes_away` sees what libraries say, too
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["text"] for answer in answers] == texts
    assert all(set(answer) == {"text", "label", "score", "scores"} for answer in answers)
    piped = regard_here("predict", run, "--input", "-", "--json", text="\n".join(texts) + "\n")
    *others, blank = map(json.loads, piped.stdout.splitlines())
    for other, answer in zip(others, answers[:2], strict=True):
        assert other | {"score": 0, "scores": 0} == answer | {"score": 0, "scores": 0}
        assert other["score"] == pytest.approx(answer["score"], abs=1e-5)
    assert blank == {"label": None, "score": None}  # it has no answer, but its place
    assert "rows without an answer: 1, first line 3" in piped.stderr
    plain = regard_here("predict", run, texts[0]).stdout
    assert plain == f"{answers[0]['label']}\t{answers[0]['score']:.4f}\t{texts[0]}\n"


def test_predict_names_broken_bytes(run, tmp_path):
    (tmp_path / "lines.txt").write_bytes(b"fine\n\xff\xfe broken\n")
    said = mistake("predict", run, "--input", tmp_path / "lines.txt", "--json")
    assert "lines.txt, line 2: byte 0xFF is not utf-8" in said


def test_predict_writes_a_table(run, reviews, tmp_path):
    """The columns of training are known; what is written is what is said."""
    ask = ["predict", run, "--input", reviews]
    done = regard(*ask, "--output", tmp_path / "scored.csv", "--scores")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"{tmp_path}/scored.csv: 200 rows, with {', '.join(ADDED)}\n"
    before, after = (read_csv(path) for path in (reviews, tmp_path / "scored.csv"))
    assert after[0] == [*before[0], *ADDED]
    assert [row[:2] for row in after] == before
    printed = regard_here(*ask, "--json").stdout.splitlines()
    for row, answer in zip(after[1:], map(json.loads, printed), strict=True):
        assert row[2] == answer["label"]
        scores = [answer["score"], *(answer["scores"][name[6:]] for name in ADDED[2:])]
        assert list(map(float, row[3:])) == pytest.approx(scores, abs=1e-5)


def read_csv(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_export_prints_where(run, tmp_path, monkeypatch):
    """The second time; the first, in a process of its own, is `plain_export`."""
    monkeypatch.setattr("regard.recipes.serving.export._verify", lambda *args: None)
    (tmp_path / "served" / "1").mkdir(parents=True)
    done = regard_here("export", run, tmp_path / "served")
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'served' / '2'}\n")
    docker, serve, curl = re.findall(r"^  (.+)$", done.stderr, re.MULTILINE)
    assert f"-v {tmp_path}/served:/models/served -e MODEL_NAME=served tensorflow/serving" in docker
    assert serve == f"regard serve {tmp_path / 'served'}"
    assert """-d '{"instances": ["Not bad at all."]}' http://localhost:8501/v1/models/s""" in curl


def test_help_and_mistakes_do_not_load_tensorflow(run, tmp_path):
    """So what is said of the data before that is said at once."""
    (tmp_path / "one_label.csv").write_text("text,label\ngood,yes\nbad,yes\n")
    code = (
        "import json, sys; from regard.recipes.cli import run_command\n"
        "for arguments, status in json.loads(sys.argv[1]):\n"
        "    assert run_command(arguments) == status, arguments\n"
        "    heavy = {'tensorflow', 'keras', 'sklearn', 'matplotlib'} & set(sys.modules)\n"
        "    assert not heavy, (arguments, heavy)\n"
    )
    commands = [
        (["--help"], 0),
        (["fit", "text", "--help"], 0),
        (["fit", "text", "no-such-file.csv"], 2),
        (["fit", "text", "no-such-file.csv", "--preset", "tinny"], 2),
        (["fit", "text", str(tmp_path / "one_label.csv")], 2),
        (["fit", "text", "--config", "no-such-file.yaml"], 2),
        (["info", str(run)], 0),
        (["list", str(run.parent)], 0),
        (["predict", "no-such-run", "text"], 2),
        (["predict", str(run), "--input", "no-such-file.csv", "--output", "scored.csv"], 2),
        (["predict", str(run), str(run / "run.json")], 2),
        (["serve", "--help"], 0),
        (["serve", "no-such-export"], 2),
        (["evaluate", "no-such-run", "data.csv"], 2),
        (["export", "no-such-run", "there"], 2),
        (["export", str(run), str(run / "run.json")], 2),
    ]
    done = subprocess.run([sys.executable, "-c", code, json.dumps(commands)], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    assert f"Reading {tmp_path / 'one_label.csv'}; the run will be" in done.stderr.decode()


BAD_DATA = {
    "empty file": (b"", "the file is empty"),
    "header only": (b"text,label\n", "has no rows"),
    "no label column": (b"text,note,price\na,b,c\n", "no column is known to hold the labels"),
    "empty text": (b"text,label\ngood,yes\n,no\n", "row 3: the text in column 'text' is empty"),
    "empty label": (b"text,label\ngood,\n", "row 2: the label in column 'label' is empty"),
    "one class": (b"text,label\na,yes\nb,yes\n", "at least two labels"),
    "not UTF-8": ("text,label\ncafé,yes\n".encode("latin-1"), "--encoding"),
    "ragged": (b"text,label\na,b,c\n", "row 2: its fields number 3, not 2"),
    "NUL": (b"text,label\na\0b,yes\n", "row 2.*NUL"),
    "duplicate column": (b"text,text,label\na,b,c\n", "2 columns are named 'text'"),
}


@pytest.mark.parametrize("name", BAD_DATA)
def test_bad_data(name, tmp_path):
    content, expected = BAD_DATA[name]
    (tmp_path / "data.csv").write_bytes(content)
    output = tmp_path / "run"
    said = mistake("fit", "text", tmp_path / "data.csv", "--output", output)
    assert re.search(expected, said), said
    assert f"{tmp_path / 'data.csv'}" in said
    assert os.listdir(tmp_path) == ["data.csv"]


BAD_OPTIONS = [
    (["--text-column", "body"], "no column 'body'.*'text', 'label'"),
    (["--preset", "tinny"], "no preset 'tinny'. Did you mean 'tiny'"),
    (["--epochs", "0"], "0 is not in the range"),
    (["--epochs", "-3"], "-3 is not in the range"),
    (["--learning-rate", "0"], "finite number above 0. Received: 0"),
    (["--learning-rate", "nan"], "finite number above 0. Received: nan"),
    (["--batch-tokens", "-1"], "-1 is not in the range"),
    (["--seed", "-1"], "-1 is not in the range"),
    (["--validation", "1.5"], "between 0 and 1. Received: 1.5"),
    (["--validation", "nowhere.csv"], "nowhere.csv: no such file"),
    (["--encoding", "klingon"], "'klingon' is not a text encoding"),
    (["--no-such-option"], "No such option"),
]


@pytest.mark.parametrize(("options", "expected"), BAD_OPTIONS)
def test_bad_options(options, expected, tmp_path):
    (tmp_path / "data.csv").write_text(GOOD)
    output = tmp_path / "run"
    said = mistake("fit", "text", tmp_path / "data.csv", "--output", output, *options)
    assert re.search(expected, said), said
    assert os.listdir(tmp_path) == ["data.csv"]


def test_run_that_exists_or_cannot_be_written(tmp_path):
    (tmp_path / "data.csv").write_text(GOOD)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    data = ["fit", "text", tmp_path / "data.csv", "--output"]
    assert "Pass --overwrite" in mistake(*data, tmp_path / "run")
    assert "Found: notes.txt" in mistake(*data, tmp_path / "run", "--overwrite")
    assert "cannot be written" in mistake(*data, tmp_path / "data.csv" / "run")
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"


def test_run_that_is_not_one(tmp_path):
    for command in (["predict", tmp_path, "x"], ["evaluate", tmp_path, "x.csv"]):
        assert "is not a run: there is no run.json" in mistake(*command)


def test_predict_wants_texts_or_a_file(tmp_path):
    assert "one of the two" in mistake("predict", tmp_path)
    assert "one of the two" in mistake("predict", tmp_path, "text", "--input", "-")


def test_a_defect_of_ours_exits_with_1(tmp_path, monkeypatch, capsys):
    def fail(*args, **kwargs):
        raise RuntimeError("out of luck")

    monkeypatch.setattr("regard.recipes.cli.commands.read_metadata", fail)
    with pytest.raises(SystemExit) as exit_:
        main(["predict", str(tmp_path), "x"])
    assert exit_.value.code == 1
    assert "RuntimeError: out of luck" in capsys.readouterr().err


def test_overwrite_skip_bad_rows_and_encoding(reviews, tmp_path):
    """The same data and seed, in whatever file, give the same bits.

    The second time the settings are those that the first run has written.
    """
    options = ["--output", tmp_path / "run", *FAST, "--no-teacher"]
    assert regard_here("fit", "text", reviews, *options).returncode == 0
    weights = tmp_path / "run/model/model.safetensors"
    expected = weights.read_bytes()
    rows = reviews.read_text(encoding="utf-8").splitlines()
    (tmp_path / "data.csv").write_text(
        "\n".join([*rows, ",positive", "ragged"]), encoding="gb18030"
    )
    options = ["--config", tmp_path / "run/config.yaml", "--output", tmp_path / "run"]
    options += ["--encoding", "gb18030", "--skip-bad-rows", "--overwrite", "--json"]
    done = regard_here("fit", "text", tmp_path / "data.csv", *options)
    assert done.returncode == 0, done.stderr
    assert f"Report: {tmp_path / 'run/report/index.html'}" in done.stderr
    assert json.loads(done.stdout) == json.loads((tmp_path / "run/metrics.json").read_text())
    config = yaml.safe_load((tmp_path / "run/config.yaml").read_text("utf-8"))
    assert str(tmp_path / "data.csv") in config["train"] and config["validation"] == 0.1
    assert (config["epochs"], config["encoding"], config["teacher"]) == (1, "gb18030", False)
    assert "bad rows left out: 2" in done.stderr
    metadata = json.loads((tmp_path / "run" / "run.json").read_text())
    assert metadata["data"]["train"]["num_skipped"] == 2
    assert weights.read_bytes() == expected


def test_divergence_is_said_and_leaves_nothing(reviews, tmp_path):
    options = ["--epochs", "3", "--learning-rate", "1e30", "--output", tmp_path / "run"]
    done = regard_here("fit", "text", reviews, *options)
    assert done.returncode == 2, done.stderr
    assert "Training diverged" in done.stderr
    assert os.listdir(tmp_path) == []


def test_label_that_training_never_saw(run, tmp_path):
    (tmp_path / "test.csv").write_text("review,sentiment\nfine,so-so\n")
    done = regard_here("evaluate", run, tmp_path / "test.csv")
    assert (done.returncode, done.stdout) == (2, "")
    assert "every label must be one that training saw. Received: 'so-so' (1 row)" in done.stderr


def test_reader_that_goes_away(run, tmp_path):
    (tmp_path / "lines.txt").write_text("a line\n" * 5000)
    command = [sys.executable, "-m", "regard.recipes.cli", "predict", str(run), "--input"]
    with subprocess.Popen(
        [*command, tmp_path / "lines.txt"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0
