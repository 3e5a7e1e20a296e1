"""Pre-training, and what goes on from it, on a few generated reviews.

`test_runs` has what all tasks have.
"""

import json

import pytest

import regard
from regard.recipes.cli import run_command
from regard.recipes.errors import UserError
from regard.recipes.pretraining.batches import split_stretches
from regard.recipes.pretraining.data import Texts
from regard.recipes.pretraining.recipe import pretrain_text
from regard.recipes.pretraining.settings import PretrainingSettings
from regard.recipes.text.data import LabelledTexts
from regard.recipes.text.reviews import generate_reviews
from regard.recipes.tokenizers.normalization import BertNormalization
from regard.recipes.tokenizers.wordpiece import WordPieceTokenizer


@pytest.fixture(scope="module")
def run_directory(plain_run):
    return plain_run("pretraining")


@pytest.fixture(scope="module")
def run(run_directory):
    return regard.MaskedLMRun.load(run_directory)


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


@pytest.mark.slow
def test_long_texts_are_learned_whole(tmp_path):
    """Every stretch of a text longer than the model's longest sequence is seen."""
    texts = [" ".join([word, "bad"] * 40) for word in ("good", "fine", "nice")]
    run = pretrain_text(
        Texts(["long.txt"], texts), epochs=1, max_sequence_length=12, output=tmp_path / "run"
    )
    assert run.max_sequence_length == 12
    assert run.model.config["max_sequence_length"] == 12


def test_one_text_is_too_few(tmp_path):
    with pytest.raises(UserError, match=r"one\.txt.*at least two.*Received: 1"):
        pretrain_text(Texts(["one.txt"], ["a text"]), output=tmp_path / "run")
    assert not list(tmp_path.iterdir())


TOKENIZER = WordPieceTokenizer(
    ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "Good", "good", *"abcdefghijklmnopqrstuvwxyz"],
    BertNormalization(lowercase=False),
)


def stretches_of(texts, seed=0):
    settings = PretrainingSettings(seed=seed, max_sequence_length=6).completed()
    parts = split_stretches(Texts(["x.txt"], texts), TOKENIZER, settings)
    return [["".join(TOKENIZER.vocabulary[i] for i in row[1:-1]) for row in p] for p in parts]


def test_equal_stretches_are_not_on_both_sides(caplog):
    """Also where they differ by case, or stand in texts that differ."""
    caplog.set_level("INFO", logger="regard")
    boilerplate = [f"{letter} a a a good a a a" for letter in "bcdefghijk"]
    texts = [*boilerplate, *(text.replace("good", "Good") for text in boilerplate)]
    for seed in range(30):
        learned, held_out = stretches_of(texts, seed)
        assert (len(learned), len(held_out)) == (38, 2)
        assert not {text.lower() for text in learned} & {text.lower() for text in held_out}
    assert caplog.messages[0] == (
        "x.txt: equal stretches of text stay on one side of the split: 11 of 40 are distinct, "
        "2 times 'b a a a'"
    )


def test_distinct_stretches_are_split_as_ever():
    learned, held_out = stretches_of([f"{a} {b}" for a in "abcd" for b in "efghijklmn"], seed=3)
    assert (held_out, learned[:3]) == (["ch", "dg"], ["de", "bl", "ce"])


def test_equal_texts_alone_are_too_few():
    with pytest.raises(UserError, match=r"x\.txt.*at least two.*Received: 1, counting equal"):
        stretches_of(["a b c"] * 5)


@pytest.mark.slow
def test_the_command_line_goes_on_from_a_run(run_directory, tmp_path, capsys, monkeypatch):
    """And what comes of it is a start for fitting."""
    monkeypatch.chdir(tmp_path)
    texts, labels = generate_reviews(60, 1, held_out=False)
    (tmp_path / "words.txt").write_text("\n".join(texts), encoding="utf-8")
    command = ["pretrain", "text", "words.txt"]
    options = ["--epochs", "1", "--checkpoint", str(run_directory)]
    assert run_command([*command, *options]) == 0
    assert "perplexity" in capsys.readouterr().out
    run = "runs/pretrained-words"
    assert run_command(["predict", run, "The room was [MASK].", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["masks"][0]) == 5
    assert run_command(["evaluate", run, "words.txt"]) == 2
    assert "needs a text classifier" in capsys.readouterr().err
    assert run_command(command) == 2
    assert "--overwrite" in capsys.readouterr().err

    going_on = regard.MaskedLMRun.load(run)
    assert len(going_on.tokenizer.vocabulary) <= 300
    table = LabelledTexts("reviews.csv", texts, labels, "review", "sentiment")
    once = {"epochs": 1, "refit": False, "adversarial": 0.0}
    fitted = regard.fit_text(table, checkpoint=run, output=tmp_path / "fitted", **once)
    assert fitted.tokenizer.vocabulary == going_on.tokenizer.vocabulary
    longest = "max_sequence_length"
    assert fitted.model.config[longest] == going_on.model.config[longest]
