import logging
import sys
import warnings

import matplotlib.image
import numpy as np
import pytest
from matplotlib import font_manager
from matplotlib.text import Text

from regard.recipes.runs.display import format_metrics
from regard.recipes.runs.drawing import with_codes
from regard.recipes.runs.evaluation import classification_metrics
from regard.recipes.runs.report import (
    _confusion_matrix,
    _learning_curves,
    _reliability,
    write_report,
)
from regard.recipes.translation.report import Alignment, write_alignment

PICTURES = ("learning_curves.png", "confusion_matrix.png", "reliability.png")
ASCII = set(map(chr, range(32, 127)))


def epochs(count):
    return [
        {
            "epoch": epoch,
            "loss": 1 / epoch,
            "accuracy": 1 - 0.5 / epoch,
            "val_loss": 0.4 + 0.01 * (epoch - 3) ** 2,
            "val_accuracy": 0.8 - 0.01 * (epoch - 3) ** 2,
            "val_macro_f1": 0.7 - 0.01 * (epoch - 3) ** 2,
            "learning_rate": 1e-4,
        }
        for epoch in range(1, count + 1)
    ]


def predictions(num_classes, num_examples=600):
    random = np.random.default_rng(0)
    labels = random.integers(0, num_classes, num_examples)
    scores = random.exponential(size=(num_examples, num_classes)) ** 2
    scores[np.arange(num_examples), labels] += 3
    return labels, scores / scores.sum(axis=1, keepdims=True)


def report(directory, class_names, history, **metrics):
    labels, probabilities = predictions(len(class_names))
    metrics |= classification_metrics(labels, probabilities, class_names)
    write_report(directory, history, metrics, labels, probabilities)
    return {name: (directory / name).read_bytes() for name in PICTURES}


def share_of_ink(path):
    image = matplotlib.image.imread(path)[:, :, :3]
    return float(np.mean(image.min(axis=2) < 0.9))


@pytest.mark.parametrize("num_classes", [2, 20])
@pytest.mark.parametrize("num_epochs", [1, 60])
def test_three_pictures_of_sane_size_that_are_not_blank(tmp_path, num_classes, num_epochs):
    directory = tmp_path / "run" / "report"
    names = [f"class {number}" for number in range(num_classes)]
    report(directory, names, epochs(num_epochs), best_epoch=1)
    assert sorted(path.name for path in directory.iterdir()) == sorted(PICTURES)
    for name in PICTURES:
        image = matplotlib.image.imread(directory / name)
        assert 500 < image.shape[0] < 2000
        assert 500 < image.shape[1] < 2000
        assert image[:, :, :3].std() > 0.05
        assert (directory / name).stat().st_size < 200_000


def test_same_input_gives_the_same_bytes(tmp_path):
    first = report(tmp_path / "first", ["bad", "good"], epochs(3), best_epoch=2)
    second = report(tmp_path / "second", ["bad", "good"], epochs(3), best_epoch=2)
    assert first == second


def test_the_best_epoch_is_marked(tmp_path):
    marked = report(tmp_path / "marked", ["bad", "good"], epochs(5), best_epoch=3)
    plain = report(tmp_path / "plain", ["bad", "good"], epochs(5))
    assert marked["learning_curves.png"] != plain["learning_curves.png"]
    assert marked["confusion_matrix.png"] == plain["confusion_matrix.png"]


def test_missing_and_broken_values_are_not_drawn(tmp_path):
    full = epochs(4)
    full[2] |= {"val_loss": float("nan"), "val_accuracy": None}
    report(tmp_path / "full", ["bad", "good"], full)
    report(tmp_path / "bare", ["bad", "good"], [{"epoch": 1, "loss": 0.5}, {"epoch": 2}])
    ink = {name: share_of_ink(tmp_path / name / "learning_curves.png") for name in ("full", "bare")}
    assert 0 < ink["bare"] < ink["full"]


def test_a_class_without_examples_is_an_empty_row(tmp_path, recwarn):
    labels, probabilities = np.array([0, 1]), np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]])
    metrics = classification_metrics(labels, probabilities, ["a", "b", "absent"])
    write_report(tmp_path, epochs(1), metrics, labels, probabilities)
    assert share_of_ink(tmp_path / "confusion_matrix.png") > 0.05
    assert not recwarn.list


def test_names_are_text_and_not_mathematics(tmp_path):
    report(tmp_path, ["$\\broken{", "100% $x$ & <b>"], epochs(1))
    assert share_of_ink(tmp_path / "confusion_matrix.png") > 0.05


def test_names_no_font_can_draw_are_numbered_and_said_once(tmp_path, monkeypatch, caplog, recwarn):
    monkeypatch.setattr("regard.recipes.runs.drawing._characters_in", lambda path: ASCII)
    with caplog.at_level(logging.INFO, logger="regard"):
        report(tmp_path, ["plain", "差评", "好评"], epochs(1))
    (record,) = caplog.records
    assert "by number" in record.getMessage()
    assert not recwarn.list  # Matplotlib warns of every character that it cannot draw


def test_chinese_names_never_flood_stderr(tmp_path, capfd, recwarn):
    report(tmp_path, ["负面评价", "正面评价"], epochs(1))
    assert "Glyph" not in capfd.readouterr().err
    assert not recwarn.list


def test_a_font_that_has_the_characters_is_used(tmp_path, monkeypatch, caplog):
    other = next(font for font in font_manager.fontManager.ttflist if font.name == "cmr10")
    monkeypatch.setattr(
        "regard.recipes.runs.drawing._characters_in",
        lambda path: {"评"} if path == other.fname else ASCII,
    )
    # The stand-in font does not really have the character: the warning shows that it was asked.
    with pytest.warns(UserWarning, match="Glyph 35780.*cmr10"):
        report(tmp_path, ["评", "ab"], epochs(1))
    assert "by number" not in caplog.text


def texts_of(figure):
    return [text.get_text() for text in figure.findobj(Text)]


def test_support_stands_beside_the_names():
    labels, probabilities = predictions(3)
    figure = _confusion_matrix(classification_metrics(labels, probabilities, ["a", "b", "$c"]))
    counts = np.bincount(labels)
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == [
        f"{name} ({count})" for name, count in zip(["a", "b", "$c"], counts, strict=True)
    ]
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["a", "b", "$c"]


def test_of_many_classes_those_that_are_confused_most_are_named():
    """Twelve pairs are confused, more and more often; ten are named, and the counts are."""
    names, matrix = [f"class {number}" for number in range(40)], np.diag([50] * 40)
    for number in range(12):
        matrix[number, number + 20] = number + 1
    labels, predicted = np.repeat(np.indices((40, 40)).reshape(2, -1), matrix.ravel(), axis=1)
    metrics = classification_metrics(labels, np.eye(40)[predicted], names)
    shown = texts_of(_confusion_matrix(metrics))
    assert "class 11 → class 31:  12 of 62" in shown
    assert sum("→ class" in text for text in shown) == 10
    assert "class 11 (62)" in shown
    lines = format_metrics(metrics).splitlines()
    first = lines.index("most confused (true → predicted)") + 1
    assert " ".join(lines[first].split()) == "class 11 → class 31 12 of 62"
    assert " ".join(lines[first + 9].split()) == "class 2 → class 22 3 of 53"


def test_where_none_is_confused_nothing_is_listed():
    names = [f"class {number}" for number in range(40)]
    metrics = classification_metrics(np.arange(40), np.eye(40), names)
    assert "No class is confused with another" in texts_of(_confusion_matrix(metrics))
    assert "most confused" not in format_metrics(metrics)


def test_bins_of_few_examples_fade():
    probabilities = np.array([[0.9, 0.1]] * 400 + [[0.6, 0.4]] * 4 + [[0.7, 0.3]])
    labels = np.zeros(405, int)
    metrics = classification_metrics(labels, probabilities, ["a", "b"])
    figure = _reliability(metrics, labels, probabilities)
    strengths = [bar.get_facecolor()[3] for bar in figure.axes[0].patches]
    filled = [bar.get_height() > 0 for bar in figure.axes[0].patches]
    assert [s for s, f in zip(strengths, filled, strict=True) if f] == pytest.approx(
        [0.5, 0.1, 0.95]  # one less 1 / √4, √1 (but for a tenth) and √400
    )
    lines = figure.axes[0].collections[0].get_colors()[:, 3]
    np.testing.assert_allclose(lines, strengths)


def test_pyplot_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it now raises
    report(tmp_path, ["bad", "good"], epochs(1))


def test_wrong_probabilities_write_nothing(tmp_path):
    labels, probabilities = predictions(2)
    metrics = classification_metrics(labels, probabilities, ["a", "b"])
    with pytest.raises(ValueError, match=r"\(599,\)"):
        write_report(tmp_path / "report", epochs(1), metrics, labels[1:], probabilities)
    assert not (tmp_path / "report").exists()


def test_alignment_is_drawn_with_the_fonts_there_are(tmp_path):
    weights = np.eye(3, 4, dtype="float32")
    pieces = ["▁a$b", "</s>", "\U000e0001", "年"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_alignment(tmp_path / "new/alignment.png", Alignment(pieces, pieces[:3], weights))
    height, width, _ = matplotlib.image.imread(tmp_path / "new/alignment.png").shape
    assert min(height, width) > 100


def test_characters_without_a_font_are_given_by_their_codes():
    assert with_codes("a年b", {"a", "b"}) == "a<5E74>b"


def test_learning_curves_of_a_translator_show_bleu(tmp_path):
    history = [{"epoch": 1, "loss": 2.0, "val_loss": 2.5, "val_bleu": 31.0}]
    figure = _learning_curves(history, {"best_epoch": 1})
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Loss", "BLEU"]
    assert figure.axes[1].lines[0].get_ydata() == [31.0]
