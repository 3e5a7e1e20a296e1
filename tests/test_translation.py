"""The recipe of translation, on a few generated dates and numbers and a very small model."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

from regard import ParallelTexts, TranslationRun, UserError, fit_translation
from regard.recipes.translation.dates_and_numbers import generate_pairs
from regard.recipes.translation.settings import SIZES

SMALL = {
    "num_layers": 1,
    "hidden_dim": 16,
    "num_heads": 2,
    "intermediate_dim": 32,
    "vocabulary_size": 120,
    "warmup_steps": 5,
    "max_sequence_length": 40,
    "num_beams": 2,
}
TEXTS = ["20 November 2026", "", "three hundred and five", "אבג 😀", "one " * 25_000]
TRAIN = ParallelTexts("dates.tsv", *generate_pairs(300, seed=0, held_out=False))
VALIDATION = ParallelTexts("more.tsv", *generate_pairs(20, seed=1, held_out=False))


def fit(output, train=TRAIN, **settings):
    settings = {"validation_source": VALIDATION, "epochs": 2, **SMALL, **settings}
    return fit_translation(train, output=output, **settings)


def weights_of(directory):
    return load_file(directory / "model/model.safetensors")


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("translation") / "run"


@pytest.fixture(scope="module")
def run(directory):
    return fit(directory)


def test_a_run_holds_what_it_should(run, directory):
    assert {path.name for path in directory.iterdir()} == {
        *("run.json", "model", "metrics.json", "history.csv", "report")
    }
    assert {path.name for path in (directory / "model").iterdir()} == {
        *("config.json", "generation_config.json", "model.safetensors", "source.spm"),
        *("target.spm", "tokenizer_config.json", "vocab.json"),
    }
    assert {path.name for path in (directory / "report").iterdir()} == {
        *("learning_curves.png", "alignment.png")
    }
    metadata = json.loads((directory / "run.json").read_text())
    assert metadata["task"] == "translation"
    assert metadata["settings"]["hidden_dim"] == 16
    assert metadata["data"]["train"]["num_examples"] == 300
    history = (directory / "history.csv").read_text().splitlines()
    assert len(history) == 3
    assert {"loss", "val_loss", "val_bleu", "val_cross_entropy"} <= set(history[0].split(","))


def test_metrics_of_a_run(run):
    metrics = run.evaluate(VALIDATION)
    assert {*metrics, "best_epoch"} == set(run.metrics)
    assert metrics["num_examples"] == 20
    assert metrics["perplexity"] == pytest.approx(run.metrics["perplexity"], rel=1e-5)
    assert metrics["signatures"]["bleu"].startswith("nrefs:1|case:mixed|eff:no|tok:zh")


def test_a_compiled_model_is_measured_as_well(run, directory):
    loaded = TranslationRun.load(directory)
    loaded.model.compile("sgd", "mse")
    assert loaded.perplexity(VALIDATION) == pytest.approx(run.metrics["perplexity"], rel=1e-5)


def test_a_loaded_run_translates_as_before(run, directory):
    loaded = TranslationRun.load(directory)
    before, after = run.predict(TEXTS), loaded.predict(TEXTS)
    assert [row.translation for row in after] == [row.translation for row in before]
    np.testing.assert_allclose([row.score for row in after], [row.score for row in before], 1e-5)
    assert (after[1].translation, after[1].score) == ("", 0)
    assert loaded.predict([]) == []


def test_the_way_of_searching_can_be_changed(run):
    greedy, wide = run.predict(TEXTS, num_beams=1), run.predict(TEXTS, num_beams=4)
    assert all(a.score <= b.score + 1e-6 for a, b in zip(greedy, wide, strict=True))


def test_one_string_is_not_a_list(run):
    with pytest.raises(TypeError, match="must be a list of strings"):
        run.predict("20 November 2026")


def test_an_alignment_is_of_pieces(run):
    source_pieces, target_pieces, weights = run.align("20 November 2026", "2026年11月20日")
    assert "".join(source_pieces[:-1]).replace("▁", " ").strip() == "20 November 2026"
    assert source_pieces[-1] == target_pieces[-1] == "</s>"
    assert weights.shape == (len(target_pieces), len(source_pieces))
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)


def test_same_seed_same_weights(run, directory, tmp_path):
    fit(tmp_path / "again")
    fit(tmp_path / "other", seed=1)
    first, again, other = map(weights_of, (directory, tmp_path / "again", tmp_path / "other"))
    for name, values in first.items():
        np.testing.assert_array_equal(values, again[name])
    shared = "model.encoder.layers.0.fc1.weight"
    assert not np.array_equal(first[shared], other[shared])


def test_a_run_is_a_checkpoint_to_go_on_from(run, directory, tmp_path):
    second = fit(tmp_path / "second", checkpoint=directory, epochs=1, **dict.fromkeys(SIZES))
    assert second.tokenizer.vocabulary == run.tokenizer.vocabulary
    assert second.model.config["hidden_dim"] == 16
    before, after = weights_of(directory), weights_of(tmp_path / "second")
    assert before.keys() == after.keys()
    shared = "model.encoder.layers.0.fc1.weight"
    assert 0 < np.abs(before[shared] - after[shared]).max() < 0.1


def test_a_part_is_held_out_where_there_is_no_validation(tmp_path, caplog):
    caplog.set_level("INFO", logger="regard")
    run = fit(tmp_path / "run", validation_source=None, validation=0.1, epochs=1)
    assert run.metrics["num_examples"] == 30
    assert "270 pairs to learn from, 30 to validate on." in caplog.text


def test_what_is_too_long_is_cut_and_counted(tmp_path, caplog):
    sources = [*TRAIN.sources, " ".join(TRAIN.sources[:50])]
    targets = [*TRAIN.targets, "".join(TRAIN.targets[:50])]
    data = ParallelTexts("dates.tsv", sources, targets)
    fit(tmp_path / "run", data, epochs=1)
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


def test_export_checks_itself_and_answers_as_the_run(run, tmp_path):
    import tensorflow as tf

    version = run.export(tmp_path / "served")
    assert version == tmp_path / "served/1"
    signature = tf.saved_model.load(version).signatures["serving_default"]
    answer = signature(texts=tf.constant(TEXTS))
    expected = run.predict(TEXTS)
    assert [text.decode() for text in answer["translations"].numpy()] == [
        row.translation for row in expected
    ]
    np.testing.assert_allclose(answer["scores"], [row.score for row in expected], atol=1e-5)
    assert {"vocab.txt"} <= {path.name for path in (version / "assets").iterdir()}


def test_a_run_of_another_task_is_refused(directory, run, tmp_path):
    from regard import TextRun

    with pytest.raises(UserError, match="is a run of a translator, but this needs a text"):
        TextRun.load(directory)


@pytest.mark.parametrize("name", ["source.spm", "vocab.json", "config.json", "model.safetensors"])
def test_a_damaged_run_is_refused(name, run, directory, tmp_path):
    import shutil

    copy = shutil.copytree(directory, tmp_path / "copy")
    path = copy / "model" / name
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(UserError, match="damaged"):
        TranslationRun.load(copy)
