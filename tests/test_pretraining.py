"""Pre-training, and what goes on from it, on a few generated reviews."""

import json
import math

import numpy as np
import pytest

import regard
from regard.recipes.cli import run_command
from regard.recipes.errors import UserError
from regard.recipes.pretraining.data import Texts
from regard.recipes.pretraining.recipe import pretrain_text
from regard.recipes.text.data import LabelledTexts
from regard.recipes.text.reviews import generate_reviews


def corpus(num_texts=200, seed=0):
    texts, _ = generate_reviews(num_texts, seed, held_out=False)
    return Texts(["reviews.txt"], texts)


@pytest.fixture(scope="module")
def run_directory(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pretraining") / "run"
    pretrain_text(corpus(), epochs=3, vocabulary_size=300, output=directory)
    return directory


@pytest.fixture(scope="module")
def run(run_directory):
    return regard.MaskedLMRun.load(run_directory)


def test_run_directory_can_be_read(run_directory):
    files = sorted(str(path.relative_to(run_directory)) for path in run_directory.rglob("*.*"))
    assert files == [
        "history.csv",
        "metrics.json",
        "model/config.json",
        "model/model.safetensors",
        "model/special_tokens_map.json",
        "model/tokenizer.json",
        "model/tokenizer_config.json",
        "model/vocab.txt",
        "report/learning_curves.png",
        "run.json",
    ]
    metadata = json.loads((run_directory / "run.json").read_text())
    assert metadata["task"] == "masked_lm"
    assert metadata["data"]["sha256"] == corpus().fingerprint()
    metrics = json.loads((run_directory / "metrics.json").read_text())
    assert metrics["perplexity"] == pytest.approx(math.exp(metrics["cross_entropy"]))


def test_it_learns(run):
    assert run.metrics["perplexity"] < 0.8 * len(run.tokenizer.vocabulary)
    assert run.metrics["best_epoch"] == 3


def test_fills_every_mask(run):
    single, double = run.predict(["The room was [MASK].", "[MASK] room was [MASK]."], top=3)
    assert [len(each.masks) for each in (single, double)] == [1, 2]
    guesses = single.masks[0]
    scores = [guess.score for guess in guesses]
    assert len(guesses) == 3
    assert scores == sorted(scores, reverse=True)
    assert 0 < sum(scores) <= 1
    assert all(guess.token in run.tokenizer.vocabulary for guess in guesses)
    assert json.loads(single.to_json())["masks"][0][0]["token"] == guesses[0].token
    assert single.to_line().endswith("\tThe room was [MASK].")


def test_nothing_to_fill(run):
    with pytest.raises(UserError, match=r"\[MASK\].*Received: no gap"):
        run.predict(["no gap"])


def test_same_seed_same_weights(run_directory, tmp_path):
    again = pretrain_text(corpus(), epochs=3, vocabulary_size=300, output=tmp_path / "again")
    loaded = regard.MaskedLMRun.load(run_directory)
    for ours, theirs in zip(again.model.weights, loaded.model.weights, strict=True):
        np.testing.assert_array_equal(np.array(ours), np.array(theirs))


def test_long_texts_are_learned_whole(tmp_path):
    """Every stretch of a text longer than the model's longest sequence is seen."""
    text = " ".join(["good", "bad"] * 40)
    run = pretrain_text(
        Texts(["long.txt"], [text] * 3), epochs=1, max_sequence_length=12, output=tmp_path / "run"
    )
    assert run.max_sequence_length == 12
    assert run.model.config["max_sequence_length"] == 12


def test_goes_on_from_a_run_and_is_a_start_for_fitting(run_directory, tmp_path):
    going_on = pretrain_text(
        corpus(60, seed=1), checkpoint=str(run_directory), epochs=1, output=tmp_path / "on"
    )
    assert len(going_on.tokenizer.vocabulary) <= 300
    texts, labels = generate_reviews(60, 2, held_out=False)
    table = LabelledTexts("reviews.csv", texts, labels, "review", "sentiment")
    fitted = regard.fit_text(
        table, checkpoint=str(tmp_path / "on"), epochs=1, output=tmp_path / "fitted"
    )
    assert fitted.tokenizer.vocabulary == going_on.tokenizer.vocabulary
    assert (
        fitted.model.config["max_sequence_length"] == going_on.model.config["max_sequence_length"]
    )


def test_one_text_is_too_few(tmp_path):
    with pytest.raises(UserError, match=r"one\.txt.*at least two.*Received: 1"):
        pretrain_text(Texts(["one.txt"], ["a text"]), output=tmp_path / "run")
    assert not list(tmp_path.iterdir())


def test_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words.txt").write_text("\n".join(corpus(80).texts), encoding="utf-8")
    assert run_command(["pretrain", "text", "words.txt", "--epochs", "1"]) == 0
    assert "perplexity" in capsys.readouterr().out
    run = "runs/pretrained-words"
    assert run_command(["predict", run, "The room was [MASK].", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["masks"][0]) == 5
    assert run_command(["evaluate", run, "words.txt"]) == 2
    assert "needs a text classifier" in capsys.readouterr().err
    assert run_command(["export", run, "served"]) == 2
    assert run_command(["pretrain", "text", "words.txt"]) == 2
    assert "--overwrite" in capsys.readouterr().err
