"""The page of `regard serve` in a browser."""

import base64
import io
import json
import shlex
import subprocess

import pytest
from PIL import Image
from test_attention_page import MARKUP

import browser
from playground_models import MODELS, serving

needs_chromium = pytest.mark.skipif(browser.CHROMIUM is None, reason="there is no Chromium here")


@pytest.fixture(scope="module")
def url():
    with serving() as address:
        yield address


@pytest.fixture(scope="module")
def chromium():
    with browser.opened() as opened:
        yield opened


@pytest.fixture
def page(chromium, url):
    """The page, which must end without an error and have asked nobody else."""
    yield chromium.open(f"{url}/")
    assert chromium.errors == []
    own = (url, "data:", "blob:")
    assert [each for each in chromium.requests if not each.startswith(own)] == []


SHOWN = "document.querySelector('#overview canvas') !== null"
ANSWERED = "/^Answered/.test(document.getElementById('status').textContent)"
WRONG = "document.querySelector('.status.wrong') !== null"
TEXTS = "(selector) => [...document.querySelectorAll(selector)].map((each) => each.textContent)"


def until(page, condition):
    return page.do(f"""new Promise((done, fail) => {{
        const look = () => ({condition}) ? done() : setTimeout(look, 5);
        setTimeout(() => fail("never: {condition.replace('"', "'")}"), 10000);
        look();
    }})""")


def choose(page, model):
    page.do(f"""(() => {{
        const pick = document.getElementById("model");
        pick.value = {json.dumps(model)};
        pick.dispatchEvent(new Event("change"));
    }})()""")


def ask(page, *texts, wait=ANSWERED):
    page.do(f"""(() => {{
        {json.dumps(texts)}.forEach((text, at) => {{
            document.getElementById(`field-${{at}}`).value = text;
        }});
        document.getElementById("status").textContent = "";
        document.getElementById("send").click();
    }})()""")
    until(page, wait)


def texts(page, selector):
    return page.do(f"({TEXTS})({json.dumps(selector)})")


def give_file(page, event, kind, name="a cat's.png", size=None):
    file = io.BytesIO()
    Image.new("RGB", (8, 6), "navy").save(file, "PNG")
    data = base64.b64encode(file.getvalue()[:size]).decode()
    page.do(f"""(() => {{
        const bytes = Uint8Array.from(atob("{data}"), (each) => each.charCodeAt(0));
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([bytes], {json.dumps(name)}, {{type: "image/png"}}));
        const how = {{cancelable: true, bubbles: true}};
        const given = {{dataTransfer, clipboardData: dataTransfer, ...how}};
        document.body.dispatchEvent(new {kind}("{event}", given));
    }})()""")


@needs_chromium
@pytest.mark.parametrize(
    ("model", "asked", "said"),
    [
        ("reviews", ["A 房间 <img src=x onerror=hurt()>"], "71.1%"),
        ("pairs", ["Is it open?", "We close."], "71.1%"),
        ("en-de", ["A dog runs."], "Ein Hund"),
        ("pretrained", ["The room was [MASK]."], "clean60.0%"),
        ("other", ['["a"]'], '"predictions"'),
    ],
)
def test_a_model_of_each_kind(page, model, asked, said):
    choose(page, model)
    ask(page, *asked)
    attends = next(shown.attend for shown, *_ in MODELS if shown.name == model)
    if attends:
        until(page, SHOWN)
        assert texts(page, "#attends") == [""]
    else:
        assert texts(page, "#attends") == ["An export alone."]
        assert texts(page, "#attention")[0].strip() == ""
    assert said in texts(page, "#result")[0]
    assert page.do("document.title") == "regard serve"
    assert page.do("document.querySelectorAll('main script, main img, body > img').length") == 0
    assert asked[0] in texts(page, ".try .asked")[0]


@needs_chromium
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_the_window(chromium, url, dark, width):
    page = chromium.open(f"{url}/", width=width, dark=dark)
    for model in ("many", "reviews"):
        choose(page, model)
        ask(page, f"{MARKUP} {'long' * 99}")
        assert page.do("document.documentElement.scrollWidth") <= width
    until(page, SHOWN)
    assert page.do("document.documentElement.scrollWidth") <= width and page.errors == []


@needs_chromium
def test_a_class_shows_what_speaks_for_it(page):
    choose(page, "reviews")
    ask(page, "a")
    until(page, SHOWN)
    page.click(*page.middle_of("button.outcome", 1))
    assert page.do("document.querySelectorAll('button.outcome')[1].ariaPressed") == "true"
    assert texts(page, "#mode [aria-pressed=true]") == ["Gradient × input"]
    page.press("m")  # what is chosen stays for the next question
    page.press("m")
    page.press("l")
    kept = texts(page, "#steppers b")
    ask(page, "b")
    until(page, f"{SHOWN} && !document.querySelector('.old')")
    assert texts(page, "#steppers b") == kept


@needs_chromium
@pytest.mark.parametrize(("event", "kind"), [("drop", "DragEvent"), ("paste", "ClipboardEvent")])
def test_a_picture(page, event, kind):
    """Whatever model is chosen, a picture goes to one that takes it."""
    give_file(page, event, kind)
    until(page, SHOWN)
    assert texts(page, ".verdict b") == ["cat"] and texts(page, ".try .asked") == ["a cat's.png"]
    assert page.do("document.querySelector('.preview').naturalWidth") == 8
    assert "The run answers otherwise: cat, 90.0%" in texts(page, "#attends")[0]
    assert page.do("document.getElementById('model').value") == "flowers"
    give_file(page, event, kind, "empty.png", 0)
    until(page, WRONG)
    assert texts(page, "#status") == ["empty.png is empty."]


@needs_chromium
def test_a_thousand_classes(page):
    choose(page, "many")
    ask(page, "a")
    assert len(texts(page, ".bars li")) == 10
    assert "10 of 1,000 classes" in texts(page, "#result")[0]
    page.do("document.querySelector('#result input').focus()")
    for key in "LY 13":
        page.press(key)
    assert [each[:7] for each in texts(page, ".bars .label")[:2]] == ["lily 13", "lily 13"]
    page.press("z")
    assert texts(page, ".bars li") == [] and "No class" in texts(page, "#result")[0]


@needs_chromium
def test_errors_are_said(page, monkeypatch):
    choose(page, "reviews")
    ask(page, "refuse", wait=WRONG)
    assert texts(page, "#status") == [
        f"The model does not take this: Input 0 <b>cannot</b> be read {MARKUP}"
    ]
    assert texts(page, "#result") == [""]
    ask(page, "fail", wait=WRONG)
    until(page, WRONG)
    assert "There is no attention" in texts(page, "#attends")[0]
    assert "71.1%" in texts(page, "#result")[0]
    choose(page, "other")
    ask(page, "[", wait=WRONG)
    assert "JSON Parse error" in texts(page, "#status")[0]
    page.errors.clear()  # a browser logs each status that is no 200


@needs_chromium
def test_a_server_that_has_gone(chromium):
    with serving(MODELS[:1]) as address:
        page = chromium.open(f"{address}/")
    ask(page, "a", wait=WRONG)
    assert texts(page, "#status") == ["The server does not answer. Is regard serve still running?"]
    assert texts(page, ".try .said.wrong") != []
    assert page.do("document.getElementById('models').hidden")  # there is one


@needs_chromium
def test_tries_come_back(page, url):
    choose(page, "reviews")
    ask(page, "first")
    until(page, SHOWN)
    choose(page, "en-de")
    ask(page, "second")
    until(page, f"{SHOWN} && document.getElementById('part')?.textContent")
    asked = len(page.requests)
    page.click(*page.middle_of(".try", 1))
    until(page, "document.querySelector('button.outcome .label')?.textContent.startsWith('good')")
    assert page.do("document.getElementById('field-0').value") == "first"
    assert page.do("document.getElementById('model').value") == "reviews"
    assert len(page.requests) == asked  # all of it was in the page
    ask(page, "first")
    assert texts(page, ".try .asked") == ["first", "second"]
    assert page.do("localStorage.length + sessionStorage.length + document.cookie.length") == 0


def sent_by(command, **options):
    """Returns what a command would send, by a `curl` that shows it."""
    curl = 'curl() { if [ "$2" = @- ]; then cat; else printf %s "$2"; fi; }'
    script = f"{curl}\n{command}\n"
    done = subprocess.run(["bash"], input=script, capture_output=True, text=True, **options)
    return json.loads(done.stdout)


@needs_chromium
@pytest.mark.parametrize("asked", ['It\'s "so" so\n$HOME `x` \\ 房', "房" * 40_000])
def test_the_command_asks_the_same(page, asked):
    choose(page, "reviews")
    ask(page, asked, wait=f"{ANSWERED} || {WRONG}")
    (command,) = texts(page, "#curl")
    if len(asked) < 1000:
        assert json.loads(shlex.split(command)[2]) == {"instances": [asked]}
    assert sent_by(command) == {"instances": [asked]}


@needs_chromium
def test_the_command_of_a_picture(page, tmp_path):
    give_file(page, "drop", "DragEvent")
    until(page, ANSWERED)
    (tmp_path / "a cat's.png").write_bytes(b"any")
    sent = sent_by(*texts(page, "#curl"), cwd=tmp_path)
    assert sent == {"instances": [{"image_bytes": {"b64": base64.b64encode(b"any").decode()}}]}


@needs_chromium
def test_the_keyboard_alone_reaches_all(page):
    home = "document.activeElement.closest('[id]')?.id"
    for key in "The room":
        page.press(key)  # the field has the keyboard at once; Enter asks
    page.press("Enter")
    until(page, SHOWN)
    reached = set()
    for _ in range(45):
        page.press("Tab")
        reached.add(page.do(home))
    expected = {"help", "theme", "model", "field-0", "send", "result", "copy", "curl", "list"}
    assert expected | {"mode", "steppers", "special", "tokens", "view", "overview"} <= reached
    page.press("Escape")
    page.press("q")
    assert page.do("document.activeElement.id") == "field-0"
    page.press("Escape")
    page.press("?")
    assert "to the question" in texts(page, "#keys")[0]
