"""The recipe of translation with the model that the Transformer replaced."""

import numpy as np
import pytest

import small_runs
from regard import TranslationRun, UserError, fit_translation
from regard.recipes.translation.settings import TranslationSettings

pytestmark = pytest.mark.slow  # another model of the recipe that test_translation.py tries
SETTINGS = {
    "preset": "rnnsearch_small",
    "hidden_dim": 16,
    "units": 24,
    "vocabulary_size": 120,
    "warmup_steps": 20,
    "max_sequence_length": 40,
    "num_beams": 2,
    "epochs": 2,
    "batch_tokens": 256,
}
TEXTS = ["20 November 2026", "", "three hundred and five", "one " * 500]
TRAIN, VALIDATION = small_runs.pairs()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    output = tmp_path_factory.mktemp("recurrent") / "run"
    with small_runs.blank_pictures():
        return fit_translation(TRAIN, validation_source=VALIDATION, output=output, **SETTINGS)


def test_its_run(run):
    loaded = TranslationRun.load(run.directory)
    assert loaded.predict(TEXTS) == run.predict(TEXTS)
    assert type(loaded.model) is type(run.model)
    assert loaded.history[-1]["loss"] < loaded.history[0]["loss"]
    found = loaded.align(TEXTS[0], "20. November 2026")
    np.testing.assert_allclose(found.weights.sum(axis=-1), 1, atol=1e-5)


def test_its_attention(run):
    """It has that of the decoder to the source alone."""
    attention = run.attention(TEXTS[0], n_best=1)
    assert list(attention.heads) == ["cross"] and not attention.alternatives
    aligned = run.align(TEXTS[0], attention.title)
    np.testing.assert_allclose(attention.weights, aligned.weights[np.newaxis, np.newaxis])
    assert attention.tokens == [piece.lstrip("▁") or "␣" for piece in aligned.source_pieces]
    assert np.abs(attention.contributions).max() > 0
    assert "<!doctype html>" in attention.to_html()


def test_its_export(run, tmp_path):
    assert run.export(tmp_path / "served").name == "1"  # tried, with awkward texts too


def test_its_sizes():
    assert TranslationSettings(preset="rnnsearch_small").completed().sizes() == {
        "hidden_dim": 192,
        "units": 256,
    }
    with pytest.raises(UserError, match=r"rnnsearch_small has none of .*: leave out num_heads"):
        TranslationSettings(preset="rnnsearch_small", num_heads=3).completed()
    with pytest.raises(UserError, match=r"transformer_small has none of .*: leave out units"):
        TranslationSettings(units=3).completed()
