"""Runs whose scores are calibrated, and that leave labels empty where they are not sure."""

import json
import logging

import numpy as np
import pytest
import tensorflow as tf
from safetensors.numpy import load_file

from commands import regard_here
from regard import TextRun, TextSettings
from regard.recipes.errors import UserError
from regard.recipes.runs.abstention import Promise, check_abstention
from regard.recipes.runs.problems import problem_of
from small_runs import reviews

HEAD = {"classifier.weight", "classifier.bias"}


@pytest.fixture(scope="module")
def calibrated(small_run):
    return TextRun.load(small_run("text", calibrate=True, abstain_below=0.2))


@pytest.fixture
def unsure(small_run):
    """A run that leaves half of the labels empty."""
    run = TextRun.load(small_run("text", calibrate=True, abstain_below=0.2))
    scores = run.predict_probabilities(reviews(30, seed=1).texts).max(axis=1)
    promised = Promise(0.2, float(np.median(scores)), 0.5, 0.0)._asdict()
    run.go_by(problem_of({"class_names": run.class_names, "abstention": promised}))
    return run


def test_only_the_last_layer_is_divided(calibrated, small_run):
    plain = small_run("text", calibrate=False)
    before, after = (
        load_file(each / "model/model.safetensors") for each in (plain, calibrated.directory)
    )
    temperature = json.loads((calibrated.directory / "run.json").read_bytes())["temperature"]
    assert set(before) == set(after)
    for name, values in before.items():
        expected = values / np.float32(temperature) if name in HEAD else values
        np.testing.assert_allclose(after[name], expected, rtol=1e-6 if name in HEAD else 0)
    said = json.loads((plain / "run.json").read_bytes())
    assert not {"temperature", "abstention"} & set(said)


def test_figures_tell_both_errors(calibrated, small_run):
    data = reviews(30, seed=1)
    plain = TextRun.load(small_run("text", calibrate=False)).evaluate(data)
    measured = calibrated.evaluate(data)
    before = plain["expected_calibration_error"]
    assert measured["uncalibrated_error"] == pytest.approx(before, abs=1e-4)
    assert measured["accuracy"] == plain["accuracy"]
    assert measured["log_loss"] < plain["log_loss"]  # what a temperature is fitted for
    for name in ("temperature", "uncalibrated_error", "expected_calibration_error", "coverage"):
        assert calibrated.metrics[name] == pytest.approx(measured[name], abs=1e-5)
    assert "without its temperature" in calibrated.format_metrics(measured)


def test_labels_that_are_not_sure_are_empty(unsure):
    data, least = reviews(30, seed=1), unsure.problem.least_score
    answers = unsure.predict(data.texts)
    assert {"", *unsure.class_names} == {each.label for each in answers}
    for answer in answers:
        best = max(answer.scores, key=answer.scores.get)
        assert answer.label == (best if answer.score >= least else "")
        assert answer.score == answer.scores[best]
    measured = unsure.evaluate(data)
    is_answered = [bool(each.label) for each in answers]
    assert measured["coverage"] == np.mean(is_answered)
    wrong = [each.label != label for each, label in zip(answers, data.labels, strict=True)]
    assert measured["selective_error"] == pytest.approx(np.mean(np.array(wrong)[is_answered]))


@pytest.mark.slow
def test_an_export_leaves_the_same_labels_empty(unsure, tmp_path, unverified):
    texts = reviews(30, seed=1).texts
    export = tf.saved_model.load(str(unsure.export(tmp_path / "served")))
    answers = export.signatures["serving_default"](texts=tf.constant(texts))
    expected = unsure.predict(texts)
    found = zip(answers["label"].numpy().tolist(), answers["score"].numpy(), strict=True)
    for (label, score), each in zip(found, expected, strict=True):
        if abs(score - unsure.problem.least_score) > 1e-5:
            assert label.decode() == each.label
    assert answers["scores"].shape == (30, 2)


def test_a_table_says_how_many_are_empty(calibrated, unsure, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    unsure.directory = None
    unsure.save(run)
    table = tmp_path / "new.csv"
    table.write_text("review\n" + "".join(f'"{text}"\n' for text in reviews(30, seed=1).texts))
    done = regard_here("predict", run, "--input", table, "--output", tmp_path / "out.csv")
    assert done.returncode == 0
    lines = (tmp_path / "out.csv").read_text("utf-8").splitlines()[1:]
    empty = sum(",," in line for line in lines)
    assert 0 < empty < 30
    assert f"below that of the run's --abstain-below: {empty}, first" in done.stderr


def test_few_examples_are_not_calibrated_by(small_run, caplog):
    with caplog.at_level(logging.INFO, "regard"):
        run = TextRun.load(small_run("text", calibrate=False))
        run.metadata["settings"]["calibrate"] = None
        data = reviews(30, seed=1)
        run.report(data.texts, run.problem.encode(data.labels, "reviews"), {"last_epoch": 2})
    assert "30 examples to validate on are too few to calibrate by" in caplog.text
    assert "temperature" not in run.metadata


def test_what_cannot_be_promised_is_refused_before_training():
    with pytest.raises(UserError, match=r"86 examples to validate on\. Received: 30"):
        check_abstention(reviews(30), TextSettings(abstain_below=0.05))
    check_abstention(reviews(86), TextSettings(abstain_below=0.05))
    with pytest.raises(UserError, match="leave out refit"):
        TextSettings(abstain_below=0.05, refit=True)
    with pytest.raises(UserError, match=r"abstain_below=1\.5"):
        TextSettings(abstain_below=1.5)
