"""A run's report as a page: what it says, that nothing stops it, and what it does in a browser."""

import json
import logging
import re
import threading
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from test_attention_page import MARKUP, needs_chromium
from test_attention_page import text as attention_of_a_text

import browser
from regard.recipes.attention.attention import Attention
from regard.recipes.log import heard, hushed
from regard.recipes.report.calibration import calibration
from regard.recipes.report.charts import histogram, lines
from regard.recipes.report.classifier import Examined, Parts, write_classifier_page
from regard.recipes.report.data import data, lengths, sizes
from regard.recipes.report.going_on import evaluation, example_of, go_on, words
from regard.recipes.report.markup import name
from regard.recipes.report.samples import Sample, mistakes, verdict
from regard.recipes.report.training import curves
from regard.recipes.runs.evaluation import classification_metrics
from regard.recipes.tasks import TASKS
from regard.recipes.text.data import read_labelled_texts

TEXTS = [f"{MARKUP} " + "word " * 99, "房间很干净，早餐也不错。", "עברית", "plain"]
SAID = "reviews.csv: bad rows left out: 3, first row 7: <b>the text</b>"
logger = logging.getLogger("regard")


def history(count=5, **changed):
    rows = [
        {
            "epoch": epoch,
            "loss": 2 / epoch,
            "val_loss": 2.2 / epoch,
            "val_accuracy": 1 - 0.5 / epoch,
            "learning_rate": 1e-3 / epoch,
            "seconds": 3.0,
        }
        for epoch in range(1, count + 1)
    ]
    rows[1] |= changed
    return rows


def names(count):
    return [MARKUP, "好评", "$x$", *(f"class {number}" for number in range(count))][:count]


def examined(num_classes=3, epochs=None, attention=None):
    """A classifier that takes many for the next class, and has no example of the last one."""
    random, count = np.random.default_rng(0), min(3000, 20 * num_classes)
    labels = random.integers(0, num_classes - 1, count)
    predicted = (labels + (random.random(count) < 0.3)) % num_classes
    probabilities = np.full((count, num_classes), 0.2 / num_classes)
    probabilities[np.arange(count), predicted] += 0.8 - 0.1 * random.random(count)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    classes = names(num_classes)
    train = {"source": f"{MARKUP}.csv", "num_examples": 7 * count, "num_skipped": 3}
    train |= {"text_column": "review", "class_counts": dict.fromkeys(classes, 7)}
    metadata = {
        "task": "text",
        "settings": {"epochs": 5, "checkpoint": MARKUP, "long_texts": "cut"},
        "given": {"checkpoint": MARKUP},
        "data": {"train": train, "validation": {"source": "dev.csv", "num_examples": count}},
    }
    metrics = {**classification_metrics(labels, probabilities, classes), "best_epoch": 4}
    run = SimpleNamespace(metadata=metadata, metrics=metrics, task="text")
    run.attention = attention or (lambda _: Attention(**vars(attention_of_a_text())))
    return Examined(run, history() if epochs is None else epochs, labels, probabilities, run)


def write(directory, examined, measured=None):
    """Writes a report of texts, and returns its page."""
    run, _, labels, probabilities, _ = examined
    output = Path("runs/my run")
    current = SimpleNamespace(said=[SAID], asked={"train": "reviews.csv"}, output=output)

    def samples(rows):
        return [
            Sample(
                verdict(labels[row], probabilities[row], run.metrics["class_names"])
                + name(TEXTS[number % 4]),
                TEXTS[number % 4],
            )
            for number, row in enumerate(rows)
        ]

    def steps():
        question = words(example_of(["-x", "two\nlines", "it's <b>fine</b>"]))
        more = [evaluation(output, "dev.csv")]
        return go_on(TASKS["text"], output, current.asked, question, more)

    def of_lengths():
        return lengths("Lengths", np.arange(1, 90) ** 2 % 97, 89, 64)

    parts = Parts(samples, measured or of_lengths, steps, False)
    write_classifier_page(directory, current, examined, parts)
    return (directory / "index.html").read_text("utf-8")


class Read(HTMLParser):
    """What a page has: its elements by what they are, and its words."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.words = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes.append(dict(attributes))

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def test_what_the_page_says(tmp_path):
    page = Read(write(tmp_path, examined()))
    for words_of in (
        f"A text classifier of {MARKUP}.csv",
        SAID,
        f"checkpoint {MARKUP}",
        "The best epoch, kept: 4 .",
        "Without an example in the validation data: 1 ( $x$ )",
        "expected calibration error is",
        "regard predict 'my run' 'it'\"'\"'s <b>fine</b>'",
        "regard evaluate 'my run' dev.csv",
        "regard fit text --config 'my run/config.yaml' --output 'my run-again'",
        "The model reads 64 at once",
    ):
        assert words_of in page.text, words_of
    ids = [each["id"] for each in page.attributes if "id" in each]
    links = [each["href"][1:] for each in page.attributes if each.get("href", "")[:1] == "#"]
    assert len(set(ids)) == len(ids) and set(links) <= set(ids) and len(links) == 10


def test_the_surest_mistakes_have_their_attention_beside(tmp_path):
    asked = []

    def attention(question):
        asked.append(question)
        if question == TEXTS[1]:
            raise RuntimeError("out of memory")
        return Attention(**vars(attention_of_a_text()))

    page = Read(write(tmp_path, examined(attention=attention)))
    links = [each["href"] for each in page.attributes if each.get("class") == "look"]
    assert len(asked) == 6 and links == [f"attention-{number}.html" for number in (1, 3, 4, 5)]
    assert all("default-src 'none'" in (tmp_path / link).read_text("utf-8") for link in links)
    assert "in runs" not in (tmp_path / links[0]).read_text("utf-8")


def test_markup_is_inert(tmp_path):
    page = write(tmp_path, examined())
    tags = Read(page).tags
    assert tags.count("script") == 2 and tags.count("b") == 1
    assert MARKUP not in page and "style=" not in page
    assert "http" not in page.replace("http-equiv", "").replace("over HTTP", "")
    assert not any(key.startswith("on") for each in Read(page).attributes for key in each)


def test_the_same_run_has_the_same_bytes(tmp_path):
    first, second = (tmp_path / each for each in ("first", "second"))
    write(first, examined(20))
    write(second, examined(20))
    files = sorted(path.name for path in first.iterdir())
    assert files == [*(f"attention-{number}.html" for number in range(1, 7)), "index.html"]
    assert all((first / each).read_bytes() == (second / each).read_bytes() for each in files)


def test_what_cannot_be_drawn_is_said_and_stops_nothing(tmp_path, caplog):
    def fail():
        raise RuntimeError("no lengths")

    broken = examined()
    broken.run.metadata.pop("settings")
    page = Read(write(tmp_path, broken, fail))
    assert page.text.count("This could not be drawn.") == 2  # the settings, and the lengths
    assert "How to go on" in page.text and SAID in page.text
    assert "A part of the report could not be drawn: no lengths" in caplog.messages


def test_mistakes_that_cannot_be_drawn_are_mistakes():
    assert Read(mistakes([], 0, 7, [])).text == (
        "All examples of the validation data are recognized: 7."
    )
    lost = Read(mistakes(None, 3, 7, [])).text
    assert lost == (
        "3 of 7 examples are taken for another class. This could not be drawn. The log says why."
    )


def test_samples_that_fail_do_not_hide_mistakes(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("a picture is gone")

    monkeypatch.setattr("test_report_page.verdict", fail)
    page = Read(write(tmp_path, examined()))
    assert "of the validation data are recognized" not in page.text
    assert "examples are taken for another class. This could not be drawn." in page.text


def test_columns_of_both_parts(tmp_path):
    train = {"source": "a.csv", "num_examples": 9, "text_column": "review"}
    validation = {"source": "b.csv", "num_examples": 2, "text_column": "text"}
    both = Read(data({"train": train, "validation": validation}, [], False)).text
    assert "“train” was read from the texts in review ." in both
    assert "“validation” was read from the texts in text ." in both
    alike = {"train": train, "validation": validation | {"text_column": "review"}}
    assert "It was read from the texts in review ." in Read(data(alike, [], False)).text


@pytest.mark.parametrize(
    ("right", "said"),
    [(0.8, "as sure as it is right"), (0.7, "too sure"), (0.9, "not sure enough")],
)
def test_what_calibration_is_called(right, said):
    probabilities = np.tile([0.8, 0.2], (10, 1))
    labels = (np.arange(10) >= 10 * right).astype(int)
    metrics = classification_metrics(labels, probabilities, ["a", "b"])
    assert f"on the whole it is {said}." in Read(calibration(metrics, labels, probabilities)).text


def test_figures_that_are_none(tmp_path):
    shown = Read(curves(history(val_loss=float("nan")), {"last_epoch": 5}))
    assert "Not drawn, for they are no numbers: Validation loss in epoch 2." in shown.text
    assert "The last epoch, kept: 5 ." in shown.text
    assert not any("nan" in str(each.get("points")) for each in shown.attributes)
    assert "No epoch came to its end" in Read(curves([], {})).text
    assert "svg" in Read(curves(history()[:1], {})).tags


@pytest.mark.parametrize(("num_classes", "most"), [(150, 300_000), (1000, 1_000_000)])
def test_of_many_classes_there_is_a_picture(num_classes, most, tmp_path):
    page = write(tmp_path, examined(num_classes, attention=lambda _: None))
    assert len(page) < most
    read = Read(page)
    assert [each["src"][:22] for each in read.attributes if "src" in each] == [
        "data:image/png;base64,"
    ]
    told = json.loads(re.search(r'id="told">(.*?)</script>', page, re.DOTALL)[1])
    assert told["names"] == names(num_classes) and sum(told["supports"]) == 3000
    assert sum(told["cells"][2::3]) == 3000


def test_points_and_bars_are_where_their_values_are():
    drawn = Read(lines({"loss": [(1, 10.0), (2, 20.0)]}, "epoch"))
    dots = [each for each in drawn.attributes if "cx" in each]
    assert [(float(each["cx"]), float(each["cy"])) for each in dots] == [(142, 214), (334, 10)]
    bars = Read(histogram(np.array([0, 0, 1]), "tokens"))
    heights = [float(each["height"]) for each in bars.attributes if "height" in each]
    assert heights[0] == pytest.approx(2 * heights[1], abs=0.02)


def test_how_large_images_are():
    sides = np.array([30] * 3 + [20, 90])
    page = sizes("Sizes", sides, 5, (28, 32))
    assert "at most 30 pixels; the smallest has 20, the largest 90." in page
    assert "reads every image as 28 × 32 pixels" in page and "read as 28 pixels" in page
    assert "Measured on" not in page
    assert "Measured on 5 of 1,200." in sizes("Sizes", sides, 1200, (28, 32))


def test_what_was_said_of_the_data_stays_with_it(tmp_path):
    file = tmp_path / "reviews.csv"
    file.write_text("text,label\ngood,1\n,0\nbad,0\n")
    data = read_labelled_texts(file, skip_bad_rows=True)
    assert [line for line in data.said if "bad rows left out: 1, first row 3" in line]


def test_lines_are_heard_and_hushed(caplog):
    root = logging.getLogger("regard")
    root.setLevel(logging.INFO)

    def elsewhere():
        logger.warning("elsewhere")

    with heard() as said:
        logger.info("one\nline")
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        with hushed():
            logger.warning("nobody hears")
    logger.warning("later")
    assert said == ["one\\u000aline"]
    assert caplog.messages[-2:] == ["elsewhere", "later"]


@pytest.fixture(scope="module")
def opened():
    with browser.opened() as page:
        yield page


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Reports of 3 and of 150 classes, by these numbers."""
    base = tmp_path_factory.mktemp("a run's")
    for count in (3, 150):
        write(base / f"{count} classes/report", examined(count))
    return {count: base / f"{count} classes/report/index.html" for count in (3, 150)}


@pytest.fixture
def show(opened, pages):
    """Opens a report, and checks in the end that it had no error and loaded nothing."""

    def shown(num_classes=3, **window):
        return opened.open(pages[num_classes], **window)

    yield shown
    assert opened.errors == []
    assert [url for url in opened.requests if not url.startswith(("file:", "data:"))] == []


@needs_chromium
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("num_classes", [3, 150])
def test_it_opens(show, num_classes, dark, width):
    page = show(num_classes, width=width, dark=dark)
    assert page.do("document.documentElement.scrollWidth") <= width
    assert page.do("document.title").endswith("regard report")
    assert page.do("[...document.images].every((each) => each.naturalWidth > 0)")
    paint = page.do("getComputedStyle(document.body).backgroundColor")
    page.do("document.getElementById('theme').click()")
    assert page.do("getComputedStyle(document.body).backgroundColor") != paint


@needs_chromium
def test_commands_name_the_run_where_it_lies(show, pages):
    page = show()
    found = page.do("document.querySelector('.command code').textContent")
    run = str(pages[3].parent.parent).replace("'", "'\"'\"'")
    assert found == f"regard predict '{run}' 'it'\"'\"'s <b>fine</b>'"


@needs_chromium
def test_a_table_is_sorted_and_filtered(show):
    page = show(150)
    recalls = (
        "[...document.querySelectorAll('.sorted tbody tr')].map((row) => row.cells[4].innerText)"
    )
    for is_down in (True, False):
        page.click(*page.middle_of(".sorted thead button", 4))
        found = [float(each) for each in page.do(recalls) if each != "–"]
        assert len(found) == 149 and found == sorted(found, reverse=is_down)
    page.do("document.querySelector('.filter input').focus()")
    for key in "class 77":
        page.press(key)
    rows = "[...document.querySelectorAll('.sorted tbody tr:not([hidden]) th')]"
    assert page.do(f"{rows}.map((each) => each.textContent).sort()") == ["class 76", "class 77"]


@needs_chromium
def test_a_large_matrix_tells_its_cells(show):
    page = show(150)
    said = "document.getElementById('cell').textContent"
    page.do("document.getElementById('matrix').focus()")
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        page.press(key)
    counts = np.array(examined(150).run.metrics["confusion_matrix"])
    expected = f"Truly 好评, taken for $x$: {counts[1, 2]} of {counts[1].sum()}."
    assert page.do(said) == expected
    page.point(*page.middle_of("#matrix"))
    assert page.do(said).startswith(("class 72:", "Truly class 7"))


@needs_chromium
def test_the_keyboard_reaches_all(show):
    page = show(3)
    reached = set()
    for _ in range(70):
        page.press("Tab")
        reached.add(
            page.do("(({tagName, id, className: c}) => id || c || tagName)(document.activeElement)")
        )
    assert {"skip", "theme", "A", "box", "SUMMARY", "look", "quiet"} <= reached
