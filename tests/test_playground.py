"""The page of `regard serve`: what answers it, its safety, and what it does in a browser."""

import base64
import io
import json
import shlex
import subprocess
import threading
import time
from contextlib import contextmanager
from http.client import HTTPConnection

import numpy as np
import pytest
import uvicorn
from PIL import Image
from test_attention_page import MARKUP, image, softmax, text, tokens, translation, weights

import browser
from regard.recipes.attention.arrays import AttentionArrays, Outcome, self_attention
from regard.recipes.errors import UserError
from regard.recipes.server import http
from regard.recipes.server.dispatch import Dispatch, NoExport
from regard.recipes.server.guard import is_loopback, refusal
from regard.recipes.server.lane import Lane
from regard.recipes.server.playground import (
    ATTEND,
    HEADERS,
    Playground,
    Shown,
    kind_of,
    read_question,
)
from regard.recipes.server.rest import RestApi, Signature
from regard.recipes.server.status import Refused

CLASSES = [f"good {MARKUP}", "bad"]
MANY = [f"{name} {number}" for number in range(250) for name in ("rose", "tulip", "蓝", "lily")]
LABELLED = {"label": "string", "score": "float", "classes": "string", "scores": "float"}
needs_chromium = pytest.mark.skipif(browser.CHROMIUM is None, reason="there is no Chromium here")


class Model:
    """Has the functions of an export, as far as the API of one asks."""

    def __init__(self, inputs, outputs=LABELLED):
        self.metadata = {}
        dtypes = dict.fromkeys(inputs, "string")
        self.signatures = {"serving_default": Signature(dtypes, outputs)}


def classify(classes):
    scores = softmax(np.float32([0.9] + [0.0] * (len(classes) - 1)))
    names = np.array([name.encode() for name in classes], object)

    def ask(_, inputs):
        (texts, *_) = inputs.values()
        if b"refuse" in texts:
            raise Refused(f"Input 0 <b>cannot</b> be read {MARKUP}")
        many = [texts.shape[0], 1]
        return {
            "label": np.repeat(names[:1], len(texts)),
            "score": np.repeat(scores[:1], len(texts)),
            "classes": np.tile(names, many),
            "scores": np.tile(scores, many),
        }

    return ask


def translate(_, inputs):
    return {"translations": np.array([b"Ein Hund rennt"], object), "scores": np.float32([-0.1])}


def masked(_):
    words = ["[CLS]", "The", "room", "was", "[MASK]", ".", "[SEP]"]
    return AttentionArrays(
        subject="a masked language model",
        prediction=None,
        title="clean",
        score=0.6,
        heads={"encoder": self_attention(tokens(words), weights(2, 3, 7, 7))},
        outcomes=[Outcome("clean", 0.6, 4), Outcome("dirty", 0.2, 4), Outcome(MARKUP, 0.1, 4)],
        contributions=np.random.default_rng(1).normal(size=(3, 7)),
    )


def attend(question):
    if question == "fail":
        raise UserError("There is\nno attention")
    return text()


TRANSLATED = {"translations": "string", "scores": "float"}
ALONE = (None, "An export alone.")
MODELS = [
    (Shown("reviews", 3, "text", attend), Model(["texts"]), classify(CLASSES)),
    (Shown("pairs", 1, "pair", *ALONE), Model(["texts", "pairs"]), classify(CLASSES)),
    (
        Shown("flowers", 1, "image", lambda _: image()),
        Model(["image_bytes"]),
        classify(["cat", "dog"]),
    ),
    (Shown("many", 1, "text", *ALONE), Model(["texts"]), classify(MANY)),
    (
        Shown("en-de", 1, "translation", lambda _: translation([translation()])),
        Model(["texts"], TRANSLATED),
        translate,
    ),
    (Shown("pretrained", 1, "mask", masked, mask="[MASK]"), NoExport(), None),
    (Shown("other", 1, "other", *ALONE), Model(["texts"]), classify(CLASSES)),
]


@contextmanager
def serving(models=MODELS, is_local=True):
    apis = {each.name: RestApi(model, ask, each.name, each.version) for each, model, ask in models}
    dispatch = Dispatch(Playground([shown for shown, *_ in models]), apis)
    with http.bound("127.0.0.1", 0) as taken:
        application = http.application(dispatch.answer, is_local)
        server = uvicorn.Server(uvicorn.Config(application, log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, args=([taken],))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{taken.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def url():
    with serving() as address:
        yield address


def fetch(url, path, body=None, verb=None, **headers):
    """Returns the status, headers and text of an answer."""
    connection = HTTPConnection(url.removeprefix("http://"), timeout=30)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    body = body if body is None or isinstance(body, str) else json.dumps(body)
    connection.request(verb or ("POST" if body is not None else "GET"), path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read().decode()


# What answers it


def test_the_page_and_its_policy(url):
    paths = {"/": "html", "/playground/page.js": "javascript", "/playground/page.css": "css"}
    for path, kind in {**paths, "/playground/models": "json"}.items():
        status, headers, body = fetch(url, path)
        assert status == 200 and kind in headers["Content-Type"] and body
        assert {name: headers[name] for name in HEADERS} == HEADERS
        assert fetch(url, path, verb="HEAD")[::2] == (200, "")
    policy = HEADERS["Content-Security-Policy"]
    for rule in ("default-src 'none'", "script-src 'self'", "style-src 'self'"):
        assert f"{rule};" in policy
    assert "frame-ancestors 'none'" in policy and "unsafe" not in policy
    page = fetch(url, "/")[2]
    assert page.count("<script") == 1 and "<style" not in page and "style=" not in page
    assert "http" not in page


def test_the_rest_api_is_as_it_was(url):
    shown, model, ask = MODELS[0]
    alone = RestApi(model, ask, shown.name, shown.version)
    for verb, path, body in (
        ("POST", "/v1/models/reviews:predict", {"instances": ["a"]}),
        ("POST", "/v1/models/reviews:predict", {"instances": ["refuse"]}),
        ("GET", "/v1/models/reviews", None),
        ("GET", "/v1/models/none", None),
        ("GET", "/v1/models", None),
        ("POST", "/", {}),
        ("POST", "/playground/models", {}),
        ("GET", ATTEND, None),
        ("GET", "/index.html", None),
    ):
        text = "" if body is None else json.dumps(body)
        expected = alone.answer(verb, path, text.encode())
        assert fetch(url, path, text or None, verb)[::2] == expected


def test_every_model_answers_by_its_name(url):
    predict = {"instances": ["a"]}
    for name, label in (("many", MANY[0]), ("reviews", CLASSES[0])):
        status, _, body = fetch(url, f"/v1/models/{name}:predict", predict)
        assert (status, json.loads(body)["predictions"][0]["label"]) == (200, label)
    status, _, body = fetch(url, "/v1/models/pretrained:predict", predict)
    assert status == 400 and "not found in signature def" in body


def ask_attention(url, model, **inputs):
    status, headers, body = fetch(url, ATTEND, {"model": model, "inputs": inputs})
    assert headers["X-Content-Type-Options"] == "nosniff"
    return status, json.loads(body)


def test_attention_is_what_the_page_reads(url):
    status, found = ask_attention(url, "reviews", texts="a")
    assert status == 200 and found["parts"][0]["weights"]["shape"] == [3, 5, 9, 9]
    assert found["subject"] == ""  # which may name folders
    assert ask_attention(url, "reviews", texts="fail") == (400, {"error": "There is no attention"})
    assert ask_attention(url, "pairs", texts="a", pairs="b") == (501, {"error": "An export alone."})
    status, found = ask_attention(url, "none", texts="a")
    assert status == 404 and "No model is called 'none'" in found["error"]
    assert fetch(url, ATTEND, "[")[0] == 400


@pytest.mark.parametrize(
    ("kind", "inputs", "said"),
    [
        ("text", None, "must have texts"),
        ("text", {"texts": "a", "pairs": "b"}, "must have texts"),
        ("pair", {"texts": "a"}, "must have texts and pairs"),
        ("mask", {"texts": 7}, "must be a string. Received: 7"),
        ("text", {"texts": "a" * 100_001}, "up to 100,000 characters. Received: one of 100,001"),
        ("image", {"image_bytes": "a"}, "in base64"),
        ("image", {"image_bytes": {"b64": "?"}}, "in base64"),
        ("image", {"image_bytes": {"b64": 7}}, "in base64"),
    ],
)
def test_what_attention_is_not_shown_of(kind, inputs, said):
    with pytest.raises(Refused, match=said):
        read_question(kind, inputs)


def test_a_question_for_attention_is_bounded(monkeypatch):
    monkeypatch.setattr("regard.recipes.server.playground.MOST_BYTES", 10)
    assert Playground([]).answer("POST", ATTEND, b"x" * 11)[0] == 413


def test_attention_holds_up_nobody():
    """More questions than the server has threads: few wait, and predictions are given meanwhile."""
    go_on, found = threading.Event(), []

    def slow(_):
        go_on.wait(30)
        return text()

    models = [(Shown("slow", 1, "text", slow), *MODELS[0][1:])]
    with serving(models) as address:
        asking = [
            threading.Thread(target=lambda: found.append(ask_attention(address, "slow", texts="a")))
            for _ in range(50)
        ]
        for thread in asking:
            thread.start()
        while len(found) < 45:  # one is at work, four wait
            time.sleep(0.01)
        assert fetch(address, "/v1/models/slow:predict", {"instances": ["a"]})[0] == 200
        go_on.set()
        for thread in asking:
            thread.join()
    statuses = [status for status, _ in found]
    assert (statuses.count(200), statuses.count(503)) == (5, 45)


@pytest.mark.parametrize(
    ("inputs", "outputs", "kind"),
    [
        (["texts"], LABELLED, "text"),
        (["pairs", "texts"], LABELLED, "pair"),
        (["image_bytes"], LABELLED, "image"),
        (["texts"], TRANSLATED, "translation"),
        (["texts"], {"outputs": "float"}, "other"),
        (["numbers"], LABELLED, "other"),
    ],
)
def test_what_kind_a_model_is(inputs, outputs, kind):
    assert kind_of(Signature(dict.fromkeys(inputs, "string"), outputs)) == kind
    assert kind_of(None) == "other"


def test_a_lane_passes_errors_on():
    assert Lane(1).submit(lambda: 7).result(5) == 7
    with pytest.raises(ZeroDivisionError):
        Lane(1).submit(lambda: 1 / 0).result(5)


# Other sites


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8501", "127.0.0.1:8501", "[::1]:8501", "a.localhost", "10.0.0.7"],
)
def test_names_of_this_machine(host):
    assert refusal({"host": host}) == "" == refusal({"host": host, "origin": f"http://{host}"})


@pytest.mark.parametrize("host", ["evil.example:8501", "", "localhost.evil.example", "[::1", "a b"])
def test_names_that_may_rebind(host):
    assert "--host 0.0.0.0" in refusal({"host": host})
    assert "own page" in refusal({"host": "localhost", "origin": f"http://{host}"})


@pytest.mark.parametrize(
    "origin",
    [
        "http://127.0.0.1:8502",
        "http://127.0.0.1",
        "http://localhost:8501",
        "http://192.168.0.66:8501",
        "http://127.0.0.2:8501",
        "https://127.0.0.1",
        "http://127.0.0.1:port",
        "chrome-extension://abc",
        "null",
        "",
    ],
)
def test_pages_of_others_on_this_machine_or_by_numbers(origin):
    said = refusal({"host": "127.0.0.1:8501", "origin": origin})
    assert f"Received: Origin: {origin}, Host: 127.0.0.1:8501" in said
    assert "Host: none" in refusal({"origin": "http://127.0.0.1:8501"})
    assert refusal({"host": "127.0.0.1:8501", "origin": "http://127.0.0.1:8501"}) == ""
    assert refusal({"host": "LOCALHOST", "origin": "http://localhost"}) == ""
    assert "own page" in refusal({"host": "localhost", "origin": "https://localhost"})  # port 443


def test_other_sites_are_refused_where_only_this_machine_asks(url):
    for path, body in (
        ("/", None),
        (ATTEND, {}),
        ("/v1/models/reviews:predict", {"instances": ["a"]}),
    ):
        status, _, said = fetch(url, path, body, Host="evil.example")
        assert status == 403 and "Host: evil.example" in json.loads(said)["error"]
    own = url.removesuffix("/")
    for origin in ("https://evil.example", "http://192.168.0.66", "http://127.0.0.1:1"):
        assert fetch(url, "/v1/models/reviews", Origin=origin)[0] == 403
        body = {"instances": ["a"]}
        assert fetch(url, "/v1/models/reviews:predict", body, Origin=origin)[0] == 403
    assert fetch(url, "/v1/models/reviews:predict", {"instances": ["a"]}, Origin=own)[0] == 200
    assert fetch(url, "/v1/models/reviews", Host="localhost")[0] == 200
    with serving(is_local=False) as open_to_all:
        for path in ("/", "/v1/models/reviews"):
            assert fetch(open_to_all, path, Host="box.lan", Origin="http://box.lan")[0] == 200


def test_which_addresses_only_this_machine_reaches():
    assert is_loopback("127.0.0.1") and is_loopback("127.8.0.1") and is_loopback("::1")
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.0.7", "fe80::1%eth0", "box")))


# In a browser


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
