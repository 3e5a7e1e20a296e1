"""What the runs of all tasks have in common: one conformance test over a small run of each.

What a task alone has is tested in a file of its own: `test_text`, `test_pretraining`,
`test_images`, `test_translation`, `test_tokens`.
"""

import csv
import json
import math
import re
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
import yaml
from faults import steps_of
from interruptions import in_two_sittings
from tensorflow.python.framework.func_graph import FuncGraph
from tensorflow.python.ops import script_ops

import regard
import small_runs
from commands import mistake
from regard.recipes.errors import UserError
from regard.recipes.text.reviews import generate_reviews
from regard.recipes.translation.dates_and_numbers import generate_pairs
from regard.recipes.translation.evaluation import translation_metrics
from regard.recipes.translation.training import TELLING_BLEU
from tiers import only_first

BERT = "config.json model.safetensors special_tokens_map.json tokenizer.json tokenizer_config.json"
CLASSIFIER_REPORT = "index.html learning_curves.png confusion_matrix.png reliability.png"
ATTENTION = {f"report/attention-{number}.html" for number in range(1, 7)}


class Task(NamedTuple):
    """What a run of a task is expected to be.

    Attributes:
        run_class: Its class.
        name: What `run.json` calls the task.
        noun: What errors call such a run.
        model_files: Names of the files in `model/`.
        report: Names of the files in `report/`.
        num_examples: Of the training data and the validation data.
        columns: Of `history.csv`, among others.
        resumed: Settings with which all that is drawn at random is drawn, for resuming.
    """

    run_class: type
    name: str
    noun: str
    model_files: str
    report: str
    num_examples: tuple
    columns: set
    resumed: dict


TASKS = {
    "text": Task(
        regard.TextRun,
        "text",
        "a text classifier",
        f"{BERT} vocab.txt",
        CLASSIFIER_REPORT,
        (220, 30),
        {"loss", "val_loss", "val_macro_f1"},
        {"epochs": 3, "dropout": 0.1, "token_dropout": 0.1, "accumulate": 2},
    ),
    "pretraining": Task(
        regard.MaskedLMRun,
        "masked_lm",
        "a masked language model",
        f"{BERT} vocab.txt",
        "index.html learning_curves.png",
        (220,),
        {"loss", "val_loss"},
        {"epochs": 2},
    ),
    "images": Task(
        regard.ImageRun,
        "images",
        "an image classifier",
        "config.json model.safetensors preprocessor_config.json",
        CLASSIFIER_REPORT,
        (60, 20),
        {"loss", "val_loss", "val_macro_f1"},
        {"epochs": 3, "dropout": 0.1, "augmentation": "strong", "stochastic_depth": 0.1},
    ),
    "translation": Task(
        regard.TranslationRun,
        "translation",
        "a translator",
        "config.json generation_config.json model.safetensors source.spm target.spm "
        "tokenizer_config.json vocab.json",
        "index.html learning_curves.png alignment.png",
        (300, 13),
        {"loss", "val_loss", "val_bleu", "val_chrf", "val_cross_entropy"},
        {"epochs": 3, "dropout": 0.1, "subword_dropout": 0.1},
    ),
    "tokens": Task(
        regard.TokenRun,
        "tokens",
        "a token classifier",
        f"{BERT} vocab.txt",
        "index.html learning_curves.png",
        (150, 30),
        {"loss", "val_loss", "val_accuracy", "val_precision", "val_recall", "val_f1"},
        {"epochs": 3, "dropout": 0.1, "token_dropout": 0.1, "accumulate": 2},
    ),
}


@pytest.fixture(scope="module", params=TASKS)
def task(request):
    return request.param


@pytest.fixture(scope="module")
def expected(task):
    return TASKS[task]


@pytest.fixture(scope="module")
def directory(task, plain_run):
    return plain_run(task)


@pytest.fixture(scope="module")
def run(expected, directory):
    return expected.run_class.load(directory)


@pytest.fixture(scope="module")
def metadata(directory):
    return json.loads((directory / "run.json").read_text("utf-8"))


def history_of(directory):
    with open(directory / "history.csv", newline="") as file:
        return list(csv.DictReader(file))


def report_of(directory):
    """The page of a report, but for the commands, which name the run, and where images are."""
    page = (directory / "report/index.html").read_text("utf-8").partition('id="how-to-go-on"')[0]
    return page.replace(str(directory.parent), "")


def examples(directory, task):
    """What a run of a task may be asked."""
    if task == "text":
        return [*generate_reviews(40, 6, held_out=False)[0], *small_runs.AWKWARD]
    if task == "pretraining":
        return ["The room was [MASK].", "[MASK] room was [MASK]."]
    if task == "tokens":
        return [*small_runs.letters(20, 2).texts, *small_runs.AWKWARD]
    if task == "images":
        return sorted(str(path) for path in directory.parent.glob("colours/*/*.png"))[::4]
    sources, _ = generate_pairs(9, seed=5, held_out=True)
    return [*sources, "", "אבג 😀", "one " * 25_000]


def test_its_files(directory, expected):
    names = {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}
    report = {name for name in names if name.startswith("report/")}
    assert names - report == {
        *("run.json", "config.yaml", "metrics.json", "history.csv"),
        *(f"model/{name}" for name in expected.model_files.split()),
    }
    assert report - {"report/mistakes.png"} - ATTENTION == {
        f"report/{name}" for name in expected.report.split()
    }
    assert {path.name for path in directory.iterdir() if path.is_dir()} == {"model", "report"}


def test_all_that_it_saves_is_written_where_tests_can_stop_it(run, tmp_path):
    steps = steps_of(lambda: run.save(tmp_path))
    written = {path for what, path in steps if what == "write"}
    assert written == {str(path) for path in tmp_path.rglob("*") if path.is_file()}


def test_what_it_says_of_itself(metadata, expected):
    assert metadata["task"] == expected.name
    assert metadata["settings"]["seed"] == 0
    assert metadata["versions"]["regard"] == regard.__version__
    data = metadata["data"]
    parts = [data] if "sha256" in data else [data["train"], data["validation"]]
    assert tuple(part["num_examples"] for part in parts) == expected.num_examples
    assert all(len(part["sha256"]) == 64 for part in parts)


def test_what_it_says_of_its_classes_and_sizes(metadata, task):
    """What `run.json` has of one task or another."""
    data, settings = metadata["data"], metadata["settings"]
    if task == "images":
        assert metadata["class_names"] == list(small_runs.COLOURS)
        assert data["validation"]["class_counts"] == {"green": 6, "red": 8, "Ünïcödé 蓝": 6}
        assert settings["image_size"] == [16, 16]
    elif task == "text":
        assert metadata["class_names"] == ["negative", "positive"]
        assert data["train"]["text_column"] == "review"
    elif task == "translation":
        assert settings["hidden_dim"] == 16
    elif task == "tokens":
        kinds = ["DATE", "LOC", "MONEY", "PER"]
        names = [f"{prefix}-{kind}" for kind in kinds for prefix in "BI"]
        assert metadata["class_names"] == ["O", *names]
        assert data["train"]["class_counts"].keys() == {*kinds}
    else:
        assert data["sha256"] == small_runs.corpus().fingerprint()


def test_its_history_and_metrics(directory, metadata, run, expected, task):
    history, metrics = history_of(directory), json.loads((directory / "metrics.json").read_text())
    assert run.metrics == metrics
    assert run.history == [{name: json.loads(row[name]) for name in row} for row in history]
    epochs = metadata["settings"]["epochs"]
    assert [row["epoch"] for row in history] == [str(number) for number in range(1, epochs + 1)]
    assert expected.columns <= set(history[0])
    assert 1 <= metrics["best_epoch"] <= epochs
    if task == "pretraining":
        assert metrics["perplexity"] == pytest.approx(math.exp(metrics["cross_entropy"]))
        return
    measured = "val_f1" if task == "tokens" else "val_macro_f1"
    if task == "translation":  # so small a BLEU does not tell, so chrF does
        assert max(float(row["val_bleu"]) for row in history) < TELLING_BLEU
        measured = "val_chrf"
    scores = [float(row[measured]) for row in history]
    kept = scores[metrics["best_epoch"] - 1]
    assert kept == max(scores)  # the weights kept are the best
    if task == "translation":  # an epoch is measured greedily, a run by its beams
        data = small_runs.pairs()[1]
        greedy = [row.translation for row in run.predict(data.sources, num_beams=1)]
        metrics = translation_metrics(greedy, data.targets)
    assert metrics[measured.removeprefix("val_")] == pytest.approx(kept, abs=1e-6)


def test_its_report(directory, task):
    """Each task has the same parts, its own beside them, and attention one click away."""
    page = (directory / "report/index.html").read_text("utf-8")
    titles = re.findall("<h2 id=[^>]*>([^<]*)</h2>", page)
    own = {
        "translation": ["Worst translations", "Best translations"],
        "pretraining": ["Filled masks"],
        "tokens": ["Entities", "Confusion", "Surest mistakes"],
    }.get(task, ["Classes", "Confusion", "Calibration", "Surest mistakes"])
    assert titles == ["Result", "Settings", "Data", "Curves", *own, "How to go on"]
    assert "could not be drawn" not in page
    assert '<span title="Probability of dropping' in page  # the setting that was given
    links = set(re.findall('href="(attention-[^"]*)"', page))
    assert links == {path.name for path in directory.glob("report/attention-*.html")}
    assert bool(links) or task == "images"  # all of which are recognized
    assert sum(path.stat().st_size for path in directory.glob("report/*.html")) < 2_000_000


def test_what_it_looks_like(directory, run, task):
    assert f"in {directory}>" in repr(run)
    assert TASKS[task].noun in repr(run)
    scores = {"translation": "bleu", "pretraining": "perplexity", "tokens": "f1"}
    score = scores.get(task, "accuracy")
    digits = 4 if task == "tokens" else 2
    assert f"{run.metrics[score]:.{digits}f}" in repr(run)


def test_what_repeats_it(directory, metadata):
    """`config.yaml` has all settings; what was learned from had no name."""
    config = yaml.safe_load((directory / "config.yaml").read_text("utf-8"))
    settings = {name: each for name, each in metadata["settings"].items() if each is not None}
    size = {"image_size": "16x16"} if "image_size" in settings else {}
    assert config.items() >= {**settings, **size}.items()
    assert metadata["given"]["dropout"] == 0.0
    assert metadata["given"].items() <= metadata["settings"].items()


def test_its_vectors(directory, run, task):
    """They are what the last layer reads, and do not depend on what else is asked."""
    if task == "translation":
        return
    asked = examples(directory, task)
    vectors = run.embed(asked)
    assert (vectors.shape, vectors.dtype) == (
        (len(asked), run.model.config["hidden_dim"]),
        "float32",
    )
    assert run.embed([]).shape == (0, vectors.shape[1])
    np.testing.assert_allclose(run.embed(asked[1:2]), vectors[1:2], atol=1e-5)
    if task in ("pretraining", "tokens"):
        assert np.abs(vectors[0] - vectors[1]).max() > 1e-3
    else:
        logits = run.model.head(vectors)
        scores = [list(each.scores.values()) for each in run.predict(asked)]
        np.testing.assert_allclose(tf.nn.softmax(logits), scores, atol=1e-5)
    with pytest.raises(TypeError, match="must be a list"):
        run.embed("The room was clean.")


@pytest.mark.parametrize("task", only_first(TASKS), scope="module")
def test_same_seed_same_weights(task, expected, small_run, tmp_path):
    """Trained by whichever process, and in two sittings; then saved and opened again.

    So is everything that is drawn at random: by dropout, augmentation, masking and the order of
    batches.
    """
    whole, resumed = small_run(task, **expected.resumed), tmp_path / "resumed"
    run = in_two_sittings(lambda: small_runs.fit(task, resumed, **expected.resumed))
    weights = "model/model.safetensors"
    assert (whole / weights).read_bytes() == (resumed / weights).read_bytes()
    rows = [
        [{name: row[name] for name in row if name != "seconds"} for row in history_of(each)]
        for each in (whole, resumed)
    ]
    assert rows[0] == rows[1]
    assert report_of(whole) == report_of(resumed)
    assert run.history == expected.run_class.load(resumed).history
    assert (run.directory, repr(run)) == (resumed, repr(expected.run_class.load(resumed)))
    texts = examples(whole, task)
    assert_same_answers(run.predict(texts), expected.run_class.load(whole).predict(texts))


def assert_same_answers(before, after):
    """The same words exactly, and the same numbers but for rounding."""
    words, numbers = [], []
    for answers in (before, after):
        found = []

        def set_aside(text, found=found):
            found.append(float(text))

        words.append([json.loads(each.to_json(), parse_float=set_aside) for each in answers])
        numbers.append(found)
    assert words[0] == words[1]
    np.testing.assert_allclose(numbers[0], numbers[1], rtol=1e-5)


@pytest.mark.parametrize("task", only_first(TASKS), scope="module")
def test_another_seed_other_weights(task, expected, small_run, tmp_path):
    settings = expected.resumed
    small_runs.fit(task, tmp_path / "other", seed=1, **settings)
    first, other = map(small_runs.weights_of, (small_run(task, **settings), tmp_path / "other"))
    assert first.keys() == other.keys()
    assert all(not np.array_equal(first[n], other[n]) for n in first if first[n].ndim > 1)


def test_nothing_asked_nothing_answered(run):
    assert run.predict([]) == []


def test_one_string_is_not_a_list(run, task):
    if task == "pretraining":
        return
    with pytest.raises(TypeError, match=r"must be a list"):
        run.predict("The room was clean.")


def test_a_run_of_another_task_is_refused(task, expected, directory):
    for other in TASKS.values():
        if other is not expected:
            with pytest.raises(UserError, match=f"is a run of {expected.noun}, but this needs"):
                other.run_class.load(directory)


def test_more_batches_than_there_are_cannot_be_added_up(task, tmp_path):
    with pytest.raises(UserError, match=r"gradients of 10000 batches .* smaller --accumulate"):
        small_runs.fit(task, tmp_path / "run", accumulate=10_000)
    assert not (tmp_path / "run").exists()


def test_a_run_that_exists_is_kept(task, directory):
    before = (directory / "run.json").read_bytes()
    with pytest.raises(UserError, match=r"exists\. Pass --overwrite"):
        small_runs.fit(task, directory)
    assert (directory / "run.json").read_bytes() == before


DAMAGED = {
    "text": "config.json model.safetensors tokenizer.json",
    "pretraining": "config.json model.safetensors tokenizer.json",
    "images": "config.json model.safetensors preprocessor_config.json",
    "translation": "config.json model.safetensors source.spm vocab.json",
    "tokens": "config.json model.safetensors tokenizer.json",
}
NO_WEIGHTS = b"\x10\0\0\0\0\0\0\0{}"


def test_a_damaged_run_is_said(task, expected, directory, tmp_path):
    """Whatever file is cut, and where one is missing or holds something else."""
    names = ["metrics.json", *(f"model/{name}" for name in DAMAGED[task].split())]
    damages = [(name, content) for name in names for content in (b"{", "cut")]
    damages += [(names[1], b"[]"), (names[2], NO_WEIGHTS), (names[2], None)]
    damages += [(names[3], None), (names[3], b"[]")] if task == "images" else []
    for name, content in damages:
        damaged = shutil.copytree(directory, tmp_path / "torn")
        whole = (damaged / name).read_bytes()
        (damaged / name).unlink()
        if content is not None:
            (damaged / name).write_bytes(whole[:20] if content == "cut" else content)
        with pytest.raises(UserError, match="torn is damaged, it cannot be read") as error:
            expected.run_class.load(damaged)
        if content is None:
            assert name.removeprefix("model/") in str(error.value)
        shutil.rmtree(damaged)


def test_a_run_must_name_every_class(task, expected, directory, metadata, tmp_path):
    if "class_names" not in metadata:
        return
    torn = shutil.copytree(directory, tmp_path / "torn")
    for changes in ({"class_names": metadata["class_names"][:-1]}, {"class_names": None}):
        (torn / "run.json").write_text(json.dumps({**metadata, **changes}), "utf-8")
        with pytest.raises(UserError, match="torn is damaged, it cannot be read"):
            expected.run_class.load(torn)


def test_its_export(task, directory, run, plain_export, tmp_path):
    """It answers as the run does; what it has beside that is tested with its task."""
    if task == "pretraining":
        assert "needs a text classifier" in mistake("export", directory, tmp_path / "served")
        assert not (tmp_path / "served").exists()
        return
    asked = examples(directory, task)
    served = tf.saved_model.load(str(plain_export(task))).signatures["serving_default"]
    if task == "images":
        answer = served(image_bytes=tf.constant([Path(file).read_bytes() for file in asked]))
    else:
        texts = [text.encode("utf-8", "surrogateescape") for text in asked]
        answer = served(texts=tf.constant(texts))
    expected = run.predict(asked)
    if task == "tokens":  # of which it says what each word is: see test_tokens
        assert answer["labels"].shape[0] == len(expected)
        return
    said, scores = ("translations", "scores") if task == "translation" else ("label", "score")
    attribute = "translation" if task == "translation" else "label"
    assert [each.decode() for each in answer[said].numpy()] == [
        getattr(each, attribute) for each in expected
    ]
    np.testing.assert_allclose(answer[scores], [each.score for each in expected], atol=1e-5)


@pytest.fixture
def traced(monkeypatch):
    """Lists the functions that TensorFlow traces, and the Python functions it keeps for graphs."""
    found = []
    begin, register = FuncGraph.__init__, script_ops._py_funcs.insert
    monkeypatch.setattr(
        FuncGraph, "__init__", lambda self, *a, **k: found.append(a) or begin(self, *a, **k)
    )
    monkeypatch.setattr(
        script_ops._py_funcs, "insert", lambda each: found.append(each) or register(each)
    )
    return found


def test_answers_trace_nothing_after_the_first_two(run, directory, task, traced):
    """What is traced or registered for each call stays for good."""
    questions = examples(directory, task)
    for some in (questions[:2], questions[1:2]):
        run.predict(some)
        run.embed(some) if hasattr(run, "embed") else run.perplexity(small_runs.pairs()[1])
    traced.clear()
    run.predict(questions)
    run.embed(questions) if hasattr(run, "embed") else run.perplexity(small_runs.pairs()[0])
    assert traced == []
