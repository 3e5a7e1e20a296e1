"""The tutorial: its chapters run and draw, what its pages quote is so, and its scripts serve."""

import csv
import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

TUTORIAL = Path(__file__).parents[1] / "docs" / "tutorial"
PAGES = [(TUTORIAL / name).read_text("utf-8") for name in ("en.md", "zh.md")]
MOST_BYTES = 1_000_000  # of all figures together
NUMBER = re.compile(r"-?\d+\.?\d*")


def blocks(page, kind):
    """Returns the fenced blocks of a kind, in their order."""
    return re.findall(rf"^```{kind}\n(.*?)^```", page, re.DOTALL | re.MULTILINE)


def figures(page):
    return re.findall(r"!\[[^]]+\]\(figures/(\w+)\.png\)", page)


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """Runs a chapter, and returns all that it has named: `read("03_kernels")`.

    Its figures are drawn anew, into a folder of the test, and what it prints stands on the pages.
    """
    folder = tmp_path_factory.mktemp("figures")

    def run(name, capsys):
        sys.modules["drawing"].FOLDER, before = folder, set(folder.iterdir())
        capsys.readouterr()
        named = runpy.run_path(str(TUTORIAL / f"{name}.py"))
        printed = capsys.readouterr().out.splitlines()
        drawn = {path.stem for path in set(folder.iterdir()) - before}
        text = (TUTORIAL / f"{name}.py").read_text("utf-8")
        assert drawn == set(re.findall(r'^save\(\w+, "(\w+)"\)', text, re.MULTILINE)) != set()
        for path in map(folder.joinpath, (f"{each}.png" for each in drawn)):
            pixels = np.asarray(Image.open(path))
            assert pixels.std() > 5  # something is on it
            assert pixels.shape == np.asarray(Image.open(TUTORIAL / "figures" / path.name)).shape
        quoted = "".join(blocks(PAGES[0], "text")).splitlines()
        for line in printed:
            assert any(agree(line, each) for each in quoted), line
        return named

    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(TUTORIAL)
        import drawing

        patch.setattr(drawing, "FOLDER", folder)
        yield run


def agree(printed, quoted):
    """Tells whether two lines have the same words, and numbers that are nearly the same."""
    words = ("".join(NUMBER.sub("#", each).split()) for each in (printed, quoted))
    if next(words) != next(words):
        return False
    pairs = zip(NUMBER.findall(printed), NUMBER.findall(quoted), strict=True)
    return all(abs(float(a) - float(b)) <= 0.15 + 0.1 * abs(float(b)) for a, b in pairs)


def test_a_question_decides_what_is_read(read, capsys):
    weights = read("01_newspaper", capsys)["weights"]
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(weights[0], 1 / 6, rtol=1e-6)
    assert weights[1].argmax() == 2 and weights[2].argmax() == 1


def test_an_average_between_the_mean_and_the_best(read, capsys):
    chapter = read("02_averages", capsys)
    averages = [float(row[0, 0]) for row in chapter["averages"].values()]
    assert averages[0] == pytest.approx(11) and averages[-1] == pytest.approx(20, abs=0.01)
    assert averages == sorted(averages)
    assert float(chapter["masked"][0, 3]) == 0


def test_a_learned_width_draws_the_curve(read, capsys):
    average, wide, learned = read("03_kernels", capsys)["errors"]
    assert learned < 0.6 * wide and wide < 0.7 * average


def test_scores_and_their_scale(read, capsys):
    chapter = read("04_scores", capsys)
    expected = {"dot product": 3.5, "scaled": 3.5 / 2**0.5, "general": -0.5}
    expected |= {"additive": np.tanh(3.5) + np.tanh(1.5), "cosine": 3.5 / (2.5 * 5) ** 0.5}
    assert chapter["values"] == pytest.approx(expected, rel=1e-5)
    largest = chapter["largest"]
    assert largest["dot product"][-1] > 0.85 and max(largest["scaled"]) < 0.45


def test_estimates_of_a_slope(read, capsys):
    chapter = read("05_soft_and_hard", capsys)
    true, slopes = chapter["true"], chapter["slopes"]
    doubt = {name: slope.std(0) / len(slope) ** 0.5 for name, slope in slopes.items()}
    off = {name: abs(slope.mean(0) - true) / doubt[name] for name, slope in slopes.items()}
    assert off["straight-through"].max() > 10  # standard errors: it is biased
    assert max(off["REINFORCE"].max(), off["with baseline"].max()) < 5
    assert doubt["with baseline"][0] < 0.7 * doubt["REINFORCE"][0]


@pytest.mark.slow
def test_a_state_forgets_and_an_alignment_finds(read, capsys):
    chapter = read("06_alignment", capsys)
    recalled, alignment = chapter["recalled"], chapter["alignment"]
    assert all(share[0] > 0.95 and share[-1] < 0.4 for share in recalled.values())
    assert recalled[256][4] > recalled[64][4] > recalled[16][4]
    assert chapter["right"] > 0.95
    # "voiture" and "rouge" read "car" and "red": crossed.
    assert alignment[1].argmax() == 2 and alignment[2].argmax() == 1


def test_one_head_answers_one_question(read, capsys):
    chapter = read("07_heads", capsys)
    shares, maps = chapter["shares"], chapter["maps"]
    assert shares[1].min() < 0.5 and shares[2].min() > 0.9
    directions = {
        int(np.roll(np.eye(8), turn, 1).ravel() @ np.ravel(each) > 4) * turn
        for each in maps[2]
        for turn in (1, -1)
    }
    assert directions >= {1, -1}


@pytest.mark.slow
def test_a_head_follows_it(read, capsys):
    chapter = read("08_it", capsys)
    follows, other, silenced = chapter["follows"], chapter["other"], chapter["silenced"]
    assert chapter["whole"] > 0.95
    assert follows[1].max() > 0.5 and other[1].max() < 0.2
    assert follows[0].max() < 0.01  # from right to left, no noun is seen
    assert min(silenced[0, 0], silenced[0, 1]) < 0.7


def test_positions(read, capsys):
    chapter = read("09_positions", capsys)
    assert chapter["without"] < 1e-5 and chapter["with_positions"] > 0.05
    assert chapter["error"] < 1e-4 and chapter["spread"] < 1e-4
    by_distance = chapter["by_distance"]
    assert (np.diff(by_distance[:6]) < 0).all() and by_distance[50] < 0.6 * by_distance[0]


def test_normalization_and_padding(read, capsys):
    chapter = read("10_normalization", capsys)
    assert chapter["changes"]["layer"] < 1e-4 and chapter["changes"]["batch"] > 0.5
    assert chapter["scale"]["layer"] == pytest.approx([1] * 4, abs=0.02)
    assert chapter["scale"]["batch"][-1] > 1.8


@pytest.mark.slow
def test_without_mlp_or_residuals_next_to_nothing_is_learned(read, capsys):
    chapter = read("11_without", capsys)
    computed, fetched = chapter["computed"], chapter["fetched"]
    assert computed["whole"][-1] > 0.85 and computed["without MLP"][-1] < 0.8  # a guess: 0.5
    assert computed["whole"][-1] - computed["without MLP"][-1] > 0.15
    assert fetched["whole"][0][-1] > 0.9
    assert fetched["without residuals"][0][-1] < 0.5  # a guess: 0.125


def test_table_1(read, capsys):
    paths = read("12_table_1", capsys)["paths"]
    expected = {"recurrence": 63, "convolution": 21, "restricted attention": 4, "attention": 1}
    assert paths == expected


def test_table_3(read, capsys):
    chapter = read("13_table_3", capsys)
    assert chapter["rows"].keys() == chapter["VARIANTS"].keys()
    measured = {name: int(row["weights"]) for name, row in chapter["rows"].items()}
    assert chapter["sizes"] == measured


@pytest.mark.slow
def test_the_whole_transformer(read, capsys):
    chapter = read("14_transformer", capsys)
    assert chapter["right"] > 0.95
    assert chapter["translation"] == "la voiture rouge et le chat jeune"
    decoder = np.asarray(chapter["maps"]["decoder"])[0]
    assert np.triu(decoder, 1).max() == 0  # no word that comes later


@pytest.mark.slow
def test_the_recipes(read, capsys):  # 40 s; the recipes have tests of their own
    chapter = read("15_recipes", capsys)
    assert chapter["answer"].label == "positive" and chapter["seen"].title == "red"
    assert chapter["share"] > 1.5 * chapter["is_disc"].mean()


def test_both_pages_show_the_same_and_it_is_the_code():
    english, chinese = PAGES
    assert figures(english) == figures(chinese)
    for kind in ("python", "text", "console"):
        assert blocks(english, kind) == blocks(chinese, kind) != []
    sources = [path.read_text("utf-8") for path in sorted(TUTORIAL.glob("*.py"))]
    for block in blocks(english, "python"):
        assert any(block in source for source in sources), block
    drawn = {path.stem for path in (TUTORIAL / "figures").iterdir()}
    assert set(figures(english)) == drawn
    sizes = [path.stat().st_size for path in (TUTORIAL / "figures").iterdir()]
    assert sum(sizes) < MOST_BYTES


# The scripts that people copy, each on data of a few lines.


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Runs a script on a source, and loads what it saves; XLA takes longer than these few steps."""

    def run(name, source):
        import tensorflow as tf

        script = TUTORIAL / "scripts" / f"{name}.py"
        assert len(script.read_text("utf-8").splitlines()) <= 40
        target = tmp_path / "served" / "1"
        monkeypatch.syspath_prepend(TUTORIAL)
        monkeypatch.setattr(sys, "argv", [script.name, str(source), str(target)])
        monkeypatch.setattr("keras.src.trainers.trainer.model_supports_jit", lambda model: False)
        runpy.run_path(str(script))
        return tf.saved_model.load(str(target)).signatures["serving_default"]

    return run


@pytest.mark.slow
def test_sentiment_on_your_own_csv(served, tmp_path):
    table = tmp_path / "reviews.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["label", "text"])
        rows = [("good", "The room was lovely."), ("bad", "The room was awful.")]
        writer.writerows(40 * rows)
    answer = served("sentiment", table)
    import tensorflow as tf

    found = answer(texts=tf.constant(["The room was lovely.", "The room was awful.", ""]))
    assert list(found["label"].numpy()[:2]) == [b"good", b"bad"]
    np.testing.assert_allclose(found["scores"].numpy().sum(axis=1), 1, rtol=1e-5)


@pytest.mark.slow
def test_a_vit_on_your_own_folder(served, tmp_path):
    folder = tmp_path / "pictures"
    for name, colour in (("blue", (40, 40, 220)), ("red", (220, 40, 40))):
        (folder / name).mkdir(parents=True)
        for number in range(12):
            Image.new("RGB", (30 + number, 40), colour).save(folder / name / f"{number}.png")
    answer = served("vit", folder)
    import tensorflow as tf

    files = [(folder / name / "1.png").read_bytes() for name in ("red", "blue")]
    found = answer(image_bytes=tf.constant(files))
    assert list(found["label"].numpy()) == [b"red", b"blue"]


@pytest.mark.slow
def test_a_translator(served, tmp_path):
    from phrases import write_pairs

    pairs = write_pairs(64, 1, seed=1)
    (tmp_path / "pairs.tsv").write_text("\n".join(map("\t".join, pairs)), "utf-8")
    answer = served("translator", tmp_path / "pairs.tsv")
    import tensorflow as tf

    found = answer(texts=tf.constant([source for source, _ in pairs[:9]]))["translation"].numpy()
    assert all(text.decode().split()[0] in ("le", "la") for text in found)
    assert b"[end]" not in b"".join(found)
