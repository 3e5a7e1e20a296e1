import pytest

from regard.recipes.errors import UserError
from regard.recipes.pretraining.settings import PretrainingSettings
from regard.recipes.text.settings import TextSettings


def test_from_scratch_the_width_decides():
    settings = TextSettings(preset="mini").completed()
    assert settings.learning_rate == 0.128 / 256
    assert (settings.teacher, settings.epochs) == (True, None)


def test_a_teacher_decides_once_the_data_is_known():
    settings = TextSettings().completed()
    taught, alone = settings.for_lesson(has_teacher=True), settings.for_lesson(has_teacher=False)
    assert (taught.teacher, taught.epochs, taught.batch_tokens) == (True, 4, 4096)
    assert (taught.label_smoothing, taught.token_dropout, taught.dropout) == (0.0, 0.0, 0.0)
    assert (alone.teacher, alone.epochs, alone.batch_tokens) == (False, None, 1024)
    assert (alone.label_smoothing, alone.token_dropout, alone.dropout) == (0.1, 0.1, None)
    given = TextSettings(epochs=7, dropout=0.3, batch_tokens=64).completed()
    assert given.for_lesson(has_teacher=True).dropout == 0.3
    assert (given.for_lesson(True).epochs, given.for_lesson(True).batch_tokens) == (7, 64)


def test_a_checkpoint_has_gentler_defaults():
    settings = TextSettings(checkpoint="dir", max_sequence_length=300).completed()
    assert (settings.label_smoothing, settings.layer_decay, settings.epochs) == (0.0, 0.8, None)
    settings = settings.for_checkpoint(width=768, longest=512)
    assert settings.learning_rate == pytest.approx(1e-4)
    assert settings.max_sequence_length == 300


@pytest.mark.parametrize(
    ("given", "steps", "epochs"),
    [
        ({}, 1, 1000),
        ({}, 13, 77),
        ({}, 500, 20),
        ({"checkpoint": "dir"}, 1, 200),
        ({"checkpoint": "dir"}, 12, 17),
        ({"checkpoint": "dir"}, 150, 3),
        ({"checkpoint": "dir", "epochs": 2}, 1, 2),
    ],
)
@pytest.mark.parametrize("settings", [TextSettings, PretrainingSettings])
def test_little_data_is_seen_more_often(settings, given, steps, epochs):
    assert settings(**given).completed().for_steps(steps).epochs == epochs


def test_a_text_is_no_longer_than_the_checkpoint_reads():
    settings = TextSettings(checkpoint="dir").completed().for_checkpoint(width=768, longest=128)
    assert settings.max_sequence_length == 128


def test_lora_learns_faster():
    settings = TextSettings(checkpoint="dir", lora=4).completed()
    assert settings.for_checkpoint(768, 512).learning_rate == pytest.approx(5e-4)


def test_pretraining_goes_on_more_gently():
    settings = PretrainingSettings(checkpoint="dir").completed().for_checkpoint(768, 512)
    assert settings.learning_rate == pytest.approx(5e-5)


@pytest.mark.parametrize(
    ("given", "size"),
    [
        ({"checkpoint": "dir"}, 0.02),
        ({"checkpoint": "dir", "lora": 4}, 0.0),
        ({"checkpoint": "dir", "teacher": True}, 0.0),
        ({"checkpoint": "dir", "lora": 4, "adversarial": 0.1}, 0.1),
        ({}, 0.0),
        ({"adversarial": 0.1}, 0.1),
    ],
)
def test_when_embeddings_move(given, size):
    settings = TextSettings(**given).completed()
    assert settings.for_lesson(has_teacher=settings.teacher).adversarial == size


def test_what_is_given_stays():
    given = {"learning_rate": 1e-4, "epochs": 7, "label_smoothing": 0.3, "teacher": True}
    settings = TextSettings(checkpoint="dir", **given).completed().for_checkpoint(768, 512)
    assert {name: getattr(settings, name) for name in given} == given


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"checkpoint": "dir", "preset": "tiny"}, "checkpoint=dir, preset=tiny"),
        ({"freeze": 2}, "freeze=2, lora=None"),
        ({"lora": 2}, "freeze=0, lora=2"),
        ({"checkpoint": "dir", "lora": 2, "freeze": 1}, "not both"),
        ({"adversarial": -0.1}, "adversarial=-0.1"),
        ({"adversarial": 0.1, "teacher": True}, "teacher=True, adversarial=0.1"),
        ({"layer_decay": 1.5}, r"\(0, 1\].*layer_decay=1.5"),
        ({"max_sequence_length": 2}, "max_sequence_length=2"),
    ],
)
def test_settings_that_cannot_be(settings, message):
    with pytest.raises(UserError, match=message):
        TextSettings(**settings)


def test_masked_share_is_a_share():
    with pytest.raises(UserError, match=r"masked_share=1\.0"):
        PretrainingSettings(masked_share=1.0)
