import math

import pytest

from regard.recipes.errors import UserError
from regard.recipes.translation.settings import TranslationSettings


def test_from_scratch_the_width_and_the_warm_up_decide():
    settings = TranslationSettings().completed().for_steps(400)
    assert (settings.preset, settings.epochs) == ("transformer_small", 100)
    assert (settings.batch_tokens, settings.warmup_steps) == (1024, 1000)
    assert settings.learning_rate == pytest.approx((192 * 1000) ** -0.5)
    assert (settings.label_smoothing, settings.subword_dropout) == (0.1, 0.0)
    assert (settings.dropout, settings.patience, settings.vocabulary_size) == (0.3, 10, 4000)


def test_the_papers_presets_are_trained_as_in_the_paper():
    base = TranslationSettings(preset="transformer_base").completed().for_steps(400)
    assert (base.vocabulary_size, base.warmup_steps, base.batch_tokens) == (37_000, 4000, 4096)
    assert base.learning_rate == pytest.approx(512**-0.5 * 4000**-0.5)


def test_a_checkpoint_has_gentler_defaults():
    settings = TranslationSettings(checkpoint="dir").completed().for_steps(400)
    assert (settings.epochs, settings.learning_rate) == (10, 2e-4)
    assert (settings.subword_dropout, settings.batch_tokens) == (0.0, 4096)
    assert (settings.preset, settings.checkpoint) == (None, "dir")
    settings = settings.for_checkpoint(longest=128)
    assert (settings.learning_rate, settings.max_sequence_length) == (2e-4, 128)


@pytest.mark.parametrize(
    ("start", "steps_per_epoch", "epochs", "warmup_steps", "patience"),
    [
        ({}, 400, 100, 1000, 10),
        ({}, 44, 100, 880, 12),
        ({}, 4, 250, 200, 125),
        ({}, 1, 1000, 200, 500),
        ({"checkpoint": "dir"}, 400, 10, 800, 10),
        ({"checkpoint": "dir"}, 2, 100, 40, 250),
        ({"epochs": 2}, 4, 2, 2, 125),
    ],
)
def test_little_data_is_seen_more_often(start, steps_per_epoch, epochs, warmup_steps, patience):
    """Enough steps, most of them after the warm-up, and no end before it."""
    settings = TranslationSettings(**start).completed().for_steps(steps_per_epoch)
    found = settings.epochs, settings.warmup_steps, settings.patience
    assert found == (epochs, warmup_steps, patience)


@pytest.mark.parametrize("start", [{}, {"preset": "transformer_big"}, {"checkpoint": "dir"}])
def test_what_is_given_stays(start):
    given = {
        **start,
        "epochs": 7,
        "learning_rate": 1e-4,
        "batch_tokens": 99,
        "subword_dropout": 0.3,
        "warmup_steps": 5,
        "num_beams": 2,
        "length_penalty": -0.5,
    }
    settings = TranslationSettings(**given).completed().for_steps(1)
    assert {name: getattr(settings, name) for name in given} == given
    assert settings.completed() == settings


def test_sizes_go_before_those_of_the_preset():
    sizes = TranslationSettings(preset="transformer_base", num_layers=2, hidden_dim=256).completed()
    assert sizes.sizes() == {
        "num_layers": 2,
        "num_decoder_layers": 2,
        "hidden_dim": 256,
        "num_heads": 8,
        "intermediate_dim": 2048,
    }
    assert sizes.learning_rate == pytest.approx((256 * 4000) ** -0.5)
    shallow = TranslationSettings(num_decoder_layers=1).completed().sizes()
    assert (shallow["num_layers"], shallow["num_decoder_layers"]) == (2, 1)


def test_the_width_must_split_over_the_heads():
    with pytest.raises(UserError, match="hidden_dim=130, num_heads=6"):
        TranslationSettings(hidden_dim=130).completed()
    with pytest.raises(UserError, match=r"`hidden_dim` must be even\. Received: hidden_dim=65"):
        TranslationSettings(hidden_dim=65)


def test_a_checkpoint_has_its_own_sizes():
    with pytest.raises(UserError, match="leave out hidden_dim, units, num_layers"):
        TranslationSettings(checkpoint="somewhere", num_layers=2)


OUT_OF_RANGE = [
    *((name, value) for name in ("warmup_steps", "num_beams") for value in (0, -1)),
    *((name, 0) for name in ("epochs", "batch_tokens", "patience", "vocabulary_size")),
    *(
        (name, value)
        for name in ("label_smoothing", "subword_dropout", "dropout")
        for value in (-0.1, 1.0, 1.5, math.nan)
    ),
    *(("length_penalty", value) for value in (math.inf, -math.inf, math.nan)),
    *(("learning_rate", value) for value in (0.0, -1e-3, math.inf, math.nan)),
    ("max_sequence_length", 2),
    ("precision", "float64"),
    ("seed", -1),
    ("seed", 2**31),
]


@pytest.mark.parametrize(("name", "value"), OUT_OF_RANGE)
def test_settings_out_of_range(name, value):
    with pytest.raises(UserError, match=rf"`{name}` must be .*Received: {name}={value}$"):
        TranslationSettings(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [("label_smoothing", 0.0), ("subword_dropout", 0.99), ("length_penalty", 0), ("num_beams", 1)],
)
def test_settings_at_the_edge_of_their_range(name, value):
    assert getattr(TranslationSettings(**{name: value}).completed(), name) == value


@pytest.mark.parametrize(
    ("preset", "message"),
    [
        ("transformer-small", "no preset 'transformer-small'. Did you mean 'transformer_small'?"),
        ("Transformer_Base", "no preset 'Transformer_Base'. Did you mean 'transformer_base'?"),
        (
            "scratch",
            "no preset 'scratch'. The presets are: transformer_small, transformer_base",
        ),
    ],
)
def test_a_preset_that_is_none(preset, message):
    with pytest.raises(UserError, match=message.replace("?", r"\?")):
        TranslationSettings(preset=preset).completed()


def test_a_checkpoint_has_its_own_size():
    message = "not both. Received: checkpoint=dir, preset=transformer_small"
    with pytest.raises(UserError, match=message):
        TranslationSettings(checkpoint="dir", preset="transformer_small")
