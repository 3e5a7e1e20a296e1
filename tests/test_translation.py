"""The recipe of translation, on a few generated dates and numbers and a very small model.

`test_runs` has what all tasks have.
"""

import json
from dataclasses import replace

import numpy as np
import pytest

import small_runs
from regard import ParallelTexts, TranslationRun, UserError, fit_translation
from regard.recipes.translation.run import Translation
from regard.recipes.translation.settings import SIZES

TEXTS = ["20 November 2026", "", "three hundred and five", "אבג 😀", "one " * 25_000]
TRAIN, VALIDATION = small_runs.pairs()


def fit(output, train=TRAIN, **settings):
    settings = {"validation_source": VALIDATION, **small_runs.TRANSLATOR, **settings}
    return fit_translation(train, output=output, **settings)


@pytest.fixture(scope="module")
def directory(plain_run):
    return plain_run("translation")


@pytest.fixture(scope="module")
def run(directory):
    return TranslationRun.load(directory)


def test_metrics_of_a_run(run):
    metrics = run.evaluate(VALIDATION)
    assert {*metrics, "best_epoch"} == set(run.metrics)
    assert metrics["num_examples"] == len(VALIDATION) == 13
    assert metrics["perplexity"] == pytest.approx(run.metrics["perplexity"], rel=1e-5)
    assert metrics["signatures"]["bleu"].startswith("nrefs:1|case:mixed|eff:no|tok:zh")


def test_a_compiled_model_is_measured_as_well(run, directory):
    loaded = TranslationRun.load(directory)
    loaded.model.compile("sgd", "mse")
    assert loaded.perplexity(VALIDATION) == pytest.approx(run.metrics["perplexity"], rel=1e-5)


def test_an_empty_text_has_an_empty_translation(run):
    answers = run.predict(TEXTS)
    assert (answers[1].translation, answers[1].score) == ("", 0)


def test_what_is_cut_is_said(run, caplog):
    answers = [json.loads(answer.to_json()) for answer in run.predict([*TEXTS, "one " * 39])]
    assert [answer.get("truncated") for answer in answers] == [None] * 4 + [True, True]
    assert set(answers[0]) == {"text", "translation", "score"}
    run.evaluate(VALIDATION)
    run.evaluate(ParallelTexts("long.tsv", [TEXTS[0], "one " * 50], ["一" * 90, "一"]))
    expected = "long.tsv: texts longer than 40 tokens (--max-sequence-length), cut there: 2"
    said = [record.getMessage() for record in caplog.records if record.name == "regard"]
    assert said == [expected]


def test_the_way_of_searching_can_be_changed(run):
    greedy, wide = run.predict(TEXTS, num_beams=1), run.predict(TEXTS, num_beams=4)
    assert all(a.score <= b.score + 1e-6 for a, b in zip(greedy, wide, strict=True))


def test_the_best_translations_are_listed(run):
    best = run.predict(TEXTS[:3], num_beams=3)
    answers = run.predict(TEXTS[:3], n_best=3)  # the run has two beams
    assert [answer.translation for answer in answers] == [answer.translation for answer in best]
    assert [len(answer.n_best) for answer in answers] == [3, 1, 3]
    listed = json.loads(answers[0].to_json())["n_best"]
    assert [set(each) for each in listed] == [{"translation", "score"}] * 3
    assert listed[0] == {"translation": answers[0].translation, "score": answers[0].score}
    scores = [each["score"] for each in listed]
    assert scores == sorted(scores, reverse=True)
    assert answers[0].to_line().count("\t") == 2
    assert "n_best" not in json.loads(best[0].to_json())
    for options in ({"n_best": 0}, {"n_best": 3, "num_beams": 2}):
        with pytest.raises(UserError, match=rf"n_best={options['n_best']}, num_beams=2"):
            run.predict(TEXTS, **options)


def test_several_references(run):
    others = [f"{target}。" for target in VALIDATION.targets]
    references = [*zip(VALIDATION.targets, others, strict=True)]
    metrics = run.evaluate(replace(VALIDATION, references=references))
    assert metrics["signatures"]["bleu"].startswith("nrefs:2|")
    assert metrics["chrf"] >= run.metrics["chrf"]


def test_a_line_keeps_the_spaces_that_keep_words_together():
    text = "«\u00a0oui\u00a0», 5\u202f% \r\n de\tplus\u2028\u3000ou moins\n"
    expected = "«\u00a0oui\u00a0», 5\u202f% de plus \u3000ou moins"
    assert Translation("yes", text, -0.5).to_line() == expected


def test_an_alignment_is_of_pieces(run):
    source_pieces, target_pieces, weights = run.align("20 November 2026", "2026年11月20日")
    assert "".join(source_pieces[:-1]).replace("▁", " ").strip() == "20 November 2026"
    assert source_pieces[-1] == target_pieces[-1] == "</s>"
    assert weights.shape == (len(target_pieces), len(source_pieces))
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)


@pytest.mark.slow
def test_a_run_is_a_checkpoint_to_go_on_from(run, directory, tmp_path):
    second = fit(tmp_path / "second", checkpoint=directory, epochs=1, **dict.fromkeys(SIZES))
    assert second.tokenizer.vocabulary == run.tokenizer.vocabulary
    assert second.model.config["hidden_dim"] == 16
    before, after = small_runs.weights_of(directory), small_runs.weights_of(tmp_path / "second")
    assert before.keys() == after.keys()
    shared = "model.encoder.layers.0.fc1.weight"
    assert 0 < np.abs(before[shared] - after[shared]).max() < 0.1


def test_a_part_is_held_out_and_what_is_too_long_is_cut_and_counted(tmp_path, caplog):
    caplog.set_level("INFO", logger="regard")
    sources = [*TRAIN.sources[1:], " ".join(TRAIN.sources[:50])]
    targets = [*TRAIN.targets[1:], "".join(TRAIN.targets[:50])]
    data = ParallelTexts("dates.tsv", sources, targets)
    run = fit(tmp_path / "run", data, validation_source=None, validation=0.1, epochs=1)
    assert run.metrics["num_examples"] == 30
    assert "270 pairs to learn from, 30 to validate on." in caplog.text
    expected = "dates.tsv: texts longer than 40 tokens (--max-sequence-length), cut there: 2"
    assert expected in caplog.text

    refusal = r"dates.tsv: every text must have at most 40 tokens .* 2 longer ones"
    with pytest.raises(UserError, match=refusal):
        fit(tmp_path / "refused", data, long_texts="refuse")
    assert not (tmp_path / "refused").exists()


def test_divergence_is_said_and_leaves_nothing(tmp_path):
    with pytest.raises(UserError, match="Pass a lower --learning-rate"):
        fit(tmp_path / "run", learning_rate=1e30)
    assert not list(tmp_path.iterdir())


def test_what_else_an_export_has(plain_export):
    names = {path.name for path in (plain_export("translation") / "assets").iterdir()}
    assert {"vocab.txt"} <= names
