"""What answers the page of `regard serve`."""

import json
import threading
import time

import pytest
from test_attention_page import text

from playground_models import CLASSES, LABELLED, MANY, MODELS, TRANSLATED, fetch, serving
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


@pytest.fixture(scope="module")
def url():
    with serving() as address:
        yield address


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
        (["texts"], {"tokens": "string", "labels": "string"}, "tokens"),
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
