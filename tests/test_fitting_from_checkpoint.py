"""Fine-tuning, on a checkpoint of random weights and a few generated reviews."""

import csv
import json
import logging

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file

import regard
import small_runs
from regard.models import MaskedLanguageModel, TextClassifier
from regard.models.checkpoints import save_checkpoint
from regard.recipes.cli import run_command
from regard.recipes.errors import UserError
from regard.recipes.text.data import LabelledTexts
from regard.recipes.text.reviews import generate_reviews
from regard.recipes.tokenizers.vocabulary import learn_vocabulary
from regard.recipes.tokenizers.wordpiece import WordPieceTokenizer

SIZES = {"hidden_dim": 16, "num_layers": 2, "num_heads": 2, "intermediate_dim": 20}
WEIGHTS = "model/model.safetensors"
PERTURBED = {"by default": None, "off": 0.0}
ONCE = {"epochs": 1, "refit": False, "adversarial": 0.0}


def reviews(num_reviews=100, seed=0):
    texts, labels = generate_reviews(num_reviews, seed, held_out=False)
    return LabelledTexts("reviews.csv", texts, labels, "review", "sentiment")


def make_checkpoint(directory, class_names=None, longest=64):
    """A checkpoint of a classifier, or without class names of a masked language model."""
    keras.utils.set_random_seed(3)
    tokenizer = WordPieceTokenizer(learn_vocabulary(reviews().texts, 200))
    arguments = {**SIZES, "vocabulary_size": len(tokenizer.vocabulary) + 3}  # padded, as some are
    if class_names is None:
        model = MaskedLanguageModel(max_sequence_length=longest, **arguments)
    else:
        model = TextClassifier(
            num_classes=len(class_names), max_sequence_length=longest, **arguments
        )
    directory.mkdir()
    save_checkpoint(model, directory, class_names)
    tokenizer.save(directory, longest)
    return directory


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return make_checkpoint(tmp_path_factory.mktemp("start") / "checkpoint")


def fit(checkpoint, output, **settings):
    with small_runs.blank_pictures():
        return regard.fit_text(
            reviews(), checkpoint=str(checkpoint), output=output, **{**ONCE, **settings}
        )


def changed(checkpoint, output):
    """The tensors that a run and its start share, and that are not equal."""
    before, after = load_file(checkpoint / "model.safetensors"), load_file(output / WEIGHTS)
    return {name for name in before.keys() & after.keys() if (before[name] != after[name]).any()}


@pytest.fixture(scope="module")
def first(checkpoint, tmp_path_factory):
    """A run with the defaults, and its directory."""
    output = tmp_path_factory.mktemp("first") / "run"
    return fit(checkpoint, output, max_sequence_length=500), output


def test_sizes_and_tokenizer_are_the_checkpoints(checkpoint, first):
    run, output = first
    assert {name: run.model.config[name] for name in SIZES} == SIZES
    assert run.max_sequence_length == 64  # the checkpoint reads no more
    assert run.tokenizer.vocabulary == WordPieceTokenizer.load(checkpoint).vocabulary
    assert "bert.embeddings.word_embeddings.weight" in changed(checkpoint, output)
    settings = json.loads((output / "run.json").read_text())["settings"]
    assert (settings["checkpoint"], settings["teacher"]) == (str(checkpoint), False)


@pytest.mark.slow
def test_several_seeds_keep_the_best_which_is_the_same_alone(checkpoint, tmp_path):
    run = fit(checkpoint, tmp_path / "run", seed=4, seeds=2)
    figures = run.metrics["seeds"]
    assert [each["seed"] for each in figures] == [4, 5]
    best = max(figures, key=lambda each: each["macro_f1"])
    assert run.metrics["macro_f1"] == best["macro_f1"]
    assert run.metadata["settings"]["seed"] == best["seed"]
    alone = fit(checkpoint, tmp_path / "alone", seed=best["seed"])
    for ours, theirs in zip(run.model.weights, alone.model.weights, strict=True):
        np.testing.assert_array_equal(np.array(ours), np.array(theirs))


@pytest.fixture(scope="module")
def learned(checkpoint, tmp_path_factory):
    """Runs that learn for a while, with embeddings perturbed by default, and not."""
    folder = tmp_path_factory.mktemp("learned")
    learning = {"epochs": 2, "learning_rate": 0.01, "patience": 10}
    runs = {}
    for name, adversarial in PERTURBED.items():
        runs[name] = fit(checkpoint, folder / name, adversarial=adversarial, **learning)
    return runs, folder


def test_embeddings_are_perturbed_unless_it_is_switched_off(learned):
    runs = [learned[0][name] for name in PERTURBED]
    by_default, off = (np.array(run.model.head.kernel) for run in runs)
    assert not np.array_equal(by_default, off)
    assert [run.metadata["settings"]["adversarial"] for run in runs] == [0.02, 0.0]


@pytest.mark.parametrize("name", PERTURBED)
def test_what_is_kept_is_what_was_validated(learned, name):
    """The mean of the weights at the best epoch: other weights would have another loss."""
    runs, folder = learned
    with open(folder / name / "history.csv", newline="") as file:
        history = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    kept = history[runs[name].metrics["best_epoch"] - 1]
    assert kept["val_macro_f1"] == max(row["val_macro_f1"] for row in history)
    assert runs[name].metrics["log_loss"] == pytest.approx(kept["val_loss"], rel=1e-4)
    assert len({round(row["val_loss"], 3) for row in history}) > 1


@pytest.mark.slow
def test_freezing_and_lora_leave_the_rest_alone(checkpoint, tmp_path):
    fit(checkpoint, tmp_path / "frozen", freeze=1)
    assert {name.split(".layer.")[-1][0] for name in changed(checkpoint, tmp_path / "frozen")} == {
        "1"
    }
    fit(checkpoint, tmp_path / "lora", lora=2)
    assert all(name.endswith("weight") for name in changed(checkpoint, tmp_path / "lora"))
    assert not any("LayerNorm" in name for name in changed(checkpoint, tmp_path / "lora"))
    assert changed(checkpoint, tmp_path / "lora")


def test_a_classifier_with_the_same_classes_goes_on_in_its_order(tmp_path):
    start = make_checkpoint(tmp_path / "start", ["positive", "negative"])
    run = fit(start, tmp_path / "run", learning_rate=1e-9)
    assert run.class_names == ["positive", "negative"]
    before, after = (
        load_file(path)["classifier.weight"]
        for path in (start / "model.safetensors", tmp_path / "run" / WEIGHTS)
    )
    np.testing.assert_allclose(before, after, atol=1e-6)


def test_a_classifier_of_another_size_is_replaced_and_bfloat16_is_for_training_alone(
    tmp_path, caplog
):
    start = make_checkpoint(tmp_path / "start", ["one", "two", "three"])
    logging.getLogger("regard").propagate = True
    with caplog.at_level("INFO", logger="regard"):
        run = fit(start, tmp_path / "run", precision="bfloat16")
    assert run.class_names == ["negative", "positive"]
    assert "classifier is replaced" in caplog.text
    loaded = regard.TextRun.load(tmp_path / "run")
    assert run.model.embedding.compute_dtype == loaded.model.embedding.compute_dtype == "float32"
    texts = reviews(5, seed=9).texts
    np.testing.assert_array_equal(
        run.predict_probabilities(texts), loaded.predict_probabilities(texts)
    )


def test_a_run_is_a_checkpoint(first, tmp_path):
    second = fit(first[1], tmp_path / "second")
    assert second.class_names == ["negative", "positive"]


@pytest.mark.parametrize("damage", ["config.json", "model.safetensors", "vocabulary"])
def test_a_start_that_cannot_be_leaves_nothing(tmp_path, damage):
    start = make_checkpoint(tmp_path / "start")
    if damage == "vocabulary":
        WordPieceTokenizer(learn_vocabulary(reviews().texts, 1000)).save(start, 64)
    else:
        (start / damage).write_bytes(b"{")
    with pytest.raises(UserError, match="start"):
        fit(start, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--checkpoint", "nowhere"], "Received: nowhere, which is not a directory"),
        (["--checkpoint", ".", "--preset", "tiny"], "checkpoint=., preset=tiny"),
        (["--lora", "4"], "Without a checkpoint"),
        (["--freeze", "-1"], "--freeze"),
        (["--layer-decay", "0"], "--layer-decay"),
        (["--seeds", "0"], "--seeds"),
        (["--precision", "float64"], "--precision"),
        (["--strategy", "both"], "--strategy"),
        (["--accumulate", "0"], "--accumulate"),
    ],
)
def test_the_command_line_checks_first(options, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_command(["fit", "text", "none.csv", *options]) == 2
    assert message in capsys.readouterr().err
