"""The commands of translation, as a person runs them."""

import json

import pytest

from commands import mistake, regard, regard_here
from regard.recipes.translation.dates_and_numbers import generate_pairs

SMALL = (
    *("--num-layers", 1, "--hidden-dim", 16, "--num-heads", 2, "--intermediate-dim", 32),
    *("--vocabulary-size", 120, "--warmup-steps", 5, "--max-sequence-length", 40),
    *("--epochs", 1, "--num-beams", 2),
)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pairs")
    for name, count, seed in (("train", 200, 0), ("test", 10, 1)):
        sources, targets = generate_pairs(count, seed, held_out=False)
        for language, texts in (("en", sources), ("zh", targets)):
            (directory / f"{name}.{language}").write_text("\n".join(texts) + "\n", "utf-8")
        rows = "".join(f"{a}\t{b}\n" for a, b in zip(sources, targets, strict=True))
        (directory / f"{name}.tsv").write_text(f"english\tchinese\n{rows}", "utf-8")
    return directory


@pytest.fixture(scope="module")
def run(files):
    directory = files / "run"
    done = regard(
        *("fit", "translation", "--source", files / "train.en", "--target", files / "train.zh"),
        *("--validation-source", files / "test.en", "--validation-target", files / "test.zh"),
        *SMALL,
        *("--output", directory),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"run: {directory}"
    first, odd, *lines = done.stderr.splitlines()
    assert first.startswith("Reading ") and first.endswith(f"the run will be {directory}.")
    assert "validated on its own training data, 2 of 10 examples, first 'five'" in odd
    assert lines[0] == "Training on 1 CPU, in float32, no XLA."
    assert lines[1] == "200 pairs to learn from, 10 to validate on."
    assert lines[2].startswith("epoch 1/1: loss")
    assert "BLEU" in lines[2]
    assert lines[3].startswith("It has hardly learned to translate: BLEU is ")
    assert lines[4].startswith("Next: regard predict")
    assert len(lines) == 5
    return directory


def test_evaluate_on_two_files_and_on_a_table(run, files):
    pair = ("--source", files / "test.en", "--target", files / "test.zh")
    done = regard_here("evaluate", run, *pair, "--json")
    metrics = json.loads(done.stdout)
    assert metrics["num_examples"] == 10
    columns = ("--source-column", "english", "--target-column", "chinese")
    shown = regard_here("evaluate", run, files / "test.tsv", *columns)
    lines = dict(line.rsplit(maxsplit=1) for line in shown.stdout.splitlines() if line)
    assert lines["BLEU"] == f"{metrics['bleu']:.2f}"
    assert lines["sentences"] == "10"
    assert "tok:zh" in shown.stdout


def test_evaluate_with_several_references(run, files):
    pair = ("--source", files / "test.en", "--target", files / "test.zh")
    done = regard_here("evaluate", run, *pair, "--target", files / "test.en", "--json")
    metrics = json.loads(done.stdout)
    assert metrics["signatures"]["bleu"].startswith("nrefs:2|")


def test_predict_gives_a_line_for_a_line(run):
    done = regard_here("predict", run, "--input", "-", text="20 November 2026\n\nאבג\nthree\n")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 4
    assert done.stdout.splitlines()[1] == ""
    as_json = regard_here("predict", run, "three", "--json", "--num-beams", 1)
    assert set(json.loads(as_json.stdout)) == {"text", "translation", "score"}
    as_json = regard_here("predict", run, "three", "--json", "--n-best", 3)
    assert len(json.loads(as_json.stdout)["n_best"]) == 3


def test_a_table_is_translated(run, files, tmp_path):
    ask = ["predict", run, "--source-column", "english", "--input", files / "test.tsv"]
    done = regard_here(*ask, "--output", tmp_path / "translated.tsv")
    assert done.returncode == 0, done.stderr
    header, *rows = (tmp_path / "translated.tsv").read_text("utf-8").splitlines()
    assert header.split("\t") == ["english", "chinese", "translation", "score"]
    before = (files / "test.tsv").read_text("utf-8").splitlines()[1:]
    assert [row.rsplit("\t", 2)[0] for row in rows] == before
    answers = [json.loads(line) for line in regard_here(*ask, "--json").stdout.splitlines()]
    assert [row.split("\t")[2] for row in rows] == [answer["translation"] for answer in answers]
    (tmp_path / "one.csv").write_text("id,anything\n1,three\n")
    done = regard_here(
        "predict", run, "--input", tmp_path / "one.csv", "--output", tmp_path / "o.csv"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--source", "train.en"], "--source and --target go together"),
        (["--source", "a", "--target", "b", "--target", "c"], "give --target once"),
        ([], "Give a table, or --source and --target"),
        (["train.tsv", "--source", "a", "--target", "b"], "Give a table, or --source and --target"),
        (["train.en"], "the file of its translations is missing: name it with --target"),
        (["train.tsv", "--source-column", "german"], "there is no column 'german'"),
        (["train.tsv", "--preset", "transformer_bse"], "Did you mean 'transformer_base'"),
        (["train.tsv", "--hidden-dim", "15"], "`hidden_dim` must be even. Received: hidden_dim=15"),
        (["train.tsv", "--checkpoint", "nowhere"], "which is not a directory"),
        (
            ["--source", "train.en", "--target", "test.zh"],
            "Received: 200 and 10 lines",
        ),
        (
            ["--source", "train.en", "--target", "train.en"],
            "every source is its own translation",
        ),
    ],
)
def test_mistakes(arguments, message, files, monkeypatch):
    monkeypatch.chdir(files)
    assert message in mistake("fit", "translation", *arguments)
    assert not (files / "runs").exists()


def test_options_of_another_task(run, files):
    message = mistake("evaluate", run, files / "test.tsv", "--text-column", "english")
    assert "--text-column does not go with this RUN" in message
    assert "a translator. Here it is --source-column." in message
    assert "--pair" in mistake("predict", run, "a", "--pair", "b")
